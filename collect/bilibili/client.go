package bilibili

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

// DefaultUserAgent is a current desktop browser. The service refuses old ones with -352
// (xfgryujk/blivedm issue 84), so it will have to be renewed now and then.
const DefaultUserAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 " +
	"(KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36"

// Where the service lives.
const (
	DefaultAPIURL  = "https://api.live.bilibili.com"
	DefaultMainURL = "https://api.bilibili.com"

	siteURL = "https://live.bilibili.com"
)

// Transports of the wire protocol.
const (
	TransportWSS = "wss"
	TransportWS  = "ws"
	TransportTCP = "tcp"
)

const (
	// maxRate is the most requests a second that the service is asked.
	maxRate = 5
	// maxParallel is how many requests may be under way at once
	// (BililiveRecorder protects itself with the same number).
	maxParallel = 5
	// maxReadTimeout keeps the end of an interval of observation within the grace.
	maxReadTimeout = schema.Grace
)

// Config says how to reach the service. Zero fields take the defaults.
type Config struct {
	// APIURL is the live API, MainURL the one of the main site.
	APIURL, MainURL string
	// UserAgent is sent with requests and on dialling: the service binds it into tokens.
	UserAgent string
	// Transport is wss (the default), ws or tcp.
	Transport string
	// RootCAs replaces the system's certificate authorities; nil keeps them.
	RootCAs *x509.CertPool
	// RequestsPerSecond bounds all HTTP requests together; 1 by default, at most 5
	// unless LoopbackOnly.
	RequestsPerSecond float64
	// LoopbackOnly makes everything fail that would leave this machine.
	LoopbackOnly bool
	// ProtoVer is what the service is asked to send: 3 (brotli, the default), 2 (zlib) or
	// 1 (plain).
	ProtoVer int
	// CookieFile holds the login of an account, in Netscape's format or JSON, readable by
	// its owner only; empty: there are only guests.
	CookieFile string
	// Logger takes what is degraded but healing; nil discards.
	Logger *slog.Logger
	// HeartbeatInterval is 30 s by default; the service closes after about 60 s without.
	HeartbeatInterval time.Duration
	// ReadTimeout is how long a connection may stay silent: 70 s by default, less than
	// two minutes.
	ReadTimeout time.Duration
}

// Client is a guest of the service, and an account where it has the cookies of one: it asks
// the web API and makes connections. It is safe for concurrent use and starts nothing of
// its own.
type Client struct {
	config  Config
	log     *slog.Logger
	guard   loopbackGuard
	http    *http.Client
	ws      *http.Client
	limiter *rate.Limiter
	slots   chan struct{}
	pauses  pauses
	people  people
	account account
	mixin   cached[string]
	chat    chatServers
	hosts   hosts
	crowd   crowd
	// outcomes counts requests, trouble those of the last moments that failed.
	outcomes outcomes
	trouble  trouble
	clock    clock
	longIDs  longIDs
}

var (
	_ collect.Service   = (*Client)(nil)
	_ collect.Historian = (*Client)(nil)
	_ collect.Informer  = (*Client)(nil)
)

// New returns a client. It makes no request. The error says which field is wrong and what
// would be right.
func New(c Config) (*Client, error) {
	c.APIURL = first(c.APIURL, DefaultAPIURL)
	c.MainURL = first(c.MainURL, DefaultMainURL)
	c.UserAgent = first(c.UserAgent, DefaultUserAgent)
	c.Transport = first(c.Transport, TransportWSS)
	c.RequestsPerSecond = first(c.RequestsPerSecond, 1)
	c.HeartbeatInterval = first(c.HeartbeatInterval, 30*time.Second)
	c.ReadTimeout = first(c.ReadTimeout, 70*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.ProtoVer = first(c.ProtoVer, 3)
	if err := c.check(); err != nil {
		return nil, err
	}
	cl := &Client{
		config: c, log: c.Logger,
		guard:   loopbackGuard(c.LoopbackOnly),
		limiter: rate.NewLimiter(rate.Limit(c.RequestsPerSecond), max(1, int(c.RequestsPerSecond))),
		slots:   make(chan struct{}, maxParallel),
	}
	cl.people.account.account = true
	cl.http = cl.guard.client(c.RootCAs, true)
	cl.ws = cl.guard.client(c.RootCAs, false)
	return cl, nil
}

func (c *Config) check() error {
	switch c.Transport {
	case TransportWSS, TransportWS, TransportTCP:
	default:
		return fmt.Errorf("transport %q: want wss, ws or tcp", c.Transport)
	}
	if err := checkCookieFile(c.CookieFile); err != nil {
		return err
	}
	guard := loopbackGuard(c.LoopbackOnly)
	for _, u := range []string{c.APIURL, c.MainURL} {
		if err := guard.checkURL(u); err != nil {
			return err
		}
	}
	switch {
	case c.ProtoVer < 1 || c.ProtoVer > 3:
		return fmt.Errorf("protocol version %d: want 1, 2 or 3", c.ProtoVer)
	case c.RequestsPerSecond < 0, c.RequestsPerSecond > maxRate && !c.LoopbackOnly:
		return fmt.Errorf("%g requests a second: want at most %d, or only loopback addresses", c.RequestsPerSecond, maxRate)
	case c.HeartbeatInterval < 0:
		return fmt.Errorf("heartbeat interval %s: want more than 0", c.HeartbeatInterval)
	case c.ReadTimeout < 0 || c.ReadTimeout >= maxReadTimeout:
		return fmt.Errorf("read timeout %s: want less than %s", c.ReadTimeout, maxReadTimeout)
	}
	return nil
}

// Close drops idle HTTP connections. Connections to rooms are not touched.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.ws.CloseIdleConnections()
}
