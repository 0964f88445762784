package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"danmaku-archiver/archiver"
	"danmaku-archiver/archiver/store"
	"danmaku-archiver/collect"
	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// station is everything that runs for as long as the daemon does.
//
//	sources  service
//	     \   /
//	   collector --Append--> journal --files--> archiver --> store
//
// The collector and the archiver do not know each other: the journal's files are all that
// passes between them.
type station struct {
	config    *config
	dir       dataDir
	name      string
	log       *slog.Logger
	journal   *journal.Writer
	collector *collect.Collector
	archiver  *archiver.Archiver // nil where only collected
	store     store.Store
	service   *bilibili.Client
	account   bilibili.AccountState // at the start
	privacy   *schema.Privacy
	space     journal.Pressure // at the start
}

type stationOptions struct {
	archive bool
	log     *slog.Logger
}

// newStation opens what the station needs, in the order of the picture from right to left:
// what is most likely to be wrong in the configuration comes before the journal is touched.
// A station that was made must be run: run closes the journal.
func newStation(ctx context.Context, c *config, o stationOptions) (*station, error) {
	s := &station{config: c, log: o.log}
	var err error
	if s.dir, err = c.dataDir(); err != nil {
		return nil, err
	}
	client, err := c.openService(o.log)
	if err != nil {
		return nil, err
	}
	s.service = client
	checking, cancel := context.WithTimeout(ctx, accountCheck)
	defer cancel()
	if s.account, err = client.Account(checking); err != nil && ctx.Err() != nil {
		return nil, err
	}
	sources, err := c.sources(client, o.log)
	if err != nil {
		return nil, err
	}
	if s.name, err = s.dir.collector(c.Collector); err != nil {
		return nil, err
	}
	if o.archive {
		if s.privacy, err = c.protection(s.dir); err != nil {
			return nil, err
		}
		if s.store, err = c.openStore(ctx, true); err != nil {
			return nil, err
		}
		if s.archiver, err = newArchiver(c, s.dir, s.name, s.store, s.privacy, o.log, nil); err != nil {
			return nil, err
		}
	}
	s.journal, err = journal.Open(ctx, s.dir.journal(), journal.Options{
		SyncInterval: c.Journal.SyncInterval, SegmentSize: c.Journal.SegmentSize, Logger: o.log,
		Limits: c.limits(), Pressed: s.pressed,
	})
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	// The journal says what it cannot measure.
	s.space, _ = journal.Space(s.dir.journal(), c.limits())
	interval := c.Bilibili.ConnectInterval
	if interval == 0 {
		interval = -1
	}
	s.collector = collect.New(collect.Config{
		Service: client, Sources: sources, Journal: s.journal,
		MaxConnections: c.Bilibili.MaxConnections, Top: c.Rooms.Top, Block: c.Rooms.Block,
		AccountRooms: c.accountRooms(), SampleInterval: sampleInterval(c.Bilibili.RequestsPerSecond),
		Refresh: c.Rooms.Refresh, ConnectInterval: interval,
		Version: readBuild().String(), Logger: o.log,
	})
	return s, nil
}

// accountCheck is how long the start waits for the service's word on the account.
const accountCheck = 10 * time.Second

// accountRooms is how many rooms the account visits, none without one.
func (c *config) accountRooms() int {
	if c.Bilibili.CookieFile == "" {
		return 0
	}
	return c.Bilibili.CookieRooms
}

// sampleInterval leaves half of the requests to everything else than looking at histories.
func sampleInterval(requestsPerSecond float64) time.Duration {
	return time.Duration(2 / requestsPerSecond * float64(time.Second))
}

// limits are how much room the journal leaves.
func (c *config) limits() journal.Limits {
	j := c.Journal
	return journal.Limits{MaxSize: j.MaxSize, WarnFree: j.WarnFree / 100, ShedFree: j.ShedFree / 100, StopFree: j.StopFree / 100}
}

// pressed is told by the journal that room became scarce, and that it is over. The archiver
// has the only means against it.
func (s *station) pressed(p journal.Pressure) {
	if p.Scarce && s.archiver != nil {
		s.archiver.Nudge()
	}
}

func newArchiver(c *config, d dataDir, name string, st store.Store, privacy *schema.Privacy, log *slog.Logger, progress func(archiver.Event)) (*archiver.Archiver, error) {
	return archiver.New(archiver.Config{
		Collector: name, JournalDir: d.journal(), StagingDir: d.staging(), LockFile: d.lock(),
		Store: st, Schedule: c.Archive.Schedule, Retain: c.Journal.Retain, Deadline: c.Archive.Deadline,
		Privacy: privacy,
		Scarce: func() (int64, error) {
			p, err := journal.Space(d.journal(), c.limits())
			return p.Wanted, err
		},
		Logger: log, Progress: progress,
	})
}

// run runs the parts until ctx ends or one of them fails, and stops them in the order in
// which data flows: the sessions end and their last marks are in the journal; then the
// journal writes and seals what it was given; then the archiver's current work is
// cancelled, which is made again at the next start. The error is that of a part that
// failed, nil if none did.
func (s *station) run(ctx context.Context) error {
	// Only the collector sees ctx end; the others end when it is their turn.
	later := context.WithoutCancel(ctx)
	collector := begin(ctx, s.collector.Run)
	writer := begin(later, s.journal.Run)
	parts := []*part{collector, writer}
	archiving := begin(later, func(ctx context.Context) error {
		if s.archiver == nil {
			<-ctx.Done()
			return nil
		}
		return s.archiver.Run(ctx)
	})
	parts = append(parts, archiving)

	select {
	case <-collector.done:
	case <-writer.done:
	case <-archiving.done:
	}
	s.log.Info("stopping")
	for _, p := range parts {
		p.stop()
		<-p.done
	}
	st := s.collector.Status()
	s.log.Info("stopped", "commands", st.Commands, "bytes", st.Bytes, "reconnects", st.Reconnects)
	return errors.Join(
		failed("journal", writer.err), failed("collector", collector.err), failed("archiver", archiving.err))
}

func failed(name string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// part is a running part of the station. err may be read once done is closed.
type part struct {
	stop context.CancelFunc
	done chan struct{}
	err  error
}

func begin(ctx context.Context, run func(context.Context) error) *part {
	ctx, stop := context.WithCancel(ctx)
	p := &part{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = run(ctx)
	}()
	return p
}
