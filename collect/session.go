package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"danmaku-archiver/schema"
)

const (
	// steadyAfter is how long a connection must have lived for the next attempt to count
	// as the first.
	steadyAfter = 5 * time.Second
	// maxRaw bounds what is kept of a packet that could not be unpacked.
	maxRaw = 64 << 10
	// Causes that a collector gives of its own accord.
	causeThinned = "thinned"
	causeMute    = "mute"

	// maskInterval is how often danmaku are looked into for hidden identities.
	maskInterval = 10 * time.Second
)

// session is the life of one wanted room: one connection after the other. It is the
// Handler of each of them.
type session struct {
	c      *Collector
	room   schema.RoomID
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}
	bad    *rate.Limiter

	state    atomic.Pointer[RoomStatus]
	commands atomic.Int64
	present  atomic.Pointer[present] // nil while not connected
	heard    heard
	shown    atomic.Pointer[recallShown]

	// The sampler's.
	recall   recall
	patience time.Duration

	// Owned by run and, during Receive, by the connection's goroutine.
	ctx          context.Context
	lastReceived int64
	masked       bool
	lookAt       time.Time
	glancer      schema.Glancer

	account atomic.Bool // the next connection is to be the account's

	// mu keeps the facts and the order of their marks.
	mu    sync.Mutex
	facts schema.RoomFacts
	last  Candidate // as which the room was last chosen
	since time.Time // when it was first
	// began and ended are when the broadcast was last seen to begin and to end, by our
	// clock; zero if not seen, ended also while it goes on.
	began, ended time.Time
	asked        time.Time // when the service was last asked which broadcast it is
}

// present is a session's present connection.
type present struct {
	peer        Peer
	since       time.Time
	lastCommand atomic.Int64 // µs since the Unix epoch; since, before the first
	cancel      context.CancelCauseFunc
}

// end makes the session connect anew, for the given reason.
func (l *present) end(why *Ended) { l.cancel(why) }

func newSession(c *Collector, k Candidate, cancel context.CancelFunc) *session {
	s := &session{c: c, room: k.Room, log: c.Logger.With("room", k.Room), cancel: cancel, done: make(chan struct{}),
		bad: rate.NewLimiter(rate.Every(6*time.Second), 10), facts: k.Facts, last: k, since: time.Now()}
	s.setState(RoomStatus{State: schema.StateConnecting, Cause: schema.CauseSelected})
	return s
}

