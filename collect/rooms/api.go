package rooms

import (
	"context"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

// API is the service as far as the sources need it. Pages count from 1 and are empty past
// a list's end; candidates carry room and facts only. It may be shared by sources that
// work at the same time.
type API interface {
	// TopRooms lists the rooms of the whole site, roughly by popularity.
	TopRooms(ctx context.Context, page, size int) ([]collect.Candidate, error)
	// TopRoomsV3 lists the same by another way, which may work when the first does not.
	TopRoomsV3(ctx context.Context, page, size int) ([]collect.Candidate, error)
	// Recommended lists rooms of the whole site in an order like that by popularity.
	Recommended(ctx context.Context, page, size int) ([]collect.Candidate, error)
	// AreaRooms lists the rooms of an area; area 0 stands for the whole parent.
	AreaRooms(ctx context.Context, parent, area int64, page, size int) ([]collect.Candidate, error)
	// Areas lists all areas, with only the area fields of the facts set.
	Areas(ctx context.Context) ([]schema.RoomFacts, error)
	// Resolve finds the rooms of short or long ids, in order and each once. Ids without a
	// room are missing.
	Resolve(ctx context.Context, ids []int64) (found []collect.Candidate, missing []int64, err error)
}
