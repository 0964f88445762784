package rooms

import (
	"context"
	"errors"
	"fmt"

	"danmaku-archiver/collect"
)

// ReasonTop is the reason of candidates of [Popularity].
const ReasonTop = "top"

// Popularity offers the most popular rooms of the whole site.
type Popularity struct{ api API }

var _ collect.Source = (*Popularity)(nil)

// NewPopularity returns the source.
func NewPopularity(api API) *Popularity { return &Popularity{api: api} }

// Rooms reads the list by its first way and, where that fails or shows nothing, by its
// second. The error joins those of both.
func (p *Popularity) Rooms(ctx context.Context, limit int) ([]collect.Candidate, error) {
	var errs []error
	for _, way := range []pager{p.api.TopRooms, p.api.TopRoomsV3} {
		cs, err := gather(ctx, way, limit)
		if err == nil && len(cs) == 0 {
			err = errors.New("the list is empty")
		}
		if err == nil {
			rank(cs, ReasonTop)
			return cs, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("list popular rooms: %w", errors.Join(errs...))
}
