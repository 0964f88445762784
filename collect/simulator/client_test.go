package simulator

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/schema"
)

// testAgent is a made-up User-Agent of a browser.
const testAgent = "Mozilla/5.0 (X11; Linux x86_64) Test/1.0 Chrome/150.0.0.0"

// patience bounds what a test waits for; no test succeeds by its passing.
const patience = 20 * time.Second

// loopback turns all transports on.
func loopback(c Config) Config {
	c.HTTP, c.TCP, c.WS, c.WSS = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if c.FlushInterval == 0 {
		c.FlushInterval = 10 * time.Millisecond
	}
	return c
}

// start makes and runs a simulator until the test ends; change may adjust it before.
func start(t *testing.T, c Config, change ...func(*Simulator)) *Simulator {
	t.Helper()
	s, err := New(loopback(c))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// syncBuffer is a ledger that a test reads while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

type ledgerLine struct {
	Room       schema.RoomID `json:"room_id"`
	Connection string        `json:"connection"`
	Time       time.Time     `json:"time"`
	Command    string        `json:"command"`
	ID         string        `json:"id"`
	Withheld   string        `json:"withheld"`
}

func (s *syncBuffer) read(t *testing.T) (lines []ledgerLine) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range bytes.Lines(s.b.Bytes()) {
		var l ledgerLine
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("ledger line %q: %v", line, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// browser is the web player's side of the API.
type browser struct {
	t       *testing.T
	s       *Simulator
	http    *http.Client
	cookies string
	buvid   string
	mixin   string
	agent   string
}

func newBrowser(t *testing.T, s *Simulator) *browser {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b := &browser{t: t, s: s, http: &http.Client{Transport: transport}, agent: testAgent}
	var spi struct {
		B3 string `json:"b_3"`
	}
	b.data("/x/frontend/finger/spi", 0, &spi)
	b.buvid = spi.B3
	b.cookies = "buvid3=" + spi.B3
	var nav struct {
		WBI struct {
			Img string `json:"img_url"`
			Sub string `json:"sub_url"`
		} `json:"wbi_img"`
	}
	b.data("/x/web-interface/nav", -101, &nav)
	key := func(u string) string { return strings.TrimSuffix(path.Base(u), ".png") }
	var err error
	if b.mixin, err = bilibili.MixinKey(key(nav.WBI.Img), key(nav.WBI.Sub)); err != nil {
		t.Fatal(err)
	}
	return b
}

// get returns the answer's body.
func (b *browser) get(pathAndQuery string) (*http.Response, []byte) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.s.Addresses().HTTP+pathAndQuery, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) do(r *http.Request) (*http.Response, []byte) {
	b.t.Helper()
	r.Header.Set("User-Agent", b.agent)
	r.Header.Set("Cookie", b.cookies)
	resp, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, body
}

// data decodes the data of an answer with the code.
func (b *browser) data(pathAndQuery string, code int, into any) {
	b.t.Helper()
	_, body := b.get(pathAndQuery)
	decodeData(b.t, body, code, into)
}

func decodeData(t *testing.T, body []byte, code int, into any) {
	t.Helper()
	var envelope struct {
		Code int             `json:"code"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	if envelope.Code != code {
		t.Fatalf("code %d, want %d: %s", envelope.Code, code, body)
	}
	if err := json.Unmarshal(envelope.Data, into); err != nil {
		t.Fatalf("data %s: %v", envelope.Data, err)
	}
}

// token asks for a chat token; again where risk control is simulated.
func (b *browser) token(room schema.RoomID) string {
	b.t.Helper()
	var info struct {
		Token string `json:"token"`
	}
	params := url.Values{"id": {decimal(int64(room))}, "type": {"0"}}
	b.data("/xlive/web-room/v1/index/getDanmuInfo?"+bilibili.Sign(params, b.mixin, time.Now()), 0, &info)
	return info.Token
}

// client is one chat connection.
type client struct {
	t    *testing.T
	s    *Simulator
	tcp  net.Conn
	in   *bufio.Reader
	ws   *websocket.Conn
	u    bilibili.Unpacker
	next []bilibili.Packet
	bad  []string
}

func (b *browser) dial(transport string) *client {
	b.t.Helper()
	c := &client{t: b.t, s: b.s}
	a := b.s.Addresses()
	var err error
	if transport == "tcp" {
		if c.tcp, err = net.Dial("tcp", a.TCP); err != nil {
			b.t.Fatal(err)
		}
		c.in = bufio.NewReader(c.tcp)
		b.t.Cleanup(func() { c.tcp.Close() })
		return c
	}
	address, trusted := a.WS, x509.NewCertPool()
	if transport == "wss" {
		address = a.WSS
	}
	trusted.AppendCertsFromPEM(b.s.CA())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}
	b.t.Cleanup(tr.CloseIdleConnections)
	c.ws, _, err = websocket.Dial(b.t.Context(), address, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: tr},
		HTTPHeader: http.Header{"User-Agent": {b.agent}, "Origin": {"https://live.bilibili.com"}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	c.ws.SetReadLimit(bilibili.MaxMessage)
	b.t.Cleanup(func() { _ = c.ws.CloseNow() })
	return c
}

func (c *client) send(p bilibili.Packet) {
	c.t.Helper()
	raw := bilibili.AppendPacket(nil, p)
	var err error
	if c.tcp != nil {
		_, err = c.tcp.Write(raw)
	} else {
		err = c.ws.Write(c.t.Context(), websocket.MessageBinary, raw)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// message reads one message, or one packet of a stream.
func (c *client) message() ([]byte, error) {
	if c.tcp != nil {
		if err := c.tcp.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		return bilibili.ReadPacket(c.in, nil)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, b, err := c.ws.Read(ctx)
	return b, err
}

// packet returns the next leaf packet; what cannot be unpacked is noted in bad.
func (c *client) packet() (bilibili.Packet, error) {
	for len(c.next) == 0 {
		m, err := c.message()
		if err != nil {
			return bilibili.Packet{}, err
		}
		err = c.u.Unpack(m, func(p bilibili.Packet) error {
			p.Body = bytes.Clone(p.Body)
			c.next = append(c.next, p)
			return nil
		}, func(cause string, _ []byte) error { c.bad = append(c.bad, cause); return nil })
		if err != nil {
			return bilibili.Packet{}, err
		}
	}
	p := c.next[0]
	c.next = c.next[1:]
	return p, nil
}

// auth sends the auth packet and returns the reply.
func (c *client) auth(room schema.RoomID, protover int, uid int64, buvid, key string) (bilibili.Packet, error) {
	c.t.Helper()
	body := fmt.Sprintf(`{"uid":%d,"roomid":%d,"protover":%d,"platform":"web","type":2,"buvid":%q,"key":%q}`,
		uid, room, protover, buvid, key)
	c.send(bilibili.Packet{Version: 1, Operation: bilibili.OpAuth, Sequence: 7, Body: []byte(body)})
	return c.packet()
}

// enter connects to a room as a guest and is accepted.
func (b *browser) enter(transport string, room schema.RoomID, protover int) *client {
	b.t.Helper()
	c := b.dial(transport)
	reply, err := c.auth(room, protover, 0, b.buvid, b.token(room))
	if err != nil {
		b.t.Fatal(err)
	}
	if string(reply.Body) != `{"code":0}` {
		b.t.Fatalf("auth reply %s, want code 0", reply.Body)
	}
	return c
}

// commands reads n commands.
func (c *client) commands(n int) [][]byte {
	c.t.Helper()
	var got [][]byte
	for len(got) < n {
		p, err := c.packet()
		if err != nil {
			c.t.Fatalf("after %d of %d commands: %v", len(got), n, err)
		}
		if p.Operation == bilibili.OpMessage {
			got = append(got, p.Body)
		}
	}
	return got
}

// settle returns the commands that still come before a heartbeat is answered. What came
// before that is in the ledger: the connection's writer has gone on.
func (c *client) settle() (rest [][]byte) {
	c.t.Helper()
	c.send(heartbeat(""))
	for {
		p, err := c.packet()
		switch {
		case err != nil:
			c.t.Fatal(err)
		case p.Operation == bilibili.OpHeartbeatReply:
			if err := c.s.ledger.flush(); err != nil {
				c.t.Fatal(err)
			}
			return rest
		case p.Operation == bilibili.OpMessage:
			rest = append(rest, p.Body)
		}
	}
}

func (c *client) close() {
	if c.tcp != nil {
		_ = c.tcp.Close()
	} else {
		_ = c.ws.Close(websocket.StatusNormalClosure, "")
	}
}

// parsed is a command as a ledger line would name it.
func parsed(t *testing.T, payload []byte) (name, id string) {
	t.Helper()
	e, err := recorded(payload)
	if err != nil {
		t.Fatalf("command %.200q: %v", payload, err)
	}
	c := e.command(0)
	return c.name, c.id
}

func heartbeat(body string) bilibili.Packet {
	return bilibili.Packet{Version: 1, Operation: bilibili.OpHeartbeat, Sequence: 9, Body: []byte(body)}
}

func popularity(p bilibili.Packet) uint32 { return binary.BigEndian.Uint32(p.Body) }
