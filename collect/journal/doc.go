// Package journal is the append-only log between the collector and the archiver: one log
// for all rooms, in segment files that are checked, compressed and never rewritten.
//
// # Files
//
//	<dir>/lock                                 held by the one writer; holds its pid
//	<dir>/<journal id>/<first number>.open     the segment that is being written
//	<dir>/<journal id>/<first number>.sealed   finished: fsynced, with a footer
//	<dir>/<journal id>/<first number>.quarantined   its header cannot be read
//	<dir>/<journal id>/<first number>.torn     the tail that recovery cut off
//	<dir>/<journal id>/ended                   nothing may be appended any more
//	<dir>/<journal id>/floor                   first number and hour still whole
//
// A journal id is 16 hex digits, a first number 20 decimal digits. A folder holds at most
// one journal that is not ended.
//
// # Format
//
// All numbers are little-endian, times are microseconds since the Unix epoch, checksums
// are CRC32C. Those marked * begin with the journal's id and the segment's first number.
//
//	segment = header block* [ index rooms trailer ]
//
//	header (64 bytes)
//	 0 "DANMAKUJ"      8 format, 2   10 length, 2    16 journal id, 8
//	24 journal made   32 first number               40 first number it may not use
//	48 first receive time                            60 checksum of 0..60
//
//	block (72 bytes and the body)
//	 0 D5 42 4C 1A     4 compression (0 none, 1 zstd)  6 header's length, 2
//	 8 own offset     16 first number  24 records, 4   28 commands, 4
//	32 first time     40 last time     48 body's length, 4  52 the same decompressed, 4
//	56 fsynced up to, 8                64 checksum of the body as stored
//	68 checksum* of 0..68
//	body: records, each: kind, 1; room, varint; time since the record before, uvarint;
//	      payload's length, uvarint; payload
//
//	index: per block 48 bytes
//	 0 offset  8 first number  16 first time  24 last time  32 body  36 records  40 commands
//
//	rooms: how many rooms the segment has, uvarint; their numbers in order, each as its
//	       distance to the one before (to 0 for the first), uvarint; then for each block:
//	       how many rooms it has, uvarint, 0 for unknown; their places in that list,
//	       counted from 1, each as its distance to the one before, uvarint
//
//	trailer (112 bytes)
//	 0 "DANMAKUF"  8 index's offset  16 blocks, 4  20 flags, 4 (1: sealed by recovery)
//	24 first and last number  40 first and last time  56 records  64 commands
//	72 first number that may follow  80 bytes cut off  88 fsynced up to, before the seal
//	96 rooms' length, 4  100 checksum of the index  104 the rooms'  108 checksum* of 0..108
//
// # Flow
//
//	Append -> stamp, number, snapshot -> batch (200 ms, 2 MiB) -> block -> write -> fsync -> seal
//	          '------- under one mutex -------'              '-- one goroutine --'   (another one fsyncs)
//
// # Promises
//
//   - I1: a record's time is not before that of the record before it.
//   - I2: no number that a reader can have seen is given twice. A header reserves its
//     numbers before they are used; recovery resumes above them. A block that is written
//     again keeps its numbers, and a reader takes each once, from the later segment.
//   - I3: no block spans H - grace, H or H + grace of any hour; no segment spans H + grace.
//   - I4: every segment, every hour and the last grace of every hour begin with a
//     snapshot. Only a segment that was written again after a failed fsync has its
//     snapshot after the blocks that were.
//   - I5: a sealed segment is never written.
//   - I6: a failed fsync is never trusted again: what it covered is written again.
//   - I7: a reader shows whole, verified blocks only, and finds the good ones after a
//     damaged one. What it cannot show it reports.
//   - I8: an ended journal gets no further record; its marker is durable first.
//   - I9: only Retire unlinks segments, and the floor is durable first.
//   - I10: a block's header tells up to which offset of its segment an fsync had returned.
//     What is bad before that is damage and is reported, also at the end of a file; what
//     is bad beyond all that the headers say is torn, as a crash leaves it.
//   - I11: a footer names every room of each block, or says that it does not know them.
//   - I12: zeros at the end of an open segment are nothing: it is filled ahead with them so
//     that an fsync need not write the file's new length, and cut off when it is sealed or
//     recovered. A block's body is in the file before its header, so who reads beside the
//     writer never takes half a block for a whole one.
//   - I18: an hour that is complete stays as it is, whatever crashes: its records, what was
//     lost of them, and the first record after its window. Readers see the page cache, so
//     they take nothing for durable but what a writer says after an fsync: a sealed
//     segment, what a block's header tells (I10), a marker of the end that reads "ended".
//     It reads "ending" until its name is durable, and holds for writers from then on.
//   - I19: recovery writes again, before its fsync, what no fsync is known to have covered;
//     the dead process may have died of one that failed.
//
// While the disk keeps up, a killed process loses at most the last 200 ms, a power cut at
// most the sync interval with one block and one fsync more.
//
// # Pressure
//
// Where room runs out commands are shed: not recorded, but counted. What is left is the
// worse of two shares: of the disk, beyond the room for building one hour (twice the
// fullest hour's segments, at least 64 MiB or an eighth of a small disk), and of MaxSize.
// A line that was crossed downwards is crossed upwards only a tenth above it.
//
//	left is less than          recorded                    level      default
//	WarnFree                   all; retire committed ones  ""         10 %
//	ShedFree                   all but presence            presence    5 %
//	middle of the two          danmaku and payments        most        3.5 %
//	StopFree                   marks alone                 all         2 %
//
// A disk that does not keep up, or refuses writes, is tried again without end, with a
// bounded queue before it, after which Append blocks. When the queue has been full for 10 s
// presence is shed, after 10 s more all but danmaku and payments, then everything; each step
// goes back after 10 s with the queue half empty.
//
// The order in which a reader finds it:
//
//		… commands | shedding{level, cause} | commands still | shed{counts} each second | shed | shedding{""} | commands …
//		                          fsynced --^   of its classes are shed from here on
//
//	  - I13: for want of room nothing is shed before the mark that tells its level is durable.
//	    On a slow disk the mark stands before every record that follows the first shed
//	    command, so that where it does not become durable nothing after it does, and what was
//	    observed ends at the last durable record: no reader sees a hole without its reason.
//	  - I14: what was appended is recorded or counted. Counts by name (64 and the rest) are
//	    kept until they can be written, one mark a second, and at the end of each level; a
//	    killed process loses those that are not yet, which are then unknown.
//	  - I15: marks go on at every level, so that hours become complete and can be retired.
//	    The queue has a reserve for them. When that is full too, alive marks and counts wait
//	    or go, and their absence is the gap; any other mark waits 10 s and is then noted only:
//	    a snapshot before the next record tells the state that it made.
//	  - I16: nothing grows with the length of an outage.
//	  - I17: the level in force is in every snapshot. A new run begins with none and decides
//	    anew; the collector's start mark is followed by the level that is in force.
//
// A segment with a damaged header is read nevertheless where its blocks can be: their
// checksums confirm what the file's name says. It is quarantined, never deleted, where
// they cannot.
package journal
