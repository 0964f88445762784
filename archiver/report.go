package archiver

import (
	"errors"
	"fmt"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// Outcome is what became of an hour when it was looked at.
type Outcome string

// The outcomes.
const (
	// OutcomeCommitted: it was built and published now.
	OutcomeCommitted Outcome = "committed"
	// OutcomeAlready: its manifest was there and agrees with the journal, or with what is
	// left of a journal that was damaged since.
	OutcomeAlready Outcome = "already"
	// OutcomeNothing: it lies beside the journal's first or last record and nothing of it
	// is in the journal. Such an hour is not published.
	OutcomeNothing Outcome = "nothing"
	// OutcomeFailed: it could not be built or published. It will be tried again.
	OutcomeFailed Outcome = "failed"
	// OutcomeConflict: its manifest disagrees with the journal. Nothing was changed.
	OutcomeConflict Outcome = "conflict"
)

// HourReport is what became of one hour of one journal.
type HourReport struct {
	Hour      schema.Hour
	JournalID string
	Outcome   Outcome
	// Rows and Bytes are those of the hour's objects; 0 for hours whose manifest was not
	// read again.
	Rows, Bytes int64
	// Pinned is how many bytes of the journal a failed hour keeps from being retired.
	Pinned int64
	// Err says why the hour failed.
	Err error
}

// Report is what one poke did, hour by hour, oldest first.
type Report struct {
	Hours []HourReport
	// Retired is how many bytes of journals were removed.
	Retired int64
	// Wanted is how many bytes had to go for lack of space beyond what was old enough, and
	// Early how many of those were found: they are in Retired too, and went before the
	// retention was over. What is missing is not committed, or not in the journals.
	Wanted, Early int64
}

// Event tells of an hour that was just done with; Done of Total hours are.
type Event struct {
	HourReport
	Done, Total int
}

// Count returns how many hours had the outcome.
func (r Report) Count(o Outcome) (n int) {
	for _, h := range r.Hours {
		if h.Outcome == o {
			n++
		}
	}
	return n
}

// Rows sums up the rows of the hours that were committed now.
func (r Report) Rows() (n int64) {
	for _, h := range r.Hours {
		if h.Outcome == OutcomeCommitted {
			n += h.Rows
		}
	}
	return n
}

// Bytes sums up the bytes of the hours that were committed now.
func (r Report) Bytes() (n int64) {
	for _, h := range r.Hours {
		if h.Outcome == OutcomeCommitted {
			n += h.Bytes
		}
	}
	return n
}

// Err joins the errors of all hours, nil if there is none.
func (r Report) Err() error {
	var errs []error
	for _, h := range r.Hours {
		if h.Err != nil {
			errs = append(errs, h.Err)
		}
	}
	return errors.Join(errs...)
}

func (r HourReport) fail(t task, b store.Build, err error) HourReport {
	r.Outcome, r.Err = OutcomeFailed, fmt.Errorf("hour %s: %w", b, err)
	if errors.Is(err, ErrConflict) {
		r.Outcome = OutcomeConflict
	}
	r.Pinned = pinned(t.tape, t.id.hour)
	return r
}

func (r *HourReport) count(m *store.Manifest) {
	for _, o := range m.Objects {
		r.Rows += o.Rows
		r.Bytes += o.Bytes
	}
}
