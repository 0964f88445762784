package collect

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"danmaku-archiver/schema"
)

// offer is what one source said last.
type offer []Candidate

// choose asks the sources at every refresh, starts sessions in g for rooms that are newly
// wanted and ends those of the others. It returns only with ctx or the journal.
func (c *Collector) choose(ctx context.Context, g *errgroup.Group) error {
	offers := make([]offer, len(c.Sources))
	var listed schema.Hour
	first := true
	for failures := 0; ; {
		failed := c.ask(ctx, offers)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		complete := failed == nil
		wanted := c.want(offers)
		if err := c.keep(ctx, g, wanted); err != nil {
			return err
		}
		if hour := schema.HourOf(time.Now().UnixMicro()); hour != listed && complete {
			if err := c.list(ctx, offers, wanted); err != nil {
				return err
			}
			listed = hour
		}
		if first && complete {
			if err := c.mark(ctx, 0, &schema.Mark{Name: schema.MarkSelection}); err != nil {
				return err
			}
			first = false
		}
		wait := jitter(c.Refresh)
		if complete {
			failures = 0
		} else {
			wait = min(wait, backoff(failures), c.impatience(len(wanted)))
			failures++
			c.setError(failed)
			c.Logger.Log(ctx, levelOf(failures), "asking for rooms failed, the former choice stays",
				"error", failed, "rooms", len(wanted), "next", wait.Round(time.Millisecond))
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// impatience bounds the wait for sources that fail: while nothing is watched, every moment
// is lost.
func (c *Collector) impatience(rooms int) time.Duration {
	if rooms == 0 {
		return min(c.Refresh, 10*time.Second)
	}
	return c.Refresh
}

// ask refreshes the offers; the error is that of the sources that did not answer now. They
// keep what they said before.
func (c *Collector) ask(ctx context.Context, offers []offer) error {
	var failed error
	for i, source := range c.Sources {
		candidates, err := source.Rooms(ctx, c.Top+c.margin())
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		for n := range candidates {
			clip(&candidates[n].Facts)
		}
		offers[i] = candidates
	}
	return failed
}

// margin is how far below Top a watched room may fall before another takes its place.
func (c *Collector) margin() int { return (c.Top + 9) / 10 }

// want returns the rooms to watch, best claim first. A room that several sources offer
// counts for the first of them.
func (c *Collector) want(offers []offer) []Candidate {
	seen := map[schema.RoomID]bool{}
	for _, room := range c.Block {
		seen[room] = true
	}
	var wanted []Candidate
	take := func(k Candidate) {
		if !seen[k.Room] && len(wanted) < c.MaxConnections {
			seen[k.Room] = true
			wanted = append(wanted, k)
		}
	}
	var top []Candidate
	for _, o := range offers {
		for _, k := range o {
			if k.Reason == "top" {
				top = append(top, k)
			} else {
				take(k)
			}
		}
	}
	for _, k := range c.steady(top, seen) {
		take(k)
	}
	return wanted
}

// steady picks Top of the candidates, watched rooms before others: a room is not swapped
// for one that is barely more popular.
func (c *Collector) steady(top []Candidate, taken map[schema.RoomID]bool) []Candidate {
	var chosen, rest []Candidate
	c.mu.Lock()
	for _, k := range top {
		if taken[k.Room] {
			continue
		}
		if c.sessions[k.Room] != nil && int(k.Rank) <= c.Top+c.margin() {
			chosen = append(chosen, k)
		} else {
			rest = append(rest, k)
		}
	}
	c.mu.Unlock()
	chosen = chosen[:min(len(chosen), c.Top)]
	chosen = append(chosen, rest[:min(len(rest), c.Top-len(chosen))]...)
	slices.SortStableFunc(chosen, func(a, b Candidate) int { return int(a.Rank - b.Rank) })
	return chosen
}

// keep makes the sessions equal the wanted rooms.
func (c *Collector) keep(ctx context.Context, g *errgroup.Group, wanted []Candidate) error {
	want := make(map[schema.RoomID]bool, len(wanted))
	for _, k := range wanted {
		want[k.Room] = true
	}
	if err := c.drop(ctx, want); err != nil {
		return err
	}
	for _, k := range wanted {
		c.mu.Lock()
		s := c.sessions[k.Room]
		c.mu.Unlock()
		if s == nil {
			if err := c.start(ctx, g, k); err != nil {
				return err
			}
		} else if err := s.listed(ctx, k); err != nil {
			return err
		}
		if k.Facts.Popularity > 0 {
			if err := c.mark(ctx, k.Room, &schema.Mark{Name: schema.MarkListPopularity, Value: k.Facts.Popularity}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Collector) start(ctx context.Context, g *errgroup.Group, k Candidate) error {
	facts := k.Facts
	err := c.mark(ctx, k.Room, &schema.Mark{Name: schema.MarkSelected, Rank: k.Rank, Reason: k.Reason, Facts: &facts})
	if err != nil {
		return err
	}
	sctx, cancel := context.WithCancel(ctx)
	s := newSession(c, k, cancel)
	c.mu.Lock()
	c.sessions[k.Room] = s
	c.mu.Unlock()
	c.Logger.Info("room selected", "room", k.Room, "rank", k.Rank, "reason", k.Reason)
	g.Go(func() error {
		defer close(s.done)
		return ended(sctx, s.run(sctx))
	})
	return nil
}

func (c *Collector) drop(ctx context.Context, want map[schema.RoomID]bool) error {
	var going []*session
	c.mu.Lock()
	for room, s := range c.sessions {
		if !want[room] {
			going = append(going, s)
		}
	}
	c.mu.Unlock()
	for _, s := range going {
		s.cancel()
	}
	for _, s := range going {
		select {
		case <-s.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := c.mark(ctx, s.room, &schema.Mark{Name: schema.MarkDropped, Cause: "not_wanted"}); err != nil {
			return err
		}
		c.mu.Lock()
		delete(c.sessions, s.room)
		c.mu.Unlock()
		c.Logger.Info("room dropped", "room", s.room)
	}
	return nil
}

// list writes the whole scanned lists: the frame that the watched rooms were chosen from.
func (c *Collector) list(ctx context.Context, offers []offer, wanted []Candidate) error {
	chosen := make(map[schema.RoomID]string, len(wanted))
	for _, k := range wanted {
		chosen[k.Room] = k.Reason
	}
	for _, o := range offers {
		for _, k := range o {
			facts := k.Facts
			m := &schema.Mark{Name: schema.MarkListed, Rank: k.Rank, Reason: chosen[k.Room], Facts: &facts}
			if err := c.mark(ctx, k.Room, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// jitter spreads d by a tenth, so that many collectors do not ask at the same moment.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// backoff is a random time that grows with the number of failures in a row, 1 s at most
// for the first, 1 min at most ever.
func backoff(failures int) time.Duration {
	most := min(time.Second<<min(failures, 6), time.Minute)
	return most/10 + rand.N(most-most/10)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
