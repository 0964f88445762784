package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"danmaku-archiver/schema"
)

// Config says what to simulate. Its zero value lacks only the address of HTTP.
type Config struct {
	// HTTP, TCP, WS and WSS are the addresses to listen on, on loopback only. Port 0 takes
	// a free one; "" turns a transport off, but HTTP must be on.
	HTTP, TCP, WS, WSS string
	// Hosts is the number of chat hosts, 0 for 1, at most 8. The first is what TCP, WS and
	// WSS say, the others are the addresses after it (127.0.0.2 …), on the same ports, or
	// free ones for port 0.
	Hosts int
	// Rooms is the number of scripted rooms, 0 for 100. Their ids are made from the seed.
	Rooms int
	// Rate is the number of commands per second over all scripted rooms, 0 for 200. Rooms
	// share it by Zipf's law.
	Rate float64
	// Seed decides rooms and traffic (S3).
	Seed uint64
	// Replay is a recording, a file or a folder, that takes the place of the scripts.
	Replay string
	// Speed is how fast it is played: "1" (or "") is its own pace, "N" that many times as
	// fast, "max" as fast as the clients read.
	Speed string
	// Ledger takes one JSON line for each command pushed to an accepted connection; nil
	// is none. It is written to by one goroutine at a time, in whole lines.
	Ledger io.Writer
	// Faults are settings NAME[=VALUE][:SCOPE][@FROM[+FOR]] of [Faults]: how much, a share,
	// time or count; for whom, a group of endpoints (token, lists, rooms, history,
	// identity, signed) or connections (hostN, identityN, roomN, guests, accounts); and
	// when, counted from New. Of several with one name the first that fits counts.
	Faults []string
	// FlushInterval is the time between two flushes of a room, 0 for 1.3 s (measured in
	// wzgrx/pure_live).
	FlushInterval time.Duration
	Logger        *slog.Logger
}

const (
	defaultRooms         = 100
	defaultRate          = 200
	defaultFlushInterval = 1300 * time.Millisecond
	mostRooms            = 100_000
	mostHosts            = 8
)

func (c *Config) setDefaults() error {
	if c.Rooms == 0 {
		c.Rooms = defaultRooms
	}
	if c.Hosts == 0 {
		c.Hosts = 1
	}
	if c.Rate == 0 {
		c.Rate = defaultRate
	}
	if c.FlushInterval == 0 {
		c.FlushInterval = defaultFlushInterval
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Rooms < 0 || c.Rooms > mostRooms:
		return fmt.Errorf("rooms %d: want 1 to %d", c.Rooms, mostRooms)
	case c.Hosts < 0 || c.Hosts > mostHosts:
		return fmt.Errorf("hosts %d: want 1 to %d", c.Hosts, mostHosts)
	case !(c.Rate > 0 && c.Rate <= 1e6):
		return fmt.Errorf("rate %v: want more than 0 and at most 1000000 commands per second", c.Rate)
	case c.FlushInterval < 0:
		return fmt.Errorf("flush interval %s: want a positive duration", c.FlushInterval)
	}
	return nil
}

// Simulator is the stand-in. Make one with [New]; all methods may be called concurrently.
type Simulator struct {
	config    Config
	log       *slog.Logger
	timing    timing
	listeners *listeners
	certs     *certificates
	secrets   *secrets
	faults    *faults
	ledger    *ledger
	bans      bans
	crowd     crowd
	buvids    buvids
	flux      flux

	rooms   []*room // the most popular first; never changes
	byID    map[schema.RoomID]*room
	byShort map[int64]*room
	byOwner map[string]*room // by the streamer's uid, decimal
	traffic []*traffic       // one a room
	tapes   *recording       // nil where scripted

	chats       sync.WaitGroup
	number      atomic.Int64
	connections atomic.Int64
	accepted    atomic.Int64
	refused     atomic.Int64
	withheld    atomic.Int64
	acks        atomic.Int64
}

// New checks the configuration, reads the recording's index if there is one, and binds
// the listeners. They are closed when [Simulator.Run] returns.
func New(c Config) (*Simulator, error) {
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	s := &Simulator{config: c, log: c.Logger, timing: defaultTiming, ledger: newLedger(c.Ledger)}
	speed, err := ParseSpeed(c.Speed)
	if err != nil {
		return nil, err
	}
	if s.faults, err = newFaults(c.Faults, c.Seed, c.Hosts); err != nil {
		return nil, err
	}
	s.flux.seed, s.flux.faults = c.Seed, s.faults
	if s.secrets, err = newSecrets(c.Seed); err != nil {
		return nil, err
	}
	if s.certs, err = newCertificates(time.Now()); err != nil {
		return nil, err
	}
	if err := s.makeRooms(speed); err != nil {
		return nil, err
	}
	s.listeners, err = listen(c, s.certs.leaf)
	return s, err
}

// ParseSpeed reads [Config.Speed]: the factor, 1 for an empty text, 0 for "max".
func ParseSpeed(text string) (float64, error) {
	switch text {
	case "":
		return 1, nil
	case "max":
		return 0, nil
	}
	speed, err := strconv.ParseFloat(text, 64)
	if err != nil || !(speed > 0 && speed <= 1e9) {
		return 0, fmt.Errorf(`speed %q: want "1" for the recording's own pace, a number above 0, or "max"`, text)
	}
	return speed, nil
}

