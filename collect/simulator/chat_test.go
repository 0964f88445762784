package simulator

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/collect/bilibili"
)

func TestTransportsAndVersions(t *testing.T) {
	ledger := &syncBuffer{}
	s := start(t, Config{Rooms: 3, Rate: 20_000, Seed: 1, Ledger: ledger})
	b := newBrowser(t, s)
	for _, transport := range []string{"tcp", "ws", "wss"} {
		for _, protover := range []int{0, 2, 3} {
			t.Run(fmt.Sprintf("%s protover %d", transport, protover), func(t *testing.T) {
				c := b.enter(transport, s.rooms[0].id, protover)
				defer c.close()
				var names []string
				for _, command := range c.commands(500) {
					name, _ := parsed(t, command)
					names = append(names, name)
				}
				if !slices.Contains(names, "DANMU_MSG") || !slices.Contains(names, "SEND_GIFT") {
					t.Errorf("among 500 commands: no danmaku or no gift: %v", names)
				}
				if len(c.bad) > 0 {
					t.Errorf("bad packets: %v", c.bad)
				}
			})
		}
	}
}

// The outer packet has the version that the client asked for, the inner ones none.
func TestProtoverChoosesCompression(t *testing.T) {
	s := start(t, Config{Rooms: 1, Rate: 2000, Faults: []string{faultUnmasked}})
	b := newBrowser(t, s)
	for protover, want := range map[int]uint16{0: 0, 1: 0, 2: 2, 3: 3, 7: 0} {
		c := b.enter("ws", s.rooms[0].id, protover)
		m, err := c.message()
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.BigEndian.Uint16(m[6:]); got != want {
			t.Errorf("protover %d: version %d, want %d", protover, got, want)
		}
		if seq := binary.BigEndian.Uint32(m[12:]); seq != 0 {
			t.Errorf("protover %d: sequence %d of a push, want 0", protover, seq)
		}
		c.close()
	}
}

