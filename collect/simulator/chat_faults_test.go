package simulator

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/collect/bilibili"
)

// What must not cost a client more than itself is pushed beside all of the good.
func TestTraps(t *testing.T) {
	const n = 8000
	path := long(t, n, 10)
	for fault, causes := range map[string][]string{
		"wrong_length=1": {bilibili.CauseLength, bilibili.CauseHeaderLength},
		"bomb=1":         {bilibili.CauseInflatedTooLarge, bilibili.CauseTooManyPackets, bilibili.CauseNesting},
	} {
		t.Run(fault, func(t *testing.T) {
			s := start(t, Config{Replay: path, Speed: "max", Faults: []string{fault}})
			c := newBrowser(t, s).enter("ws", 4711, 2)
			c.commands(n)
			if rest := c.settle(); len(rest) > 0 {
				t.Errorf("%d commands more than recorded", len(rest))
			}
			seen := make(map[string]bool)
			for _, cause := range c.bad {
				seen[cause] = true
			}
			for _, cause := range causes {
				if !seen[cause] {
					t.Errorf("causes %v, want %s too", seen, cause)
				}
			}
		})
	}
}

// On a stream nothing good may follow a wrong length.
func TestWrongLengthEndsStream(t *testing.T) {
	s := start(t, Config{Replay: long(t, 8000, 10), Speed: "max", Faults: []string{"wrong_length=1"}})
	c := newBrowser(t, s).enter("tcp", 4711, 2)
	for {
		m, err := c.message()
		if err != nil {
			break // of the length, or at the end
		}
		if len(m) < bilibili.HeaderSize {
			t.Fatalf("packet of %d bytes", len(m))
		}
	}
	if _, err := io.Copy(io.Discard, c.in); err != nil {
		t.Errorf("after the wrong length: %v, want the end", err)
	}
}

// A silent host answers nothing, not even the auth.
func TestHostSilent(t *testing.T) {
	s, err := New(loopback(Config{Rooms: 1, Faults: []string{"host_silent"}}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.listeners.close()
	synctest.Test(t, func(t *testing.T) {
		conn, began := pipeChat(t, s), time.Now()
		(&client{t: t, tcp: conn}).send(bilibili.Packet{Operation: bilibili.OpAuth, Body: []byte(`{}`)})
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("got %d bytes, want none", n)
		}
		if waited := time.Since(began); waited < s.timing.auth {
			t.Errorf("ended after %s", waited)
		}
		s.chats.Wait()
	})
}

// Without an ack a command that asks for one comes again, with it not.
func TestRedelivery(t *testing.T) {
	const lines = `{"cmd":"SUPER_CHAT_MESSAGE","msg_id":"1:1:1","p_is_ack":true,"data":{"id":7}}`
	if id := ackID([]byte(lines)); id != "1:1:1" {
		t.Fatalf("msg_id %q", id)
	}
	for _, acks := range []bool{true, false} {
		s := start(t, Config{Rooms: 1, Rate: 4000, Faults: []string{faultRedelivery}}, func(s *Simulator) { s.timing.again = time.Millisecond })
		c := newBrowser(t, s).enter("ws", s.rooms[0].id, 2)
		times := make(map[string]int)
		again, asked := 0, 0
		for asked < 20 {
			id := ackID(c.commands(1)[0])
			if id == "" {
				continue
			}
			if times[id]++; times[id] > 1 {
				again++
				continue
			}
			asked++
			if acks {
				c.send(bilibili.Packet{Version: 1, Operation: opAck, Body: marshal(object{"msg_id": id})})
			}
		}
		if !acks && again == 0 {
			t.Error("nothing came again")
		}
		for id, n := range times {
			if n > 1+mostDeliveries {
				t.Errorf("%s came %d times", id, n)
			}
		}
		if got := s.Stats().Acks; acks && got == 0 || !acks && got != 0 {
			t.Errorf("acks %t: %d counted", acks, got)
		}
		c.close()
	}
}

func TestCapOfAccount(t *testing.T) {
	s := start(t, Config{Replay: "testdata/text", Speed: "max", Faults: []string{"cap_account=1"}})
	b := newBrowser(t, s)
	guests := []*client{b.enter("tcp", 1003, 0), b.enter("tcp", 1003, 0)}
	b.cookies += "; SESSDATA=made-up; DedeUserID=4711"
	for range 2 {
		c := b.dial("tcp")
		// Either of the two may be the one that goes, also before it has its reply.
		_, _ = c.auth(1003, 0, 4711, b.buvid, b.token(1003))
	}
	for deadline := time.Now().Add(patience); s.number.Load() < 4 || s.Stats().Connections != 3; {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, want 3", s.Stats().Connections)
		}
		time.Sleep(time.Millisecond)
	}
	for _, c := range guests {
		c.settle()
	}
}
