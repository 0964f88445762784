package collect

import (
	"errors"
	"sync/atomic"
	"time"

	"danmaku-archiver/schema"
)

// Status is what a collector does at the moment.
type Status struct {
	// Rooms is the number of wanted rooms, Observing of those with an accepted connection.
	Rooms      int `json:"rooms"`
	Observing  int `json:"observing"`
	Connecting int `json:"connecting"`
	// Counts since Run began. Bad counts packets that could not be unpacked, Reconnects
	// the accepted connections that ended.
	Commands   int64        `json:"commands"`
	Bytes      int64        `json:"bytes"`
	Bad        int64        `json:"bad"`
	Reconnects int64        `json:"reconnects"`
	Room       []RoomStatus `json:"room"`
	// SampleEvery is how often a room's history is compared with what was received; 0 where
	// the service has none to show.
	SampleEvery time.Duration `json:"sample_every_ns,omitempty"`
	// LastError is the latest trouble with the service, empty if there was none.
	LastError string `json:"last_error,omitempty"`
}

// RoomStatus is one wanted room.
type RoomStatus struct {
	Room      schema.RoomID `json:"room"`
	Title     string        `json:"title"`
	State     schema.State  `json:"state"`
	Cause     string        `json:"cause,omitempty"`
	Host      string        `json:"host,omitempty"`
	Transport string        `json:"transport,omitempty"`
	Identity  string        `json:"identity,omitempty"`
	Masked    bool          `json:"masked,omitempty"`
	// Thinned: the service leaves out much of what the room says. Recall is the share of
	// the last sampled danmaku that were received, nil before there were enough.
	Thinned  bool     `json:"thinned,omitempty"`
	Recall   *float64 `json:"recall,omitempty"`
	Commands int64    `json:"commands"`
}

// noteRecall shows the sampler's verdict.
func (s *session) noteRecall(r *recall) {
	shown := recallShown{thinned: r.thinned}
	if n := len(r.last); n > 0 {
		share := float64(count(r.last)) / float64(n)
		shown.share = &share
	}
	s.shown.Store(&shown)
}

type recallShown struct {
	thinned bool
	share   *float64
}

func (r *RoomStatus) connected() bool { return r.State == schema.StateObserving }

type counters struct {
	commands, bytes, bad, reconnects atomic.Int64
}

// Status may be called at any time, by any goroutine. Rooms are in the order of their ids.
func (c *Collector) Status() Status {
	all := c.all()
	c.mu.Lock()
	lastError := c.lastError
	c.mu.Unlock()
	st := Status{Rooms: len(all), Commands: c.count.commands.Load(), Bytes: c.count.bytes.Load(),
		Bad: c.count.bad.Load(), Reconnects: c.count.reconnects.Load(), LastError: lastError}
	st.SampleEvery = c.sampleEvery(len(all))
	for _, s := range all {
		r := *s.state.Load()
		r.Room, r.Commands = s.room, s.commands.Load()
		if shown := s.shown.Load(); shown != nil && r.connected() {
			r.Thinned, r.Recall = shown.thinned, shown.share
		}
		s.mu.Lock()
		r.Title = s.facts.Title
		s.mu.Unlock()
		if r.State == schema.StateObserving {
			st.Observing++
		} else {
			st.Connecting++
		}
		st.Room = append(st.Room, r)
	}
	return st
}

func (s *session) setState(r RoomStatus) { s.state.Store(&r) }

func (c *Collector) setError(err error) {
	c.mu.Lock()
	c.lastError = err.Error()
	c.mu.Unlock()
}

// journalError tells the journal's failures, which end the collector, from the service's,
// which never do.
type journalError struct{ err error }

func (e *journalError) Error() string { return e.err.Error() }
func (e *journalError) Unwrap() error { return e.err }

func asJournal(err error, target **journalError) bool { return errors.As(err, target) }
