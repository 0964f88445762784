package collect

import (
	"errors"
	"time"
)

// A live room is never without commands for long: the service itself sends figures and
// broadcasts several times a minute. A connection that carries heartbeats and nothing else
// is dead in all but name. Each time in a row that this is found the patience doubles.
const (
	muteEvery = 10 * time.Second // between two looks
	muteAfter = 5 * time.Minute
	muteMost  = time.Hour
)

// wakeMute ends the connections of live rooms from which nothing comes.
func (c *Collector) wakeMute() {
	for _, s := range c.all() {
		live := s.present.Load()
		if live == nil || !s.isMute(live, time.Now()) {
			continue
		}
		s.log.Warn("the room is live, but nothing comes from it: connecting anew", "host", live.peer.Host)
		if c.historian != nil {
			c.historian.Shun(s.room, live.peer, false)
		}
		live.end(&Ended{Cause: causeMute, Err: errors.New("the room is live, but no command arrives")})
	}
}

// isMute belongs to the sampler.
func (s *session) isMute(live *present, now time.Time) bool {
	if !s.onAir() {
		return false
	}
	last := time.UnixMicro(live.lastCommand.Load())
	if s.patience == 0 || last.After(live.since) {
		s.patience = muteAfter
	}
	if now.Sub(last) < s.patience {
		return false
	}
	s.patience = min(2*s.patience, muteMost)
	return true
}

// onAir tells whether the room is live for all that we know.
func (s *session) onAir() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.facts.LiveStatus == 1
}
