package bilibili

import (
	"bufio"
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"danmaku-archiver/collect"
)

// enters takes the auth packet, accepts, and sends what follows.
func enters(t testing.TB, follow []byte) func(net.Conn) {
	return func(c net.Conn) {
		in := bufio.NewReader(c)
		readAuth(t, in)
		_, _ = c.Write(append(accepted[:len(accepted):len(accepted)], follow...))
		if p := readOne(t, in); p.Operation != OpHeartbeat {
			t.Errorf("after auth came operation %d, want a heartbeat", p.Operation)
		}
	}
}

func TestConnectOverTCP(t *testing.T) {
	api := newFakeAPI(t)
	auths := make(chan authBody, 1)
	address := chatServer(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		auths <- readAuth(t, in)
		_, _ = c.Write(accepted)
		if p := readOne(t, in); p.Operation != OpHeartbeat || len(p.Body) != 0 {
			t.Errorf("after auth came %+v, want an empty heartbeat", p)
		}
		_, _ = c.Write(frame(message("a")))
	})
	api.serveHosts(t, address)
	conn := mustConnect(t, api.client(t))
	if diff := cmp.Diff(collect.Peer{Host: address, Transport: "tcp", Identity: "guest"}, conn.Peer()); diff != "" {
		t.Errorf("peer (-want +got):\n%s", diff)
	}
	r, cause := receive(t, t.Context(), conn)
	if diff := cmp.Diff([]string{"a"}, r.got); diff != "" || cause != "closed" {
		t.Errorf("cause %q (-want +got):\n%s", cause, diff)
	}
	want := authBody{RoomID: 5050, ProtoVer: 3, Platform: "web", Type: 2, Buvid: "BUVID-1infoc", Key: "token-1", SupportAck: true, Scene: "room"}
	auth := <-auths
	if diff := cmp.Diff(want, auth, cmpopts.IgnoreFields(authBody{}, "QueueUUID")); diff != "" || len(auth.QueueUUID) != 8 {
		t.Errorf("auth, queue %q (-want +got):\n%s", auth.QueueUUID, diff)
	}
}

func TestReset(t *testing.T) {
	api := newFakeAPI(t)
	received := make(chan struct{})
	api.serveHosts(t, chatServer(t, func(c net.Conn) {
		enters(t, frame(message("a")))(c)
		<-received
		_ = c.(*net.TCPConn).SetLinger(0) // close with a reset
	}))
	conn := mustConnect(t, api.client(t))
	err := conn.Receive(t.Context(), &recorder{on: func(string) error { close(received); return nil }})
	if collect.CauseOf(err) != "reset" {
		t.Errorf("ended with %v, want reset", err)
	}
}

