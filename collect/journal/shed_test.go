package journal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

// I13: the mark is durable before the first command is shed; each level sheds its classes;
// it heals.
func TestShedsWhenTheDiskFills(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		leave(fsys, 0.5)
		var calls []Pressure
		o := options(fsys)
		o.Pressed = func(p Pressure) { calls = append(calls, p) }
		w := start(t, o)
		w.watch(7)
		names := []string{"DANMU_MSG", "SEND_GIFT", "ONLINE_RANK_V2", "NEW_AND_UNKNOWN", "INTERACT_WORD"}
		n := 0
		want := map[string]int64{}
		met := map[schema.Level]bool{}
		lastShed := int64(0)
		for _, step := range []struct {
			share float64
			level schema.Level
			kept  int
		}{
			{0.07, schema.LevelNone, 5}, {0.045, schema.LevelPresence, 4}, {0.03, schema.LevelMost, 2},
			{0.01, schema.LevelAll, 0}, {0.03, schema.LevelMost, 2}, {0.045, schema.LevelPresence, 4}, {0.5, schema.LevelNone, 5},
		} {
			leave(fsys, step.share)
			for range 40 {
				for _, name := range names {
					n++
					w.command(7, named(name, n))
					p := w.Pressure()
					if p.Shed == lastShed {
						continue
					}
					lastShed = p.Shed
					want[name]++
					if !met[p.Level] {
						met[p.Level] = true
						all, _ := mustRead(t, mustOne(t, fsys.powerCut()))
						told := marks(all, schema.MarkShedding)
						if len(told) == 0 || told[len(told)-1].mark.Level != p.Level || told[len(told)-1].mark.Cause != CauseDiskSpace {
							t.Fatalf("%s was shed before %s was durable: %v", name, p.Level, told)
						}
					}
				}
				w.mark(0, schema.Mark{Name: schema.MarkAlive})
				time.Sleep(time.Second / 10)
			}
			p := w.Pressure()
			if p.Level != step.level || p.Scarce != (step.share < 0.1) || (p.Cause == CauseDiskSpace) != p.Scarce || (p.Wanted > 0) != p.Scarce {
				t.Errorf("share %v: %+v", step.share, p)
			}
			synctest.Wait() // whatever ticks at this moment has ticked
			before := w.Appended()
			for _, name := range names {
				n++
				w.command(7, named(name, n))
				if p := w.Pressure(); p.Shed != lastShed {
					lastShed = p.Shed
					want[name]++
				}
			}
			if got := int(w.Appended() - before); got != step.kept {
				t.Errorf("share %v: %d of 5 recorded, want %d", step.share, got, step.kept)
			}
		}
		w.end()
		all, damage := mustRead(t, mustOne(t, fsys))
		var levels []string
		got := map[string]int64{}
		var shed int64
		fold := schema.NewWatch()
		for _, e := range all {
			if e.Kind == schema.KindMark {
				fold.Apply(&e.Record, &e.mark)
			}
			switch e.mark.Name {
			case schema.MarkShedding:
				level := e.mark.Level
				levels = append(levels, string(level))
				if s := fold.Room(7); level != "" && (s.State != schema.StateShed || s.Cause != string(level)) ||
					level == "" && s.State != schema.StateObserving {
					t.Errorf("%v: the room is %s, %s", e, s.State, s.Cause)
				}
			case schema.MarkShed:
				shed += e.mark.Value
				if e.mark.From > e.mark.To || e.mark.To > e.ReceivedAt || e.mark.To-e.mark.From > 1e6 {
					t.Errorf("%v counts from %d to %d", e, e.mark.From, e.mark.To)
				}
				for name, n := range e.mark.Counts {
					got[name] += n
				}
			}
		}
		if d := cmp.Diff([]string{"presence", "most", "all", "most", "presence", ""}, levels); d != "" {
			t.Errorf("levels (-want +got):\n%s", d)
		}
		if d := cmp.Diff(want, got); d != "" || shed != lastShed || len(damage) > 0 {
			t.Errorf("%d shed, want %d (-want +got):\n%s\n%v", shed, lastShed, d, damage)
		}
		if kept := len(commands(all)); kept+int(shed) != n {
			t.Errorf("%d kept and %d shed of %d", kept, shed, n)
		}
		if len(calls) < 2 || !calls[0].Scarce || calls[len(calls)-1].Scarce || len(calls) > 3 {
			t.Errorf("told of pressure %d times: %+v", len(calls), calls)
		}
	})
}