// S5: what a client received in full is exactly what the ledger says was pushed to it.
func TestLedgerAgreesWithClient(t *testing.T) {
	ledger := &syncBuffer{}
	s := start(t, Config{Replay: "testdata/capture/1004/commands.jsonl", Speed: "max", Ledger: ledger})
	c := newBrowser(t, s).enter("wss", 1004, 3)
	var want []string
	for _, command := range c.commands(s.tapes.commands) {
		name, id := parsed(t, command)
		want = append(want, name+" "+id)
	}
	if rest := c.settle(); len(rest) > 0 {
		t.Errorf("%d commands more than recorded", len(rest))
	}
	c.close()
	var got []string
	for _, l := range ledger.read(t) {
		got = append(got, l.Command+" "+l.ID)
		if l.Room != 1004 || l.Connection != "c1" || time.Since(l.Time).Abs() > time.Hour {
			t.Errorf("line %+v: want room 1004, connection c1, a time of now", l)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("ledger %q, want %q", got, want)
	}
	if !slices.Contains(got, "DANMU_MSG 0123456789abcdef0123456789abcdef01") || !slices.Contains(got, "SUPER_CHAT_MESSAGE 77") ||
		!slices.Contains(got, "SEND_GIFT 9001") || !slices.Contains(got, "LANTERN 5:1000:1000") {
		t.Errorf("ids in the ledger: %q", got)
	}
	if n := s.Stats(); n.Commands != int64(len(want)) || n.Authenticated != 1 || n.Pushed["SEND_GIFT"] != 1 {
		t.Errorf("stats %+v, want %d commands", n, len(want))
	}
}

func TestGuestsAreMasked(t *testing.T) {
	s := start(t, Config{Rooms: 1, Rate: 5000})
	b := newBrowser(t, s)
	guest := b.enter("ws", s.rooms[0].id, 3)
	b.cookies += "; SESSDATA=made-up; DedeUserID=4711"
	account := b.dial("ws")
	if reply, err := account.auth(s.rooms[0].id, 3, 4711, b.buvid, b.token(s.rooms[0].id)); err != nil || string(reply.Body) != `{"code":0}` {
		t.Fatalf("auth of an account: %s, %v", reply.Body, err)
	}
	who := func(c *client) (notice bool, uid int64, name, hash, crc string) {
		for {
			var d struct {
				Cmd  string            `json:"cmd"`
				Info []json.RawMessage `json:"info"`
			}
			if err := json.Unmarshal(c.commands(1)[0], &d); err != nil {
				t.Fatal(err)
			}
			notice = notice || d.Cmd == "LOG_IN_NOTICE"
			if d.Cmd != "DANMU_MSG" || c == guest && !notice {
				continue
			}
			var head, user []json.RawMessage
			var outer, extra struct {
				Extra string `json:"extra"`
				Hash  string `json:"user_hash"`
			}
			if len(d.Info) != 18 {
				t.Fatalf("info has %d entries, want 18", len(d.Info))
			}
			for from, to := range map[*json.RawMessage]any{&d.Info[0]: &head, &d.Info[2]: &user} {
				if err := json.Unmarshal(*from, to); err != nil {
					t.Fatal(err)
				}
			}
			if len(head) != 18 {
				t.Fatalf("info[0] has %d entries, want 18", len(head))
			}
			for _, pair := range []struct {
				from []byte
				to   any
			}{{head[7], &crc}, {head[15], &outer}, {user[0], &uid}, {user[1], &name}} {
				if err := json.Unmarshal(pair.from, pair.to); err != nil {
					t.Fatal(err)
				}
			}
			if err := json.Unmarshal([]byte(outer.Extra), &extra); err != nil {
				t.Fatal(err)
			}
			return notice, uid, name, extra.Hash, crc
		}
	}
	notice, uid, name, hash, crc := who(guest)
	if uid != 0 || !strings.HasSuffix(name, "***") || len([]rune(name)) != 4 || !notice {
		t.Errorf("guest: notice %v, uid %d, name %q; want a notice, 0 and one character with stars", notice, uid, name)
	}
	var n uint32
	if _, err := fmt.Sscanf(crc, "%08x", &n); err != nil || hash != decimal(n) || len(crc) != 8 {
		t.Errorf("guest: info[0][7] %q and user_hash %q differ", crc, hash)
	}
	_, uid, name, _, crc = who(account)
	if uid == 0 || strings.HasSuffix(name, "***") || crc != fmt.Sprintf("%08x", crcOf(uid)) {
		t.Errorf("account: uid %d, name %q, crc %s", uid, name, crc)
	}
}

func TestHeartbeats(t *testing.T) {
	s := start(t, Config{Replay: "testdata/text", Speed: "max"})
	b := newBrowser(t, s)
	for _, transport := range []string{"ws", "tcp"} {
		// The empty room of the fixture stays silent, so nothing comes between.
		c := b.enter(transport, 1003, 0)
		c.send(heartbeat("[object Object]"))
		m, err := c.message()
		if err != nil {
			t.Fatal(err)
		}
		want := bilibili.AppendPacket(nil, bilibili.Packet{Version: 1, Operation: bilibili.OpHeartbeatReply, Body: []byte{0, 0, 0, 1}})
		if transport == "ws" {
			want = append(want, "[object Object]"...)
		}
		if string(m) != string(want) {
			t.Errorf("%s: reply %x, want %x", transport, m, want)
		}
		c.close()
	}
}

func TestAuthRefused(t *testing.T) {
	s := start(t, Config{Rooms: 2})
	b := newBrowser(t, s)
	room, other := s.rooms[0].id, s.rooms[1].id
	good := b.token(room)
	for name, try := range map[string]func(c *client) (bilibili.Packet, error){
		"no key":          func(c *client) (bilibili.Packet, error) { return c.auth(room, 3, 0, b.buvid, "") },
		"forged key":      func(c *client) (bilibili.Packet, error) { return c.auth(room, 3, 0, b.buvid, good+"A") },
		"other room":      func(c *client) (bilibili.Packet, error) { return c.auth(other, 3, 0, b.buvid, good) },
		"no room":         func(c *client) (bilibili.Packet, error) { return c.auth(1, 3, 0, b.buvid, good) },
		"other buvid":     func(c *client) (bilibili.Packet, error) { return c.auth(room, 3, 0, "B", good) },
		"guest's account": func(c *client) (bilibili.Packet, error) { return c.auth(room, 3, 5, b.buvid, good) },
		"heartbeat first": func(c *client) (bilibili.Packet, error) { c.send(heartbeat("")); return c.packet() },
		"no JSON": func(c *client) (bilibili.Packet, error) {
			c.send(bilibili.Packet{Operation: bilibili.OpAuth, Body: []byte("{")})
			return c.packet()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := b.dial("tcp")
			reply, err := try(c)
			if err == nil && string(reply.Body) != `{"code":-101}` {
				t.Fatalf("reply %s, want code -101 or the end", reply.Body)
			}
			if err == nil {
				_, err = c.packet()
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("after the refusal: %v, want the end", err)
			}
		})
	}
	t.Run("other User-Agent", func(t *testing.T) {
		other := *b
		other.agent += " other"
		if reply, err := other.dial("ws").auth(room, 3, 0, b.buvid, good); err != nil || string(reply.Body) != `{"code":-101}` {
			t.Errorf("reply %s, %v; want code -101", reply.Body, err)
		}
	})
	t.Run("reply repeats version and sequence", func(t *testing.T) {
		if reply, err := b.dial("tcp").auth(room, 3, 0, b.buvid, good); err != nil || reply.Version != 1 || reply.Sequence != 7 {
			t.Errorf("reply %+v, %v; want version 1, sequence 7", reply, err)
		}
	})
	if n := s.Stats(); n.Refused < 8 || n.Authenticated != 1 {
		t.Errorf("stats %+v, want at least 8 refused and 1 accepted", n)
	}
}

