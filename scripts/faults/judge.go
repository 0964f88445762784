package main

import (
	"fmt"
	"slices"
	"time"

	"danmaku-archiver/schema"
)

const (
	// promised is how much a killed process may lose at most.
	promised = 200 * time.Millisecond
	// busy is how much later than the ledger says a command may be received, and how much
	// later than it happened the shell may note a kill, on a machine that has much else to do.
	busy = time.Second
	// told bounds the problems that are told one by one.
	told = 20
)

type verdict struct {
	pushed, archived, gaps, shed, doubled, unexplained int64

	// kills, and how long before one of them the oldest was pushed that it cost.
	kills    int
	loss     time.Duration
	problems []string
}

func (v *verdict) lossText() string {
	if v.kills == 0 {
		return "-"
	}
	return fmt.Sprintf("%d ms", v.loss.Milliseconds())
}

func (v *verdict) problem(unexplained int64, format string, args ...any) {
	v.unexplained += unexplained
	switch {
	case len(v.problems) < told:
		v.problems = append(v.problems, fmt.Sprintf(format, args...))
	case len(v.problems) == told:
		v.problems = append(v.problems, "and more")
	}
}

// judge gives every command its fate.
func judge(l *ledger, r *records, a *archived, kills []time.Time) verdict {
	v := verdict{doubled: int64(r.doubled), problems: r.problems, kills: len(kills)}
	v.unexplained = int64(len(r.problems) - r.doubled)
	taken := map[string][]label{}
	var late []*session
	for n := range r.sessions {
		s := &r.sessions[n]
		parts := byConnection(s, l)
		if len(parts) == 0 && len(s.commands) > 0 {
			late = append(late, s)
		}
		for name, commands := range parts {
			taken[name] = append(taken[name], commands...)
		}
	}
	for _, s := range late {
		if name := nearest(s, l, taken); name != "" {
			taken[name] = s.commands
		} else {
			v.problem(int64(len(s.commands)), "room %d: %d commands in the journal from %s on, of which the ledger knows nothing",
				s.room, len(s.commands), s.at)
		}
	}
	shed, either := map[string]int64{}, map[string]int64{}
	for name, pushed := range l.connections {
		v.pushed += int64(len(pushed))
		m := match(pushed, taken[name], l.danmaku)
		for _, n := range m.foreign {
			v.problem(1, "%s of connection %s is in the journal once more than it was pushed", taken[name][n].name, name)
		}
		v.archived += int64(len(taken[name]) - len(m.foreign))
		first := v.excuse(pushed, m.missing, a.coverage[pushed[0].Room], shed, either)
		if !first.IsZero() {
			v.weighKill(pushed[0].Time, first, kills)
		}
	}
	v.share(either, shed, r.shed)
	v.weigh(shed, r.shed, len(kills) > 0)
	v.weighArchive(l, r, a)
	v.tile(a)
	return v
}

// excuse finds in coverage why the journal lacks some of what a connection brought, and
// returns when the first of what lies in a gap was pushed. Where the end of a connection
// lies in a gap and beside an interval that sheds its class, it is one of either.
func (v *verdict) excuse(pushed []push, missing []int, coverage []interval, shed, either map[string]int64) (first time.Time) {
	tail := len(pushed)
	for n := len(missing) - 1; n >= 0 && missing[n] == tail-1; n-- {
		tail--
	}
	for _, n := range missing {
		p := &pushed[n]
		class := schema.ClassOf(p.Command)
		inGap := n >= tail && covered(coverage, p.Time, isGap)
		isShed := covered(coverage, p.Time, func(i *interval) bool {
			return i.State == schema.StateShed && schema.Level(i.Cause).Sheds(class)
		})
		switch {
		case inGap && isShed:
			either[p.Command]++
		case inGap:
			v.gaps++
			if first.IsZero() {
				first = p.Time
			}
		case isShed:
			v.shed++
			shed[p.Command]++
		default:
			v.problem(1, "%s %s of room %d, pushed on %s at %s as number %d of %d, is not in the journal, and coverage does not say why",
				p.Command, p.ID, p.Room, p.Connection, p.Time.Format(time.RFC3339Nano), n+1, len(pushed))
		}
	}
	return first
}

