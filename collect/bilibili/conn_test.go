package bilibili

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/collect"
)

const (
	testInterval = 30 * time.Second
	testTimeout  = 70 * time.Second
)

// piped returns a connection over a pipe, without heartbeats, and its far end.
func piped(t testing.TB) (*conn, net.Conn) {
	near, far := net.Pipe()
	c := newConn(newTCPLink(near), 5050, testTimeout, collect.Peer{}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		far.Close()
		c.Close()
	})
	return c, far
}

// drain reads packets until the far end closes and reports the operations.
func drain(far net.Conn, operations chan<- Packet) {
	defer close(operations)
	in := bufio.NewReader(far)
	for {
		raw, err := ReadPacket(in, nil)
		if err != nil {
			return
		}
		p, _, _, _ := next(raw)
		operations <- p
	}
}

// I1.
func TestReceiveHandsOverEverything(t *testing.T) {
	c, far := piped(t)
	popularity := frame(Packet{Version: VersionControl, Operation: OpHeartbeatReply, Body: []byte{0, 1, 0, 0}})
	stream := strings.Join([]string{
		string(frame(message("a"))), string(popularity),
		string(mustPack(t, VersionBrotli, frame(message("b"), message("c")))),
		string(frame(Packet{Operation: 99})),
		string(reply(OpAuthReply, `{"code":0}`)),
		string(frame(Packet{Operation: OpHeartbeatReply, Body: []byte{1}})),
		string(frame(Packet{Operation: OpAck})),
		string(mustPack(t, VersionZlib, frame(message("d")))),
	}, "")
	go func() {
		// Torn at every byte.
		for i := range len(stream) {
			if _, err := far.Write([]byte(stream[i : i+1])); err != nil {
				return
			}
		}
		far.Close()
	}()
	r, cause := receive(t, t.Context(), c)
	want := []string{"a", "popularity 65536", "b", "c", "!unknown_operation", "!short_heartbeat_reply", "!unknown_operation", "d"}
	if diff := cmp.Diff(want, r.got); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
	if cause != "closed" || r.packets != 8 {
		t.Errorf("cause %q after %d packets, want closed after 8", cause, r.packets)
	}
}

func TestReceiveNamesTheCause(t *testing.T) {
	half := frame(message("half"))
	for name, c := range map[string]struct {
		stream []byte
		want   string
	}{
		"closed":     {nil, "closed"},
		"torn":       {half[:18], "closed"},
		"misaligned": {[]byte("HTTP/1.1 403 Forbidden\r\n"), "misaligned"},
		"refused":    {reply(OpAuthReply, `{"code":-101}`), "auth_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, far := piped(t)
			go func() {
				_, _ = far.Write(append(frame(message("first")), c.stream...))
				far.Close()
			}()
			r, cause := receive(t, t.Context(), conn)
			if cause != c.want || len(r.got) != 1 || r.got[0] != "first" {
				t.Errorf("cause %q after %q, want %s", cause, r.got, c.want)
			}
		})
	}
}

// I4.
func TestSilenceEndsAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, far := piped(t)
		c.beat(testInterval)
		sent := make(chan Packet, 100)
		go drain(far, sent)
		start := time.Now()
		_, cause := receive(t, t.Context(), c)
		if took := time.Since(start); cause != "silent" || took != testTimeout {
			t.Errorf("cause %q after %s, want silent after %s", cause, took, testTimeout)
		}
		beats := 0
		for p := range sent {
			if p.Operation != OpHeartbeat || len(p.Body) != 0 {
				t.Errorf("client sent %+v", p)
			}
			beats++
		}
		if beats != 3 {
			t.Errorf("%d heartbeats, want those of 0, 30 and 60 s", beats)
		}
	})
}

func TestRepliesKeepAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, far := piped(t)
		c.beat(testInterval)
		sent := make(chan Packet)
		go drain(far, sent)
		start := time.Now()
		go func() {
			for range sent {
				if time.Since(start) < 10*time.Minute {
					_, _ = far.Write(frame(Packet{Operation: OpHeartbeatReply, Body: []byte{0, 0, 0, 1}}))
				}
			}
		}()
		r, cause := receive(t, t.Context(), c)
		if want := 9*time.Minute + 30*time.Second + testTimeout; cause != "silent" || time.Since(start) != want {
			t.Errorf("cause %q after %s, want silent after %s", cause, time.Since(start), want)
		}
		if len(r.got) != 20 {
			t.Errorf("%d replies, want 20", len(r.got))
		}
	})
}

