package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Run writes what is appended until ctx ends; then it writes what is queued, seals the
// segment, releases the lock and returns nil. The error of a disk that took nothing for
// 10 seconds after the end is returned instead; the next Open recovers. A disk that fails
// before is tried again without end. Whoever appends must have finished before ctx ends,
// or finds ErrClosed.
func (w *Writer) Run(ctx context.Context) error {
	if !w.claim() {
		return fmt.Errorf("run journal %s: %w", w.dir, ErrClosed)
	}
	enc, err := newEncoder()
	if err != nil {
		return w.finish(err)
	}
	w.disk.enc = enc
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { w.syncLoop(stop) })
	measured := make(chan struct{}, 1)
	others.Go(func() { w.measureLoop(measured, stop) })
	others.Go(func() { w.pressLoop(measured, stop) })
	err = w.writeLoop(ctx)
	close(stop)
	others.Wait()
	if err == nil {
		err = w.insist(ctx, "seal the last segment", w.sealAll)
	}
	return w.finish(err)
}

// Close ends a writer that was never run: what Open itself wrote is kept, and the lock is
// released. After a Run it does nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	claimed := w.claimed
	w.mu.Unlock()
	if claimed {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Run(ctx); err != nil && !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

func (w *Writer) claim() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.claimed {
		return false
	}
	w.claimed = true
	return true
}

// finish lets go of the files and the lock and tells all that wait.
func (w *Writer) finish(err error) error {
	err = errors.Join(err, w.disk.close())
	if err != nil {
		err = fmt.Errorf("journal %s: %w", w.dir, err)
	}
	err = errors.Join(err, w.lock.Close())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed, w.done, w.err = true, true, err
	w.broadcast()
	return err
}

// refuse makes Append fail from now on; what was taken is written at once.
func (w *Writer) refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		if err := w.tellCounts(time.Now().UnixMicro()); err != nil {
			w.log.Error("cannot tell what was shed", "error", err)
		}
		w.closed = true
		w.cut()
		w.broadcast()
	}
}

// writeLoop writes batch after batch until ctx has ended and none is left.
func (w *Writer) writeLoop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var tried time.Time
	for {
		if ctx.Err() != nil {
			w.refuse()
		}
		broken, stale := w.disk.ailing()
		if broken {
			if err := w.insist(ctx, "write the journal again after a failed fsync", w.mend); err != nil {
				return err
			}
		}
		if stale && time.Since(tried) >= w.o.SyncInterval {
			w.sealStale()
			tried = time.Now()
		}
		w.mu.Lock()
		b, wait := w.take()
		closed := w.closed
		w.mu.Unlock()
		if b != nil {
			if err := w.write(ctx, b); err != nil {
				return err
			}
			continue
		}
		if closed {
			return nil
		}
		var due <-chan time.Time
		if wait >= 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-w.wake:
		case <-due:
		case <-ctx.Done():
		}
	}
}

// syncLoop makes written blocks durable, so that writing need not wait for it.
func (w *Writer) syncLoop(stop <-chan struct{}) {
	tick := time.NewTicker(w.o.SyncInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-w.kick:
		case <-stop:
			return
		}
		if err := w.syncWritten(); err != nil {
			w.log.Error("fsync of the journal failed: what it covered is written again", "error", err)
		}
		if broken, stale := w.disk.ailing(); broken || stale {
			poke(w.wake)
		}
	}
}

// insist calls fn until it succeeds, ever more seldom. After ctx ended it gives up in the
// end, with the last error.
func (w *Writer) insist(ctx context.Context, what string, fn func() error) error {
	var end time.Time
	for wait, tries := retryFirst, 1; ; tries++ {
		err := fn()
		if err == nil {
			if tries > 1 {
				w.log.Info("the journal can be written again", "tries", tries)
			}
			return nil
		}
		if tries == 1 {
			w.log.Error("cannot "+what+": trying again", "error", err)
		}
		if ctx.Err() != nil {
			if end.IsZero() {
				end = time.Now().Add(farewell)
			}
			if !time.Now().Before(end) {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		time.Sleep(wait)
		wait = min(2*wait, retryMost)
	}
}

// write puts one batch on disk, however often it takes.
func (w *Writer) write(ctx context.Context, b *batch) error {
	if b.begin != nil {
		if err := w.insist(ctx, "begin a segment", func() error { return w.beginSegment(b.begin) }); err != nil {
			return err
		}
	}
	blk := w.disk.compress(b)
	if err := w.insist(ctx, "write a block", func() error { return w.writeBlock(blk) }); err != nil {
		return err
	}
	w.mu.Lock()
	w.release(b)
	awaited := w.wanted > w.synced
	w.mu.Unlock()
	if awaited {
		poke(w.kick)
	}
	return nil
}

// writeBlock appends the block to the segment, and makes room first: only so many blocks
// are kept for the case that their fsync fails.
func (w *Writer) writeBlock(blk *block) error {
	d := &w.disk
	if d.held() > maxUnsynced {
		if err := w.syncWritten(); err != nil {
			return err
		}
	}
	// Looked at first because mend waits for an fsync that goes on.
	if broken, _ := d.ailing(); broken {
		if err := w.mend(); err != nil {
			return err
		}
	}
	w.fillAhead(blk)
	size, number, err := d.append(blk)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if size >= w.o.SegmentSize && number == w.segments {
		w.rotate = true
	}
	return nil
}

// fillAhead fills the segment ahead unless what is scarce would be taken from others.
func (w *Writer) fillAhead(blk *block) {
	w.mu.Lock()
	scarce := w.scarce()
	w.mu.Unlock()
	if !scarce && w.o.ahead > 0 {
		w.disk.seg.extend(blk.header.size(), w.o.ahead, w.o.SegmentSize)
	}
}

// noteSynced publishes how far all is durable.
func (w *Writer) noteSynced(id string, seq, records int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.syncedID, w.syncedSeq, w.synced = id, seq, max(w.synced, records)
	w.enforce()
	w.broadcast()
}
