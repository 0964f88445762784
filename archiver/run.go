package archiver

import (
	"context"
	"errors"
	"time"
)

// errCramped is told once while it lasts.
var errCramped = errors.New("space is scarce, and no archived segment is left to retire")

const (
	// The pause before a failed hour is tried again doubles from one to the other.
	firstRetry = time.Minute
	lastRetry  = 30 * time.Minute
	// maxSleep bounds how long a changed clock goes unnoticed.
	maxSleep = time.Minute
)

// Run pokes at once and then whenever the schedule says so, until ctx ends; then it
// returns nil. Hours that fail are tried again with growing pauses, apart from the
// schedule, and [Archiver.Nudge] makes it poke at once. It logs what was committed and
// retired, and each hour's trouble once.
func (a *Archiver) Run(ctx context.Context) error {
	r := runner{a: a, settled: map[hourID]Outcome{}, trouble: map[hourID]*trouble{}}
	for ctx.Err() == nil {
		r.poke(ctx)
		if !r.sleep(ctx) {
			return nil
		}
	}
	return nil
}

// Nudge tells Run that space became scarce: it pokes at once, or, where the last pokes
// freed nothing, after the pause of something that failed. It never blocks and may be
// called at any time; nudges during a poke make one more poke.
func (a *Archiver) Nudge() {
	select {
	case a.nudged <- struct{}{}:
	default:
	}
}

// runner is what Run remembers between pokes. All of it belongs to Run's goroutine.
type runner struct {
	a       *Archiver
	settled map[hourID]Outcome
	trouble map[hourID]*trouble
	// whole is the trouble of the last poke as a whole.
	whole trouble
	// cramped is that space is scarce and nothing can be freed.
	cramped trouble
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
	r.retired(report, err)
	if err == nil {
		r.whole = trouble{}
		return
	}
	if r.whole.failed(err) {
		r.a.log.Warn("archiving failed, it will be tried again", "err", err)
	}
}

// retired logs what was retired, and whether that made room.
func (r *runner) retired(report Report, err error) {
	if n := report.Retired - report.Early; n > 0 {
		r.a.log.Info("retired segments", "bytes", n)
	}
	if report.Early > 0 {
		r.a.log.Warn("segments retired before their time: space is scarce",
			"bytes", report.Early, "wanted_bytes", report.Wanted, "retain", r.a.c.Retain)
	}
	if err != nil || report.Wanted == 0 || report.Retired > 0 || report.Count(OutcomeCommitted) > 0 {
		r.cramped = trouble{}
		return
	}
	if r.cramped.failed(errCramped) {
		r.a.log.Warn(errCramped.Error(), "wanted_bytes", report.Wanted)
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

// sleep waits for the wall clock to reach the time of the next poke, or for a nudge; it
// returns false if ctx ends first. While nothing can be freed a nudge waits its pause out.
func (r *runner) sleep(ctx context.Context) bool {
	t := r.next()
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
		case <-r.a.nudged:
			timer.Stop()
			t = earlier(t, latest(r.cramped.next, r.whole.next))
		case <-timer.C:
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
