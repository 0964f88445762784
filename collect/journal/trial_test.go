package journal

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"danmaku-archiver/schema"
)

// trial is one life of a journal, with one fault.
type trial struct {
	t      testing.TB
	fs     *crashFS
	ids    int
	ledger *ledger
	size   int64

	ctx  context.Context // ends with the process
	die  context.CancelFunc
	w    *Writer
	stop context.CancelFunc
	done chan error
	told place // what the writer said was durable when the process died
	turn int
}

func newTrial(t testing.TB, fsys *crashFS) *trial {
	tr := &trial{t: t, fs: fsys, ledger: newLedger(), size: 1200}
	tr.ctx, tr.die = context.WithCancel(context.Background())
	fsys.crash = func() {
		if w := tr.w; w != nil {
			w.mu.Lock()
			tr.told = place{w.syncedID, w.syncedSeq}
			w.mu.Unlock()
		}
		tr.die()
	}
	return tr
}

// successor is the next process, on what is left.
func (tr *trial) successor(fsys *crashFS) *trial {
	n := newTrial(tr.t, fsys)
	n.ids, n.ledger, n.turn = tr.ids, tr.ledger.clone(), tr.turn
	n.ledger.life++
	return n
}

func (tr *trial) dead() bool { return tr.ctx.Err() != nil }

func (tr *trial) options() Options {
	return Options{MinTime: bubbleStart, SegmentSize: tr.size, fs: tr.fs, ahead: 700,
		id: func() string { tr.ids++; return fmt.Sprintf("%016x", tr.ids) }}
}

