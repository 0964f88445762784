package collect

import (
	"context"
	"time"

	"danmaku-archiver/schema"
)

const (
	// informBatch is how many rooms are asked about with one request, one of which is made
	// a refresh.
	informBatch = 40
	// informEvery is how long a room waits that was asked about in vain.
	informEvery = 10 * time.Minute
)

// inform asks for what lists do not tell: which broadcast it is that goes on in rooms that
// were live before we came. It returns an error of the journal, or ctx's.
func (c *Collector) inform(ctx context.Context) error {
	if c.informer == nil {
		return nil
	}
	now := time.Now()
	byRoom := map[schema.RoomID]*session{}
	var rooms []schema.RoomID
	for _, s := range c.all() {
		if len(rooms) < informBatch && s.unknownBroadcast(now) {
			byRoom[s.room] = s
			rooms = append(rooms, s.room)
		}
	}
	if len(rooms) == 0 {
		return nil
	}
	facts, err := c.informer.Facts(ctx, rooms)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.Logger.Debug("facts of rooms not available", "rooms", len(rooms), "error", err)
	}
	for room, s := range byRoom {
		if err := s.told(ctx, facts[room]); err != nil {
			return err
		}
	}
	return nil
}

// unknownBroadcast tells that the room is live, and has to be asked what with.
func (s *session) unknownBroadcast(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts.LiveStatus != 1 || s.facts.LiveKey != "" || now.Sub(s.asked) < informEvery {
		return false
	}
	s.asked = now
	return true
}

// told takes the broadcast from the facts, unless the room's own commands told meanwhile.
func (s *session) told(ctx context.Context, is schema.RoomFacts) error {
	if is.LiveKey == "" || is.LiveStatus != 1 {
		return nil
	}
	return s.change(ctx, schema.MarkFacts, func(f *schema.RoomFacts) {
		if f.LiveStatus != 1 || f.LiveKey != "" {
			return
		}
		f.LiveKey = is.LiveKey
		if f.LiveSince == 0 {
			f.LiveSince = is.LiveSince
		}
	})
}
