package collect

import (
	"context"
	"errors"
	"time"

	"danmaku-archiver/schema"
)

// Service is a live platform as far as a [Collector] needs it.
//
// Connect opens one connection to a room and returns once the service accepted it. It is
// called for many rooms at once and returns soon after ctx ends. Its error names the cause
// by wrapping an [*Ended].
type Service interface {
	Connect(ctx context.Context, v Visit) (Conn, error)
}

// Visit says which room to connect to and as whom.
type Visit struct {
	Room schema.RoomID
	// Account asks for the account, where the service has one at hand; else it is a guest.
	Account bool
}

// Historian is a [Service] that can show a room's latest danmaku.
type Historian interface {
	// History returns the room's last danmaku, oldest first or not, as the service shows
	// them to somebody who enters. It makes a request.
	History(ctx context.Context, room schema.RoomID) ([]Said, error)
	// Shun makes the room's next connections go to another host than the peer's and, with
	// identity, as another guest.
	Shun(room schema.RoomID, p Peer, identity bool)
}

// Informer is a [Service] that can tell facts of rooms, a few tens with one request. Rooms
// that it does not know are left out.
type Informer interface {
	Facts(ctx context.Context, rooms []schema.RoomID) (map[schema.RoomID]schema.RoomFacts, error)
}

// Said is one danmaku of a room's history.
type Said struct {
	// ID is the danmaku's own, the one that the pushed command carries; empty if unknown.
	ID string
	// At is when it was sent, by the service's clock, in whole seconds.
	At time.Time
}

// Conn is one accepted connection. It keeps itself alive (heartbeats) from the moment it
// is made, also while a Handler blocks.
type Conn interface {
	// Peer tells whom the connection reaches and as whom. It never changes.
	Peer() Peer
	// Receive hands everything that arrives to h, in order, from one goroutine, until the
	// connection ends, h returns an error or ctx ends; it returns why, never nil. Packets
	// that arrived before the end are handed over first. It is called once.
	Receive(ctx context.Context, h Handler) error
	// Close ends the connection and waits for what it started. It may be called at any
	// time, more than once.
	Close() error
}

// Peer describes an accepted connection.
type Peer struct {
	Host      string // host:port
	Transport string // tcp, ws or wss
	Identity  string // guest or account
}

// Handler takes what a connection receives. An error ends the connection.
type Handler interface {
	// Packet is called once for everything that arrives, before what it holds is handed
	// over: the room was observed until now.
	Packet()
	// Command takes one pushed command, as received. The bytes are lent.
	Command(payload []byte) error
	// Popularity takes the value of a heartbeat reply.
	Popularity(value int64) error
	// Bad takes a packet (header included, perhaps cut short) that could not be unpacked
	// and was skipped, with the cause in a few words. The bytes are lent.
	Bad(cause string, packet []byte) error
}

// Ended is the error of a connection that could not be made or that ended. Cause is one
// lower-case word with underscores, made for the cause column of coverage.
type Ended struct {
	Cause string
	// Refused: the service does not let us in, as opposed to what merely failed.
	Refused bool
	Err     error
}

func (e *Ended) Error() string {
	if e.Err == nil {
		return e.Cause
	}
	return e.Cause + ": " + e.Err.Error()
}

func (e *Ended) Unwrap() error { return e.Err }

// CauseOf returns the cause that err carries, "error" if none, "" for nil.
func CauseOf(err error) string {
	var e *Ended
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Cause
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "stopped"
	}
	return "error"
}

// refused reports whether the service did not let us in.
func refused(err error) bool {
	var e *Ended
	return errors.As(err, &e) && e.Refused
}

// Candidate is a room that a [Source] offers.
type Candidate struct {
	Room schema.RoomID
	// Rank is the room's place in the source's list, from 1.
	Rank int32
	// Reason says which source offers it: top, area:ID or pin.
	Reason string
	Facts  schema.RoomFacts
}

// Source offers rooms to watch, best first, without repetition. Rooms returns at most
// limit candidates (0: all that a list shows). It makes requests; an error leaves the
// former choice in force. It is called by one goroutine at a time.
type Source interface {
	Rooms(ctx context.Context, limit int) ([]Candidate, error)
}

// Journal is where a collector writes. Append copies the payload, may be called
// concurrently and blocks while the journal cannot take more; when it returns nil the
// record will be written, in the order of the calls of one goroutine. An error is final.
type Journal interface {
	Append(ctx context.Context, room schema.RoomID, kind schema.Kind, payload []byte) error
}
