package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"danmaku-archiver/collect/bilibili"
)

// subject is the connection as scopes see it.
func (c *chat) subject() subject {
	who := subject{host: c.host, identity: c.identity, account: c.uid != 0}
	if c.room != nil {
		who.room = c.room.rank
	}
	return who
}

// buvids numbers the identities in the order in which they were first accepted.
type buvids struct {
	mu sync.Mutex
	by map[string]int
}

func (b *buvids) number(buvid string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == nil {
		b.by = make(map[string]int)
	}
	if b.by[buvid] == 0 {
		b.by[buvid] = len(b.by) + 1
	}
	return b.by[buvid]
}

var (
	errCrowded = errors.New("one connection too many")
	errDown    = errors.New("this host is down")
)

// greet does what happens to a connection before it says anything.
func (c *chat) greet(ctx context.Context) error {
	switch {
	case c.sim.faults.on(faultHostDown, c.subject()):
		c.link.end(endReset)
		return errDown
	case !c.sim.admit(c):
		c.link.end(endReset)
		return errCrowded
	case c.sim.faults.on(faultHostSilent, c.subject()):
		// What it says is taken, as by any host.
		for {
			if _, err := c.link.read(); err != nil {
				return err
			}
			c.beat()
		}
	}
	return nil
}

// dead tells whether the fault has got hold of this connection.
func (c *chat) dead(fault string) bool {
	return c.sim.faults.marks(fault, c.subject(), c.number)
}

// spared leaves out of a flush what faults withhold from this connection, and enters it
// in the ledger as such.
func (c *chat) spared(f *flush, frames []frame) ([]frame, error) {
	if c.sim.faults.none() {
		return frames, nil
	}
	for _, fault := range []string{faultHalfOpen, faultSilent} {
		if c.dead(fault) {
			for _, fr := range frames {
				c.withhold(f, fr.of, fault)
			}
			return nil, nil
		}
	}
	if !c.sim.faults.on(faultThinning, c.subject()) {
		return frames, nil
	}
	var left []frame
	for _, fr := range frames {
		var kept, thinned []int
		for _, i := range fr.of {
			if c.thins(&f.commands[i]) {
				thinned = append(thinned, i)
			} else {
				kept = append(kept, i)
			}
		}
		switch {
		case len(thinned) == 0:
			left = append(left, fr)
			continue
		case len(kept) > 0:
			again, err := f.frame(c.form, kept)
			if err != nil {
				return nil, err
			}
			left = append(left, again)
		}
		c.withhold(f, thinned, faultThinning)
	}
	return left, nil
}

func (c *chat) thins(what *command) bool {
	return what.name == "DANMU_MSG" &&
		c.sim.faults.marks(faultThinning, c.subject(), textNumber(c.buvid), uint64(c.host), textNumber(what.id))
}

func (c *chat) withhold(f *flush, of []int, fault string) {
	f.written(of) // It is not offered to another: it was sent, and lost on this way.
	c.sim.withheld.Add(int64(len(of)))
	c.sim.ledger.record(c.room.id, c.name, f.commands, of, fault)
}

// mostJoined bounds a message of the fault joined; clients refuse more than 8 MiB.
const mostJoined = 1 << 20

// joined puts frames together where the fault wants it.
func (c *chat) joined(frames []frame) []frame {
	if len(frames) < 2 || !c.sim.faults.on(faultJoined, c.subject()) {
		return frames
	}
	var all []frame
	for _, fr := range frames {
		if n := len(all); n > 0 && len(all[n-1].data)+len(fr.data) <= mostJoined {
			last := &all[n-1]
			last.data = append(last.data[:len(last.data):len(last.data)], fr.data...)
			last.of = append(last.of[:len(last.of):len(last.of)], fr.of...)
			continue
		}
		all = append(all, fr)
	}
	return all
}

// opAck is the client's answer to a command with p_is_ack (wzgrx/pure_live).
const opAck bilibili.Operation = 24

// delivery is a command that waits for its ack.
type delivery struct {
	command command
	at      time.Time
	again   int
}

const (
	mostDeliveries = 3
	mostUnacked    = 1000
)

// acked notes the ack for the writer.
func (c *chat) acked(body []byte) {
	var a struct {
		ID json.RawMessage `json:"msg_id"`
	}
	if json.Unmarshal(body, &a) != nil || scalar(a.ID) == "" {
		return
	}
	c.sim.acks.Add(1)
	select {
	case c.acks <- scalar(a.ID):
	default: // A command that is pushed once more does no harm.
	}
}

// redeliver pushes again what was not acked in time, and notes what this flush asks for.
func (c *chat) redeliver(f *flush) error {
	if !c.sim.faults.on(faultRedelivery, c.subject()) {
		return nil
	}
	for len(c.acks) > 0 {
		delete(c.unacked, <-c.acks)
	}
	now := time.Now()
	for id, d := range c.unacked {
		if now.Sub(d.at) < c.sim.timing.again {
			continue
		}
		if d.at, d.again = now, d.again+1; d.again >= mostDeliveries {
			delete(c.unacked, id)
		}
		once := newFlush([]command{d.command}, false)
		fr, err := once.frame(c.form, []int{0})
		if err != nil {
			return err
		}
		if err := c.pushFrame(once, fr); err != nil {
			return err
		}
	}
	if c.unacked == nil {
		c.unacked = make(map[string]*delivery)
	}
	for i := range f.commands {
		if id := ackID(f.commands[i].payload); id != "" && len(c.unacked) < mostUnacked {
			c.unacked[id] = &delivery{command: f.commands[i], at: now}
		}
	}
	return nil
}

// ackID is the msg_id of a command that asks for an ack, "" of any other.
func ackID(payload []byte) string {
	var h struct {
		ID   json.RawMessage `json:"msg_id"`
		Asks bool            `json:"p_is_ack"`
	}
	if json.Unmarshal(payload, &h) != nil || !h.Asks {
		return ""
	}
	return scalar(h.ID)
}