// insist does what an operator, or a service manager, does: it tries again.
func (tr *trial) insist(what string, fn func() error) {
	tr.t.Helper()
	tr.fs.countReads(true)
	defer tr.fs.countReads(false)
	for tries := 0; !tr.dead(); tries++ {
		err := fn()
		if err == nil || tr.dead() {
			return
		}
		if tries == 30 {
			tr.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(time.Second)
	}
}

func (tr *trial) open() {
	tr.t.Helper()
	tr.insist("open", func() error {
		w, err := Open(tr.ctx, testDir, tr.options())
		if err != nil {
			return err
		}
		tr.w = w
		return nil
	})
	if tr.dead() {
		return
	}
	var ctx context.Context
	ctx, tr.stop = context.WithCancel(tr.ctx)
	tr.done = make(chan error, 1)
	go func(w *Writer, done chan error) { done <- w.Run(ctx) }(tr.w, tr.done)
}

// close stops the writer in good order, or waits for what a dead process still runs.
func (tr *trial) close() {
	tr.t.Helper()
	if tr.stop == nil {
		if tr.w != nil && tr.dead() {
			_ = tr.w.Close()
		}
		return
	}
	tr.stop()
	err := <-tr.done
	tr.stop = nil
	if err != nil && !tr.dead() {
		tr.t.Fatalf("run ended with %v", err)
	}
	if err == nil && !tr.dead() {
		tr.ledger.promise()
	}
	if !tr.dead() {
		tr.w = nil
	}
}

func (tr *trial) append(room schema.RoomID, kind schema.Kind, payload []byte) {
	tr.t.Helper()
	if tr.dead() {
		return
	}
	if err := tr.w.Append(tr.ctx, room, kind, payload); err != nil {
		if !tr.dead() {
			tr.t.Fatal(err)
		}
		return
	}
	tr.ledger.take(tr.t, tr.w, room, kind, payload)
}

func (tr *trial) command(room schema.RoomID) {
	tr.t.Helper()
	tr.turn++
	tr.append(room, schema.KindCommand, fmt.Appendf(nil, `{"cmd":"C","room":%d,"turn":%d,"fill":"%0*x"}`, room, tr.turn, tr.turn*37%200, tr.turn*2654435761))
}

func (tr *trial) mark(room schema.RoomID, m schema.Mark) {
	tr.t.Helper()
	tr.append(room, schema.KindMark, schema.AppendMark(nil, &m))
}

func (tr *trial) sync() {
	tr.t.Helper()
	if tr.dead() {
		return
	}
	if err := tr.w.Sync(tr.ctx); err != nil {
		if !tr.dead() {
			tr.t.Fatal(err)
		}
		return
	}
	tr.ledger.promise()
}

func (tr *trial) sleep(d time.Duration) {
	if !tr.dead() {
		select {
		case <-time.After(d):
		case <-tr.ctx.Done():
		}
	}
}

func (tr *trial) until(after time.Duration) { tr.sleep(time.Until(bubbleStart.Add(after))) }

// around appends on both sides of a moment.
func (tr *trial) around(moment time.Duration) {
	tr.t.Helper()
	tr.until(moment - 300*time.Millisecond)
	tr.command(1)
	tr.until(moment)
	tr.mark(0, schema.Mark{Name: schema.MarkAlive})
	tr.command(2)
	tr.sleep(250 * time.Millisecond)
	tr.command(3)
}

func (tr *trial) retire(before schema.Hour) {
	tr.t.Helper()
	if tr.dead() {
		return
	}
	older := time.Now()
	tr.insist("retire", func() error {
		all, err := journalsOf(tr.fs, testDir)
		if err != nil {
			return err
		}
		for _, i := range all {
			tr.ledger.retired[i.ID] = max(tr.ledger.retired[i.ID], min(before.WindowStart(), older.UnixMicro()))
			if _, err := Retire(i, before, older); err != nil {
				return err
			}
		}
		return nil
	})
}

func (tr *trial) end() {
	tr.t.Helper()
	if tr.dead() {
		return
	}
	tr.insist("end", func() error { _, err := endAll(tr.fs, testDir); return err })
}

// life is the scenario: all that a journal goes through, in five hours.
func (tr *trial) life() {
	tr.until(57 * time.Minute)
	tr.open()
	for room := schema.RoomID(1); room <= 3; room++ {
		tr.mark(room, schema.Mark{Name: schema.MarkSelected, Rank: 1, Reason: "top"})
		tr.mark(room, schema.Mark{Name: schema.MarkConnected, Host: "chat.test:443", Transport: "wss", Identity: "guest"})
	}
	tr.sync()
	tr.around(58 * time.Minute)
	tr.around(60 * time.Minute)
	tr.around(62 * time.Minute) // rotates
	tr.sync()
	for range 8 { // rotates by size
		tr.command(1)
		tr.command(2)
		tr.sleep(700 * time.Millisecond)
	}
	tr.mark(0, schema.Mark{Name: schema.MarkStop})
	tr.close()
	tr.until(121 * time.Minute)
	tr.open()
	tr.command(1)
	tr.around(122 * time.Minute)
	tr.sync()
	tr.command(2)
	tr.sleep(250 * time.Millisecond)
	// The clock of a bubble cannot go back: the last record comes from the future.
	if !tr.dead() {
		tr.w.mu.Lock()
		tr.w.last += 2 * graceMicros
		tr.w.mu.Unlock()
	}
	tr.command(3) // in a new journal
	tr.sleep(250 * time.Millisecond)
	tr.command(1)
	tr.retire(hour0() + 2)
	tr.close()
	tr.until(181 * time.Minute)
	tr.open()
	tr.around(182 * time.Minute)
	tr.sync()
	tr.close()
	tr.end()
	tr.retire(hour0() + 3)
	tr.until(241 * time.Minute)
	tr.open()
	tr.around(242 * time.Minute)
	tr.retire(hour0() + 100) // all that is ended
	tr.command(1)
	tr.close()
}

// aftermath goes on where a crash left the disk, and checks all promises.
func (tr *trial) aftermath(what string, fsys *crashFS, committed map[hourID]view) {
	t := tr.t
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("after %s; files %v", what, fsys.with(""))
		}
	}()
	twice := fsys.killed()
	if _, err := twice.ReadDir(testDir); err == nil {
		var before map[string]string
		for n := range 2 {
			if _, err := recoverAll(twice, testDir, Options{}.withDefaults().Logger); err != nil {
				t.Fatal(err)
			}
			if n > 0 && !maps.Equal(before, twice.content()) {
				t.Fatalf("the second recovery changed something: %v", twice.with(""))
			}
			before = twice.content()
		}
	}
	tr.ledger.see(t, tr.fs.killed())
	next := tr.successor(fsys)
	defer next.die()
	next.open()
	next.ledger.check(t, fsys)
	next.ledger.settle(t, fsys)
	next.mark(0, schema.Mark{Name: schema.MarkStart})
	next.command(1)
	next.sync()
	checkCommitted(t, fsys, committed)
	committed = complete(t, fsys)
	// And the power goes again: what the recovery made of the past is durable.
	kind := keepsNothing
	if tr.fs.ops%2 == 1 {
		kind = keepsSectors
	}
	after := fsys.powerCut(kind, uint64(tr.fs.ops))
	next.close()
	next.ledger.see(t, fsys)
	last := next.successor(after)
	defer last.die()
	last.open()
	last.command(2)
	last.close()
	last.end()
	last.ledger.check(t, after)
	checkCommitted(t, after, committed)
	if left := append(after.with(".open"), after.with(tmpSuffix)...); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}
