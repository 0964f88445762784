package archiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// retireOld removes what is older than the retention.
func (p *poke) retireOld(ctx context.Context, tapes []tape, outcomes map[hourID]Outcome, r *Report) error {
	cutoff := time.Now().Add(-p.a.c.Retain)
	var errs []error
	for _, t := range tapes {
		n, err := p.retire(ctx, t, outcomes, cutoff)
		r.Retired += n
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// makeRoom retires before the retention is over as much as space is wanted, oldest first.
func (p *poke) makeRoom(ctx context.Context, outcomes map[hourID]Outcome, r *Report) error {
	if p.a.c.Scarce == nil {
		return nil
	}
	wanted, err := p.a.c.Scarce()
	if err != nil {
		return fmt.Errorf("measure the journal's space: %w", err)
	}
	if wanted <= 0 {
		return nil
	}
	r.Wanted = wanted
	// What was retired by age must neither be retired nor counted again.
	tapes, err := p.a.list()
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range tapes {
		if r.Early >= wanted {
			break
		}
		cutoff, ok := oldest(t, wanted-r.Early)
		if !ok {
			continue
		}
		n, err := p.retire(ctx, t, outcomes, cutoff)
		r.Early += n
		errs = append(errs, err)
	}
	r.Retired += r.Early
	return errors.Join(errs...)
}

// oldest is the time after the oldest segments of the journal that hold as many bytes, or
// after all of them. It is false where none can be retired.
func oldest(t tape, bytes int64) (after time.Time, ok bool) {
	var last int64
	for _, s := range t.facts().segments {
		if !s.sealed {
			continue
		}
		last, ok = max(last, s.last), true
		if bytes -= s.bytes; bytes <= 0 {
			break
		}
	}
	return time.UnixMicro(last + 1), ok
}

// retire removes the segments of the journal that are older than the given time and whose
// hours are all committed (A6).
func (p *poke) retire(ctx context.Context, t tape, outcomes map[hourID]Outcome, olderThan time.Time) (bytes int64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("retire journal %s: %w", t.facts().id, err)
		}
	}()
	cutoff := olderThan.UnixMicro()
	if !anyOlder(t, cutoff) {
		return 0, nil
	}
	var before schema.Hour
	for _, task := range tasks(t) {
		ok, err := p.committedStill(ctx, task.id, outcomes[task.id])
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		before = task.id.hour + 1
		if before.WindowStart() > cutoff {
			break
		}
	}
	if before == 0 {
		return 0, nil
	}
	return t.retire(before, olderThan)
}

func anyOlder(t tape, cutoff int64) bool {
	for _, s := range t.facts().segments {
		if s.last < cutoff {
			return true
		}
	}
	return false
}

// committedStill looks for the manifest once more: what a poke remembers may have been
// removed by other hands meanwhile, and the journal is the only copy then.
func (p *poke) committedStill(ctx context.Context, id hourID, o Outcome) (bool, error) {
	switch o {
	case OutcomeNothing:
		return true, nil
	case OutcomeCommitted, OutcomeAlready:
	default:
		return false, nil
	}
	b := store.Build{Hour: id.hour, Collector: p.a.c.Collector, JournalID: id.journal}
	_, err := store.ReadManifest(ctx, p.a.c.Store, b)
	if errors.Is(err, store.ErrNotExist) {
		delete(p.settled, id)
		return false, fmt.Errorf("hour %s was committed, now its manifest is gone; it will be made again: %w", b, err)
	}
	return err == nil, err
}
