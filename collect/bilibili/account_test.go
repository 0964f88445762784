package bilibili

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

const (
	netscape = "# Netscape HTTP Cookie File\n" +
		".bilibili.com\tTRUE\t/\tTRUE\t4102444800\tSESSDATA\tsecret%2C1\n" +
		"#HttpOnly_.bilibili.com\tTRUE\t/\tFALSE\t0\tbili_jct\tcsrf\r\n" +
		".bilibili.com\tTRUE\t/\tFALSE\t0\tDedeUserID\t4711\n" +
		"live.bilibili.com\tFALSE\t/\tFALSE\t0\tbuvid3\tB3infoc\n" +
		".example.org\tTRUE\t/\tTRUE\t0\tSESSDATA\tforeign\n"
	exported = `[{"domain":".bilibili.com","name":"SESSDATA","value":"secret%2C1","expirationDate":4102444800.5},
		{"domain":".bilibili.com","name":"bili_jct","value":"csrf"},{"domain":".bilibili.com","name":"DedeUserID","value":"4711"},
		{"domain":".bilibili.com","name":"buvid3","value":"B3infoc"},{"domain":"notbilibili.com","name":"SESSDATA","value":"foreign"}]`
)

func TestCookieFiles(t *testing.T) {
	const header = "SESSDATA=secret%2C1; bili_jct=csrf; DedeUserID=4711; buvid3=B3infoc"
	for name, tt := range map[string]struct {
		content, header, err string
		expires              int64
	}{
		"Netscape":         {netscape, header, "", 4102444800},
		"with a mark":      {"\ufeff" + netscape, header, "", 4102444800},
		"exported":         {exported, header, "", 4102444800},
		"wrapped":          {`{"url":"https://live.bilibili.com","cookies":` + exported + `}`, header, "", 4102444800},
		"names and values": {`{"SESSDATA":"secret%2C1","bili_jct":"csrf","DedeUserID":4711,"buvid3":"B3infoc"}`, header, "", 0},
		"logged out":       {".bilibili.com\tTRUE\t/\tTRUE\t0\tbuvid3\tB3infoc\n", "", "no cookie SESSDATA", 0},
		"another site":     {".example.org\tTRUE\t/\tTRUE\t0\tSESSDATA\tforeign\n", "", "no cookie SESSDATA", 0},
		"a header":         {"SESSDATA=secret%2C1; bili_jct=csrf", "", "want Netscape's format", 0},
		"empty":            {"", "", "want Netscape's format", 0},
		"comments":         {"# nothing\n", "", "want Netscape's format", 0},
		"cut JSON":         {exported[:40], "", "want Netscape's format", 0},
		"odd JSON":         {`{"cookies":5}`, "", "want Netscape's format", 0},
		"nested for ever":  {strings.Repeat(`{"cookies":`, 2000), "", "want Netscape's format", 0},
		"too long":         {netscape + strings.Repeat("#", maxCookieFile), "", "longer than", 0},
		"no header":        {`{"SESSDATA":"a\r\nX-Evil: 1"}`, "SESSDATA=aX-Evil:1", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cookies")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := readCookies(path)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "secret") {
					t.Errorf("error %v, want %q and no secret", err, tt.err)
				}
				return
			}
			if err != nil || c.header() != tt.header || max(c.expires.Unix(), 0) != tt.expires {
				t.Errorf("%q until %s, %v", c.header(), c.expires, err)
			}
			if s := fmt.Sprintf("%v %+v %#v %s", c, c, c, c); strings.Contains(s, "secret") {
				t.Errorf("a login is printed: %s", s)
			}
		})
	}
}

func TestCookieFileOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cookies")
	if err := os.WriteFile(path, []byte(netscape), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		if _, err := New(Config{CookieFile: path}); err == nil {
			t.Errorf("%s is taken", path)
		} else if strings.HasSuffix(path, "cookies") && !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("the error does not help: %v", err)
		}
	}
}

