package archiver

import (
	"context"
	"errors"
	"fmt"
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
	return r, errors.Join(p.retireOld(ctx, tapes, outcomes, &r), p.makeRoom(ctx, outcomes, &r))
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
