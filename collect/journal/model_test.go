package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"danmaku-archiver/schema"
)

// rapidTB lets the trial's checks end a rapid test, so that it shrinks.
type rapidTB struct {
	testing.TB
	rt *rapid.T
}

func (r rapidTB) Fatal(args ...any)            { r.rt.Fatal(args...) }
func (r rapidTB) Fatalf(f string, args ...any) { r.rt.Fatalf(f, args...) }
func (r rapidTB) Error(args ...any)            { r.rt.Error(args...) }
func (r rapidTB) Errorf(f string, args ...any) { r.rt.Errorf(f, args...) }
func (r rapidTB) Logf(f string, args ...any)   { r.rt.Logf(f, args...) }
func (r rapidTB) Failed() bool                 { return r.rt.Failed() }
func (r rapidTB) Helper()                      {}

// model is a trial whose life is drawn, over many processes.
type model struct {
	*trial
	rt        *rapid.T
	committed map[hourID]view
}

// Any sequence of appends, syncs, rotations, clock steps, crashes, failing disks, ends and
// retirings leaves what the ledger says, and of the complete hours what they were.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failed any
		bubble(t, func(t *testing.T) {
			defer func() { failed = recover() }()
			m := &model{rt: rt, committed: map[hourID]view{}, trial: newTrial(rapidTB{t, rt}, newCrashFS())}
			m.size = int64(rapid.IntRange(300, 4000).Draw(rt, "segment size"))
			defer func() { m.die() }()
			m.sleep(time.Duration(rapid.IntRange(50, 70).Draw(rt, "minute")) * time.Minute)
			m.open()
			for range rapid.IntRange(1, 30).Draw(rt, "steps") {
				m.step()
			}
			m.heal()
			m.close()
			m.end()
			m.ledger.check(m.t, m.fs)
			checkCommitted(m.t, m.fs, m.committed)
		})
		// Raised again at different lines: rapid takes failures of one line for the same one
		// while it shrinks, and a drawing that came to nothing is none.
		if failed != nil && fmt.Sprintf("%T", failed) == "rapid.invalidData" {
			panic(failed)
		}
		if failed != nil {
			panic(failed)
		}
	})
}

func (m *model) step() {
	switch rapid.SampledFrom([]string{"append", "append", "append", "sync", "wait", "boundary", "boundary", "back", "pause",
		"kill", "power cut", "restart", "end", "retire", "fault", "read"}).Draw(m.rt, "step") {
	case "append":
		for range rapid.IntRange(1, 5).Draw(m.rt, "records") {
			if room := schema.RoomID(rapid.IntRange(0, 3).Draw(m.rt, "room")); room == 0 {
				m.mark(0, schema.Mark{Name: schema.MarkAlive})
			} else {
				m.command(room)
			}
		}
	case "sync":
		m.sync()
	case "wait":
		m.sleep(time.Duration(rapid.IntRange(1, 1500).Draw(m.rt, "ms")) * time.Millisecond)
	case "boundary":
		at := time.Now().Truncate(time.Hour).Add(time.Hour + time.Duration(rapid.IntRange(-1, 1).Draw(m.rt, "grace"))*schema.Grace)
		m.absent(time.Until(at) - time.Minute)
		m.sleep(time.Until(at) - time.Duration(rapid.IntRange(0, 300).Draw(m.rt, "ms before"))*time.Millisecond)
	case "back":
		// As if the last record had come from the future: of the same stretch between two
		// snapshots, or of one so far ahead that the journal ends.
		ahead := rapid.Int64Range(1, 2*graceMicros).Draw(m.rt, "µs back")
		m.w.mu.Lock()
		ends := strays(time.Now().UnixMicro(), m.w.last+ahead)
		if m.w.last != 0 && (ends || !spans(m.w.last, m.w.last+ahead)) {
			m.w.last += ahead
		}
		m.w.mu.Unlock()
		m.command(1)
	case "pause":
		m.absent(time.Duration(rapid.IntRange(1, 200).Draw(m.rt, "hours")) * time.Hour)
	case "kill":
		m.crash(m.fs.killed)
	case "power cut":
		kind := powerKind(rapid.IntRange(int(keepsNothing), int(keepsSectors)).Draw(m.rt, "kind"))
		seed := rapid.Uint64Range(0, 1000).Draw(m.rt, "seed")
		m.crash(func() *crashFS { return m.fs.powerCut(kind, seed) })
	case "restart":
		m.close()
		m.open()
	case "end":
		m.close()
		m.end()
		m.open()
	case "retire":
		m.look()
		m.retire(schema.HourOf(time.Now().UnixMicro()) - schema.Hour(rapid.IntRange(0, 3).Draw(m.rt, "hours kept")))
	case "fault":
		m.fs.mu.Lock()
		m.fs.fault = faultKind(rapid.IntRange(int(failsOnce), int(syncForgets)).Draw(m.rt, "fault"))
		m.fs.at, m.fs.struck = m.fs.ops+rapid.IntRange(1, 12).Draw(m.rt, "operation"), false
		m.fs.mu.Unlock()
	case "read":
		m.read()
	}
}

// absent lets time pass without a writer: one that lives does something every second.
func (m *model) absent(d time.Duration) {
	if d > 0 {
		m.close()
		m.sleep(d)
		m.open()
	}
}

// heal makes the disk well again.
func (m *model) heal() {
	m.fs.mu.Lock()
	defer m.fs.mu.Unlock()
	m.fs.at, m.fs.struck = 0, false
}

// look notes what an archiver would commit now.
func (m *model) look() {
	seen := m.fs.killed()
	checkCommitted(m.t, seen, m.committed)
	maps.Copy(m.committed, complete(m.t, seen))
}

// crash ends the process and starts the next on what is left.
func (m *model) crash(left func() *crashFS) {
	m.look()
	m.ledger.see(m.t, m.fs.killed())
	m.fs.mu.Lock()
	_ = m.fs.die()
	m.fs.mu.Unlock()
	m.close()
	m.ledger.promiseUpTo(m.told)
	size := m.size
	m.trial = m.successor(left())
	m.size = size
	m.open()
	m.ledger.check(m.t, m.fs)
	m.ledger.settle(m.t, m.fs)
	checkCommitted(m.t, m.fs, m.committed)
}

// read reads beside the writer: one room from some number on is what all of it is there.
func (m *model) read() {
	fsys := m.fs.killed()
	m.ledger.see(m.t, fsys)
	for _, i := range mustJournals(m.t, fsys) {
		room := schema.RoomID(rapid.IntRange(1, 3).Draw(m.rt, "of room"))
		from := i.FirstSeq + rapid.Int64Range(0, 40).Draw(m.rt, "from number")
		var want, got []string
		collect := func(to *[]string, sel Selection) {
			err := i.Records(context.Background(), sel, func(rec *schema.Record) error {
				if rec.Room == room && rec.Seq >= from {
					*to = append(*to, fmt.Sprint(rec.Seq, " ", string(rec.Payload)))
				}
				return nil
			}, func(Damage) error { return nil })
			if err != nil {
				m.t.Fatal(err)
			}
		}
		collect(&want, Selection{})
		collect(&got, Selection{Room: &room, FromSeq: from})
		if !slices.Equal(want, got) {
			m.t.Fatalf("room %d from %d: %v, want %v", room, from, got, want)
		}
	}
}