func FuzzCookies(f *testing.F) {
	for _, s := range []string{netscape, exported, `{"SESSDATA":"a"}`, `{"cookies":[]}`, "\ufeff[]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCookies(b)
		if (err == nil) != (c.session != "") {
			t.Fatalf("%v, session %q", err, c.session)
		}
		if h := c.header(); strings.ContainsAny(h, "\r\n\x00") {
			t.Fatalf("header %q", h)
		}
	})
}

// serveLogin makes nav know the login as long as in returns true.
func (f *fakeAPI) serveLogin(in func() bool) {
	f.answer(pathNav, func(w http.ResponseWriter, r *http.Request) {
		keys := fmt.Sprintf(`"wbi_img":{"img_url":"https://i0.example/wbi/%s.png","sub_url":"https://i0.example/wbi/%s.png"}`, testImgKey, testSubKey)
		if in() && strings.Contains(r.Header.Get("Cookie"), "SESSDATA=secret") {
			fmt.Fprintf(w, `{"code":0,"data":{"isLogin":true,"mid":4711,"uname":"someone",%s}}`, keys)
			return
		}
		fmt.Fprintf(w, `{"code":-101,"message":"not logged in","data":{"isLogin":false,%s}}`, keys)
	})
}

func withCookies(t *testing.T, content string) func(*Config) {
	path := filepath.Join(t.TempDir(), "cookies.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.CookieFile = path }
}

// The account visits the rooms that are its own, with token, uid and cookies of one login;
// all others see a guest.
func TestAccountVisits(t *testing.T) {
	api := newFakeAPI(t)
	api.serveLogin(func() bool { return true })
	auths := make(chan authBody, 4)
	api.serveHosts(t, chatServer(t, func(c net.Conn) {
		auths <- readAuth(t, bufio.NewReader(c))
		_, _ = c.Write(accepted)
	}))
	var log strings.Builder
	c := api.client(t, withCookies(t, netscape), lines(&log))
	for _, account := range []bool{true, false, true} {
		conn, err := c.Connect(t.Context(), collect.Visit{Room: 5050, Account: account})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		want := authBody{Buvid: "BUVID-1infoc"}
		name := identityGuest
		if account {
			want, name = authBody{UID: 4711, Buvid: "B3infoc"}, identityAccount
		}
		if got := <-auths; got.UID != want.UID || got.Buvid != want.Buvid || conn.Peer().Identity != name {
			t.Errorf("account %t: uid %d, buvid %s, identity %s", account, got.UID, got.Buvid, conn.Peer().Identity)
		}
		tokens := api.asked(pathDanmuInfo)
		cookie := tokens[len(tokens)-1].Header.Get("Cookie")
		if strings.Contains(cookie, "SESSDATA=secret") != account {
			t.Errorf("account %t: the token was got with cookies of the other", account)
		}
	}
	if n := len(api.asked(pathDanmuInfo)); n != 3 {
		t.Errorf("%d tokens for three visits as somebody else", n)
	}
	if s := log.String(); strings.Contains(s, "secret") || strings.Contains(s, "csrf") {
		t.Errorf("a secret is logged:\n%s", s)
	}
	if s := fmt.Sprintf("%+v", c.State()); strings.Contains(s, "secret") || !strings.Contains(s, "LoggedIn:true") {
		t.Errorf("state %s", s)
	}
}

// An ended login is noticed within an hour, told once, and its rooms go on as guest.
func TestAccountEnds(t *testing.T) {
	api := newFakeAPI(t)
	in := true
	api.serveLogin(func() bool { return in })
	var log strings.Builder
	c := api.client(t, withCookies(t, netscape), lines(&log))
	check := func(want bool) {
		t.Helper()
		state, err := c.Account(t.Context())
		if err != nil || state.LoggedIn != want || (state.Problem == "") != want {
			t.Errorf("%+v, %v", state, err)
		}
		as, err := c.visitor(t.Context(), 1, true)
		if err != nil || as.account != want {
			t.Errorf("the account visits: %t, %v", as.account, err)
		}
	}
	later := func() { c.account.state.Checked = time.Now().Add(-accountAge) }
	check(true)
	in = false
	check(true) // not asked again so soon
	later()
	check(false)
	later()
	check(false)
	if n := strings.Count(log.String(), "the account cannot be used"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
	in = true
	later()
	check(true)
	// A service that does not answer does not end a login.
	api.answer(pathNav, status(http.StatusBadGateway))
	later()
	if state, err := c.Account(t.Context()); err != nil || !state.LoggedIn || !strings.Contains(state.Problem, "could not be checked") {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestExpiredCookie(t *testing.T) {
	api := newFakeAPI(t)
	c := api.client(t, withCookies(t, strings.Replace(netscape, "4102444800", "1600000000", 1)))
	state, err := c.Account(t.Context())
	if err != nil || state.LoggedIn || !strings.Contains(state.Problem, "ended on 2020-09-13") {
		t.Errorf("%+v, %v", state, err)
	}
}

// A shunned host is not the next one; another guest has another identity and token.
func TestShun(t *testing.T) {
	api := newFakeAPI(t)
	buvids := make(chan string, 8)
	enter := func(c net.Conn) {
		buvids <- readAuth(t, bufio.NewReader(c)).Buvid
		_, _ = c.Write(accepted)
	}
	one, two := chatServer(t, enter), chatServer(t, enter)
	api.serveHosts(t, one, two)
	c := api.client(t)
	visit := func(room schema.RoomID) (collect.Peer, string) {
		t.Helper()
		conn, err := c.Connect(t.Context(), collect.Visit{Room: room})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		return conn.Peer(), <-buvids
	}
	first, guest := visit(5050)
	c.Shun(5050, first, false)
	second, same := visit(5050)
	c.Shun(5050, second, true)
	_, other := visit(5050)
	_, common := visit(6060)
	if first.Host != one || second.Host != two || guest != same || other == guest || common != guest {
		t.Errorf("hosts %s, %s; guests %s, %s, %s; of another room %s", first.Host, second.Host, guest, same, other, common)
	}
	if n := c.State().Guests; n != 2 {
		t.Errorf("%d guests", n)
	}
}

func TestGuestsAreBounded(t *testing.T) {
	var p people
	seen := map[*persona]bool{}
	for range 100 {
		p.another(1)
		seen[p.guestOf(1)] = true
	}
	if len(seen) != maxGuests {
		t.Errorf("%d guests", len(seen))
	}
}

// A host in trouble with several rooms is tried last for a while.
func TestHostHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hosts
		order := func() string {
			all := []string{"a", "b", "c"}
			h.order(9, all)
			return strings.Join(all, "")
		}
		for range 5 {
			h.failed("a", 1) // one room's trouble
		}
		if order() != "abc" {
			t.Errorf("order %s after one room's failures", order())
		}
		h.failed("a", 2)
		h.failed("a", 3)
		if order() != "bca" {
			t.Errorf("order %s after three rooms' failures", order())
		}
		time.Sleep(hostPauseFirst)
		if order() != "abc" {
			t.Errorf("order %s after the pause", order())
		}
		h.shun(9, "b")
		if order() != "acb" {
			t.Errorf("order %s, b is shunned", order())
		}
		time.Sleep(shunnedFor)
		if order() != "abc" || len(h.states()) != 1 {
			t.Errorf("order %s, states %v", order(), h.states())
		}
		for n := range 10 * maxHostsKnown {
			h.failed(fmt.Sprint(n), 1)
			h.shun(schema.RoomID(n), "x")
		}
		time.Sleep(2 * shunnedFor)
		h.shun(1, "x")
		if len(h.known) > maxHostsKnown || len(h.shunned) != 1 {
			t.Errorf("%d hosts known, %d rooms remembered", len(h.known), len(h.shunned))
		}
	})
}

// New connections that are closed at once, while others stay, mean that there are too many.
func TestTooManyConnections(t *testing.T) {
	api := newFakeAPI(t)
	const most = crowdOpen
	open := make(chan struct{}, most)
	api.serveHosts(t, chatServer(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		readAuth(t, in)
		_, _ = c.Write(accepted)
		select {
		case open <- struct{}{}:
			_, _ = c.Write(frame(message(`{"cmd":"A"}`)))
			_, _ = in.WriteTo(new(strings.Builder))
		default:
		}
	}))
	var log strings.Builder
	c := api.client(t, lines(&log))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan string, most)
	came := make(chan struct{}, most)
	for room := range schema.RoomID(most) {
		conn, err := c.Connect(t.Context(), collect.Visit{Room: room + 1})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			ended <- collect.CauseOf(conn.Receive(ctx, &recorder{on: func(string) error { came <- struct{}{}; return nil }}))
		}()
		<-came
	}
	for n, want := range []string{"closed", "closed", "too_many", "too_many"} {
		conn, err := c.Connect(t.Context(), collect.Visit{Room: schema.RoomID(100 + n)})
		if err != nil {
			t.Fatal(err)
		}
		if _, cause := receive(t, t.Context(), conn); cause != want {
			t.Errorf("connection %d ended as %s, want %s", most+n+1, cause, want)
		}
	}
	cancel()
	for range most {
		if cause := <-ended; cause != "stopped" {
			t.Errorf("an open connection ended as %s", cause)
		}
	}
	if n := strings.Count(log.String(), "lower bilibili.max_connections"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
}