// While the mark cannot be made durable nothing is shed for space.
func TestShedsNothingBeforeTheMarkIsDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		leave(fsys, 0.5)
		w := start(t, options(fsys))
		w.command(7, named("DANMU_MSG", 0))
		w.sync()
		fsys.mu.Lock()
		fsys.failSync = func(string) error { return errors.New("input/output error") }
		fsys.mu.Unlock()
		leave(fsys, 0.01)
		for n := range 30 {
			w.command(7, named("INTERACT_WORD", n))
			time.Sleep(time.Second)
		}
		if p := w.Pressure(); p.Shed != 0 || p.Level != schema.LevelNone || !p.Scarce {
			t.Errorf("%+v", p)
		}
		fsys.mu.Lock()
		fsys.failSync = nil
		fsys.mu.Unlock()
		time.Sleep(10 * time.Second)
		w.command(7, named("INTERACT_WORD", 30))
		if p := w.Pressure(); p.Shed != 1 || p.Level != schema.LevelAll {
			t.Errorf("%+v", p)
		}
		leave(fsys, 0.5)
		w.end()
		all, _ := mustRead(t, mustOne(t, fsys))
		if got := commands(all); len(got) != 31 {
			t.Errorf("%d commands, want 31", len(got))
		}
	})
}

// The collector's start makes the fold forget the level; it is told again. A new run begins
// unshed and decides anew, and every snapshot bears the level.
func TestLevelAcrossRunsAndSnapshots(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		leave(fsys, 0.045)
		sleepUntil(57 * time.Minute)
		run := func() {
			w := start(t, options(fsys))
			settled()
			w.mark(0, schema.Mark{Name: schema.MarkStart})
			w.watch(7)
			for range 240 {
				w.command(7, named("INTERACT_WORD", 1))
				w.mark(0, schema.Mark{Name: schema.MarkAlive})
				time.Sleep(time.Second)
			}
			w.mark(0, schema.Mark{Name: schema.MarkStop})
			settled()
			w.end()
		}
		run()
		run()
		all, _ := mustRead(t, mustOne(t, fsys))
		fold, observed := schema.NewWatch(), 0
		var shed, levels int64
		for n, e := range all {
			var m *schema.Mark
			if e.Kind == schema.KindMark {
				m = &e.mark
			}
			switch e.mark.Name {
			case schema.MarkSnapshot:
				if started := fold.Room(7) != nil && fold.Room(7).State != schema.StateDown; started != (e.mark.Level == schema.LevelPresence) {
					t.Errorf("%v has level %q", e, e.mark.Level)
				}
			case schema.MarkShed:
				shed += e.mark.Value
			case schema.MarkShedding:
				levels++
			case schema.MarkStart:
				if next := all[n+1].mark; next.Name != schema.MarkShedding || next.Level != schema.LevelPresence {
					t.Errorf("%v is followed by %v", e, all[n+1])
				}
			}
			fold.Apply(&e.Record, m)
			if s := fold.Room(7); s != nil && s.State == schema.StateObserving {
				observed++
			}
		}
		if observed != 0 || shed != 480 || levels != 4 || all[len(all)-1].mark.Name != schema.MarkStop {
			t.Errorf("%d records observed, %d shed, level told %d times, last %v", observed, shed, levels, all[len(all)-1])
		}
	})
}

func TestCountsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		leave(fsys, 0)
		w := start(t, options(fsys))
		settled()
		for n := range 300 {
			w.command(7, named(fmt.Sprint("NAME_", n), n))
		}
		w.end()
		all, _ := mustRead(t, mustOne(t, fsys))
		shed := marks(all, schema.MarkShed)
		if len(shed) != 1 || shed[0].mark.Value != 300 || len(shed[0].mark.Counts) != maxNames+1 ||
			shed[0].mark.Counts[schema.RestOfNames] != 300-maxNames {
			t.Errorf("%v", shed)
		}
	})
}

