package collect

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"danmaku-archiver/schema"
)

// A connection can look healthy and yet carry a fifth of what the room says: the service
// thins out what it sends to clients that it does not like (xfgryujk/blivedm issue 33,
// SocialSisterYi/bilibili-API-collect issue 808). Nothing on the connection tells. But
// everybody who enters a room is shown its last ten danmaku, and each has an id: the share
// of them that was received here is the recall.
//
//	history ──▶ items of this connection, not judged before ──5 s──▶ received? ──▶ window
//
// With recallWindow items in the window and at most recallLeast of them received, a second
// window decides. If a connection loses each danmaku by chance with probability p, one
// window is at or below the limit, and two in a row are, with probability
//
//	p      one window   both
//	0.01   0.0002       0.00000005
//	0.02   0.0029       0.000008
//	0.05   0.061        0.0037
//	0.30   0.991        0.98
//	0.80   1            1
//
// Busy rooms, of which the service shows nobody everything, are no exception as long as
// the history is taken from what is shown; whether it always is, nobody has published.
const (
	recallEvery  = 2 * time.Minute
	recallSoon   = time.Minute // once a sample has missed an item
	recallFirst  = 30 * time.Second
	recallSettle = 5 * time.Second // an item that is on its way is not lost
	recallWindow = 30
	recallLeast  = 26 // below 0.87 of the window

	// recallPause is how long a session stays that rotation did not help.
	recallPause = time.Hour

	// maxHeard is how many danmaku a session remembers: the time that a sample takes to be
	// judged, at several times the rate that a room is known to reach. maxJudged is how
	// many items it knows not to judge again.
	maxHeard  = 1024
	maxJudged = 64
)

// heard is what a session remembers of the present connection's danmaku. It may be used
// concurrently.
type heard struct {
	mu         sync.Mutex
	connection int   // the how manieth it is
	from       int64 // service's time of its first danmaku, 0 before
	ids        []uint64
	next       int
}

// begin forgets the connection before.
func (h *heard) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connection++
	h.from, h.ids, h.next = 0, h.ids[:0], 0
}

func (h *heard) add(g schema.Glance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.from == 0 {
		h.from = g.SentAt
	}
	if len(h.ids) < maxHeard {
		h.ids = append(h.ids, g.ID)
		return
	}
	h.ids[h.next] = g.ID
	h.next = (h.next + 1) % maxHeard
}

// said picks the items that the present connection ought to have received. Times of the
// history are whole seconds, so the second in which the first danmaku came does not count.
// Both are the service's: our clock may be wrong.
func (h *heard) said(items []Said) (connection int, ids []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, i := range items {
		if i.ID != "" && h.from != 0 && i.At.UnixMicro() > h.from {
			ids = append(ids, schema.HashID([]byte(i.ID)))
		}
	}
	return h.connection, ids
}

// holds tells for each id whether it was received; ok is false if the connection is over.
func (h *heard) holds(connection int, ids []uint64) (held []bool, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.connection != connection {
		return nil, false
	}
	for _, id := range ids {
		held = append(held, slices.Contains(h.ids, id))
	}
	return held, true
}

// recall is what the samples of one room say. It belongs to the sampler.
type recall struct {
	judged     []uint64
	connection int
	last       []bool // the last recallWindow items, for people
	window     []bool
	suspected  bool // a window was low, the next decides
	thinned    bool

	due       time.Time
	rotations int
	pausedTo  time.Time
}

// fresh leaves out the ids that were judged before, and remembers all.
func (r *recall) fresh(ids []uint64) (out []uint64) {
	for _, id := range ids {
		if !slices.Contains(r.judged, id) {
			out = append(out, id)
			r.judged = append(r.judged, id)
		}
	}
	r.judged = r.judged[max(0, len(r.judged)-maxJudged):]
	return out
}

// judge takes a sample and reports whether it changed the verdict.
func (r *recall) judge(connection int, held []bool) (changed bool) {
	if r.connection != connection {
		*r = recall{connection: connection, judged: r.judged, due: r.due, rotations: r.rotations, pausedTo: r.pausedTo}
	}
	was := r.thinned
	r.last = append(r.last, held...)
	r.last = r.last[max(0, len(r.last)-recallWindow):]
	for _, h := range held {
		r.window = append(r.window, h)
		if len(r.window) < recallWindow {
			continue
		}
		switch low := count(r.window) <= recallLeast; {
		case r.suspected:
			r.suspected, r.thinned, r.window = false, low, nil
		case r.thinned && !low:
			r.thinned, r.window = false, nil
		case low && !r.thinned:
			r.suspected, r.window = true, nil
		default:
			r.window = r.window[1:]
		}
	}
	return r.thinned != was
}