// wsServer serves one WebSocket connection after the other on /sub.
func wsServer(t testing.TB, secure bool, serve func(*http.Request, *websocket.Conn)) *httptest.Server {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/sub" {
			http.NotFound(w, r)
			return
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer c.CloseNow()
		serve(r, c)
	}))
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func TestConnectOverWebSocket(t *testing.T) {
	for _, transport := range []string{TransportWS, TransportWSS} {
		t.Run(transport, func(t *testing.T) {
			api := newFakeAPI(t)
			large := strings.Repeat("x", 300<<10) // above the library's own limit
			headers := make(chan http.Header, 1)
			s := wsServer(t, transport == TransportWSS, func(r *http.Request, c *websocket.Conn) {
				headers <- r.Header
				ctx := context.Background()
				if _, b, err := c.Read(ctx); err != nil || !strings.Contains(string(b), `"key":"token-1"`) {
					t.Errorf("auth %q, %v", b, err)
				}
				// The reply shares its message with a command.
				_ = c.Write(ctx, websocket.MessageBinary, append(accepted[:len(accepted):len(accepted)], frame(message("a"))...))
				_ = c.Write(ctx, websocket.MessageBinary, append(frame(Packet{Operation: OpHeartbeatReply, Body: []byte{0, 0, 0, 1}}), "[object Object]"...))
				_ = c.Write(ctx, websocket.MessageBinary, frame(message(large), message("b")))
				_ = c.Write(ctx, websocket.MessageBinary, []byte("damaged message"))
				_ = c.Close(websocket.StatusNormalClosure, "")
			})
			api.serveHosts(t, s.Listener.Addr().String())
			conn := mustConnect(t, api.client(t, func(c *Config) {
				c.Transport = transport
				if s.Certificate() != nil {
					c.RootCAs = x509.NewCertPool()
					c.RootCAs.AddCert(s.Certificate())
				}
			}))
			r, cause := receive(t, t.Context(), conn)
			want := []string{"a", "popularity 1", large, "b", "!wrong_length"}
			if diff := cmp.Diff(want, r.got); diff != "" || cause != "closed" || r.packets != 4 {
				t.Errorf("cause %q after %d packets (-want +got):\n%s", cause, r.packets, diff)
			}
			h := <-headers
			if h.Get("Origin") != siteURL || h.Get("User-Agent") != DefaultUserAgent ||
				h.Get("Referer") != siteURL+"/5050" || !strings.Contains(h.Get("Cookie"), "buvid3=BUVID-1infoc") {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func TestWebSocketMessageAboveTheLimit(t *testing.T) {
	api := newFakeAPI(t)
	s := wsServer(t, false, func(_ *http.Request, c *websocket.Conn) {
		ctx := context.Background()
		_, _, _ = c.Read(ctx)
		_ = c.Write(ctx, websocket.MessageBinary, accepted)
		_ = c.Write(ctx, websocket.MessageBinary, make([]byte, MaxMessage+2))
		_, _, _ = c.Read(ctx)
	})
	api.serveHosts(t, s.Listener.Addr().String())
	conn := mustConnect(t, api.client(t, func(c *Config) { c.Transport = TransportWS }))
	if _, cause := receive(t, t.Context(), conn); cause != "message_too_large" {
		t.Errorf("cause %q", cause)
	}
}

func TestUntrustedCertificate(t *testing.T) {
	api := newFakeAPI(t)
	s := wsServer(t, true, func(*http.Request, *websocket.Conn) { t.Error("a connection came about") })
	s.Config.ErrorLog = nil
	api.serveHosts(t, s.Listener.Addr().String())
	c := api.client(t, func(c *Config) { c.Transport = TransportWSS; c.RootCAs = x509.NewCertPool() })
	_, err := c.Connect(t.Context(), collect.Visit{Room: 5050})
	if collect.CauseOf(err) != "dial_failed" {
		t.Errorf("error %v", err)
	}
}

// I5.
func TestRefusedTokenIsFetchedAnew(t *testing.T) {
	api := newFakeAPI(t)
	keys := make(chan string, 10)
	api.serveHosts(t, chatServer(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		key := readAuth(t, in).Key
		keys <- key
		if key == "token-1" {
			_, _ = c.Write(reply(OpAuthReply, `{"code":-101}`))
			return
		}
		_, _ = c.Write(accepted)
		_, _ = io.Copy(io.Discard, c)
	}))
	c := api.client(t)
	if _, err := c.Connect(t.Context(), collect.Visit{Room: 5050}); collect.CauseOf(err) != "auth_refused" {
		t.Fatalf("first try: %v", err)
	}
	mustConnect(t, c).Close()
	mustConnect(t, c).Close() // the token is used again
	for _, want := range []string{"token-1", "token-2", "token-2"} {
		if got := <-keys; got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
}

func TestAcceptanceTakenBack(t *testing.T) {
	api := newFakeAPI(t)
	keys := make(chan string, 10)
	api.serveHosts(t, chatServer(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		keys <- readAuth(t, in).Key
		_, _ = c.Write(accepted)
		_, _ = c.Write(reply(OpAuthReply, `{"code":-101}`))
		_, _ = io.Copy(io.Discard, in)
	}))
	c := api.client(t)
	for _, want := range []string{"token-1", "token-2"} {
		if _, cause := receive(t, t.Context(), mustConnect(t, c)); cause != "auth_refused" {
			t.Errorf("cause %q", cause)
		}
		if got := <-keys; got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
}

func TestHostsTakeTurns(t *testing.T) {
	api := newFakeAPI(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	var curt atomic.Int32
	hangsUp := chatServer(t, func(c net.Conn) { curt.Add(1); readAuth(t, bufio.NewReader(c)) })
	good := chatServer(t, enters(t, nil))
	api.serveHosts(t, dead.Addr().String(), hangsUp, good)
	c := api.client(t)
	for i, want := range []string{"dial_failed", "closed"} {
		if _, err := c.Connect(t.Context(), collect.Visit{Room: 5050}); collect.CauseOf(err) != want {
			t.Errorf("try %d: %v, want %s", i, err, want)
		}
	}
	conn := mustConnect(t, c)
	if conn.Peer().Host != good || curt.Load() != 1 {
		t.Errorf("connected to %s, want %s", conn.Peer().Host, good)
	}
	// After hanging up the token was in doubt.
	if n := len(api.asked(pathDanmuInfo)); n != 2 {
		t.Errorf("%d tokens, want 2", n)
	}
	receive(t, t.Context(), conn)
	if _, err := c.Connect(t.Context(), collect.Visit{Room: 5050}); collect.CauseOf(err) != "dial_failed" {
		t.Errorf("after a connection the first host is the next: %v", err)
	}
}

func TestKnownTokenServesWhileTheAPIFails(t *testing.T) {
	api := newFakeAPI(t)
	api.serveHosts(t, chatServer(t, enters(t, nil)))
	var log strings.Builder
	c := api.client(t, lines(&log))
	receive(t, t.Context(), mustConnect(t, c))
	api.answer(pathDanmuInfo, status(http.StatusBadGateway))
	c.chat.rooms[5050].fetched = time.Now().Add(-ticketAge - time.Second)
	receive(t, t.Context(), mustConnect(t, c))
	if !strings.Contains(log.String(), "the last one serves") {
		t.Errorf("log:\n%s", &log)
	}
	if _, err := c.Connect(t.Context(), collect.Visit{Room: 6060}); collect.CauseOf(err) != "token_unavailable" {
		t.Errorf("a room without a known token: %v", err)
	}
}

func TestConnectNamesTheCause(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"risk control": {text200(riskBody), "risk_control"},
		"intercepted":  {status(http.StatusPreconditionFailed), "risk_control"},
		"no such room": {text200(`{"code":1002002,"message":"no room"}`), "token_unavailable"},
		"no hosts":     {text200(`{"code":0,"data":{"token":"T","host_list":null}}`), "token_unavailable"},
		"no port":      {text200(`{"code":0,"data":{"token":"T","host_list":[{"host":"127.0.0.1","wss_port":443}]}}`), "token_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t)
			api.answer(pathDanmuInfo, c.answer)
			client := api.client(t)
			for range 2 { // the second time perhaps without a request
				if _, err := client.Connect(t.Context(), collect.Visit{Room: 5050}); collect.CauseOf(err) != c.want {
					t.Errorf("%v, want %s", err, c.want)
				}
			}
		})
	}
}

// I6.
func TestForeignChatHostIsNotDialled(t *testing.T) {
	for _, transport := range []string{TransportTCP, TransportWS, TransportWSS} {
		api := newFakeAPI(t)
		api.serveHosts(t, "192.0.2.1:2243")
		c := api.client(t, func(c *Config) { c.Transport = transport })
		_, err := c.Connect(t.Context(), collect.Visit{Room: 5050})
		if collect.CauseOf(err) != "dial_failed" || !strings.Contains(err.Error(), "no loopback address") {
			t.Errorf("%s: %v", transport, err)
		}
	}
}

func TestConnectStops(t *testing.T) {
	api := newFakeAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	api.serveHosts(t, chatServer(t, func(c net.Conn) {
		readAuth(t, bufio.NewReader(c))
		cancel()
		_, _ = io.Copy(io.Discard, c)
	}))
	c := api.client(t)
	if _, err := c.Connect(ctx, collect.Visit{Room: 5050}); collect.CauseOf(err) != "stopped" {
		t.Errorf("while waiting for the auth reply: %v", err)
	}
	if _, err := c.Connect(ctx, collect.Visit{Room: 6060}); collect.CauseOf(err) != "stopped" {
		t.Errorf("before the first request: %v", err)
	}
}

func TestTicketsOfFormerRoomsAreForgotten(t *testing.T) {
	var s chatServers
	s.store(1, nil, ticket{token: "old"})
	s.rooms[1].fetched = time.Now().Add(-ticketKept - time.Second)
	s.store(2, nil, ticket{token: "new"})
	if len(s.rooms) != 1 {
		t.Errorf("%d rooms remembered, want 1", len(s.rooms))
	}
	if _, found, _ := s.known(1, nil); found {
		t.Error("an old ticket is still known")
	}
}
