package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

// Areas offers the most popular rooms of each of some areas, an equal share of each:
// first the first of every area, then the second, and so on.
type Areas struct {
	api API
	ids []int64
	log *slog.Logger

	// Of the goroutine that calls Rooms.
	told map[int64]bool
}

var _ collect.Source = (*Areas)(nil)

// NewAreas returns a source for the areas with these ids; a parent area stands for all of
// its own. A nil log discards.
func NewAreas(api API, ids []int64, log *slog.Logger) *Areas {
	return &Areas{api: api, ids: ids, log: orDiscard(log), told: map[int64]bool{}}
}

// ReasonArea is the reason of candidates of the area.
func ReasonArea(id int64) string { return fmt.Sprintf("area:%d", id) }

// Rooms reads the list of every area. Ranks are places within the area. An area that does
// not exist is told once and left out; the error joins those of areas that failed.
func (a *Areas) Rooms(ctx context.Context, limit int) ([]collect.Candidate, error) {
	if len(a.ids) == 0 {
		return nil, nil
	}
	known, err := a.api.Areas(ctx)
	if err != nil {
		return nil, fmt.Errorf("list areas: %w", err)
	}
	share := (limit + len(a.ids) - 1) / len(a.ids)
	var lists [][]collect.Candidate
	var errs []error
	for _, id := range a.ids {
		parent, area, ok := find(known, id)
		if !ok {
			a.tell(id)
			continue
		}
		cs, err := gather(ctx, func(ctx context.Context, page, size int) ([]collect.Candidate, error) {
			return a.api.AreaRooms(ctx, parent, area, page, size)
		}, share)
		if err != nil {
			errs = append(errs, fmt.Errorf("list rooms of area %d: %w", id, err))
			continue
		}
		rank(cs, ReasonArea(id))
		lists = append(lists, cs)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return cut(interleave(lists), limit), nil
}

// find returns the ids by which the service lists the area: itself within its parent, or
// a parent as a whole.
func find(known []schema.RoomFacts, id int64) (parent, area int64, ok bool) {
	for _, k := range known {
		if k.AreaID == id {
			return k.ParentAreaID, id, true
		}
	}
	for _, k := range known {
		if k.ParentAreaID == id {
			return id, 0, true
		}
	}
	return 0, 0, false
}

func interleave(lists [][]collect.Candidate) []collect.Candidate {
	var all []collect.Candidate
	seen := map[schema.RoomID]bool{}
	for i, more := 0, true; more; i++ {
		more = false
		for _, l := range lists {
			if i < len(l) {
				more = true
				all = appendNew(all, seen, l[i:i+1])
			}
		}
	}
	return all
}

func (a *Areas) tell(id int64) {
	if !a.told[id] {
		a.told[id] = true
		a.log.Warn("the service knows no such area, it is left out", "area", id)
	}
}

func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
