package rooms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"danmaku-archiver/collect"
)

// ReasonTop is the reason of candidates of [Popularity].
const ReasonTop = "top"

// Popularity offers the most popular rooms of the whole site.
type Popularity struct {
	api API
	log *slog.Logger

	// Of the goroutine that calls Rooms: the way that served last.
	way string
}

var _ collect.Source = (*Popularity)(nil)

// NewPopularity returns the source. A nil log discards.
func NewPopularity(api API, log *slog.Logger) *Popularity {
	return &Popularity{api: api, log: orDiscard(log)}
}

// Rooms reads the list by its first way and, where that fails or shows nothing, by the
// next. The error joins those of all.
func (p *Popularity) Rooms(ctx context.Context, limit int) ([]collect.Candidate, error) {
	pages := func(way pager) func(context.Context, int) ([]collect.Candidate, error) {
		return func(ctx context.Context, limit int) ([]collect.Candidate, error) { return gather(ctx, way, limit) }
	}
	var errs []error
	for _, way := range []struct {
		name string
		read func(ctx context.Context, limit int) ([]collect.Candidate, error)
	}{
		{"the list of all rooms", pages(p.api.TopRooms)},
		{"its newer version", pages(p.api.TopRoomsV3)},
		{"the lists of all areas", p.byAreas},
		{"the recommendations", pages(p.api.Recommended)},
	} {
		cs, err := way.read(ctx, limit)
		if err == nil && len(cs) == 0 {
			err = errors.New("the list is empty")
		}
		if err == nil {
			p.tell(way.name, errs)
			rank(cs, ReasonTop)
			return cs, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("list popular rooms: %w", errors.Join(errs...))
}

// tell says which way serves, whenever that changes.
func (p *Popularity) tell(way string, errs []error) {
	if p.way != "" && p.way != way || p.way == "" && len(errs) > 0 {
		p.log.Warn("popular rooms come from another list now", "list", way, "error", errors.Join(errs...))
	}
	p.way = way
}

// byAreas joins the lists of all parent areas. A further page is asked for only where it
// may hold a room that belongs to the first limit.
func (p *Popularity) byAreas(ctx context.Context, limit int) ([]collect.Candidate, error) {
	areas, err := p.api.Areas(ctx)
	if err != nil {
		return nil, err
	}
	var parents []*areaList
	known := map[int64]bool{}
	for _, a := range areas {
		if !known[a.ParentAreaID] {
			known[a.ParentAreaID] = true
			parents = append(parents, &areaList{parent: a.ParentAreaID})
		}
	}
	var all []collect.Candidate
	for asked := true; asked; {
		asked = false
		for _, l := range parents {
			if !l.mayHoldMore(all, limit) {
				continue
			}
			if all, err = l.next(ctx, p.api, all); err != nil {
				return nil, err
			}
			asked = true
		}
		byPopularity(all)
	}
	return cut(all, limit), nil
}

// areaList is how far the list of a parent area was read.
type areaList struct {
	parent int64
	page   int
	last   int64 // popularity of the last room read
	done   bool
}

func (l *areaList) mayHoldMore(all []collect.Candidate, limit int) bool {
	switch {
	case l.done || l.page == maxPages:
		return false
	case l.page == 0 || limit == 0 || len(all) < limit:
		return true
	}
	return l.last > all[limit-1].Facts.Popularity
}

func (l *areaList) next(ctx context.Context, api API, all []collect.Candidate) ([]collect.Candidate, error) {
	l.page++
	got, err := api.AreaRooms(ctx, l.parent, 0, l.page, pageSize)
	if err != nil {
		return nil, err
	}
	before := len(all)
	for _, k := range got {
		if !slices.ContainsFunc(all, func(have collect.Candidate) bool { return have.Room == k.Room }) {
			all = append(all, k)
		}
	}
	if l.done = len(all) == before; !l.done {
		l.last = got[len(got)-1].Facts.Popularity
	}
	return all, nil
}

// byPopularity sorts what the service only roughly sorts.
func byPopularity(all []collect.Candidate) {
	slices.SortFunc(all, func(a, b collect.Candidate) int {
		return cmp.Or(cmp.Compare(b.Facts.Popularity, a.Facts.Popularity), cmp.Compare(a.Room, b.Room))
	})
}
