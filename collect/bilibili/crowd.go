package bilibili

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

// The service bears only so many connections of one address (bilibili-live-ws issue 77,
// YjMonitor issue 40) and says so by closing the newest without a word. One connection
// that ends like that may have any reason; several rooms' in a minute, while others stay
// open, have this one.
const (
	causeTooMany = "too_many"

	crowdWithin = time.Minute
	crowdLived  = 10 * time.Second // a connection that lived longer was let in
	crowdRooms  = 3
	crowdOpen   = 5
	crowdTold   = 10 * time.Minute
)

// crowd counts the open connections and those that were closed at once.
type crowd struct {
	mu    sync.Mutex
	open  int
	early map[schema.RoomID]time.Time
	told  time.Time
}

func (c *crowd) opened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
}

func (c *crowd) closed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

// early takes note of a connection that was closed at once and reports whether there are
// too many of them, how many stay open, and whether that is news.
func (c *crowd) shut(room schema.RoomID) (tooMany bool, open int, news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for r, at := range c.early {
		if now.Sub(at) > crowdWithin {
			delete(c.early, r)
		}
	}
	if c.early == nil {
		c.early = map[schema.RoomID]time.Time{}
	}
	c.early[room] = now
	tooMany = len(c.early) >= crowdRooms && c.open >= crowdOpen
	if news = tooMany && now.Sub(c.told) >= crowdTold; news {
		c.told = now
	}
	return tooMany, c.open, news
}

// judgeEnd gives connections that ended at once, and with nothing received, their true
// cause.
func (c *Client) judgeEnd(room schema.RoomID, err error) error {
	var e *collect.Ended
	if !errors.As(err, &e) || e.Cause != causeClosed && e.Cause != causeReset {
		return err
	}
	tooMany, open, news := c.crowd.shut(room)
	if !tooMany {
		return err
	}
	if news {
		c.log.Warn("the service closes new connections at once: it bears no more of them from this address; lower bilibili.max_connections",
			"open", open)
	}
	return &collect.Ended{Cause: causeTooMany, Refused: true,
		Err: fmt.Errorf("closed at once while %d connections stay open: %w", open, e)}
}
