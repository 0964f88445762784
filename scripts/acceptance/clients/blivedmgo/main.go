// The driver of blivedm-go (https://github.com/Akegarasu/blivedm-go): brotli over wss, with
// an account's cookies, which it insists on. It is a module of its own so that what it needs
// does not become a dependency of the archiver.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/Akegarasu/blivedm-go/client"
	"github.com/Akegarasu/blivedm-go/message"
	"github.com/gorilla/websocket"
	"github.com/sirupsen/logrus"
)

type asked struct {
	HTTP     string    `json:"http"`
	WSS      string    `json:"wss"`
	CA       string    `json:"ca"`
	Sessions []session `json:"sessions"`
}

type session struct {
	Name   string `json:"name"`
	Room   int    `json:"room"`
	Cookie string `json:"cookie"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "blivedm-go:", err)
		os.Exit(1)
	}
}

func run() error {
	input := bufio.NewReader(os.Stdin)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read what is asked: %w", err)
	}
	var a asked
	if err := json.Unmarshal(line, &a); err != nil {
		return fmt.Errorf("read what is asked: %w", err)
	}
	if len(a.Sessions) != 1 {
		return fmt.Errorf("asked for %d sessions: the library's dialer and log are global, want one", len(a.Sessions))
	}
	t := &teller{session: a.Sessions[0].Name, out: json.NewEncoder(os.Stdout)}
	if err := redirect(a, t); err != nil {
		return err
	}
	if err := start(a.Sessions[0], t); err != nil {
		return err
	}
	// The end of the input says that all was told.
	_, err = io.Copy(io.Discard, input)
	return err
}

// redirect leads the library, which knows only the service's hosts, to the simulator.
func redirect(a asked, t *teller) error {
	api, err := url.Parse(a.HTTP)
	if err != nil {
		return fmt.Errorf("address of the API: %w", err)
	}
	chat, err := url.Parse(a.WSS)
	if err != nil {
		return fmt.Errorf("address of the chat: %w", err)
	}
	pem, err := os.ReadFile(a.CA)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s: no certificate in it", a.CA)
	}
	http.DefaultTransport = &detour{to: api, by: http.DefaultTransport}
	var once sync.Once
	websocket.DefaultDialer = &websocket.Dialer{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		// The library asks for port 443 whatever the API says.
		NetDialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			err := errors.New("the simulator has ended")
			var conn net.Conn
			once.Do(func() { conn, err = new(net.Dialer).DialContext(ctx, network, chat.Host) })
			return conn, err
		},
	}
	logrus.AddHook(t)
	logrus.SetOutput(io.Discard)
	return nil
}

// detour sends requests for the service to the simulator. It claims one browser for all of
// them: the library takes its token as one browser and connects as another, and the service
// binds the token to it (xfgryujk/blivedm).
type detour struct {
	to *url.URL
	by http.RoundTripper
}

func (d *detour) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = d.to.Scheme, d.to.Host, d.to.Host
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/102.0.0.0 Safari/537.36")
	return d.by.RoundTrip(r)
}

// others are commands that the library has no type for; it hands them over as text.
var others = []string{
	"WATCHED_CHANGE", "INTERACT_WORD", "INTERACT_WORD_V2", "LIKE_INFO_V3_CLICK", "LIKE_INFO_V3_UPDATE",
	"ONLINE_RANK_COUNT", "ENTRY_EFFECT", "ROOM_CHANGE", "STOP_LIVE_ROOM_LIST",
}

func start(s session, t *teller) error {
	c := client.NewClient(s.Room)
	c.SetCookie(s.Cookie)
	c.OnDanmaku(func(d *message.Danmaku) {
		t.tell(told{Command: "DANMU_MSG", ID: d.Extra.IDStr, Text: d.Content})
	})
	c.OnSuperChat(func(*message.SuperChat) { t.tell(told{Command: "SUPER_CHAT_MESSAGE"}) })
	c.OnGift(func(*message.Gift) { t.tell(told{Command: "SEND_GIFT"}) })
	c.OnGuardBuy(func(*message.GuardBuy) { t.tell(told{Command: "GUARD_BUY"}) })
	c.OnLiveStart(func(*message.LiveStart) { t.tell(told{Command: "LIVE"}) })
	c.OnLiveStop(func(*message.LiveStop) { t.tell(told{Command: "PREPARING"}) })
	c.OnUserToast(func(*message.UserToast) { t.tell(told{Command: "USER_TOAST_MSG"}) })
	for _, name := range others {
		c.RegisterCustomEventHandler(name, func(string) { t.tell(told{Command: name}) })
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	// An auth that is refused ends the connection, and nothing comes.
	tells := append([]string{
		"DANMU_MSG", "SUPER_CHAT_MESSAGE", "SEND_GIFT", "GUARD_BUY", "LIVE", "PREPARING", "USER_TOAST_MSG",
	}, others...)
	t.tell(told{Joined: true, Tells: tells})
	return nil
}

// told is a line of output.
type told struct {
	Session string   `json:"session"`
	Joined  bool     `json:"joined,omitempty"`
	Tells   []string `json:"tells,omitempty"`
	Command string   `json:"command,omitempty"`
	ID      string   `json:"id,omitempty"`
	Text    string   `json:"text,omitempty"`
	Ended   bool     `json:"ended,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// teller writes lines. It is also the hook that turns the library's complaints into errors.
type teller struct {
	session string

	mu  sync.Mutex
	out *json.Encoder
}

func (t *teller) tell(what told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	what.Session = t.session
	if err := t.out.Encode(what); err != nil {
		fmt.Fprintln(os.Stderr, "blivedm-go: write:", err)
	}
}

func (t *teller) Levels() []logrus.Level { return logrus.AllLevels[:logrus.WarnLevel+1] }

func (t *teller) Fire(e *logrus.Entry) error {
	switch {
	case e.Message == "ws message read failed, reconnecting":
		t.tell(told{Ended: true})
	case strings.HasPrefix(e.Message, "connect dial failed"):
		// It tries for ever; that it never joined or that it ended is told already.
	default:
		t.tell(told{Error: e.Message})
	}
	return nil
}
