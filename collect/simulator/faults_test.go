package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"danmaku-archiver/collect/bilibili"
)

// Each of these pushes something bad beside all of the good.
func TestBadPackets(t *testing.T) {
	const n = 8000
	path := long(t, n, 10)
	for fault, cause := range map[string]string{
		faultTruncatedJSON:    "",
		faultInvalidUTF8:      "",
		faultUnknownOperation: bilibili.CauseOperation,
		faultUnknownVersion:   bilibili.CauseVersion,
		faultBadInflate:       bilibili.CauseInflate,
		faultDuplicate:        "",
		faultTorn:             "",
		faultJoined:           "",
	} {
		t.Run(fault, func(t *testing.T) {
			ledger := &syncBuffer{}
			s := start(t, Config{Replay: path, Speed: "max", Faults: []string{fault}, Ledger: ledger})
			c := newBrowser(t, s).enter("tcp", 4711, 2)
			seen := make(map[string]int)
			good, broken, invalid := 0, 0, 0
			count := func(body []byte) {
				switch {
				case !json.Valid(body):
					broken++
				case !utf8.Valid(body):
					invalid++
				default:
					_, id := parsed(t, body)
					seen[id]++
					good++
				}
			}
			for len(seen) < n {
				count(c.commands(1)[0])
			}
			for _, body := range c.settle() {
				count(body)
			}
			switch fault {
			case faultTruncatedJSON:
				if broken == 0 {
					t.Error("no truncated command")
				}
			case faultInvalidUTF8:
				if invalid == 0 {
					t.Error("no invalid UTF-8")
				}
			case faultDuplicate:
				if good <= n {
					t.Error("no duplicate")
				}
			}
			if (cause != "") != (len(c.bad) > 0) || cause != "" && !slices.Contains(c.bad, cause) {
				t.Errorf("bad packets %v, want %q", c.bad, cause)
			}
			if lines := ledger.read(t); len(lines) != good {
				t.Errorf("ledger has %d lines, %d good commands came", len(lines), good)
			}
		})
	}
}

// torn only delays: writes are cut into pieces that make up the whole.
func TestTornPieces(t *testing.T) {
	f, err := newFaults([]string{faultTorn}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	whole := make([]byte, 10_000)
	for i := range whole {
		whole[i] = byte(i)
	}
	var joined []byte
	pieces := f.pieces(whole, subject{})
	for _, p := range pieces {
		joined = append(joined, p...)
	}
	if !slices.Equal(joined, whole) || len(pieces) < 8 || len(pieces[0]) > 8 {
		t.Errorf("%d pieces of %d bytes, the first %d", len(pieces), len(joined), len(pieces[0]))
	}
}

func TestDisconnect(t *testing.T) {
	s := start(t, Config{Rooms: 1, Rate: 1000, Faults: []string{"disconnect=50ms"}})
	b := newBrowser(t, s)
	resets, ends := 0, 0
	for range 200 {
		c := b.dial("tcp")
		// It may end at any time, so no step needs to succeed.
		key := b.token(s.rooms[0].id)
		raw := bilibili.AppendPacket(nil, bilibili.Packet{Operation: bilibili.OpAuth,
			Body: []byte(`{"roomid":` + decimal(int64(s.rooms[0].id)) + `,"buvid":"` + b.buvid + `","key":"` + key + `"}`)})
		_, err := c.tcp.Write(raw)
		for err == nil {
			_, err = c.packet()
		}
		switch {
		case errors.Is(err, syscall.ECONNRESET):
			resets++
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			ends++
		default:
			t.Fatalf("connection ended with %v", err)
		}
		c.close()
		if resets > 0 && ends > 0 {
			return
		}
	}
	t.Errorf("%d resets, %d ends; want both", resets, ends)
}

func TestUnmasked(t *testing.T) {
	s := start(t, Config{Rooms: 1, Rate: 5000, Faults: []string{faultUnmasked}})
	c := newBrowser(t, s).enter("ws", s.rooms[0].id, 2)
	danmaku := 0
	for danmaku < 20 {
		command := c.commands(1)[0]
		switch name, _ := parsed(t, command); name {
		case "DANMU_MSG":
			danmaku++
			if said := saidBy(t, command); said.UID == 0 {
				t.Fatalf("masked: %s", command)
			}
		case "LOG_IN_NOTICE":
			t.Fatal("got a notice to log in")
		}
	}
}

func TestRefuseAuth(t *testing.T) {
	s := start(t, Config{Rooms: 1, Faults: []string{faultRefuseAuth}})
	b := newBrowser(t, s)
	key := b.token(s.rooms[0].id)
	replies := make(map[string]int)
	for i := 0; i < 200 && len(replies) < 2; i++ {
		c := b.dial("tcp")
		reply, err := c.auth(s.rooms[0].id, 3, 0, b.buvid, key)
		if err != nil {
			t.Fatal(err)
		}
		replies[string(reply.Body)]++
		c.close()
	}
	if replies[`{"code":0}`] == 0 || replies[`{"code":-101}`] == 0 {
		t.Errorf("replies %v, want both", replies)
	}
}

func TestRiskControl(t *testing.T) {
	s := start(t, Config{Rooms: 1, Faults: []string{faultRiskControl}})
	b := newBrowser(t, s)
	codes := make(map[int]int)
	for i := 0; i < 200 && len(codes) < 2; i++ {
		params := url.Values{"id": {decimal(int64(s.rooms[0].id))}, "type": {"0"}}
		_, body := b.get("/xlive/web-room/v1/index/getDanmuInfo?" + bilibili.Sign(params, b.mixin, time.Now()))
		var answer struct {
			Code int `json:"code"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		codes[answer.Code]++
	}
	if codes[0] == 0 || codes[-352] == 0 {
		t.Errorf("codes %v, want 0 and -352", codes)
	}
}
