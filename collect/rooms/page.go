package rooms

import (
	"context"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

const (
	// pageSize is the most that the service's lists give at once.
	pageSize = 30
	// maxPages ends a list that has no end.
	maxPages = 100
)

// pager asks for one page of a list.
type pager func(ctx context.Context, page, size int) ([]collect.Candidate, error)

// gather reads pages until there are limit rooms (0: all) or no more new ones, drops
// repetitions, which happen when the list changes while it is read, and sorts what the
// service only roughly sorts.
func gather(ctx context.Context, next pager, limit int) ([]collect.Candidate, error) {
	var all []collect.Candidate
	seen := map[schema.RoomID]bool{}
	for page := 1; page <= maxPages && (limit == 0 || len(all) < limit); page++ {
		got, err := next(ctx, page, pageSize)
		if err != nil {
			return nil, err
		}
		before := len(all)
		all = appendNew(all, seen, got)
		if len(all) == before {
			break
		}
	}
	byPopularity(all)
	return cut(all, limit), nil
}

func appendNew(dst []collect.Candidate, seen map[schema.RoomID]bool, more []collect.Candidate) []collect.Candidate {
	for _, c := range more {
		if !seen[c.Room] {
			seen[c.Room] = true
			dst = append(dst, c)
		}
	}
	return dst
}

func cut(cs []collect.Candidate, limit int) []collect.Candidate {
	if limit > 0 && len(cs) > limit {
		return cs[:limit]
	}
	return cs
}

// rank numbers the candidates from 1 in their order.
func rank(cs []collect.Candidate, reason string) {
	for i := range cs {
		cs[i].Rank, cs[i].Reason = int32(i+1), reason
	}
}
