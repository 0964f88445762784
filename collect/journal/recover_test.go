package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

func TestStopsAndGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.watch(7)
		w.mark(0, schema.Mark{Name: schema.MarkStop})
		w.end()
		stopped := time.Now().UnixMicro()
		time.Sleep(time.Hour / 4)
		w = start(t, options(fsys))
		if w.Appended() != 4 || w.Durable() != 4 {
			t.Errorf("appended %d, durable %d, want 4", w.Appended(), w.Durable())
		}
		w.command(7, "again")
		w.end()
		all, _ := mustRead(t, mustOne(t, fsys))
		want := []string{"1 snapshot/segment", "2 selected/", "3 connected/", "4 stop/", "5 snapshot/segment", "6 again"}
		if d := cmp.Diff(want, texts(all)); d != "" {
			t.Fatalf("records (-want +got):\n%s", d)
		}
		r := all[4].mark.Rooms[0]
		if r.State != schema.StateDown || r.Cause != schema.CauseStopped || r.Since != stopped || !r.Carried {
			t.Errorf("room after a stop: %+v", r)
		}
	})
}

func TestKilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.watch(7)
		w.command(7, "kept")
		gathered()
		last := time.Now().UnixMicro()
		w.command(7, "kept too")
		gathered()
		w.command(7, "lost")
		after := fsys.killed()
		w.end()

		// Killed again before anything new is on disk: the same numbers stay unused.
		for range 3 {
			early, err := Open(t.Context(), testDir, options(after))
			if err != nil {
				t.Fatal(err)
			}
			if early.Appended() < 1+reserve-1 {
				t.Fatalf("goes on after %d", early.Appended())
			}
			after = after.killed()
		}
		time.Sleep(time.Minute)
		w = start(t, options(after))
		w.command(7, "new")
		w.end()
		all, damage := mustRead(t, mustOne(t, after))
		n := int64(1 + reserve)
		want := []string{"1 snapshot/segment", "2 selected/", "3 connected/", "4 kept", "5 kept too",
			fmt.Sprint(n, " snapshot/segment"), fmt.Sprint(n+1, " recovered/killed"), fmt.Sprint(n+2, " new")}
		if d := cmp.Diff(want, texts(all)); d != "" || len(damage) > 0 {
			t.Fatalf("records (-want +got):\n%s\n%v", d, damage)
		}
		m := all[6].mark
		if m.FirstSeq != n || m.LastSeq != 5 || m.Cut != 0 {
			t.Errorf("recovered mark %+v", m)
		}
		r := all[5].mark.Rooms[0]
		if r.State != schema.StateDown || r.Cause != schema.CauseKilled || r.Since != last+1 {
			t.Errorf("room after a kill: %+v, want down since %d", r, last+1)
		}
	})
}

func TestTornTailAndDamageAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		for n := range 5 {
			w.command(7, fmt.Sprint("c", n))
			gathered()
		}
		after := fsys.killed()
		w.end()
		node := after.names[after.files(".open")[0]]
		node.data = unfilled(node.data)
		info := mustOne(t, after)
		f, _ := after.Open(info.Segments[0].Path)
		l, err := info.Segments[0].layout(f, nil)
		entries := l.entries
		if err != nil || len(entries) != 5 {
			t.Fatal(len(entries), err)
		}
		node.data[entries[1].off+blockHeaderSize] ^= 1 // a body
		node.data[entries[2].off+20] ^= 1              // a header
		torn := slices.Clone(node.data[entries[4].off : len(node.data)-1])
		node.data = node.data[:len(node.data)-1]

		w = start(t, options(after))
		w.end()
		all, damage := mustRead(t, mustOne(t, after))
		if d := cmp.Diff([]string{"c0", "c3"}, commands(all)); d != "" {
			t.Errorf("commands (-want +got):\n%s", d)
		}
		rec := marks(all, schema.MarkRecovered)
		if len(rec) != 1 || rec[0].mark.Cut != int64(len(torn)) {
			t.Errorf("recovered marks %v, want one that cut %d", rec, len(torn))
		}
		told := marks(all, schema.MarkDamage)
		if len(told) != 1 || told[0].mark.FirstSeq != 3 || told[0].mark.LastSeq != 4 ||
			told[0].mark.From != entries[0].last || told[0].mark.To != entries[3].first {
			t.Errorf("damage marks %+v", told)
		}
		if len(damage) != 1 || damage[0].FirstSeq != 3 || damage[0].LastSeq != 4 {
			t.Errorf("damage %+v", damage)
		}
		if kept := after.files(".torn"); len(kept) != 1 || !bytes.Equal(after.names[kept[0]].data, torn) {
			t.Errorf("torn tail is not kept aside: %v", kept)
		}
		// Told once.
		w = start(t, options(after))
		w.command(7, "later")
		w.end()
		all, _ = mustRead(t, mustOne(t, after))
		if len(marks(all, schema.MarkDamage)) != 1 || len(marks(all, schema.MarkRecovered)) != 1 {
			t.Errorf("told again: %v", texts(all))
		}
	})
}

