package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"danmaku-archiver/collect/bilibili"
)

func TestWebRefusals(t *testing.T) {
	const lists, rooms = "/room/v1/Area/getListByAreaID", "/room/v1/Room/room_init?id=1"
	for setting, want := range map[string]struct {
		status int
		code   string
	}{
		"http_412:lists": {412, `"code":-412`},
		"http_500:lists": {500, ``},
		"code_412:lists": {200, `"code":-412`},
		"code_509:lists": {200, `"code":-509`},
		"code_799:lists": {200, `"code":-799`},
	} {
		t.Run(setting, func(t *testing.T) {
			s := start(t, Config{Rooms: 1})
			b := newBrowser(t, s)
			if err := s.SetFaults(setting); err != nil {
				t.Fatal(err)
			}
			if resp, body := b.get(lists); resp.StatusCode != want.status || !strings.Contains(string(body), want.code) {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, body, want.status, want.code)
			}
			if resp, _ := b.get(rooms); resp.StatusCode != http.StatusOK {
				t.Errorf("other endpoints: %d, want 200", resp.StatusCode)
			}
			if err := s.SetFaults(); err != nil {
				t.Fatal(err)
			}
			if resp, body := b.get(lists); resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"code":0`) {
				t.Errorf("afterwards: %d %s", resp.StatusCode, body)
			}
		})
	}
}

func TestBan(t *testing.T) {
	var b bans
	now := time.Unix(1_800_000_000, 0)
	for i := range 3 {
		if b.refuses("a", 3, now) {
			t.Fatalf("request %d is refused", i+1)
		}
	}
	if !b.refuses("a", 3, now) || b.refuses("b", 3, now) {
		t.Fatal("want the address that asks too often banned, and no other")
	}
	if b.refuses("a", 3, now.Add(banTime)) {
		t.Error("still banned though left alone")
	}
	b = bans{}
	for range 4 {
		b.refuses("a", 3, now)
	}
	b.refuses("a", 3, now.Add(2*banMercy)) // Twice as long from here.
	if !b.refuses("a", 3, now.Add(2*banMercy+2*banTime-time.Nanosecond)) {
		t.Error("who keeps asking is not banned for longer")
	}
}

// Of a token's request: keys that rotate, a voucher, a cookie that has expired.
func TestSignatureRefusals(t *testing.T) {
	s := start(t, Config{Rooms: 1})
	b := newBrowser(t, s)
	ask := func() string {
		params := url.Values{"id": {decimal(int64(s.rooms[0].id))}, "type": {"0"}}
		_, body := b.get("/xlive/web-room/v1/index/getDanmuInfo?" + bilibili.Sign(params, b.mixin, time.Now()))
		return string(body)
	}
	for _, step := range []struct{ setting, want string }{
		{"key_rotation=1h", `{"code":-352,"message":"-352","ttl":1}`},
		{"voucher=1", `"v_voucher"`},
		{"risk_control=1@1h", `"token"`},
		{"risk_control=1", `{"code":-352`},
	} {
		if err := s.SetFaults(step.setting); err != nil {
			t.Fatal(err)
		}
		if body := ask(); !strings.Contains(body, step.want) {
			t.Errorf("%s: %s, want %s", step.setting, body, step.want)
		}
	}
	if err := s.SetFaults(); err != nil {
		t.Fatal(err)
	}
	code := func(session string) (code int) {
		b.cookies = "buvid3=" + b.buvid + "; DedeUserID=4711; SESSDATA=" + session
		var answer struct {
			Code int `json:"code"`
		}
		_, body := b.get("/x/web-interface/nav")
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Code
	}
	future := decimal(time.Now().Add(time.Hour).Unix())
	if got := []int{code("made-up"), code("0a,1600000000,1b"), code("0a%2C" + future + "%2C1b")}; fmt.Sprint(got) != "[0 -101 0]" {
		t.Errorf("nav with a session, an expired and a good one: %v", got)
	}
	if err := s.SetFaults("logged_out"); err != nil {
		t.Fatal(err)
	}
	if got := code("made-up"); got != codeNotLoggedIn {
		t.Errorf("logged out: code %d", got)
	}
}

func TestListFaults(t *testing.T) {
	s := start(t, Config{Rooms: 70})
	b := newBrowser(t, s)
	page := func(path string, n int) (items []listItem) {
		b.data(fmt.Sprintf("%s?page=%d", path, n), 0, &items)
		return items
	}
	if n := len(page("/room/v1/room/get_user_recommend", 3)); n != 10 {
		t.Errorf("third page of recommendations has %d rooms, want 10", n)
	}
	if err := s.SetFaults("lists_overlap"); err != nil {
		t.Fatal(err)
	}
	const a = "/room/v1/Area/getListByAreaID"
	one, two := page(a, 1), page(a, 2)
	if len(two) != 33 || two[0].RoomID != one[27].RoomID || two[2].RoomID != one[29].RoomID {
		t.Errorf("second page of %d rooms does not begin with the end of the first", len(two))
	}
	if err := s.SetFaults("lists_unsorted"); err != nil {
		t.Fatal(err)
	}
	rises := 0
	for i, items := 1, page(a, 1); i < len(items); i++ {
		if items[i].Online > items[i-1].Online {
			rises++
		}
	}
	if rises == 0 {
		t.Error("the list is sorted")
	}
	if err := s.SetFaults("lists_empty"); err != nil {
		t.Fatal(err)
	}
	if n := len(page(a, 1)); n != 0 {
		t.Errorf("%d rooms, want none", n)
	}
}

// What a connection gets and what the ledger says was withheld from it make up everything.
func TestThinning(t *testing.T) {
	const n = 4000
	for _, share := range []float64{0.3, 0.8} {
		ledger := &syncBuffer{}
		path := long(t, n, 10)
		commands, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(commands, []byte(`"N"`), []byte(`"DANMU_MSG"`)), 0o600); err != nil {
			t.Fatal(err)
		}
		s := start(t, Config{Replay: path, Speed: "max", Ledger: ledger,
			Faults: []string{fmt.Sprintf("thinning=%v:identity1", share)}})
		c := newBrowser(t, s).enter("tcp", 4711, 2)
		for seen := s.Stats(); seen.Commands+seen.Withheld < n; seen = s.Stats() {
			time.Sleep(time.Millisecond)
		}
		got := len(c.settle())
		withheld := 0
		for _, l := range ledger.read(t) {
			if l.Withheld == faultThinning {
				withheld++
			}
		}
		if got+withheld != n || s.Stats().Withheld != int64(withheld) {
			t.Errorf("%v: %d came, %d withheld (stats %d), want %d in all", share, got, withheld, s.Stats().Withheld, n)
		}
		if f := float64(withheld) / n; f < share-0.05 || f > share+0.05 {
			t.Errorf("%v: %.2f withheld", share, f)
		}
		if s.faults.on(faultThinning, subject{host: 1, identity: 2}) {
			t.Error("another identity is thinned too")
		}
	}
}

// A half-open connection says nothing; a silent one still answers heartbeats.
func TestDeadConnections(t *testing.T) {
	s := start(t, Config{Rooms: 1, Rate: 2000, Faults: []string{"silent=1"}})
	b := newBrowser(t, s)
	c := b.enter("tcp", s.rooms[0].id, 2)
	c.send(heartbeat(""))
	for {
		p, err := c.packet()
		if err != nil {
			t.Fatal(err)
		}
		if p.Operation == bilibili.OpHeartbeatReply {
			break
		}
		if name, _ := parsed(t, p.Body); name != "LOG_IN_NOTICE" {
			t.Fatalf("silent connection pushes %s", name)
		}
	}
	c.close()
	if err := s.SetFaults("half_open=1", "unmasked"); err != nil {
		t.Fatal(err)
	}
	c = b.enter("tcp", s.rooms[0].id, 2)
	c.send(heartbeat(""))
	for before := s.Stats().Withheld; s.Stats().Withheld < before+200; {
		time.Sleep(time.Millisecond)
	}
	// Good again, it goes on with what comes next.
	if err := s.SetFaults("unmasked"); err != nil {
		t.Fatal(err)
	}
	if p, err := c.packet(); err != nil || p.Operation != bilibili.OpMessage {
		t.Errorf("after half_open: %+v, %v; want a push, and no answer to the lost heartbeat", p, err)
	}
}

func TestCaps(t *testing.T) {
	// The reset may come before the connection is fully open.
	ended := func(s *Simulator) bool {
		conn, err := net.Dial("tcp", s.Addresses().TCP)
		if err == nil {
			defer conn.Close()
			if err = conn.SetReadDeadline(time.Now().Add(patience)); err == nil {
				_, err = conn.Read(make([]byte, 1))
			}
		}
		return errors.Is(err, syscall.ECONNRESET)
	}
	t.Run("newest", func(t *testing.T) {
		s := start(t, Config{Replay: "testdata/text", Speed: "max", Faults: []string{"cap=1"}})
		b := newBrowser(t, s)
		first := b.enter("tcp", 1003, 0)
		if !ended(s) {
			t.Error("the second connection stays")
		}
		if rest := first.settle(); len(rest) > 0 {
			t.Errorf("the first got %q", rest)
		}
	})
	for _, host := range []string{"host_down", "host_down:host1"} {
		t.Run(host, func(t *testing.T) {
			s := start(t, Config{Rooms: 1, Faults: []string{host}})
			if !ended(s) {
				t.Error("the host is up")
			}
		})
	}
	t.Run("random", func(t *testing.T) {
		s := start(t, Config{Rooms: 1, Faults: []string{"cap_random=2"}})
		for range 3 {
			// The one that is chosen may be reset before it is fully open.
			if conn, err := net.Dial("tcp", s.Addresses().TCP); err == nil {
				defer conn.Close()
			}
		}
		for deadline := time.Now().Add(patience); s.number.Load() < 3 || s.Stats().Connections != 2; {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections, want 2", s.Stats().Connections)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func TestTokenAge(t *testing.T) {
	s := start(t, Config{Rooms: 1})
	b := newBrowser(t, s)
	key := b.token(s.rooms[0].id)
	for setting, want := range map[string]string{"token_age=1ns": `{"code":-101}`, "token_age=1h": `{"code":0}`} {
		if err := s.SetFaults(setting); err != nil {
			t.Fatal(err)
		}
		if reply, err := b.dial("tcp").auth(s.rooms[0].id, 3, 0, b.buvid, key); err != nil || string(reply.Body) != want {
			t.Errorf("%s: %s, %v; want %s", setting, reply.Body, err, want)
		}
	}
	if err := s.SetFaults("token_age=1ns", "mute_refusal"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.dial("tcp").auth(s.rooms[0].id, 3, 0, b.buvid, key); !errors.Is(err, io.EOF) {
		t.Errorf("mute refusal: %v, want the end", err)
	}
}

func TestFaultSettings(t *testing.T) {
	name, s, err := parseFault("thinning=0.3:host2@30s+1m")
	if want := (setting{share: 0.3, scope: scope{scopeHost, 2}, from: 30 * time.Second, length: time.Minute}); err != nil || name != faultThinning || s != want {
		t.Errorf("%s %+v, %v", name, s, err)
	}
	for _, wrong := range []string{
		"", "gremlins", "thinning=0", "thinning=1.5", "torn=1", "cap=-1", "token_age=5", "ban:lists", "http_412:host1",
		"thinning:lists", "thinning:host0", "torn@x", "torn@1s+0s", "torn@-1s",
	} {
		if err := CheckFaults([]string{wrong}); err == nil {
			t.Errorf("%q: no error", wrong)
		}
	}
	for _, f := range Faults() {
		if err := CheckFaults([]string{f.Name}); err != nil || f.About == "" || f.Source == "" {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