func count(all []bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// sample is a history on its way to be judged.
type sample struct {
	s          *session
	connection int
	ids        []uint64
	at         time.Time
}

// sampler looks at one room after the other, the least recently looked at first. One
// request is under way at a time, and SampleInterval lies between two: that bounds its
// share of the requests, whatever the number of rooms.
func (c *Collector) sampler(ctx context.Context) error {
	var waiting []sample
	var looked time.Time
	told := recallEvery
	for {
		if err := sleep(ctx, c.SampleInterval); err != nil {
			return err
		}
		for len(waiting) > 0 && time.Since(waiting[0].at) >= recallSettle {
			if err := c.judge(ctx, waiting[0]); err != nil {
				return err
			}
			waiting = waiting[1:]
		}
		if now := time.Now(); now.Sub(looked) >= muteEvery {
			c.wakeMute()
			looked = now
			if every := c.sampleEvery(len(c.all())); every > 2*told {
				told = every
				c.Logger.Info("rooms are compared with their histories less often: the requests do not suffice for more", "rooms_each", every)
			}
		}
		s := c.dueForSample()
		if c.historian == nil || s == nil {
			continue
		}
		items, err := c.historian.History(ctx, s.room)
		now := time.Now()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.log.Debug("history not available", "error", err)
			s.recall.due = now.Add(jitter(recallEvery))
			continue
		}
		connection, ids := s.heard.said(items)
		waiting = append(waiting, sample{s, connection, ids, now})
		s.recall.due = now.Add(jitter(recallEvery))
	}
}

// sampleEvery is how often each of so many rooms can be sampled.
func (c *Collector) sampleEvery(rooms int) time.Duration {
	if c.historian == nil {
		return 0
	}
	return max(recallEvery, time.Duration(rooms)*c.SampleInterval)
}

// dueForSample is the connected session whose turn it is, nil if none is due.
func (c *Collector) dueForSample() (next *session) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		live := s.present.Load()
		if live == nil || now.Before(live.since.Add(recallFirst)) || now.Before(s.recall.due) {
			continue
		}
		if next == nil || s.recall.due.Before(next.recall.due) || s.recall.due.Equal(next.recall.due) && s.room < next.room {
			next = s
		}
	}
	return next
}

// judge compares a sample with what was received meanwhile, and acts on the verdict.
func (c *Collector) judge(ctx context.Context, p sample) error {
	s, r := p.s, &p.s.recall
	live := s.present.Load()
	ids := r.fresh(p.ids)
	held, ok := s.heard.holds(p.connection, ids)
	if !ok || live == nil || len(held) == 0 {
		return nil
	}
	n := count(held)
	changed := r.judge(p.connection, held)
	if n < len(held) {
		r.due = p.at.Add(jitter(recallSoon))
	}
	s.noteRecall(r)
	m := &schema.Mark{Name: schema.MarkRecall, Sampled: int64(len(held)), Held: int64(n), Thinned: r.thinned}
	if err := c.mark(ctx, s.room, m); err != nil {
		return err
	}
	switch {
	case !r.thinned && changed:
		s.log.Info("the room's danmaku come in full again")
	case !r.thinned:
		r.settle(live)
	case time.Now().Before(r.pausedTo):
	default:
		c.rotate(s, live)
	}
	return nil
}

// settle forgets rotations that a steady connection has made history.
func (r *recall) settle(l *present) {
	if r.rotations > 0 && time.Since(l.since) >= recallPause {
		r.rotations = 0
	}
}

// rotate leaves a thinned connection for another host and, where that was tried before,
// as another guest. What does not help is not tried again for a while.
func (c *Collector) rotate(s *session, l *present) {
	r := &s.recall
	identity := r.rotations%2 == 1
	if r.rotations++; r.rotations%2 == 0 {
		r.pausedTo = time.Now().Add(recallPause)
	}
	s.log.Warn("the service thins out this room's danmaku: connecting anew", "host", l.peer.Host, "another_guest", identity)
	c.historian.Shun(s.room, l.peer, identity)
	l.end(&Ended{Cause: causeThinned, Err: errors.New("too few of the room's danmaku arrive")})
}