// run connects again and again until ctx ends or the journal fails.
func (s *session) run(ctx context.Context) error {
	s.ctx = ctx
	cause := schema.CauseSelected
	for failures := 0; ; {
		if err := s.c.pace.Wait(ctx); err != nil {
			return context.Cause(ctx)
		}
		began, before := time.Now(), s.commands.Load()
		connected, err := s.connection(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if je := (*journalError)(nil); asJournal(err, &je) {
			return je.err
		}
		if connected {
			s.c.count.reconnects.Add(1)
		} else if now := CauseOf(err); now != cause {
			if err := s.c.mark(ctx, s.room, &schema.Mark{Name: schema.MarkConnecting, Cause: now, Refused: refused(err)}); err != nil {
				return err
			}
		}
		cause = CauseOf(err)
		switch {
		case connected && time.Since(began) >= steadyAfter:
			failures = 0
		case s.commands.Load() > before:
			// It works, if not for long: a room that talks is not left waiting.
			failures = min(failures, 1)
		}
		wait := backoff(failures)
		failures++
		s.setState(RoomStatus{State: schema.StateConnecting, Cause: cause})
		s.c.setError(fmt.Errorf("room %d: %w", s.room, err))
		s.log.Log(ctx, levelOf(failures), "connection ended", "error", err, "cause", cause, "next", wait.Round(time.Millisecond))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// levelOf makes the first trouble of a room visible and its repetitions quiet.
func levelOf(failures int) slog.Level {
	if failures == 1 || failures == 6 {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// connection lives one connection, from the attempt to its end, and reports whether the
// service accepted it. The error is never nil. A panic ends the connection, not the process.
func (s *session) connection(ctx context.Context) (connected bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("session panicked, connecting anew", "panic", r, "stack", string(debug.Stack()))
			err = &Ended{Cause: "panic", Err: fmt.Errorf("%v", r)}
			if connected {
				err = s.disconnected(ctx, err)
			}
		}
	}()
	conn, err := s.c.Service.Connect(ctx, Visit{Room: s.room, Account: s.account.Load()})
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if err := s.connected(ctx, conn.Peer()); err != nil {
		return false, err
	}
	connected = true
	receiving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.begin(conn.Peer(), cancel)
	defer s.present.Store(nil)
	err = conn.Receive(receiving, s)
	if why := (*Ended)(nil); ctx.Err() == nil && errors.As(context.Cause(receiving), &why) {
		err = why // we ended it ourselves
	}
	return true, s.disconnected(ctx, err)
}

// begin shows the connection to the sampler.
func (s *session) begin(p Peer, cancel context.CancelCauseFunc) {
	s.heard.begin()
	s.shown.Store(nil)
	l := &present{peer: p, since: time.Now(), cancel: cancel}
	l.lastCommand.Store(l.since.UnixMicro())
	s.present.Store(l)
}

func (s *session) connected(ctx context.Context, p Peer) error {
	now := time.Now()
	s.lastReceived, s.masked, s.lookAt = now.UnixMicro(), false, now
	m := &schema.Mark{Name: schema.MarkConnected, Host: p.Host, Transport: p.Transport, Identity: p.Identity}
	if err := s.mark(ctx, m); err != nil {
		return err
	}
	s.setState(RoomStatus{State: schema.StateObserving, Host: p.Host, Transport: p.Transport, Identity: p.Identity})
	s.log.Info("connected", "host", p.Host, "transport", p.Transport, "identity", p.Identity)
	return nil
}

// disconnected writes the mark, also when ctx has ended, and returns why the connection
// ended or the journal's error.
func (s *session) disconnected(ctx context.Context, why error) error {
	cause := CauseOf(why)
	if ctx.Err() != nil {
		cause = "stopped"
	}
	m := &schema.Mark{Name: schema.MarkDisconnected, Cause: cause, LastReceived: s.lastReceived, Refused: refused(why)}
	if err := s.c.lastMark(ctx, s.room, m); err != nil {
		return &journalError{err}
	}
	return why
}

// Packet implements Handler.
func (s *session) Packet() { s.lastReceived = time.Now().UnixMicro() }

// Command implements Handler: the command goes to the journal before anybody looks at it.
func (s *session) Command(payload []byte) error {
	if err := s.c.Journal.Append(s.ctx, s.room, schema.KindCommand, payload); err != nil {
		return &journalError{fmt.Errorf("journal command of room %d: %w", s.room, err)}
	}
	// A full journal may have kept us: what follows must not seem older than the record.
	s.lastReceived = time.Now().UnixMicro()
	if l := s.present.Load(); l != nil {
		l.lastCommand.Store(s.lastReceived)
	}
	s.commands.Add(1)
	s.c.count.commands.Add(1)
	s.c.count.bytes.Add(int64(len(payload)))
	return s.notice(schema.CommandName(payload), payload)
}

// Popularity implements Handler.
func (s *session) Popularity(value int64) error {
	return s.mark(s.ctx, &schema.Mark{Name: schema.MarkPopularity, Value: value})
}

// Bad implements Handler. What could not be unpacked is kept in a mark, as far as a flood
// of it leaves room.
func (s *session) Bad(cause string, packet []byte) error {
	s.c.count.bad.Add(1)
	s.log.Debug("bad packet skipped", "cause", cause, "bytes", len(packet))
	if !s.bad.Allow() {
		return nil
	}
	return s.mark(s.ctx, &schema.Mark{Name: schema.MarkBadPacket, Cause: cause, Raw: packet[:min(len(packet), maxRaw)]})
}

func (s *session) mark(ctx context.Context, m *schema.Mark) error {
	if err := s.c.mark(ctx, s.room, m); err != nil {
		return &journalError{err}
	}
	return nil
}
