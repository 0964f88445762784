package archiver

import (
	"cmp"
	"slices"

	"danmaku-archiver/schema"
)

// task is one hour of one journal that can be built.
type task struct {
	tape tape
	id   hourID
	// edge hours hold no record of the journal: the hour before its first one and the
	// hour after its last one. They are published only if rows fall into them.
	edge bool
}

type hourID struct {
	journal string
	hour    schema.Hour
}

// tasks lists the complete hours of a journal, oldest first. Hours before the floor are
// no longer whole and are never built.
func tasks(t tape) []task {
	f := t.facts()
	if f.first == 0 {
		return nil
	}
	first, last := schema.HourOf(f.first), schema.HourOf(f.last)
	from, to := first, last
	if f.first < (first - 1).WindowEnd() {
		from--
	}
	if f.last >= (last + 1).WindowStart() {
		to++
	}
	var all []task
	for h := max(from, f.floor); h <= to && t.complete(h); h++ {
		all = append(all, task{tape: t, id: hourID{f.id, h}, edge: h < first || h > last})
	}
	return all
}

// oldestFirst orders the hours of several journals; those of one journal stay in order.
func oldestFirst(all []task) {
	slices.SortStableFunc(all, func(a, b task) int { return cmp.Compare(a.id.hour, b.id.hour) })
}

// pinned is how many bytes of the journal cannot be retired as long as the hour is not
// committed.
func pinned(t tape, h schema.Hour) (bytes int64) {
	for _, s := range t.facts().segments {
		if s.last >= h.WindowStart() && s.first < h.WindowEnd() {
			bytes += s.bytes
		}
	}
	return bytes
}
