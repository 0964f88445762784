package bilibili

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock compares ours with the service's, by the Date of its answers: whole seconds, plus
// the time that an answer takes.
type clock struct {
	offset atomic.Int64 // service's minus ours, ns
	known  atomic.Bool
}

func (c *clock) note(date string) {
	t, err := http.ParseTime(date)
	if err != nil {
		return
	}
	// The second had begun, on average, half a second before.
	c.offset.Store(int64(time.Until(t.Add(time.Second / 2))))
	c.known.Store(true)
}

// ClockOffset is how far the service's clock is ahead of ours, by its last answer, to
// within a second or two; ok is false before there was an answer with a date.
func (c *Client) ClockOffset() (offset time.Duration, ok bool) {
	return time.Duration(c.clock.offset.Load()), c.clock.known.Load()
}
