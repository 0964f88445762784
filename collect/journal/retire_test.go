package journal

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

func TestComplete(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := hours(t)
		for h, want := range []bool{true, true, true, false, false} {
			if got := mustOne(t, m).Complete(hour0() + schema.Hour(h)); got != want {
				t.Errorf("hour %d complete: %v, want %v", h, got, want)
			}
		}
		// What lies before must be sealed.
		sealed := m.files(".sealed")[2]
		if err := m.Rename(sealed, sealed[:len(sealed)-len("sealed")]+"open"); err != nil {
			t.Fatal(err)
		}
		if info := mustOne(t, m); info.Complete(hour0()+2) || !info.Complete(hour0()+1) {
			t.Error("completeness does not heed an open segment")
		}
		ids, err := endAll(m, testDir)
		if d := cmp.Diff([]string{"0000000000000001"}, ids); err != nil || d != "" {
			t.Fatal(d, err)
		}
		if info := mustOne(t, m); !info.Ended || !info.Complete(hour0()+3) || len(m.files(".open")) > 0 {
			t.Errorf("after the end: %+v", info)
		}
		if ids, err = endAll(m, testDir); err != nil || len(ids) > 0 {
			t.Errorf("ended twice: %v %v", ids, err)
		}
	})
}

func TestEndMakesTheNextStartANewJournal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		o := options(m)
		w := start(t, o)
		w.command(1, "a")
		if _, err := endAll(m, testDir); err == nil {
			t.Error("ended under a writer")
		}
		w.end()
		if _, err := endAll(m, testDir); err != nil {
			t.Fatal(err)
		}
		w = start(t, o)
		w.command(1, "b")
		w.end()
		all := mustJournals(t, m)
		if len(all) != 2 || all[0].LastSeq != 2 || !all[0].Ended || all[1].Ended || all[1].FirstSeq != 1 {
			t.Errorf("journals %+v", all)
		}
	})
}

func TestRetire(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := hours(t)
		info := mustOne(t, m)
		now := time.Now()
		if n, err := Retire(info, hour0()+2, bubbleStart.Add(time.Hour)); n != 0 || err != nil {
			t.Errorf("retired %d bytes that are too young, %v", n, err)
		}
		if n, err := Retire(info, hour0()+1, now); n != 0 || err != nil {
			t.Errorf("retired %d bytes of hour 1's window, %v", n, err)
		}
		n, err := Retire(info, hour0()+2, now)
		if err != nil || n != info.Segments[0].Bytes {
			t.Fatalf("retired %d bytes, %v", n, err)
		}
		left := mustOne(t, m)
		if want := (Floor{Seq: info.Segments[1].FirstSeq, Hour: hour0() + 2}); left.Floor != want || left.FirstSeq != want.Seq {
			t.Errorf("floor %+v, want %+v", left.Floor, want)
		}
		if _, damage := mustRead(t, left); len(damage) > 0 {
			t.Errorf("what was retired counts as lost: %+v", damage)
		}
		// Not the last one, which bears the numbers.
		w := start(t, options(m))
		w.end()
		if _, err := Retire(mustOne(t, m), hour0()+100, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		last := mustOne(t, m)
		if len(last.Segments) != 1 {
			t.Errorf("left %+v", last.Segments)
		}
		if _, err := endAll(m, testDir); err != nil {
			t.Fatal(err)
		}
		if _, err := Retire(mustOne(t, m), hour0()+100, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if all := mustJournals(t, m); len(all) != 0 || len(m.files("")) != 0 {
			t.Errorf("left %v", m.files(""))
		}
	})
}

// I9: a crash after the floor was written.
func TestHalfDoneRetireIsFinished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := hours(t)
		if _, err := endAll(m, testDir); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			hour schema.Hour
			left int
		}{{hour0() + 3, 2}, {hour0() + 100, 0}} {
			before := m.killed()
			if _, err := Retire(mustOne(t, m), c.hour, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			for name, n := range before.names {
				if m.names[name] == nil {
					if err := m.MkdirAll(testDir + "/0000000000000001"); err != nil {
						t.Fatal(err)
					}
					m.names[name] = n // not unlinked after all
				}
			}
			if c.left == 0 {
				// The floor of a journal that is gone went with it: write it again.
				if err := writeDurably(m, testDir+"/0000000000000001/floor", []byte(`{"seq":9999999,"hour":999999}`)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := recoverAll(m, testDir, options(m).withDefaults().Logger); err != nil {
				t.Fatal(err)
			}
			left := 0
			for _, info := range mustJournals(t, m) {
				left += len(info.Segments)
			}
			if left != c.left {
				t.Errorf("%d segments left, want %d: %v", left, c.left, m.files(""))
			}
		}
	})
}
