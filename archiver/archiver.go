package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// DefaultSchedule pokes five minutes past every hour: the grace is over by then.
const DefaultSchedule = "5 * * * *"

// Config says what to archive and where to.
type Config struct {
	// Collector stands in keys and rows: [a-z0-9][a-z0-9-]{0,62}.
	Collector string
	// JournalDir is the folder of the journals.
	JournalDir string
	// StagingDir is where hours are built; nothing in it outlives a poke.
	StagingDir string
	// LockFile keeps other processes from working on the archive at the same time.
	LockFile string
	Store    store.Store
	// Schedule says when [Archiver.Run] pokes: five cron fields or a descriptor such as
	// @hourly, always in UTC. Empty is [DefaultSchedule].
	Schedule string
	// Retain is how long segments stay in the journal at least, unless space is scarce.
	Retain time.Duration
	// Privacy says how much of people the archive shows; nil: as the service sent them. It
	// is part of the recipe: hours that are committed stay as they are.
	Privacy *schema.Privacy
	// Scarce, if not nil, says how many bytes of journals must go for lack of space, 0
	// where there is enough. That many are retired, oldest first and only what is
	// committed, although Retain is not over. It is called once a poke, by the goroutine
	// that pokes.
	Scarce func() (wanted int64, err error)
	// Deadline bounds the work on one hour; 0 sets no bound.
	Deadline time.Duration
	// Logger takes what Run has to tell; nil discards it.
	Logger *slog.Logger
	// Progress, if not nil, is called after each hour that was looked at, by the
	// goroutine that pokes.
	Progress func(Event)
}

// Archiver archives the journals of one collector. Its methods may be called at any time;
// of two pokes at once the second fails with [ErrLocked].
type Archiver struct {
	c          Config
	schedule   cron.Schedule
	log        *slog.Logger
	newDecoder func(collector, journalID string) decoder
	notices    notices
	list       func() ([]tape, error)
	end        func() error
	nudged     chan struct{}
	build      func(ctx context.Context, t task, b store.Build) (*store.Manifest, Outcome, error)
}

// New checks the configuration. It touches nothing.
func New(c Config) (*Archiver, error) {
	if err := store.CheckCollector(c.Collector); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"journal": c.JournalDir, "staging": c.StagingDir} {
		if value == "" {
			return nil, fmt.Errorf("the %s folder is not named", name)
		}
	}
	switch {
	case c.LockFile == "":
		return nil, errors.New("the lock file is not named")
	case c.Store == nil:
		return nil, errors.New("there is no store to archive to")
	case c.Retain < 0 || c.Deadline < 0:
		return nil, fmt.Errorf("retain %s and deadline %s must not be negative", c.Retain, c.Deadline)
	}
	if c.Schedule == "" {
		c.Schedule = DefaultSchedule
	}
	schedule, err := ParseSchedule(c.Schedule)
	if err != nil {
		return nil, err
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	j := journals{c.JournalDir}
	a := &Archiver{
		c: c, schedule: schedule, log: log, list: j.list, end: j.end,
		nudged: make(chan struct{}, 1),
	}
	a.newDecoder = func(collector, id string) decoder {
		d := schema.NewDecoder(collector, id)
		d.Protect(a.c.Privacy)
		return d
	}
	a.build = a.buildHour
	return a, nil
}

// ParseSchedule reads five cron fields or a descriptor such as @hourly. Times are UTC:
// naming another zone is refused, as its clock skips and repeats hours.
func ParseSchedule(s string) (cron.Schedule, error) {
	if strings.Contains(s, "TZ=") {
		return nil, fmt.Errorf("schedule %q: the schedule is always in UTC, leave TZ= out", s)
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	schedule, err := parser.Parse(strings.TrimSpace(s))
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w; want five fields (minute hour day month weekday) such as %q",
			s, err, DefaultSchedule)
	}
	if schedule.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("schedule %q never comes", s)
	}
	return schedule, nil
}

// Poke archives every complete hour that is not committed, oldest first, then retires
// what is no longer needed, and more of it where space is scarce. An hour that fails keeps
// none of the others back; the error joins those of all hours, and the report is complete
// with or without it, unless ctx ended. [ErrLocked] while another process archives.
func (a *Archiver) Poke(ctx context.Context) (Report, error) {
	p := poke{a: a, done: func(HourReport) {}}
	r, err := p.run(ctx)
	return r, errors.Join(r.Err(), err)
}

// Drain ends the journals of a stopped collector, then pokes: everything that they hold
// is published. It fails while a collector holds the journal.
func (a *Archiver) Drain(ctx context.Context) (Report, error) {
	if err := a.end(); err != nil {
		return Report{}, fmt.Errorf("drain %s: %w", a.c.JournalDir, err)
	}
	return a.Poke(ctx)
}
