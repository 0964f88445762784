package simulator

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/schema"
)

// timing holds the service's deadlines; tests set shorter ones.
type timing struct {
	auth      time.Duration // from connecting to the auth packet
	heartbeat time.Duration // between two heartbeats
	notice    time.Duration // from the auth to LOG_IN_NOTICE
	again     time.Duration // from a push that asks for an ack to the next under redelivery
}

// defaultTiming follows SocialSisterYi/bilibili-API-collect (auth, heartbeat) and
// wzgrx/pure_live (notice).
var defaultTiming = timing{
	auth:      5 * time.Second,
	heartbeat: 60 * time.Second,
	notice:    200 * time.Millisecond,
	again:     5 * time.Second,
}

// chat is one connection of the chat protocol.
type chat struct {
	sim   *Simulator
	link  link
	name  string // c1, c2, … in the ledger
	agent string // the handshake's User-Agent, "" over tcp
	log   *slog.Logger

	number  uint64
	address string // the client's, without a port
	host    int    // of the list of hosts, from 1

	// What the auth tells; set before the reply is written.
	room     *room
	form     form
	buvid    string
	identity int // in the order of first acceptance, from 1
	uid      int64

	unacked map[string]*delivery // the writer's, by msg_id
	acks    chan string          // from the reader

	flushes chan *flush   // from the room
	replies chan []byte   // from the reader: heartbeat replies, ready to write
	beats   chan struct{} // from the reader: a heartbeat came
	ended   chan struct{} // closed by the reader when nothing is read any more
	gone    chan struct{} // closed when nothing is written any more
}

// waitingReplies is how many heartbeat replies wait for a client that does not read.
const waitingReplies = 8

func newChat(s *Simulator, l link, host int, number int64, agent, address string) *chat {
	name := "c" + decimal(number)
	return &chat{
		sim: s, link: l, name: name, agent: agent, log: s.log.With("connection", name),
		number: uint64(number), address: address, host: host,
		acks:    make(chan string, waitingReplies),
		flushes: make(chan *flush),
		replies: make(chan []byte, waitingReplies),
		beats:   make(chan struct{}, 1),
		ended:   make(chan struct{}),
		gone:    make(chan struct{}),
	}
}

// serve speaks the protocol until the connection or ctx ends, and waits for all that it
// started.
func (c *chat) serve(ctx context.Context) {
	var started sync.WaitGroup
	started.Go(func() { c.watch(ctx) })
	defer c.sim.crowd.leave(c)
	err := c.greet(ctx)
	if err == nil {
		err = c.accept()
	}
	if err == nil {
		started.Go(c.receive)
		err = c.write()
	}
	close(c.gone)
	if c.room != nil {
		c.room.leave(c)
	}
	c.link.end(endPolitely)
	started.Wait()
	c.log.Debug("connection ended", "error", err)
}

// watch ends the link when a deadline passes, the fault disconnect strikes or ctx ends.
func (c *chat) watch(ctx context.Context) {
	t := c.sim.timing
	silent := time.NewTimer(t.auth)
	defer silent.Stop()
	var struck <-chan time.Time
	life, how, mortal := c.sim.faults.lifetime(subject{host: c.host})
	if mortal {
		timer := time.NewTimer(life)
		defer timer.Stop()
		struck = timer.C
	}
	for {
		select {
		case <-c.gone:
			return
		case <-ctx.Done():
			c.link.end(endPolitely)
			return
		case <-silent.C:
			c.link.end(endPolitely)
			return
		case <-struck:
			c.link.end(how)
			return
		case <-c.beats:
			silent.Reset(t.heartbeat)
		}
	}
}

func (c *chat) beat() {
	select {
	case c.beats <- struct{}{}:
	default:
	}
}

// auth is the body of an auth packet as far as it matters here.
type auth struct {
	UID      int64            `json:"uid"`
	Room     schema.RoomID    `json:"roomid"`
	Protover bilibili.Version `json:"protover"`
	Buvid    string           `json:"buvid"`
	Key      string           `json:"key"`
}

var errRefused = errors.New("auth refused")

// accept reads the auth packet and answers it. The reply repeats the client's version and
// sequence.
func (c *chat) accept() error {
	message, err := c.link.read()
	if err != nil {
		return fmt.Errorf("wait for the auth: %w", err)
	}
	var rest []byte
	first := true
	err = new(bilibili.Unpacker).Unpack(message, func(p bilibili.Packet) error {
		if !first {
			rest = bilibili.AppendPacket(rest, p)
			return nil
		}
		first = false
		if p.Operation != bilibili.OpAuth {
			return fmt.Errorf("first packet has operation %d: %w", p.Operation, errRefused)
		}
		return c.answer(p)
	}, func(cause string, _ []byte) error { return fmt.Errorf("auth packet: %s: %w", cause, errRefused) })
	switch {
	case err != nil:
		c.sim.refused.Add(1)
		return err
	case first:
		return fmt.Errorf("empty message: %w", errRefused)
	}
	c.sim.accepted.Add(1)
	c.beat()
	return c.handle(new(bilibili.Unpacker), rest)
}

