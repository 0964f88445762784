package simulator

import (
	"sync"
	"time"
)

// room is one room of the stand-in: what the web API tells of it and who is connected.
type room struct {
	facts
	rank int   // from 1, by popularity at the start
	flux *flux // nil where replayed

	// joined holds a token while somebody may have joined since the room last looked.
	joined chan struct{}

	mu      sync.Mutex
	members []*chat
	// recent are the last danmaku, the oldest first, for the history endpoint.
	recent []command
	// live, liveKey and liveSince are the broadcast of a scripted room.
	live      bool
	liveKey   int64
	liveSince time.Time
	// heartbeat is the popularity that a recording gives, 0 where it gives none.
	heartbeat uint32
}

// recentDanmaku is how many danmaku the history endpoint tells.
const recentDanmaku = 10

func newRoom(f facts) *room {
	return &room{facts: f, joined: make(chan struct{}, 1), live: true, liveSince: f.since}
}

func (rm *room) join(c *chat) {
	rm.mu.Lock()
	rm.members = append(rm.members, c)
	rm.mu.Unlock()
	select {
	case rm.joined <- struct{}{}:
	default:
	}
}

// leave may be called more than once.
func (rm *room) leave(c *chat) {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	for i, m := range rm.members {
		if m == c {
			rm.members = append(rm.members[:i:i], rm.members[i+1:]...)
			return
		}
	}
}

func (rm *room) present() []*chat {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	return append([]*chat(nil), rm.members...)
}

func (rm *room) setLive(live bool, key int64, since time.Time) {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	rm.live, rm.liveSince = live, since
	if live {
		rm.liveKey = key
	}
}

// broadcast tells whether the room is live, under which key and since when. Without a
// schedule a room that nobody watches is always live: nothing would ever bring it back.
func (rm *room) broadcast(now time.Time) (live bool, key int64, since time.Time) {
	if a, on := rm.flux.at(rm.id, now); on {
		return a.live, a.key, a.since
	}
	rm.mu.Lock()
	defer rm.mu.Unlock()
	return rm.live || len(rm.members) == 0, rm.liveKey, rm.liveSince
}

// shown is the popularity that lists show.
func (rm *room) shown(now time.Time) int64 {
	return int64(float64(rm.facts.shown(now)) * rm.flux.sway(rm.id, now))
}

func (rm *room) setHeartbeat(popularity uint32) {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	rm.heartbeat = popularity
}

// heartbeatValue is what a heartbeat reply carries.
func (rm *room) heartbeatValue(now time.Time) uint32 {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	switch {
	case rm.heartbeat > 0:
		return rm.heartbeat
	case rm.official:
		return uint32(rm.shown(now))
	}
	return 1
}

// remember keeps the danmaku among the commands that were pushed.
func (rm *room) remember(pushed []command) {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	for _, c := range pushed {
		if c.name == "DANMU_MSG" {
			rm.recent = append(rm.recent, c)
		}
	}
	if n := len(rm.recent) - recentDanmaku; n > 0 {
		rm.recent = append([]command(nil), rm.recent[n:]...)
	}
}

func (rm *room) history() []command {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	return append([]command(nil), rm.recent...)
}