// A host that closes on an old token without a word says nothing of the number of
// connections; the next attempt brings a new token.
func TestOldTokensAreNotTooManyConnections(t *testing.T) {
	api := newFakeAPI(t)
	var expired atomic.Bool
	api.serveHosts(t, chatServer(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		auth := readAuth(t, in)
		if n, _ := strconv.Atoi(strings.TrimPrefix(auth.Key, "token-")); expired.Load() && n <= crowdOpen+crowdRooms {
			return
		}
		_, _ = c.Write(accepted)
		_, _ = in.WriteTo(new(strings.Builder))
	}))
	c := api.client(t)
	var conns []collect.Conn
	for room := range schema.RoomID(crowdOpen + crowdRooms) {
		conn, err := c.Connect(t.Context(), collect.Visit{Room: room + 1})
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	expired.Store(true)
	for n, conn := range conns {
		if n < crowdRooms {
			_ = conn.Close()
			_, err := c.Connect(t.Context(), collect.Visit{Room: schema.RoomID(n + 1)})
			if cause := collect.CauseOf(err); cause != causeClosed && cause != causeReset {
				t.Errorf("room %d with an old token ended as %q: %v", n+1, cause, err)
			}
			if conn, err = c.Connect(t.Context(), collect.Visit{Room: schema.RoomID(n + 1)}); err != nil {
				t.Fatalf("room %d with a new token: %v", n+1, err)
			}
		}
		defer conn.Close()
	}
}

// When nearly all requests fail, the client leaves the service alone for a while.
func TestRequestsThatFailPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr trouble
		boom := fmt.Errorf("no route")
		if tr.tripped(nil) || tr.tripped(boom) || tr.tripped(boom) || tr.tripped(boom) || tr.tripped(boom) || !tr.tripped(boom) {
			t.Error("five failures of six do not trip it, or fewer do")
		}
		for range 20 {
			if tr.tripped(boom) {
				t.Error("failures far apart trip it")
			}
			time.Sleep(10 * time.Second)
		}
		for range 20 {
			if tr.tripped(&APIError{Code: 60004, HTTPStatus: 200}) {
				t.Error("answers trip it")
			}
		}
	})
}