// answer checks the auth and writes the reply. A malformed one gets none.
func (c *chat) answer(p bilibili.Packet) error {
	var a auth
	if err := json.Unmarshal(p.Body, &a); err != nil {
		return fmt.Errorf("auth body: %w: %w", err, errRefused)
	}
	reply := bilibili.Packet{Version: p.Version, Operation: bilibili.OpAuthReply, Sequence: p.Sequence, Body: []byte(`{"code":0}`)}
	err := c.check(a)
	if err == nil && c.sim.faults.strikes(faultRefuseAuth, c.subject()) {
		err = fmt.Errorf("fault %s: %w", faultRefuseAuth, errRefused)
	}
	if err != nil {
		if c.sim.faults.on(faultMuteRefusal, c.subject()) {
			return err
		}
		reply.Body = []byte(`{"code":-101}`)
	} else {
		c.sim.admitAccount(c, c.uid)
		// Before the client knows: what it does next finds it in the room. Flushes wait
		// until the reply is written.
		c.room.join(c)
	}
	if e := c.link.write(bilibili.AppendPacket(nil, reply)); e != nil {
		return fmt.Errorf("answer the auth: %w", e)
	}
	return err
}

func (c *chat) check(a auth) error {
	rm := c.sim.byID[a.Room]
	if rm == nil {
		return fmt.Errorf("room %d does not exist: %w", a.Room, errRefused)
	}
	t, err := c.sim.secrets.openToken(a.Key)
	switch {
	case err != nil:
		return fmt.Errorf("room %d: %w: %w", a.Room, err, errRefused)
	case t.Room != a.Room:
		return fmt.Errorf("token of room %d used for room %d: %w", t.Room, a.Room, errRefused)
	case t.Buvid != a.Buvid:
		return fmt.Errorf("token of another buvid: %w", errRefused)
	case t.UID != a.UID:
		return fmt.Errorf("token of uid %d used by uid %d: %w", t.UID, a.UID, errRefused)
	case c.agent != "" && t.Agent != agentMark(c.agent):
		return fmt.Errorf("token of another User-Agent: %w", errRefused)
	}
	if most, on := c.sim.faults.find(faultTokenAge, subject{host: c.host}); on && time.Since(time.UnixMilli(t.Made)) > most.duration {
		return fmt.Errorf("token is too old: %w", errRefused)
	}
	c.room, c.buvid, c.uid = rm, a.Buvid, a.UID
	c.identity = c.sim.buvids.number(a.Buvid)
	c.form.masked = a.UID == 0 && c.sim.scripted() && !c.sim.faults.on(faultUnmasked, c.subject())
	if a.Protover == bilibili.VersionZlib || a.Protover == bilibili.VersionBrotli {
		c.form.version = a.Protover
	}
	c.log = c.log.With("room", a.Room)
	return nil
}

// receive reads until the link ends, and then makes the writer return.
func (c *chat) receive() {
	defer close(c.ended)
	// A writer that is blocked would not see the channel.
	defer c.link.end(endPolitely)
	var u bilibili.Unpacker
	for {
		message, err := c.link.read()
		if err != nil {
			return
		}
		if err := c.handle(&u, message); err != nil {
			c.log.Debug("bad message from the client", "error", err)
			return
		}
	}
}

// handle takes what the client sends: heartbeats and acks; all else is ignored.
func (c *chat) handle(u *bilibili.Unpacker, message []byte) error {
	return u.Unpack(message, func(p bilibili.Packet) error {
		if p.Operation == opAck {
			c.acked(p.Body)
		}
		if p.Operation != bilibili.OpHeartbeat {
			return nil
		}
		c.beat()
		if c.dead(faultHalfOpen) {
			return nil
		}
		value := binary.BigEndian.AppendUint32(nil, c.room.heartbeatValue(time.Now()))
		reply := bilibili.AppendPacket(nil, bilibili.Packet{
			Version: p.Version, Operation: bilibili.OpHeartbeatReply, Body: value,
		})
		if c.link.framed() {
			reply = append(reply, p.Body...)
		}
		select {
		case c.replies <- reply:
		default: // The client does not read; it loses a reply, not its connection.
		}
		return nil
	}, func(cause string, _ []byte) error { return errors.New(cause) })
}
