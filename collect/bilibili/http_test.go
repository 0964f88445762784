package bilibili

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/schema"
)

func TestRequestsLookLikeTheWebPlayers(t *testing.T) {
	api := newFakeAPI(t)
	api.serveHosts(t, "127.0.0.1:1")
	c := api.client(t, func(c *Config) { c.UserAgent = "Browser/1" })
	if _, _, err := c.ticket(t.Context(), 5050, nil); err != nil {
		t.Fatal(err)
	}
	r := api.asked(pathDanmuInfo)[0]
	for name, want := range map[string]string{
		"User-Agent":      "Browser/1",
		"Origin":          "https://live.bilibili.com",
		"Referer":         "https://live.bilibili.com/5050",
		"Cookie":          "buvid3=BUVID-1infoc; buvid4=B4-1",
		"Accept-Language": "zh-CN,zh;q=0.9",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if q := r.URL.Query(); q.Get("id") != "5050" || q.Get("type") != "0" || !Verify(q, testMixin) {
		t.Errorf("query %s", r.URL.RawQuery)
	}
}

func TestIdentityAndKeysAreFetchedOnce(t *testing.T) {
	api := newFakeAPI(t)
	api.serveHosts(t, "127.0.0.1:1")
	c := api.client(t)
	var all sync.WaitGroup
	for room := range schema.RoomID(20) {
		all.Go(func() {
			if _, _, err := c.ticket(t.Context(), room+1, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n, m, k := len(api.asked(pathBuvid)), len(api.asked(pathNav)), len(api.asked(pathDanmuInfo)); n != 1 || m != 1 || k != 20 {
		t.Errorf("%d identities, %d keys and %d tokens were asked for, want 1, 1 and 20", n, m, k)
	}
}

func TestParallelRequestsAreBounded(t *testing.T) {
	api := newFakeAPI(t)
	var mu sync.Mutex
	now, most := 0, 0
	full := make(chan struct{})
	api.answer(pathAreas, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		if most = max(most, now); most == maxParallel {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full
		mu.Lock()
		now--
		mu.Unlock()
		_, _ = io.WriteString(w, `{"code":0,"data":[]}`)
	})
	c := api.client(t)
	var all sync.WaitGroup
	for range 4 * maxParallel {
		all.Go(func() {
			if _, err := c.Areas(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most != maxParallel {
		t.Errorf("%d requests at once, want %d", most, maxParallel)
	}
}

func TestStaleIdentityIsRenewedOnce(t *testing.T) {
	for name, refusal := range map[string]string{
		"risk code": riskBody,
		"voucher":   `{"code":0,"message":"0","data":{"v_voucher":"voucher_x"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t)
			api.answer(pathDanmuInfo, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Header.Get("Cookie"), "BUVID-1") {
					_, _ = io.WriteString(w, refusal)
					return
				}
				_, _ = io.WriteString(w, `{"code":0,"data":{"token":"T","host_list":[{"host":"127.0.0.1","port":1}]}}`)
			})
			c := api.client(t)
			got, _, err := c.ticket(t.Context(), 5050, nil)
			if err != nil || got.token != "T" {
				t.Fatalf("ticket %+v, %v", got, err)
			}
			if n, m := len(api.asked(pathBuvid)), len(api.asked(pathNav)); n != 2 || m != 2 {
				t.Errorf("%d identities, %d keys, want 2 and 2", n, m)
			}
			if p := c.Pauses(); len(p) != 0 {
				t.Errorf("pauses %v", p)
			}
		})
	}
}

func TestRiskControlPausesItsEndpointAlone(t *testing.T) {
	api := newFakeAPI(t)
	api.answer(pathTopRooms, text200(riskBody))
	api.answer(pathTopRoomsV3, text200(`{"code":0,"data":{"list":[{"roomid":1}]}}`))
	var log strings.Builder
	c := api.client(t, lines(&log))

	_, err := c.TopRooms(t.Context(), 1, 30)
	var refusal *APIError
	if !errors.As(err, &refusal) || refusal.Code != -352 || refusal.Endpoint != pathTopRooms || refusal.HTTPStatus != 200 {
		t.Fatalf("error %v", err)
	}
	if n := len(api.asked(pathTopRooms)); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	if _, err := c.TopRooms(t.Context(), 1, 30); !errors.Is(err, ErrPaused) || len(api.asked(pathTopRooms)) != 2 {
		t.Errorf("while paused: %v, asked %d times", err, len(api.asked(pathTopRooms)))
	}
	if rooms, err := c.TopRoomsV3(t.Context(), 1, 30); err != nil || len(rooms) != 1 {
		t.Errorf("another endpoint: %v, %v", rooms, err)
	}
	if p := c.Pauses(); len(p) != 1 || p[0].Endpoint != pathTopRooms {
		t.Errorf("pauses %v", p)
	}
	if n := strings.Count(log.String(), "the service refuses"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
}

func TestInterceptionPausesEverything(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"HTTP 412":  status(http.StatusPreconditionFailed),
		"HTTP 429":  status(http.StatusTooManyRequests),
		"code -412": text200(`{"code":-412,"message":"request was banned"}`),
		"code -509": text200(`{"code":-509}`),
		"code -799": text200(`{"code":"-799"}`),
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t)
			api.answer(pathTopRooms, h)
			c := api.client(t)
			if _, err := c.TopRooms(t.Context(), 1, 30); err == nil || errors.Is(err, ErrPaused) {
				t.Fatalf("refused request: %v", err)
			}
			if _, err := c.Areas(t.Context()); !errors.Is(err, ErrPaused) || len(api.asked(pathAreas)) != 0 {
				t.Errorf("another endpoint: %v", err)
			}
			if p := c.Pauses(); len(p) != 1 || p[0].Endpoint != "" {
				t.Errorf("pauses %v", p)
			}
		})
	}
}

func TestPausesGrowAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pauses
		refusal := &APIError{Endpoint: "/x", HTTPStatus: 412}
		want := pauseFirst
		for range 12 {
			asked := time.Now()
			got, begun := p.refused("", asked, refusal)
			if length := time.Until(got.Until); !begun || length > want || length < want*3/4 {
				t.Fatalf("pause of %s (begun: %t), want about %s", length, begun, want)
			}
			if _, again := p.refused("", asked.Add(-time.Second), refusal); again {
				t.Fatal("a request from before the pause began another")
			}
			if err := p.check("/y"); !errors.Is(err, ErrPaused) || !errors.As(err, new(*APIError)) {
				t.Fatalf("during the pause: %v", err)
			}
			time.Sleep(time.Until(got.Until))
			if err := p.check("/y"); err != nil {
				t.Fatalf("after the pause: %v", err)
			}
			want = min(2*want, pauseLast)
		}
		p.answered("/y", time.Now())
		if got, _ := p.refused("", time.Now(), refusal); time.Until(got.Until) > pauseFirst {
			t.Error("an answer did not end the growth")
		}
	})
}

func TestKeysAreOldAfterHalfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cached[int]
		n := 0
		fetch := func(context.Context) (int, error) { n++; return n, nil }
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 1}, {mixinAge - 1, 1}, {1, 2}} {
			time.Sleep(step.wait)
			if got, _, err := c.get(t.Context(), mixinAge, fetch); got != step.want || err != nil {
				t.Errorf("after %s: %d, %v; want %d", step.wait, got, err, step.want)
			}
		}
	})
}

func TestCachedWaiterGivesUp(t *testing.T) {
	var c cached[int]
	begun, finish := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, _, err := c.get(t.Context(), time.Hour, func(context.Context) (int, error) {
			close(begun)
			<-finish
			return 0, errors.New("no luck")
		})
		if err == nil {
			t.Error("the fetch's error is lost")
		}
	})
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.get(ctx, time.Hour, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("waiter got %v", err)
	}
	close(finish)
	all.Wait()
	if v, _, err := c.get(t.Context(), time.Hour, func(context.Context) (int, error) { return 7, nil }); v != 7 || err != nil {
		t.Errorf("after a failed fetch: %d, %v", v, err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"not found":    {status(404), "HTTP status 404"},
		"a redirect":   {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "HTTP status 302"},
		"no JSON":      {text200("<html>"), "no JSON"},
		"no code":      {text200(`{"data":[]}`), "no code"},
		"business":     {text200(`{"code":-400,"msg":"bad request"}`), "code -400 (bad request)"},
		"wrong shape":  {text200(`{"code":0,"data":"text"}`), "decode data"},
		"endless":      {text200(`{"code":0,"data":"` + strings.Repeat("x", maxBody) + `"}`), "longer than"},
		"hung up":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"nearly empty": {text200(""), "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t)
			api.answer(pathAreas, c.answer)
			_, err := api.client(t).Areas(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), pathAreas) {
				t.Errorf("error %v, want one with %q and the endpoint", err, c.want)
			}
		})
	}
}

func TestListsWorkWithoutAnIdentity(t *testing.T) {
	api := newFakeAPI(t)
	api.answer(pathBuvid, status(http.StatusInternalServerError))
	api.answer(pathAreas, text200(`{"code":0,"data":[]}`))
	c := api.client(t)
	if _, err := c.Areas(t.Context()); err != nil {
		t.Errorf("unsigned request: %v", err)
	}
	if _, err := c.fetchTicket(t.Context(), 1, nil); err == nil || len(api.asked(pathDanmuInfo)) != 0 {
		t.Errorf("signed request: %v", err)
	}
}

func TestGoesOnWithoutIdentityAndKeysThatAreNotThere(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"not found": status(http.StatusNotFound),
		"code -404": text200(`{"code":-404,"message":"nothing here"}`),
		"no data":   text200(`{"code":0,"data":{}}`),
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t)
			api.answer(pathBuvid, h)
			api.answer(pathNav, h)
			api.answer(pathDanmuInfo, text200(`{"code":0,"data":{"token":"","host_list":[{"host":"127.0.0.1","port":1}]}}`))
			c := api.client(t)
			for range 2 {
				if _, err := c.fetchTicket(t.Context(), 1, nil); err != nil {
					t.Fatal(err)
				}
			}
			asked := api.asked(pathDanmuInfo)
			if len(asked) != 2 || asked[0].URL.Query().Has("w_rid") || asked[0].Header.Get("Cookie") != "" {
				t.Errorf("asked %d times, first %s", len(asked), asked[0].URL)
			}
			if len(api.asked(pathBuvid)) != 1 || len(api.asked(pathNav)) != 1 {
				t.Errorf("identity asked %d times, keys %d times, want once each", len(api.asked(pathBuvid)), len(api.asked(pathNav)))
			}
			// A refusal is a reason to ask for them again.
			api.answer(pathDanmuInfo, text200(riskBody))
			if _, err := c.fetchTicket(t.Context(), 1, nil); code(err) != codeRisk {
				t.Errorf("refused: %v", err)
			}
			if len(api.asked(pathBuvid)) != 2 || len(api.asked(pathNav)) != 2 {
				t.Errorf("after a refusal: identity asked %d times, keys %d times", len(api.asked(pathBuvid)), len(api.asked(pathNav)))
			}
		})
	}
}

func TestIdentityCannotSmuggleHeaders(t *testing.T) {
	api := newFakeAPI(t)
	api.answer(pathBuvid, text200(`{"code":0,"data":{"b_3":"a;b\r\nX-Evil: 1","b_4":null}}`))
	api.answer(pathAreas, text200(`{"code":0,"data":[]}`))
	if _, err := api.client(t).Areas(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := api.asked(pathAreas)[0].Header.Get("Cookie"); got != "buvid3=abX-Evil:1; buvid4=" {
		t.Errorf("cookie %q", got)
	}
}

func TestRateIsCommon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{RequestsPerSecond: 2})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 10 {
			release, err := c.turn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			release()
		}
		if took := time.Since(start); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("10 requests at 2 a second took %s", took)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for want, config := range map[string]Config{
		"wss, ws or tcp":         {Transport: "quic"},
		"http:// or https://":    {APIURL: "api.example"},
		"no loopback address":    {LoopbackOnly: true},
		"at most 5":              {RequestsPerSecond: 6},
		"less than 2m0s":         {ReadTimeout: 2 * time.Minute},
		"want 1, 2 or 3":         {ProtoVer: 4},
		"want more than 0":       {HeartbeatInterval: -1},
		`host "10.0.0.1" is no`:  {LoopbackOnly: true, APIURL: "http://127.0.0.1:1", MainURL: "http://10.0.0.1"},
		"-1 requests a second: ": {RequestsPerSecond: -1},
	} {
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", config, err, want)
		}
	}
	for _, u := range []string{"http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"} {
		if _, err := New(Config{LoopbackOnly: true, APIURL: u, MainURL: u}); err != nil {
			t.Error(err)
		}
	}
}

func TestLoopbackGuardChecksWhatIsDialled(t *testing.T) {
	// A name passes for loopback until it is resolved; the guard must look at the address.
	err := loopbackGuard(true).control("tcp", "192.0.2.1:80", nil)
	if err == nil {
		t.Error("a foreign address may be dialled")
	}
	if err := loopbackGuard(false).control("tcp", "192.0.2.1:80", nil); err != nil {
		t.Error(err)
	}
	_, err = loopbackGuard(true).dial(t.Context(), "tcp", "192.0.2.1:80")
	if err == nil || !strings.Contains(err.Error(), "no loopback address") {
		t.Errorf("dial: %v", err)
	}
}

func TestAPIErrorText(t *testing.T) {
	e := &APIError{Endpoint: "/x", Code: -1, HTTPStatus: 200, Message: strings.Repeat("m", 300)}
	if got := e.Error(); got != fmt.Sprintf("/x: code -1 (%s)", strings.Repeat("m", 100)) {
		t.Errorf("got %q", got)
	}
}
