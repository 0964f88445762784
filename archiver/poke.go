package archiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// poke is one pass over all journals.
type poke struct {
	a *Archiver
	// settled holds hours that an earlier poke of the same process found committed, or
	// nothing in: a cache, so that not every poke reads every manifest. nil: none.
	settled map[hourID]Outcome
	// wait reports that the hour failed a short while ago and is not to be tried yet.
	wait func(hourID) bool
	// done is told of every hour that was looked at.
	done func(HourReport)
}

// run returns the trouble of the pass as a whole; that of single hours is in the report.
func (p *poke) run(ctx context.Context) (r Report, err error) {
	unlock, err := lock(p.a.c.LockFile)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := clearStaging(p.a.c.StagingDir); err != nil {
		return Report{}, fmt.Errorf("clear the staging folder: %w", err)
	}
	tapes, err := p.a.list()
	if err != nil {
		return Report{}, err
	}
	var all []task
	for _, t := range tapes {
		all = append(all, tasks(t)...)
	}
	oldestFirst(all)
	outcomes, err := p.hours(ctx, all, &r)
	if err != nil {
		return r, err
	}
	var errs []error
	for _, t := range tapes {
		n, err := p.retire(ctx, t, outcomes)
		r.Retired += n
		if err != nil {
			errs = append(errs, fmt.Errorf("retire journal %s: %w", t.facts().id, err))
		}
	}
	return r, errors.Join(errs...)
}

// hours brings every hour into the store that is not there yet.
func (p *poke) hours(ctx context.Context, all []task, r *Report) (map[hourID]Outcome, error) {
	outcomes := make(map[hourID]Outcome, len(all))
	for i, t := range all {
		if o, ok := p.settled[t.id]; ok {
			outcomes[t.id] = o
			if o == OutcomeAlready {
				r.Hours = append(r.Hours, HourReport{Hour: t.id.hour, JournalID: t.id.journal, Outcome: o})
			}
			continue
		}
		if p.wait != nil && p.wait(t.id) {
			outcomes[t.id] = OutcomeFailed
			continue
		}
		h := p.a.hour(ctx, t)
		if err := ctx.Err(); err != nil && h.Err != nil {
			// Being stopped is no trouble of the hour.
			return outcomes, err
		}
		outcomes[t.id] = h.Outcome
		p.done(h)
		if h.Outcome != OutcomeNothing {
			r.Hours = append(r.Hours, h)
		}
		if p.a.c.Progress != nil {
			p.a.c.Progress(Event{HourReport: h, Done: i + 1, Total: len(all)})
		}
	}
	p.settle(outcomes)
	return outcomes, nil
}

// settle remembers the hours that need no more work, and forgets those that the journals
// no longer hold.
func (p *poke) settle(outcomes map[hourID]Outcome) {
	if p.settled == nil {
		return
	}
	clear(p.settled)
	for id, o := range outcomes {
		switch o {
		case OutcomeCommitted, OutcomeAlready:
			p.settled[id] = OutcomeAlready
		case OutcomeNothing:
			p.settled[id] = OutcomeNothing
		}
	}
}

// retire removes the segments of the journal that are old enough and whose hours are all
// committed (A6).
func (p *poke) retire(ctx context.Context, t tape, outcomes map[hourID]Outcome) (int64, error) {
	cutoff := time.Now().Add(-p.a.c.Retain)
	if !anyOlder(t, cutoff.UnixMicro()) {
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
		if before.WindowStart() > cutoff.UnixMicro() {
			break
		}
	}
	if before == 0 {
		return 0, nil
	}
	return t.retire(before, cutoff)
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
