package bilibili

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

// Causes of connections that could not be made or that ended.
const (
	causeRiskControl = "risk_control"      // the API refused
	causeNoToken     = "token_unavailable" // the API failed otherwise
	causeDial        = "dial_failed"
	causeAuthRefused = "auth_refused"
	causeAuthTimeout = "auth_timeout"
	causeClosed      = "closed" // the service closed it
	causeReset       = "reset"
	causeSilent      = "silent" // nothing for the read timeout
	causeMisaligned  = "misaligned"
	causeTooLarge    = CauseMessageTooLarge
	causeStopped     = "stopped" // our own wish
	causeHandler     = "handler"
)

// CausePopularity is given for a heartbeat reply that holds no number.
const CausePopularity = "short_heartbeat_reply"

// maxBad is how much of a bad packet is handed over: enough to see what it was.
const maxBad = 64 << 10

// conn is one accepted connection.
type conn struct {
	log  *slog.Logger
	room schema.RoomID
	peer collect.Peer
	link link

	readTimeout time.Duration
	// watch closes the link when nothing arrives in time. It runs only while reading: a
	// handler that blocks is not the service's silence.
	watch  *time.Timer
	silent atomic.Bool

	// Of the goroutine that connects, then of the one that receives.
	unpacker Unpacker
	early    [][]byte
	refused  func() // told when the service takes its acceptance back
	since    time.Time
	received bool // a command
	// over may give the end another cause; atOnce tells that hardly anything came before.
	over func(err error, atOnce bool) error

	gone    func() // told once, when it is closed
	close   sync.Once
	closing atomic.Bool
	stop    context.CancelFunc // ends the heartbeats
	beats   sync.WaitGroup
}

func newConn(l link, room schema.RoomID, readTimeout time.Duration, peer collect.Peer, log *slog.Logger) *conn {
	c := &conn{log: log, room: room, peer: peer, link: l, readTimeout: readTimeout,
		stop: func() {}, refused: func() {}, gone: func() {}, since: time.Now(), over: func(err error, _ bool) error { return err }}
	c.watch = time.AfterFunc(readTimeout, func() {
		c.silent.Store(true)
		l.close()
	})
	c.watch.Stop()
	return c
}

// beat starts the heartbeats, the first of them at once. Their body is empty: on a stream
// the service's uncounted echo of it would end the alignment.
func (c *conn) beat(interval time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	packet := clientPacket(OpHeartbeat, nil)
	c.beats.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			if err := c.link.write(ctx, packet); err != nil {
				// The reader finds out why, after it has read what is still there.
				c.log.Debug("heartbeats end", "room", c.room, "error", err)
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// Peer is whom the connection reaches.
func (c *conn) Peer() collect.Peer { return c.peer }

// Close ends the connection and waits for its heartbeats.
func (c *conn) Close() error {
	c.closing.Store(true)
	c.close.Do(func() {
		c.stop()
		c.watch.Stop()
		c.link.close()
		c.gone()
	})
	c.beats.Wait()
	return nil
}

// Receive hands over what arrives until the connection ends, and closes it.
func (c *conn) Receive(ctx context.Context, h collect.Handler) error {
	err := c.receive(ctx, h)
	return c.over(err, !c.received && time.Since(c.since) < crowdLived)
}

func (c *conn) receive(ctx context.Context, h collect.Handler) error {
	defer c.Close()
	interrupted := context.AfterFunc(ctx, c.link.close)
	defer interrupted()
	for _, message := range c.early {
		if err := c.handle(ctx, h, message); err != nil {
			return err
		}
	}
	c.early = nil
	for {
		c.watch.Reset(c.readTimeout)
		message, err := c.link.read()
		c.watch.Stop()
		if err != nil {
			return c.ended(ctx, err, causeSilent)
		}
		if err := c.handle(ctx, h, message); err != nil {
			return err
		}
	}
}

// handle hands one message over. Its error is final.
func (c *conn) handle(ctx context.Context, h collect.Handler, message []byte) error {
	h.Packet()
	bad := func(cause string, packet []byte) error {
		return h.Bad(cause, packet[:min(len(packet), maxBad)])
	}
	err := c.unpacker.Unpack(message, func(p Packet) error { return c.leaf(ctx, h, p, bad) }, bad)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errRefused):
		c.refused()
		return &collect.Ended{Cause: causeAuthRefused, Refused: true, Err: err}
	case ctx.Err() != nil:
		return &collect.Ended{Cause: causeStopped, Err: context.Cause(ctx)}
	}
	return &collect.Ended{Cause: causeHandler, Err: err}
}

func (c *conn) leaf(ctx context.Context, h collect.Handler, p Packet, bad func(string, []byte) error) error {
	switch p.Operation {
	case OpMessage:
		c.received = true
		if err := h.Command(p.Body); err != nil {
			return err
		}
		c.acknowledge(ctx, p.Body)
		return nil
	case OpHeartbeatReply:
		if len(p.Body) < 4 {
			return bad(CausePopularity, AppendPacket(nil, p))
		}
		return h.Popularity(int64(binary.BigEndian.Uint32(p.Body)))
	case OpAuthReply:
		return authReply(p.Body)
	}
	return bad(CauseOperation, AppendPacket(nil, p))
}

var ackWish = []byte(`"p_is_ack"`)

// acknowledge answers a command that asks for it (wzgrx/pure_live), after it was handed
// over. An answer that does not get through is no end: the reader will see one.
func (c *conn) acknowledge(ctx context.Context, command []byte) {
	if !bytes.Contains(command, ackWish) {
		return
	}
	var wish struct {
		Wanted  bool            `json:"p_is_ack"`
		ID      json.RawMessage `json:"msg_id"`
		Command json.RawMessage `json:"cmd"`
		Type    json.RawMessage `json:"p_msg_type"`
	}
	if json.Unmarshal(command, &wish) != nil || !wish.Wanted || len(wish.ID) == 0 {
		return
	}
	body, err := json.Marshal(map[string]json.RawMessage{
		"msg_id": wish.ID, "cmd": orNull(wish.Command), "p_msg_type": orNull(wish.Type),
	})
	if err == nil {
		err = c.link.write(ctx, clientPacket(OpAck, body))
	}
	if err != nil {
		c.log.Debug("command is not acknowledged", "room", c.room, "error", err)
	}
}

func orNull(v json.RawMessage) json.RawMessage {
	if len(v) == 0 {
		return json.RawMessage("null")
	}
	return v
}

// ended names the cause of a link's end; late is the one where nothing came in time.
func (c *conn) ended(ctx context.Context, err error, late string) *collect.Ended {
	cause := causeClosed
	switch {
	case ctx.Err() != nil:
		cause, err = causeStopped, context.Cause(ctx)
	case c.closing.Load():
		cause = causeStopped
	case c.silent.Load():
		cause, err = late, fmt.Errorf("nothing arrived in time: %w", err)
	case errors.Is(err, ErrMisaligned):
		cause = causeMisaligned
	case errors.Is(err, websocket.ErrMessageTooBig):
		cause = causeTooLarge
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ETIMEDOUT):
		cause = causeReset
	}
	return &collect.Ended{Cause: cause, Err: err}
}
