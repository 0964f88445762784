// Bench measures the journal beside other logs, and the decoder beside others, and puts
// the tables into its README.
//
//	cd scripts/bench && go run . [flags] journal|decode
//
// It is a module of its own, so that the logs that it compares with are no dependency of
// the program. It needs Linux and a few hundred MB in the folder that -dir names, which
// should lie on the disk in question: a folder in memory makes every fsync free.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	dir := flags.String("dir", ".", "folder for the logs, on the disk that is measured")
	rounds := flags.Int("rounds", 5, "rounds, after one that warms up")
	batches := flags.Int("batches", 24, fmt.Sprintf("batches of %d commands a round", batchCommands))
	procs := flags.Int("procs", 1, "cores to use (GOMAXPROCS)")
	write := flags.String("write", "", "README to put the table into; it is printed otherwise")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: go run . [flags] journal|decode\n\nMeasures the journal beside other logs and alone, or the decoder beside others. Flags:")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || flags.Arg(0) != "journal" && flags.Arg(0) != "decode" || *rounds < 1 || *batches < 1 || *procs < 1 {
		flags.Usage()
		return errors.New("name one table (journal or decode); the numbers must be positive")
	}
	runtime.GOMAXPROCS(*procs)
	name, table, err := flags.Arg(0), "", error(nil)
	if name == "decode" {
		table, err = decodeTable(*rounds)
	} else {
		table, err = journalTables(ctx, *dir, *rounds, *batches)
	}
	if err != nil {
		return err
	}
	table = machine(*procs) + "\n\n" + table
	if *write == "" {
		_, err := fmt.Print(table)
		return err
	}
	old, err := os.ReadFile(*write)
	if err != nil {
		return err
	}
	page, err := replace(string(old), name, table)
	if err != nil {
		return fmt.Errorf("%s: %w", *write, err)
	}
	return os.WriteFile(*write, []byte(page), 0o644)
}

// replace puts the text between the comments of that name.
func replace(page, name, text string) (string, error) {
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	head, rest, ok := strings.Cut(page, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("no place for the table: put the lines %q and %q where it belongs", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return head + begin + text + end + tail, nil
}

// machine tells where and of what the numbers are.
func machine(procs int) string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	commit := "unknown"
	if out, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("%s, %d cores, %d used; %s, %s/%s; commit %s; %s.",
		model, runtime.NumCPU(), procs, runtime.Version(), runtime.GOOS, runtime.GOARCH, commit, time.Now().UTC().Format(time.DateOnly))
}
