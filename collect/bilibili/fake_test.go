package bilibili

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"danmaku-archiver/collect"
)

// fakeAPI is the web API in a few lines: every request is kept, answers can be replaced
// by path.
type fakeAPI struct {
	*httptest.Server

	mu       sync.Mutex
	requests []*http.Request
	answers  map[string]http.HandlerFunc
	identity int // how often one was handed out
}

// riskBody is the service's refusal, byte by byte (wzgrx/pure_live).
const riskBody = `{"code":-352,"message":"-352","ttl":1}`

func newFakeAPI(t testing.TB) *fakeAPI {
	f := &fakeAPI{answers: map[string]http.HandlerFunc{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	f.answer(pathNav, text200(fmt.Sprintf(
		`{"code":-101,"message":"not logged in","ttl":1,"data":{"isLogin":false,"wbi_img":{"img_url":"https://i0.example/wbi/%s.png","sub_url":"https://i0.example/wbi/%s.png"}}}`,
		testImgKey, testSubKey)))
	f.answer(pathBuvid, func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		f.identity++
		n := f.identity
		f.mu.Unlock()
		fmt.Fprintf(w, `{"code":0,"message":"ok","data":{"b_3":"BUVID-%dinfoc","b_4":"B4-%d"}}`, n, n)
	})
	return f
}

func (f *fakeAPI) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r)
	answer := f.answers[r.URL.Path]
	f.mu.Unlock()
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, r)
}

func (f *fakeAPI) answer(path string, h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[path] = h
}

// asked returns the requests of the path so far.
func (f *fakeAPI) asked(path string) []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	var rs []*http.Request
	for _, r := range f.requests {
		if r.URL.Path == path {
			rs = append(rs, r)
		}
	}
	return rs
}

func (f *fakeAPI) client(t testing.TB, change ...func(*Config)) *Client {
	t.Helper()
	config := Config{APIURL: f.URL, MainURL: f.URL, Transport: TransportTCP, RequestsPerSecond: 10_000, LoopbackOnly: true}
	for _, ch := range change {
		ch(&config)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func text200(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// serveHosts answers getDanmuInfo with these addresses and the tokens token-1, token-2, …
func (f *fakeAPI) serveHosts(t testing.TB, addresses ...string) {
	t.Helper()
	var hosts []map[string]any
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(a)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, map[string]any{"host": host, "port": n, "ws_port": n, "wss_port": n})
	}
	tokens := 0
	f.answer(pathDanmuInfo, func(w http.ResponseWriter, r *http.Request) {
		if !Verify(r.URL.Query(), testMixin) || !strings.Contains(r.Header.Get("Cookie"), "buvid3=") {
			_, _ = io.WriteString(w, riskBody)
			return
		}
		f.mu.Lock()
		tokens++
		n := tokens
		f.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 0, "data": map[string]any{
			"token": fmt.Sprintf("token-%d", n), "host_list": hosts,
		}})
	})
}

// chatServer accepts TCP connections; serve is called for each, in its own goroutine.
func chatServer(t testing.TB, serve func(c net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// readAuth reads the auth packet from a stream.
func readAuth(t testing.TB, in *bufio.Reader) (auth authBody) {
	t.Helper()
	p := readOne(t, in)
	if p.Operation != OpAuth {
		t.Errorf("first packet has operation %d, want auth", p.Operation)
	}
	if err := json.Unmarshal(p.Body, &auth); err != nil {
		t.Errorf("auth body %q: %v", p.Body, err)
	}
	return auth
}

func readOne(t testing.TB, in *bufio.Reader) Packet {
	t.Helper()
	raw, err := ReadPacket(in, nil)
	if err != nil {
		t.Errorf("read packet: %v", err)
		return Packet{}
	}
	p, _, _, _ := next(raw)
	return p
}

func reply(op Operation, body string) []byte {
	return frame(Packet{Version: VersionControl, Operation: op, Sequence: 1, Body: []byte(body)})
}

var accepted = reply(OpAuthReply, `{"code":0}`)

// recorder is a handler that writes everything down.
type recorder struct {
	mu      sync.Mutex
	packets int
	got     []string
	// on, where set, is called for every command, without the lock.
	on func(command string) error
}

func (r *recorder) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, s)
}

func (r *recorder) Packet() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets++
}

func (r *recorder) Command(b []byte) error {
	r.add(string(b))
	if r.on != nil {
		return r.on(string(b))
	}
	return nil
}

func (r *recorder) Popularity(v int64) error {
	r.add(fmt.Sprintf("popularity %d", v))
	return nil
}

func (r *recorder) Bad(cause string, _ []byte) error {
	r.add("!" + cause)
	return nil
}

// receive runs Receive to its end and returns what came and the cause.
func receive(t testing.TB, ctx context.Context, c collect.Conn) (*recorder, string) {
	t.Helper()
	var r recorder
	err := c.Receive(ctx, &r)
	var ended *collect.Ended
	if !errors.As(err, &ended) {
		t.Errorf("Receive returned %v, want an Ended", err)
	}
	return &r, collect.CauseOf(err)
}

func mustConnect(t testing.TB, c *Client) collect.Conn {
	t.Helper()
	conn, err := c.Connect(t.Context(), collect.Visit{Room: 5050})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// lines collects what a client logs.
func lines(b io.Writer) func(*Config) {
	return func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(b, nil)) }
}