// pipeChat serves one tcp chat over a pipe, in a bubble of its own time.
func pipeChat(t *testing.T, s *Simulator) net.Conn {
	server, conn := net.Pipe()
	s.chats.Go(func() { s.chat(t.Context(), newTCPLink(server, s.faults), 1, "", "pipe") })
	return conn
}

func TestDeadlines(t *testing.T) {
	s, err := New(loopback(Config{Rooms: 1, Faults: []string{faultUnmasked}}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.listeners.close()
	key := s.secrets.newToken(token{Room: s.rooms[0].id, Buvid: "B"})

	t.Run("no auth", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn, began := pipeChat(t, s), time.Now()
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("got data, want the end")
			}
			if waited := time.Since(began); waited != s.timing.auth {
				t.Errorf("closed after %s, want %s", waited, s.timing.auth)
			}
			s.chats.Wait()
		})
	})
	t.Run("no heartbeat", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn := pipeChat(t, s)
			c := &client{t: t, tcp: conn}
			c.send(bilibili.Packet{Version: 1, Operation: bilibili.OpAuth,
				Body: fmt.Appendf(nil, `{"roomid":%d,"buvid":"B","key":%q}`, s.rooms[0].id, key)})
			read := make([]byte, 1024)
			if _, err := io.ReadAtLeast(conn, read, 26); err != nil {
				t.Fatal(err)
			}
			time.Sleep(s.timing.heartbeat - time.Second)
			c.send(heartbeat(""))
			if _, err := io.ReadAtLeast(conn, read, 20); err != nil {
				t.Fatal(err)
			}
			last := time.Now()
			if _, err := conn.Read(read); err == nil {
				t.Error("got data, want the end")
			}
			if waited := time.Since(last); waited != s.timing.heartbeat {
				t.Errorf("closed %s after the last heartbeat, want %s", waited, s.timing.heartbeat)
			}
			s.chats.Wait()
		})
	})
}
