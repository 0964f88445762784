package main

import (
	"slices"
)

// matching is what a session's commands have in common with what a connection brought.
type matching struct {
	missing []int // indexes of the connection's pushes that the journal lacks
	foreign []int // indexes of the session's commands that were not pushed
}

// match aligns what the journal has of a connection with what was pushed on it. The journal
// must be the ledger, in its order, with holes. Where they part, the next danmaku that both
// have tells where they meet again; what lies before it in the journal lies before it in
// the ledger too, so the hole is where it must be.
func match(pushed []push, have []label, where map[string]place) matching {
	var m matching
	i, j := 0, 0
	skip := func(to int) {
		for ; i < to; i++ {
			m.missing = append(m.missing, i)
		}
	}
	for j < len(have) {
		if i < len(pushed) && pushed[i].label() == have[j] {
			i, j = i+1, j+1
			continue
		}
		a := j
		for ; a < len(have); a++ {
			if p, ok := where[have[a].id]; ok && p.index >= i {
				break
			}
		}
		if a == len(have) {
			// No danmaku follows: take each where it comes next.
			k := slices.IndexFunc(pushed[i:], func(p push) bool { return p.label() == have[j] })
			if k < 0 {
				m.foreign = append(m.foreign, j)
			} else {
				skip(i + k)
				i++
			}
			j++
			continue
		}
		met := where[have[a].id].index
		b, c := met, a
		for b > i && c > j && pushed[b-1].label() == have[c-1] {
			b, c = b-1, c-1
		}
		// What is left of the journal before the meeting place has holes of its own.
		rest := match(pushed[i:b], have[j:c], nil)
		for _, n := range rest.missing {
			m.missing = append(m.missing, i+n)
		}
		for _, n := range rest.foreign {
			m.foreign = append(m.foreign, j+n)
		}
		i, j = met+1, a+1
	}
	skip(len(pushed))
	return m
}

// byConnection splits what the journal has of a session by the connections of the ledger:
// one, unless the marks between two were not recorded. Commands without a danmaku before
// them belong to the connection of the next one.
func byConnection(s *session, l *ledger) map[string][]label {
	parts := map[string][]label{}
	current, leading := "", 0
	for n, c := range s.commands {
		p, ok := l.danmaku[c.id]
		if c.id == "" || !ok {
			if current != "" {
				parts[current] = append(parts[current], c)
			}
			continue
		}
		if current == "" {
			leading = n
			parts[p.connection] = slices.Clone(s.commands[:leading])
		}
		current = p.connection
		parts[current] = append(parts[current], c)
	}
	return parts
}

// nearest is the connection of the room, among those that no session has, that began when
// the session did.
func nearest(s *session, l *ledger, taken map[string][]label) string {
	best := ""
	distance := func(name string) int64 {
		return max(l.connections[name][0].Time.Sub(s.at), s.at.Sub(l.connections[name][0].Time)).Microseconds()
	}
	for name, pushed := range l.connections {
		if taken[name] == nil && pushed[0].Room == s.room && (best == "" || distance(name) < distance(best)) {
			best = name
		}
	}
	return best
}