// A disk that stands still costs presence after ten seconds of a full queue, then more.
func TestSlowDiskShedsByClass(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, named("DANMU_MSG", 0))
		w.sync()
		dead := func(yes bool) {
			fsys.mu.Lock()
			defer fsys.mu.Unlock()
			fsys.failWrite = nil
			if yes {
				fsys.failWrite = func(string) error { return syscall.EIO }
			}
		}
		dead(true)
		taken := 1
		for full := false; !full; {
			w.command(7, named("DANMU_MSG", taken))
			taken++
			w.mu.Lock()
			full = !w.hasRoom(0)
			w.mu.Unlock()
		}
		began := time.Now()
		var mu sync.Mutex
		passed := map[string]time.Duration{}
		var all sync.WaitGroup
		for _, name := range []string{"DANMU_MSG", "SEND_GIFT", "POPULAR_RANK_CHANGED", "INTERACT_WORD"} {
			all.Go(func() {
				w.command(7, named(name, -1))
				mu.Lock()
				defer mu.Unlock()
				passed[name] = time.Since(began).Round(2 * time.Second)
			})
		}
		all.Wait()
		want := map[string]time.Duration{"INTERACT_WORD": patience, "POPULAR_RANK_CHANGED": 2 * patience,
			"DANMU_MSG": 3 * patience, "SEND_GIFT": 3 * patience}
		if d := cmp.Diff(want, passed); d != "" {
			t.Errorf("shed after (-want +got):\n%s", d)
		}
		if p := w.Pressure(); p.Level != schema.LevelAll || p.Cause != CauseSlowDisk || p.Shed != 4 || p.Scarce {
			t.Errorf("%+v", p)
		}
		// The mark stands before what follows the first shed command.
		dead(false)
		w.sync()
		healing := fsys.powerCut()
		settled()
		for _, level := range []schema.Level{schema.LevelMost, schema.LevelPresence, schema.LevelNone} {
			time.Sleep(patience)
			synctest.Wait()
			if p := w.Pressure(); p.Level != level {
				t.Errorf("level %q, want %q", p.Level, level)
			}
		}
		w.command(7, named("INTERACT_WORD", 1))
		w.end()
		got, damage := mustRead(t, mustOne(t, fsys))
		if len(commands(got)) != taken+1 || len(damage) > 0 {
			t.Errorf("%d commands, want %d; %v", len(commands(got)), taken+1, damage)
		}
		counts := map[string]int64{}
		for _, e := range marks(got, schema.MarkShed) {
			for name, n := range e.mark.Counts {
				counts[name] += n
			}
		}
		if d := cmp.Diff(map[string]int64{"DANMU_MSG": 1, "SEND_GIFT": 1, "POPULAR_RANK_CHANGED": 1, "INTERACT_WORD": 1}, counts); d != "" {
			t.Errorf("counts (-want +got):\n%s", d)
		}
		early, _ := mustRead(t, mustOne(t, healing))
		if len(marks(early, schema.MarkShedding)) != 3 {
			t.Errorf("%v", marks(early, schema.MarkShedding))
		}
	})
}

// The books balance over runs with a disk that fills, empties, fails and recovers at random.
func TestEveryCommandIsRecordedOrCounted(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 3))
				fsys := newMemFS()
				leave(fsys, 0.3)
				o := options(fsys)
				o.SegmentSize, o.ahead = 40_000, 2000
				w := start(t, o)
				w.watch(7)
				names := []string{"DANMU_MSG", "SUPER_CHAT_MESSAGE", "INTERACT_WORD_V2", "ENTRY_EFFECT", "WATCHED_CHANGE", ""}
				sent := map[string]int64{}
				levels := map[schema.Level]bool{}
				for n := range 3000 {
					switch r.IntN(60) {
					case 0:
						leave(fsys, r.Float64()*0.12)
					case 1:
						fsys.mu.Lock()
						fsys.others = fsys.quota - fsys.used() + fsys.others // not a byte is left
						fsys.mu.Unlock()
					case 2:
						broken := r.IntN(4)
						fsys.mu.Lock()
						fsys.failWrite, fsys.failSync = nil, nil
						if broken == 0 {
							fsys.failWrite = func(string) error { return syscall.EIO }
						} else if broken == 1 {
							fsys.failSync = func(string) error { return syscall.EIO }
						}
						fsys.mu.Unlock()
					case 3:
						time.Sleep(time.Duration(r.IntN(30)) * time.Second)
					}
					name := names[r.IntN(len(names))]
					w.command(7, named(name, n))
					sent[name]++
					levels[w.Pressure().Level] = true
					time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
				}
				fsys.mu.Lock()
				fsys.failWrite, fsys.failSync, fsys.others = nil, nil, 0
				fsys.mu.Unlock()
				w.end()
				all, damage := mustRead(t, mustOne(t, fsys))
				got := map[string]int64{}
				for _, c := range commands(all) {
					got[schema.CommandName([]byte(c))]++
				}
				for _, e := range marks(all, schema.MarkShed) {
					for name, n := range e.mark.Counts {
						got[name] += n
					}
				}
				if d := cmp.Diff(sent, got); d != "" || len(damage) > 0 {
					t.Errorf("sent and found (-want +got):\n%s\n%v", d, damage)
				}
				if len(levels) < 4 {
					t.Errorf("only the levels %v were met", slices.Collect(maps.Keys(levels)))
				}
			})
		})
	}
}