func isGap(i *interval) bool {
	return i.State == schema.StateDown || i.State == schema.StateConnecting || i.State == schema.StateRefused
}

func covered(coverage []interval, at time.Time, fits func(*interval) bool) bool {
	return slices.ContainsFunc(coverage, func(i interval) bool {
		return fits(&i) && !at.Before(i.Start.Add(-busy)) && !at.After(i.End.Add(busy))
	})
}

// share gives what may be shed or in a gap to the counts, as far as those go: a clock that
// is busy by a second cannot tell on which side of a connection's end a command was.
func (v *verdict) share(either, shed, counted map[string]int64) {
	rest := counted[schema.RestOfNames]
	for name, n := range shed {
		rest -= max(n-counted[name], 0)
	}
	for name, n := range either {
		taken := min(n, max(counted[name]-shed[name], 0))
		if more := min(n-taken, max(rest, 0)); more > 0 {
			taken, rest = taken+more, rest-more
		}
		shed[name] += taken
		v.shed += taken
		v.gaps += n - taken
	}
}

// weigh compares what is missing as shed with what the shed marks count. The counts of a
// killed process's last second died with it.
func (v *verdict) weigh(missing, counted map[string]int64, killed bool) {
	rest := counted[schema.RestOfNames]
	for name, n := range missing {
		d := n - counted[name]
		if d > 0 && rest > 0 {
			taken := min(d, rest)
			d, rest = d-taken, rest-taken
		}
		if d > 0 && !killed || d < 0 {
			v.problem(max(d, -d), "%s: %d shed by coverage, %d by the marks", name, n, counted[name])
		}
	}
	for name, n := range counted {
		if _, ok := missing[name]; !ok && name != schema.RestOfNames {
			v.problem(n, "%s: none shed by coverage, %d by the marks", name, n)
		}
	}
	if rest > 0 {
		v.problem(rest, "%d of the rest of names are counted as shed and not missing", rest)
	}
}

// weighArchive compares the archive with the journal: the books by number, danmaku one by
// one.
func (v *verdict) weighArchive(l *ledger, r *records, a *archived) {
	if a.commands != r.commands {
		v.problem(max(a.commands-r.commands, r.commands-a.commands), "%d commands in the journal, %d in the archive's books", r.commands, a.commands)
	}
	for _, s := range r.sessions {
		for _, c := range s.commands {
			if c.id == "" {
				continue
			}
			id := schema.EventID(schema.TableDanmaku, c.id, 0)
			switch n := a.danmaku[id]; {
			case n == 0:
				v.problem(1, "danmaku %s is in the journal and not in the archive", c.id)
			case n > 1:
				v.doubled++
				v.problem(0, "danmaku %s is in the archive %d times", c.id, n)
			}
			delete(a.danmaku, id)
		}
	}
	for id := range a.danmaku {
		v.problem(1, "danmaku with event id %d is in the archive and not in the journal", id)
	}
}

// tile demands that the intervals of a room follow each other without hole or overlap, as
// far as one journal goes.
func (v *verdict) tile(a *archived) {
	for room, all := range a.coverage {
		slices.SortStableFunc(all, func(x, y interval) int { return x.Start.Compare(y.Start) })
		for n := 1; n < len(all); n++ {
			before, i := &all[n-1], &all[n]
			if before.Journal == i.Journal && !before.End.Equal(i.Start) {
				v.problem(1, "room %d: coverage ends at %s and begins at %s", room, before.End, i.Start)
			}
		}
	}
}

// weighKill demands that the kill that ended a connection cost nothing that was pushed on it
// longer before than is promised.
func (v *verdict) weighKill(began, first time.Time, kills []time.Time) {
	n := slices.IndexFunc(kills, began.Before)
	if n < 0 {
		return
	}
	d := kills[n].Sub(first)
	v.loss = max(v.loss, d)
	if d > promised+busy {
		v.problem(1, "the kill at %s cost what was pushed %s before", kills[n].UTC().Format(time.RFC3339Nano), d)
	}
}