func (s *Simulator) makeRooms(speed float64) error {
	c, now := s.config, time.Now()
	var all []facts
	if c.Replay == "" {
		all = scriptedRooms(c.Seed, c.Rooms, now)
	} else {
		var err error
		if s.tapes, err = loadRecording(c.Replay, c.Seed); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		all = recordedRooms(c.Seed, s.tapes.roomIDs(), now)
	}
	s.byID = make(map[schema.RoomID]*room, len(all))
	s.byShort = make(map[int64]*room)
	s.byOwner = make(map[string]*room, len(all))
	shares := zipfShares(c.Rate, len(all))
	for i, f := range all {
		rm := newRoom(f)
		rm.rank = i + 1
		s.rooms = append(s.rooms, rm)
		s.byID[rm.id] = rm
		s.byOwner[decimal(rm.streamer)] = rm
		if rm.short != 0 {
			s.byShort[rm.short] = rm
		}
		t := &traffic{room: rm, every: c.FlushInterval}
		if s.scripted() {
			rm.flux = &s.flux
			source := newScripted(c.Seed, rm, shares[i]*c.FlushInterval.Seconds())
			source.stopped = s.stopped
			t.source, t.byKind = source, true
		} else {
			t.source = newTape(rm, s.tapes.rooms[rm.id], speed, c.Seed)
			if speed == 0 {
				t.every = 0
			}
		}
		s.traffic = append(s.traffic, t)
	}
	return nil
}

func (s *Simulator) scripted() bool { return s.config.Replay == "" }

// SetFaults replaces the faults while it runs; the error is a [*FaultError].
func (s *Simulator) SetFaults(settings ...string) error { return s.faults.set(settings) }

// Addresses says where it listens.
func (s *Simulator) Addresses() Addresses { return s.listeners.addresses() }

// CA returns the certificate, in PEM, of the authority that signed the one used for wss.
// It is made by [New], for localhost, ::1 and 127.0.0.1 to 127.0.0.8.
func (s *Simulator) CA() []byte { return s.certs.caPEM }

// Run serves until ctx ends; then it says farewell to its clients and returns nil. Any
// other error ends it too, such as one of the ledger's writer. It is called once.
func (s *Simulator) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.ledger.run(ctx) })
	for _, t := range s.traffic {
		group.Go(func() error { return t.run(ctx) })
	}
	s.serveHTTP(ctx, group, s.listeners.http, s.api())
	for _, h := range s.listeners.hosts {
		s.serveHTTP(ctx, group, h.ws, s.sub(ctx, h))
		s.serveHTTP(ctx, group, h.wss, s.sub(ctx, h))
		if h.tcp != nil {
			group.Go(func() error { return s.serveTCP(ctx, h) })
		}
	}
	err := group.Wait()
	// Nobody accepts any more; the connections are on their way out.
	s.chats.Wait()
	return errors.Join(err, s.ledger.flush())
}

type connKey struct{}

// serveHTTP serves one listener and shuts it down when ctx ends.
func (s *Simulator) serveHTTP(ctx context.Context, group *errgroup.Group, l net.Listener, h http.Handler) {
	if l == nil {
		return
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		if server.Shutdown(grace) != nil {
			return server.Close()
		}
		return nil
	})
}

// serveTCP accepts until ctx ends.
func (s *Simulator) serveTCP(ctx context.Context, h *host) error {
	stop := context.AfterFunc(ctx, func() { _ = h.tcp.Close() })
	defer stop()
	for {
		conn, err := h.tcp.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve %s: %w", h.tcp.Addr(), err)
		}
		s.chats.Go(func() { s.chat(ctx, newTCPLink(conn, s.faults), h.number, "", conn.RemoteAddr().String()) })
	}
}

// sub is the handler of a host's WebSocket listeners.
func (s *Simulator) sub(ctx context.Context, h *host) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/sub", func(w http.ResponseWriter, r *http.Request) {
		s.chats.Add(1)
		defer s.chats.Done()
		// The web player's origin is the service's; compression is the protocol's own.
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled,
		})
		if err != nil {
			s.log.Debug("no WebSocket handshake", "error", err)
			return
		}
		raw := r.Context().Value(connKey{}).(net.Conn)
		s.chat(ctx, newWSLink(ctx, conn, raw, s.faults), h.number, r.UserAgent(), r.RemoteAddr)
	})
	return mux
}

func (s *Simulator) chat(ctx context.Context, l link, host int, agent, address string) {
	s.connections.Add(1)
	defer s.connections.Add(-1)
	newChat(s, l, host, s.number.Add(1), agent, hostPart(address)).serve(ctx)
}

// Stats counts what happened since New.
type Stats struct {
	Connections   int64            `json:"connections"`   // open now
	Authenticated int64            `json:"authenticated"` // accepted since New
	Refused       int64            `json:"refused"`       // auths refused since New
	Acks          int64            `json:"acks"`          // received
	Withheld      int64            `json:"withheld"`      // commands that a fault left out, by connection
	Commands      int64            `json:"commands"`      // pushed
	Pushed        map[string]int64 `json:"pushed"`        // by command
}

// Stats returns the counts of now.
func (s *Simulator) Stats() Stats {
	total, pushed := s.ledger.counts()
	return Stats{
		Connections:   s.connections.Load(),
		Authenticated: s.accepted.Load(),
		Refused:       s.refused.Load(),
		Acks:          s.acks.Load(),
		Withheld:      s.withheld.Load(),
		Commands:      total,
		Pushed:        pushed,
	}
}