// I2.
func TestHeartbeatsGoOnWhileTheHandlerBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, far := piped(t)
		c.beat(testInterval)
		sent := make(chan Packet, 100)
		go drain(far, sent)
		go func() {
			_, _ = far.Write(frame(message("slow")))
			_, _ = far.Write(frame(message("next")))
			far.Close()
		}()
		during := 0
		r := recorder{on: func(command string) error {
			if command == "slow" {
				time.Sleep(10*testInterval + time.Second)
				during = len(sent)
			}
			return nil
		}}
		err := c.Receive(t.Context(), &r)
		if during != 11 {
			t.Errorf("%d heartbeats while the handler blocked, want 11", during)
		}
		if diff := cmp.Diff([]string{"slow", "next"}, r.got); diff != "" || collect.CauseOf(err) != "closed" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestReceiveStops(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		stop func(c *conn, cancel context.CancelFunc) error
		want string
	}{
		"context": {func(_ *conn, cancel context.CancelFunc) error { cancel(); return nil }, "stopped"},
		"close":   {func(c *conn, _ context.CancelFunc) error { return c.Close() }, "stopped"},
		"handler": {func(*conn, context.CancelFunc) error { return boom }, "handler"},
		"both":    {func(_ *conn, cancel context.CancelFunc) error { cancel(); return context.Canceled }, "stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, far := piped(t)
			conn.beat(testInterval)
			go drain(far, make(chan Packet, 100))
			go func() { _, _ = far.Write(frame(message("first"))) }()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := conn.Receive(ctx, &recorder{on: func(string) error { return c.stop(conn, cancel) }})
			if collect.CauseOf(err) != c.want || name == "handler" && !errors.Is(err, boom) {
				t.Errorf("ended with %v, want %s", err, c.want)
			}
			if err := conn.Close(); err != nil {
				t.Errorf("second close: %v", err)
			}
		})
	}
}

func TestAcknowledge(t *testing.T) {
	c, far := piped(t)
	sent := make(chan Packet, 10)
	go drain(far, sent)
	go func() {
		for _, command := range []string{
			`{"cmd":"A"}`,
			`{"cmd":"B","p_is_ack":false,"msg_id":"1"}`,
			`{"cmd":"C","p_is_ack":true,"msg_id":"27:1000:1000","p_msg_type":1,"data":{}}`,
			`{"cmd":"D","p_is_ack":true}`,
			`{"cmd":"E","p_is_ack":true,`,
			`{"cmd":"F","p_is_ack": true,"msg_id":5}`,
		} {
			_, _ = far.Write(frame(message(command)))
		}
		far.Close()
	}()
	r, _ := receive(t, t.Context(), c)
	if len(r.got) != 6 {
		t.Errorf("%d commands, want 6", len(r.got))
	}
	var acks []string
	for p := range sent {
		if p.Operation != OpAck {
			t.Errorf("client sent operation %d", p.Operation)
		}
		acks = append(acks, string(p.Body))
	}
	// The last command's ack may find the far end closed already.
	want := []string{`{"cmd":"C","msg_id":"27:1000:1000","p_msg_type":1}`, `{"cmd":"F","msg_id":5,"p_msg_type":null}`}
	if len(acks) < 1 || !cmp.Equal(want[:len(acks)], acks) {
		t.Errorf("acks %q, want %q", acks, want)
	}
}

func TestAuthenticate(t *testing.T) {
	command := frame(message("early"))
	popularity := reply(OpHeartbeatReply, "1234")
	for name, c := range map[string]struct {
		answer []byte
		close  bool
		want   string // cause; empty: accepted
		after  time.Duration
	}{
		"accepted":           {answer: accepted},
		"empty reply":        {answer: reply(OpAuthReply, "")},
		"code as text":       {answer: reply(OpAuthReply, `{"code":"0"}`)},
		"after a command":    {answer: append(frame(message("early")), accepted...)},
		"token expired":      {answer: reply(OpAuthReply, `{"code":-101}`), want: "auth_refused"},
		"no code":            {answer: reply(OpAuthReply, `{}`), want: "auth_refused"},
		"no JSON":            {answer: reply(OpAuthReply, `no`), want: "auth_refused"},
		"no answer":          {want: "auth_timeout", after: authTimeout},
		"only commands":      {answer: command},
		"a refused talker":   {answer: mustPack(t, VersionZlib, append(command, reply(OpAuthReply, `{"code":-101}`)...)), want: "auth_refused"},
		"only other packets": {answer: popularity, want: "auth_timeout", after: authTimeout},
		"too many of them":   {answer: []byte(strings.Repeat(string(popularity), maxBeforeReply)), want: "auth_timeout"},
		"hangs up":           {close: true, want: "closed"},
		"answers as a proxy": {answer: []byte("HTTP/1.1 403 Forbidden\r\n\r\n"), want: "misaligned"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, far := piped(t)
				go func() {
					in := bufio.NewReader(far)
					if _, err := ReadPacket(in, nil); err != nil {
						t.Errorf("read auth: %v", err)
					}
					_, _ = far.Write(c.answer)
					if c.close {
						far.Close()
					}
				}()
				start := time.Now()
				err := conn.authenticate(t.Context(), clientPacket(OpAuth, []byte("{}")))
				if collect.CauseOf(err) != c.want || time.Since(start) != c.after {
					t.Errorf("%v after %s, want %q after %s", err, time.Since(start), c.want, c.after)
				}
			})
		})
	}
}

func TestWhatComesBeforeTheAuthReplyIsKept(t *testing.T) {
	c, far := piped(t)
	go func() {
		_, _ = ReadPacket(bufio.NewReader(far), nil)
		_, _ = far.Write(append(mustPack(t, VersionBrotli, frame(message("before"))), accepted...))
		_, _ = far.Write(frame(message("after")))
		far.Close()
	}()
	if err := c.authenticate(t.Context(), clientPacket(OpAuth, nil)); err != nil {
		t.Fatal(err)
	}
	r, _ := receive(t, t.Context(), c)
	if diff := cmp.Diff([]string{"before", "after"}, r.got); diff != "" || r.packets != 3 {
		t.Errorf("%d packets (-want +got):\n%s", r.packets, diff)
	}
}
