package store

import (
	"fmt"

	"danmaku-archiver/schema"
)

// Books is the account of every command that was received in an hour's window: each has
// exactly one fate.
//
//	commands = kept + copies + set_aside + opted_out + given_previous + given_next
type Books struct {
	// Commands is what the headers of the window's blocks say.
	Commands int64 `json:"commands"`
	// Kept commands gave the hour at least one row.
	Kept int64 `json:"kept"`
	// Copies are the hour's commands that repeat others.
	Copies int64 `json:"copies"`
	// SetAside commands would not decode: their payload is a row of other, as broken.
	SetAside int64 `json:"set_aside"`
	// OptedOut commands made no row, as all of theirs would have shown people who opted out.
	OptedOut int64 `json:"opted_out"`
	// GivenPrevious and GivenNext belong to the hour before and the hour after.
	GivenPrevious int64 `json:"given_previous"`
	GivenNext     int64 `json:"given_next"`
	// TakenPrevious and TakenNext are the hour's own commands that the window of the hour
	// before, or after, holds too: what that hour's books call given_next and given_previous.
	TakenPrevious int64 `json:"taken_previous"`
	TakenNext     int64 `json:"taken_next"`

	// Rows are the published rows of each table, RowsFromMarks those among them that no
	// command made, RowsDropped the rows of copies.
	Rows          map[schema.Table]int64 `json:"rows"`
	RowsFromMarks map[schema.Table]int64 `json:"rows_from_marks"`
	RowsDropped   int64                  `json:"rows_dropped"`

	// UnreadableMarks are the window's records of our own that this program cannot read.
	UnreadableMarks int64 `json:"unreadable_marks"`
	// DamagedRanges counts the ranges of the journal that were lost and touch the window.
	// LostRecords is how many records were in them, at most; LostCommands how many of those
	// are known to have been commands: that much is missing at least.
	DamagedRanges int64 `json:"damaged_ranges"`
	LostRecords   int64 `json:"lost_records"`
	LostCommands  int64 `json:"lost_commands"`
	// TornRanges counts what crashes tore of the journal before it was durable: nothing
	// that was promised. Only what is known to have been in them is in LostRecords.
	TornRanges int64 `json:"torn_ranges"`

	Shed Shed `json:"shed"`
}

// Shed counts the commands that were received but not recorded, for lack of room. They are
// no part of the balance. Coverage tells when, by intervals of the state shed.
type Shed struct {
	// Commands is how many were counted, each in the hour in which the journal told so: at
	// most seconds after it was received while the disk takes records, as late as that
	// takes them again where it does not.
	Commands int64 `json:"commands"`
	// ByName are the same by name; the rest of many names under [schema.RestOfNames].
	ByName map[string]int64 `json:"by_name"`
	// Uncounted is how often shedding may have ended without a last count: the process was
	// killed, or the journal lost records of that time. Where it is not 0 more was shed
	// than was counted, and nobody knows how much.
	Uncounted int64 `json:"uncounted"`
}

// Sum is the sum of the counts by name, which is Commands.
func (s *Shed) Sum() (n int64) {
	for _, count := range s.ByName {
		n += count
	}
	return n
}

// Own is the number of commands that are the hour's.
func (b *Books) Own() int64 { return b.Kept + b.Copies + b.SetAside + b.OptedOut }

// Balance returns an error that shows the account, unless it comes out even.
func (b *Books) Balance() error {
	if sum := b.Own() + b.GivenPrevious + b.GivenNext; sum != b.Commands {
		return fmt.Errorf("books do not balance: %d commands, but %d kept + %d copies + %d set aside + %d opted out + %d given to the hour before + %d given to the hour after = %d",
			b.Commands, b.Kept, b.Copies, b.SetAside, b.OptedOut, b.GivenPrevious, b.GivenNext, sum)
	}
	if b.TakenPrevious+b.TakenNext > b.Own() {
		return fmt.Errorf("books do not balance: %d and %d commands taken from neighbouring windows, but only %d are the hour's own",
			b.TakenPrevious, b.TakenNext, b.Own())
	}
	var rows int64
	for table, n := range b.Rows {
		made := n - b.RowsFromMarks[table]
		if made < 0 {
			return fmt.Errorf("books do not balance: table %s has %d rows, but %d of marks alone",
				table, n, b.RowsFromMarks[table])
		}
		rows += made
	}
	if made := b.Kept + b.SetAside; rows < made {
		return fmt.Errorf("books do not balance: %d commands kept or set aside, but only %d rows of commands", made, rows)
	}
	return nil
}
