package archiver

import (
	"cmp"
	"context"
	"slices"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// Waiting is a complete hour that has no manifest yet.
type Waiting struct {
	Hour      schema.Hour
	JournalID string
	// Bytes is how much of the journal must be kept until it has one.
	Bytes int64
}

// Backlog lists the complete hours that are not committed, oldest first. It lists the
// store's manifests once and reads none. Hours without any row of their own at the edges
// of a journal, which need no manifest, are left out.
func (a *Archiver) Backlog(ctx context.Context) ([]Waiting, error) {
	tapes, err := a.list()
	if err != nil {
		return nil, err
	}
	var all []task
	for _, t := range tapes {
		all = append(all, slices.DeleteFunc(tasks(t), func(t task) bool { return t.edge })...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	oldestFirst(all)
	builds, err := store.Current(ctx, a.c.Store, all[0].id.hour, slices.MaxFunc(all, func(a, b task) int { return cmp.Compare(a.id.hour, b.id.hour) }).id.hour)
	if err != nil {
		return nil, err
	}
	committed := map[hourID]bool{}
	for _, b := range builds {
		if b.Collector == a.c.Collector {
			committed[hourID{b.JournalID, b.Hour}] = true
		}
	}
	var waiting []Waiting
	for _, t := range all {
		if !committed[t.id] {
			waiting = append(waiting, Waiting{Hour: t.id.hour, JournalID: t.id.journal, Bytes: pinned(t.tape, t.id.hour)})
		}
	}
	return waiting, nil
}