func TestPowerCut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, "durable")
		w.sync()
		if w.Durable() != w.Appended() || w.Durable() != 2 {
			t.Errorf("durable %d of %d", w.Durable(), w.Appended())
		}
		w.command(7, "in the page cache")
		gathered()
		after := fsys.powerCut()
		time.Sleep(time.Second)
		later := fsys.powerCut() // the sync interval has passed
		w.end()
		for name, c := range map[string]struct {
			fs   *memFS
			want []string
		}{"at once": {after, []string{"durable"}}, "after the interval": {later, []string{"durable", "in the page cache"}}} {
			w := start(t, options(c.fs))
			w.end()
			all, damage := mustRead(t, mustOne(t, c.fs))
			if d := cmp.Diff(c.want, commands(all)); d != "" || len(damage) > 0 {
				t.Errorf("%s (-want +got):\n%s\n%v", name, d, damage)
			}
		}
	})
}

func TestClockStepsBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.watch(7)
		w.sync()
		// The clock of a bubble cannot go back: the last record comes from the future.
		w.mu.Lock()
		w.last += graceMicros
		w.mu.Unlock()
		w.command(7, "within the grace")
		w.mu.Lock()
		w.last++
		w.mu.Unlock()
		if w.JournalID() != "0000000000000001" {
			t.Fatal(w.JournalID())
		}
		w.command(7, "in the new journal")
		if w.JournalID() != "0000000000000002" || w.Appended() != 2 || w.Durable() != 0 {
			t.Errorf("now %s, appended %d, durable %d", w.JournalID(), w.Appended(), w.Durable())
		}
		w.sync()
		if w.Durable() != 2 {
			t.Errorf("durable %d", w.Durable())
		}
		w.end()
		all := mustJournals(t, fsys)
		if len(all) != 2 || !all[0].Ended || all[1].Ended {
			t.Fatalf("journals %+v", all)
		}
		old, _ := mustRead(t, all[0])
		if d := cmp.Diff([]string{"1 snapshot/segment", "2 selected/", "3 connected/", "4 within the grace"}, texts(old)); d != "" {
			t.Errorf("old journal (-want +got):\n%s", d)
		}
		if old[3].ReceivedAt != old[2].ReceivedAt+graceMicros {
			t.Errorf("I1: time went back to %d", old[3].ReceivedAt)
		}
		now, _ := mustRead(t, all[1])
		if d := cmp.Diff([]string{"1 snapshot/segment", "2 in the new journal"}, texts(now)); d != "" {
			t.Errorf("new journal (-want +got):\n%s", d)
		}
		s := now[0].mark
		if s.Last != 0 || len(s.Rooms) != 1 || s.Rooms[0].State != schema.StateObserving || s.Rooms[0].Since != now[0].ReceivedAt {
			t.Errorf("the new journal's rooms: %+v", s)
		}
	})
}

func TestOpenEndsAJournalOfAnotherTime(t *testing.T) {
	for name, wait := range map[string]time.Duration{"a week": 168 * time.Hour, "a moment more": 168*time.Hour + time.Microsecond} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				fsys := newMemFS()
				o := options(fsys)
				w := start(t, o)
				w.command(7, "old")
				w.end()
				info := mustOne(t, fsys)
				time.Sleep(time.Until(time.UnixMicro(info.Last).Add(wait)))
				w = start(t, o)
				w.command(7, "new")
				w.end()
				all := mustJournals(t, fsys)
				if want := 1 + int(wait%time.Hour/time.Microsecond); len(all) != want || all[0].Ended != (want == 2) {
					t.Errorf("%d journals, want %d", len(all), want)
				}
			})
		})
	}
}

func TestWaitsForTheClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := options(newMemFS())
		o.MinTime = bubbleStart.Add(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := Open(ctx, testDir, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("open: %v", err)
		}
		w := start(t, o)
		if time.Now().Before(o.MinTime) {
			t.Error("opened before the clock was set")
		}
		w.end()
	})
}
