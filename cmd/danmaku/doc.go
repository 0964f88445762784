// Danmaku watches the most popular live rooms of Bilibili around the clock, keeps
// everything that the service pushes in a local journal, and turns the journal into hourly
// Parquet partitions in a folder or an S3 bucket.
//
//	service --packets--> collector --commands, marks--> journal
//	                                                       |
//	                 store <--Parquet, manifest-- archiver <--sealed segments
//
// The program is flags and wiring only: one file a subcommand (cmd_*.go); what runs for long
// (station.go, demo*.go); the configuration (config.go, values*.go, load*.go, check.go,
// print.go) and what is made of it (wiring.go, datadir.go); the way to the terminal (greet.go,
// table.go, rows.go, cat.go, progress.go). What the parts promise stands in their packages.
//
// It promises:
//
//	P1  Precedence: a flag before the environment before the file before the default.
//	P2  An unknown key, a variable that looks like one of ours and is none, and a bad value
//	    are refused, all at once, with file and line, the value and what would be right. No
//	    key is passed over in silence.
//	P3  Data on stdout; progress, logs and errors on stderr.
//	P4  Exit code 0 done, 1 failed, 2 wrong usage (flags, arguments, configuration).
//	P5  A first SIGINT or SIGTERM stops in order: the collector, then the journal, then the
//	    archiver's current work, which begins again at the next start. A second one ends the
//	    program at once; what the journal took until then is recovered at the next start.
package main
