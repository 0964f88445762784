package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"danmaku-archiver/schema"
)

// ErrClosed is returned (wrapped) by a writer that takes no more records.
var ErrClosed = errors.New("journal is closed")

// Options tune a writer. Zero fields mean the defaults.
type Options struct {
	// SyncInterval is how long a written block waits for its fsync at most; default 1s.
	SyncInterval time.Duration
	// SegmentSize is the length from which a segment is rotated; default 64 MiB.
	SegmentSize int64
	// Limits say how much room the journal leaves.
	Limits Limits
	// Pressed, if not nil, is called when room becomes scarce, at most once a minute while it
	// stays so, and once when it is over. It must not block.
	Pressed func(Pressure)
	// MinTime is what the clock must show before anything is stamped; default 2026-01-01.
	MinTime time.Time
	// Logger takes what an operator should know; nil discards it.
	Logger *slog.Logger

	fs    fileSystem
	id    func() string
	ahead int64 // how far a segment is filled ahead; below 0 not at all
}

func (o Options) withDefaults() Options {
	if o.SyncInterval <= 0 {
		o.SyncInterval = time.Second
	}
	if o.SegmentSize <= 0 {
		o.SegmentSize = 64 << 20
	}
	o.Limits = o.Limits.withDefaults()
	if o.MinTime.IsZero() {
		o.MinTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.fs == nil {
		o.fs = osFS{}
	}
	if o.id == nil {
		o.id = newID
	}
	if o.ahead == 0 {
		o.ahead = fillAhead
	}
	return o
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

const (
	// gatherFor and gatherSize bound how long and how much is gathered for one block.
	gatherFor  = 200 * time.Millisecond
	gatherSize = 2 << 20
	// maxQueued bounds the records that wait for the disk, maxUnsynced the written blocks
	// that are kept until their fsync. Both bound memory while the disk is slow.
	maxQueued   = 32 << 20
	maxUnsynced = 64 << 20
	// maxSpare bounds the batches that are kept to be used again: as many as are queued at
	// most. maxSpareBlocks bounds the bytes of the blocks that are.
	maxSpare       = maxQueued / gatherSize
	maxSpareBlocks = 4 << 20
	// fillAhead is how far a segment is filled ahead with zeros: a megabyte is some seconds'
	// worth of many rooms, and longer ones make the fsync that meets them slower.
	fillAhead = 1 << 20
	// maxPause is the longest silence that one journal spans.
	maxPause = 168 * time.Hour
	// retryFirst and retryMost bound the wait after a failed write.
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
	// farewell is how long a writer that is told to end goes on trying.
	farewell = 10 * time.Second
	// reserveLeft is how many numbers of a segment's reserve stay unused: more than the
	// queue can hold of records that were given a number but no place yet.
	reserveLeft = 1 << 16
	maxRecords  = reserveLeft / 4
)

// Writer appends to the one journal of a folder that is not ended. Its methods may be
// called concurrently.
type Writer struct {
	dir  string
	o    Options
	fs   fileSystem
	log  *slog.Logger
	lock io.Closer

	wake chan struct{} // to the writing goroutine: there may be work
	kick chan struct{} // to the syncing goroutine: somebody waits

	mu sync.Mutex
	gathering
	pressing
	spare   []*batch // to be used again
	claimed bool     // Run or Close owns the disk
	closed  bool     // nothing more is taken
	done    bool     // the disk is closed too
	err     error    // why, nil in good order
	changed chan struct{}
	// records counts all that this writer took, in whichever journal; synced those that
	// are durable, wanted those that a Sync waits for.
	records, synced, wanted int64
	syncedID                string
	syncedSeq               int64

	disk     disk
	measurer measurer // the measuring goroutine's
}

// Open locks the folder, which it makes if need be, recovers what an earlier run left and
// prepares to go on: with the journal that is not ended, or with a new one where there is
// none, or where the clock stands more than [schema.Grace] before the last record or 168
// hours after it. It waits for the clock to pass MinTime. The error of a folder that is in
// use names the process. Files are written by Run, which follows, or else Close.
func Open(ctx context.Context, dir string, o Options) (*Writer, error) {
	o = o.withDefaults()
	if err := makeFolder(o.fs, dir); err != nil {
		return nil, fmt.Errorf("open journal: %w", unwritable(err))
	}
	lock, err := takeLock(o.fs, dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, o: o, fs: o.fs, log: o.Logger, lock: lock,
		wake: make(chan struct{}, 1), kick: make(chan struct{}, 1), changed: make(chan struct{}),
		measurer: measurer{fs: o.fs, dir: dir}}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return w, nil
}

func (w *Writer) prepare(ctx context.Context) error {
	if err := waitForClock(ctx, w.o.MinTime, w.log); err != nil {
		return err
	}
	all, err := recoverAll(w.fs, w.dir, w.log)
	if err != nil {
		return err
	}
	if s, err := w.measurer.measure(); err != nil {
		w.log.Warn("cannot measure the room for the journal", "error", err)
	} else {
		w.takeSpace(s)
	}
	now := time.Now().UnixMicro()
	w.watch = schema.NewWatch()
	for _, info := range all {
		if info.Ended {
			continue
		}
		r, err := resume(ctx, info)
		if err != nil {
			return fmt.Errorf("recover journal %s: %w", info.Path, err)
		}
		w.watch = r.watch
		if r.last != 0 && strays(now, r.last) {
			w.log.Warn("journal ended: the clock is too far from its last record", "journal", info.ID,
				"now", time.UnixMicro(now).UTC(), "last", time.UnixMicro(r.last).UTC())
			if err := markEnded(w.fs, info.Path); err != nil {
				return err
			}
			break
		}
		w.id, w.created, w.seq, w.last = r.id, r.created, r.seq, r.last
		w.syncedID, w.syncedSeq = r.id, info.LastSeq
		for n := range r.marks {
			m := &r.marks[n]
			if err := w.stamp(now, 0, schema.KindMark, schema.AppendMark(nil, m), m); err != nil {
				return err
			}
		}
		return nil
	}
	w.id, w.created, w.fresh = w.o.id(), now, true
	return nil
}

// Append takes one record: a copy of the payload, stamped with the time and a number. It
// blocks while the journal cannot take more, until ctx ends. When it returns nil the
// record will be written, in the order of the calls of one goroutine, unless the process
// dies within the next 200 ms, or it is shed: a command of a class that is not recorded
// for lack of room is counted instead, and the journal tells so (see the package's text on
// pressure, also for marks while the disk is dead). A payload above MaxPayload, and a mark
// that does not decode, are refused; after the writer was told to end the error is
// ErrClosed.
func (w *Writer) Append(ctx context.Context, room schema.RoomID, kind schema.Kind, payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("append to journal: payload of %d bytes, at most %d are taken", len(payload), MaxPayload)
	}
	var mark *schema.Mark
	switch kind {
	case schema.KindCommand:
	case schema.KindMark:
		m, err := schema.ParseMark(payload)
		if err != nil {
			return fmt.Errorf("append to journal: %w", err)
		}
		mark = &m
	default:
		return fmt.Errorf("append to journal: unknown kind %d", kind)
	}
	for {
		w.mu.Lock()
		if w.closed {
			err := w.closedError()
			w.mu.Unlock()
			return fmt.Errorf("append to journal: %w", err)
		}
		now := time.Now()
		if now.Before(w.o.MinTime) {
			w.mu.Unlock()
			if err := waitForClock(ctx, w.o.MinTime, w.log); err != nil {
				return fmt.Errorf("append to journal: %w", err)
			}
			continue
		}
		done, wait, err := w.offer(now, room, kind, payload, mark)
		changed := w.changed
		w.mu.Unlock()
		if done {
			return err
		}
		var enough <-chan time.Time
		if wait > 0 {
			enough = time.After(wait)
		}
		select {
		case <-changed:
		case <-enough:
		case <-ctx.Done():
			return fmt.Errorf("append to journal: the disk does not keep up: %w", ctx.Err())
		}
	}
}

// Sync returns once everything that was appended before is durable, or when ctx ends. It
// needs a Run.
func (w *Writer) Sync(ctx context.Context) error {
	w.mu.Lock()
	target := w.records
	w.wanted = max(w.wanted, target)
	w.cut()
	w.mu.Unlock()
	poke(w.wake)
	poke(w.kick)
	for {
		w.mu.Lock()
		synced, done, err, changed := w.synced, w.done, w.closedError(), w.changed
		w.mu.Unlock()
		if synced >= target {
			return nil
		}
		if done {
			return fmt.Errorf("sync journal: %w", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("sync journal: %w", ctx.Err())
		}
	}
}

// JournalID is the id of the journal that records go to now. It changes where the clock
// makes a new journal begin.
func (w *Writer) JournalID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.id
}

// Appended is the number of the last record that was taken, in the present journal.
func (w *Writer) Appended() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seq
}

// Durable is the number of the last durable record of the present journal, 0 before the
// first. Numbers that recovery skipped lie between it and Appended.
func (w *Writer) Durable() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.syncedID != w.id {
		return 0
	}
	return w.syncedSeq
}

// closedError is why nothing is taken any more. The caller holds mu.
func (w *Writer) closedError() error {
	if w.err != nil {
		return errors.Join(ErrClosed, w.err)
	}
	return ErrClosed
}

// broadcast wakes all that wait for room or durability. The caller holds mu.
func (w *Writer) broadcast() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
