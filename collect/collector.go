package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"danmaku-archiver/schema"
)

const (
	aliveInterval = time.Second
	// stopTimeout bounds the last marks of an ending session, and of the collector: a
	// journal that cannot take them in that time must not keep the process from ending.
	stopTimeout = 2 * time.Second
)

// Config is what a [Collector] needs. Service, Sources and Journal are required.
type Config struct {
	Service Service
	// Sources in the order of their claim to the connections.
	Sources []Source
	// Journal outlives the collector's Run.
	Journal Journal
	// MaxConnections bounds the sessions, 100 if zero.
	MaxConnections int
	// Top is how many rooms are taken from the sources whose reason is top, 100 if zero.
	Top int
	// AccountRooms is how many rooms, in the order of their claims, are visited as the
	// account, where the Service has one. A room that comes to be among them changes with
	// its next connection.
	AccountRooms int
	// Block are rooms that are never watched.
	Block []schema.RoomID
	// Refresh is how often the sources are asked, 1 min if zero.
	Refresh time.Duration
	// ConnectInterval is the least time between two connection attempts of the whole
	// collector, 1 s if zero; a negative one is none.
	ConnectInterval time.Duration
	// SampleInterval lies between two looks at a room's history, where the Service is a
	// [Historian]: each is a request. 2 s if zero.
	SampleInterval time.Duration
	// Version is written into the start mark.
	Version string
	// Logger may be nil: nothing is logged then.
	Logger *slog.Logger
}

// Collector keeps a session for every wanted room and journals what they receive.
type Collector struct {
	Config
	pace      *rate.Limiter
	count     counters
	historian Historian // nil where the Service is none
	informer  Informer  // nil where the Service is none

	mu        sync.Mutex
	sessions  map[schema.RoomID]*session
	lastError string
	stopList  time.Time // when a list of ended broadcasts was last looked into
}

// New returns a collector that does nothing until Run.
func New(c Config) *Collector {
	if c.MaxConnections == 0 {
		c.MaxConnections = 100
	}
	if c.Top == 0 {
		c.Top = 100
	}
	if c.Refresh == 0 {
		c.Refresh = time.Minute
	}
	if c.ConnectInterval == 0 {
		c.ConnectInterval = time.Second
	}
	if c.SampleInterval == 0 {
		c.SampleInterval = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	pace := rate.Inf
	if c.ConnectInterval > 0 {
		pace = rate.Every(c.ConnectInterval)
	}
	col := &Collector{Config: c, pace: rate.NewLimiter(pace, 1), sessions: map[schema.RoomID]*session{}}
	col.historian, _ = c.Service.(Historian)
	col.informer, _ = c.Service.(Informer)
	return col
}

// Run chooses rooms and keeps their sessions until ctx ends, when it returns nil after
// every session has ended and the last mark is in the journal's hands. Any other return is
// an error of the journal: what the service or the network does never ends Run.
func (c *Collector) Run(ctx context.Context) error {
	if err := c.mark(ctx, 0, &schema.Mark{Name: schema.MarkStart, Version: c.Version}); err != nil {
		return ended(ctx, err)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ended(gctx, c.alive(gctx)) })
	g.Go(func() error { return ended(gctx, c.choose(gctx, g)) })
	g.Go(func() error { return ended(gctx, c.sampler(gctx)) })
	if err := g.Wait(); err != nil {
		return err
	}
	return c.lastMark(ctx, 0, &schema.Mark{Name: schema.MarkStop, Cause: "shutdown"})
}

// ended is nil for an error that only says that ctx is over.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (c *Collector) alive(ctx context.Context) error {
	tick := time.NewTicker(aliveInterval)
	defer tick.Stop()
	for {
		if err := c.mark(ctx, 0, &schema.Mark{Name: schema.MarkAlive}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (c *Collector) mark(ctx context.Context, room schema.RoomID, m *schema.Mark) error {
	if err := c.Journal.Append(ctx, room, schema.KindMark, schema.AppendMark(nil, m)); err != nil {
		return fmt.Errorf("journal mark %s: %w", m.Name, err)
	}
	return nil
}

// lastMark writes a mark although ctx has ended.
func (c *Collector) lastMark(ctx context.Context, room schema.RoomID, m *schema.Mark) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return c.mark(ctx, room, m)
}
