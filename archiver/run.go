package archiver

import (
	"context"
	"time"
)

const (
	// The pause before a failed hour is tried again doubles from one to the other.
	firstRetry = time.Minute
	lastRetry  = 30 * time.Minute
	// maxSleep bounds how long a changed clock goes unnoticed.
	maxSleep = time.Minute
)

// Run pokes at once and then whenever the schedule says so, until ctx ends; then it
// returns nil. Hours that fail are tried again with growing pauses, apart from the
// schedule. It logs what was committed, and each hour's trouble once.
func (a *Archiver) Run(ctx context.Context) error {
	r := runner{a: a, settled: map[hourID]Outcome{}, trouble: map[hourID]*trouble{}}
	for ctx.Err() == nil {
		r.poke(ctx)
		if !sleepUntil(ctx, r.next()) {
			return nil
		}
	}
	return nil
}

// runner is what Run remembers between pokes. All of it belongs to Run's goroutine.
type runner struct {
	a       *Archiver
	settled map[hourID]Outcome
	trouble map[hourID]*trouble
	// whole is the trouble of the last poke as a whole.
	whole trouble
}

// trouble is something that failed and will be tried again.
type trouble struct {
	times int
	next  time.Time
	said  string
}

func (r *runner) poke(ctx context.Context) {
	p := poke{a: r.a, settled: r.settled, wait: r.waits, done: r.hour}
	report, err := p.run(ctx)
	if ctx.Err() != nil {
		return
	}
	r.forget(report)
	if report.Retired > 0 {
		r.a.log.Info("retired segments", "bytes", report.Retired)
	}
	if err == nil {
		r.whole = trouble{}
		return
	}
	if r.whole.failed(err) {
		r.a.log.Warn("archiving failed, it will be tried again", "err", err)
	}
}

// waits reports that the hour failed and its pause is not over.
func (r *runner) waits(id hourID) bool {
	t := r.trouble[id]
	return t != nil && time.Now().Before(t.next)
}

// hour logs what became of an hour and keeps account of its trouble.
func (r *runner) hour(h HourReport) {
	id := hourID{h.JournalID, h.Hour}
	log := r.a.log.With("hour", h.Hour.String(), "journal", h.JournalID)
	if h.Err != nil {
		if r.trouble[id] == nil {
			r.trouble[id] = &trouble{}
		}
		if r.trouble[id].failed(h.Err) {
			log.Warn("hour not committed, it will be tried again", "outcome", string(h.Outcome), "pinned_bytes", h.Pinned, "err", h.Err)
		}
		return
	}
	delete(r.trouble, id)
	if h.Outcome == OutcomeCommitted {
		log.Info("hour committed", "rows", h.Rows, "bytes", h.Bytes)
	}
}

// forget drops the trouble of hours that the journals no longer hold.
func (r *runner) forget(report Report) {
	if len(r.trouble) == 0 {
		return
	}
	now := time.Now()
	seen := make(map[hourID]bool, len(report.Hours))
	for _, h := range report.Hours {
		seen[hourID{h.JournalID, h.Hour}] = true
	}
	for id, t := range r.trouble {
		if !seen[id] && now.After(t.next) {
			delete(r.trouble, id)
		}
	}
}

// failed notes one more failure and reports whether it is to be told: each new error
// once.
func (t *trouble) failed(err error) bool {
	pause := lastRetry
	if t.times < 5 {
		pause = min(firstRetry<<t.times, lastRetry)
	}
	t.times++
	t.next = time.Now().Add(pause)
	told := t.said == err.Error()
	t.said = err.Error()
	return !told
}

// next is when to poke again: on schedule, or for something that failed.
func (r *runner) next() time.Time {
	next := r.a.schedule.Next(time.Now().UTC())
	for _, t := range r.trouble {
		if t.next.Before(next) {
			next = t.next
		}
	}
	if r.whole.times > 0 && r.whole.next.Before(next) {
		next = r.whole.next
	}
	return next
}

// sleepUntil waits for the wall clock to reach t; it returns false if ctx ends first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	for {
		pause := min(time.Until(t.Round(0)), maxSleep)
		if pause <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}
