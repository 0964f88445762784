package collect

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"danmaku-archiver/schema"
)

// choose asks the sources at every refresh, starts sessions in g for rooms that are newly
// wanted and ends those of the others. It returns only with ctx or the journal.
func (c *Collector) choose(ctx context.Context, g *errgroup.Group) error {
	offers := make([][]Candidate, len(c.Sources))
	var listed schema.Hour
	first := true
	for failures := 0; ; {
		failed := c.ask(ctx, offers)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		complete := failed == nil
		choice := c.choice(offers, c.standings(), time.Now())
		if err := c.keep(ctx, g, choice); err != nil {
			return err
		}
		if err := c.inform(ctx); err != nil {
			return err
		}
		if hour := schema.HourOf(time.Now().UnixMicro()); hour != listed && complete {
			if err := c.list(ctx, choice); err != nil {
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
			wait = min(wait, backoff(failures), c.impatience(len(choice.Wanted)))
			failures++
			c.setError(failed)
			c.Logger.Log(ctx, levelOf(failures), "asking for rooms failed, the former choice stays",
				"error", failed, "rooms", len(choice.Wanted), "next", wait.Round(time.Millisecond))
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
func (c *Collector) ask(ctx context.Context, offers [][]Candidate) error {
	var failed error
	for i, source := range c.Sources {
		candidates, err := source.Rooms(ctx, c.Ask())
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

// all are the sessions, in the order of their rooms. What they guard themselves is looked
// at outside of the collector's lock: a full journal may keep it.
func (c *Collector) all() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.sessions), func(a, b *session) int { return cmp.Compare(a.room, b.room) })
}

// standings are the watched rooms' claims.
func (c *Collector) standings() map[schema.RoomID]standing {
	all := map[schema.RoomID]standing{}
	for _, s := range c.all() {
		s.mu.Lock()
		all[s.room] = standing{last: s.last, since: s.since, ended: s.ended}
		s.mu.Unlock()
	}
	return all
}

// keep makes the sessions equal the wanted rooms.
func (c *Collector) keep(ctx context.Context, g *errgroup.Group, choice Choice) error {
	if err := c.drop(ctx, choice); err != nil {
		return err
	}
	for n, k := range choice.Wanted {
		c.mu.Lock()
		s := c.sessions[k.Room]
		c.mu.Unlock()
		account := n < c.AccountRooms
		if s == nil {
			if err := c.start(ctx, g, k, account); err != nil {
				return err
			}
		} else if err := s.listed(ctx, k, account); err != nil {
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

func (c *Collector) start(ctx context.Context, g *errgroup.Group, k Candidate, account bool) error {
	facts := k.Facts
	err := c.mark(ctx, k.Room, &schema.Mark{Name: schema.MarkSelected, Rank: k.Rank, Reason: k.Reason, Facts: &facts})
	if err != nil {
		return err
	}
	sctx, cancel := context.WithCancel(ctx)
	s := newSession(c, k, cancel)
	s.account.Store(account)
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

// drop ends the sessions of rooms that are no longer wanted.
func (c *Collector) drop(ctx context.Context, choice Choice) error {
	want := make(map[schema.RoomID]bool, len(choice.Wanted))
	for _, k := range choice.Wanted {
		want[k.Room] = true
	}
	why := make(map[schema.RoomID]string, len(choice.Left))
	for _, k := range choice.Left {
		why[k.Room] = k.Reason
	}
	going := slices.DeleteFunc(c.all(), func(s *session) bool { return want[s.room] })
	for _, s := range going {
		s.cancel()
	}
	for _, s := range going {
		select {
		case <-s.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		cause := cmp.Or(why[s.room], s.gone())
		if err := c.mark(ctx, s.room, &schema.Mark{Name: schema.MarkDropped, Cause: cause}); err != nil {
			return err
		}
		c.mu.Lock()
		delete(c.sessions, s.room)
		c.mu.Unlock()
		c.Logger.Info("room dropped", "room", s.room, "cause", cause)
	}
	return nil
}

// gone is why no list offers the room any more.
func (s *session) gone() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended.IsZero() {
		return reasonEnded
	}
	return ReasonBelowTop
}

// list writes the whole scanned lists: the frame that the watched rooms were chosen from.
func (c *Collector) list(ctx context.Context, choice Choice) error {
	for _, all := range [][]Candidate{choice.Wanted, choice.Left} {
		for _, k := range all {
			facts := k.Facts
			m := &schema.Mark{Name: schema.MarkListed, Rank: k.Rank, Reason: k.Reason, Facts: &facts}
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
