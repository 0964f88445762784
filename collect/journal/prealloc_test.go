package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

// Room that was filled ahead is neither torn nor damaged nor part of a segment's length.
func TestFilledAheadIsNothing(t *testing.T) {
	for name, payload := range map[string]string{
		"ends with text": "abc", "ends with zeros": "abc\x00\x00\x00", "is zeros": strings.Repeat("\x00", 300),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				fsys := newMemFS()
				w := start(t, options(fsys))
				w.command(7, payload)
				w.sync()
				killed, cut := fsys.killed(), fsys.powerCut()
				w.end()
				for how, m := range map[string]*memFS{"killed": killed, "power cut": cut} {
					path := m.files(".open")[0]
					whole := int64(len(m.names[path].data))
					if got := mustOne(t, m).Segments[0].Bytes; got >= whole {
						t.Errorf("%s: %d bytes of %d: nothing was filled ahead", how, got, whole)
					}
					if r := mustVerify(t, m); !r.OK() || len(r.Notes) > 0 {
						t.Errorf("%s: %+v", how, r)
					}
					start(t, options(m)).end()
					all, damage := mustRead(t, mustOne(t, m))
					if d := cmp.Diff([]string{payload}, commands(all)); d != "" || len(damage) > 0 {
						t.Errorf("%s (-want +got):\n%s\n%v", how, d, damage)
					}
					if told := marks(all, schema.MarkRecovered); len(told) != 1 || told[0].mark.Cut != 0 {
						t.Errorf("%s: %v, want one that cut nothing", how, told)
					}
					if torn := m.files(".torn"); len(torn) > 0 {
						t.Errorf("%s: kept aside: %v", how, torn)
					}
				}
			})
		})
	}
}

// A power cut that leaves part of a block in the room ahead leaves a torn tail.
func TestTornWithinTheRoomAhead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, "kept")
		w.sync()
		w.command(7, strings.Repeat("lost", 10))
		gathered()
		m := fsys.killed()
		w.end()
		s := mustOne(t, m).Segments[0]
		f, _ := m.Open(s.Path)
		l, err := s.layout(f, nil)
		if err != nil || len(l.entries) != 2 {
			t.Fatal(l, err)
		}
		data := m.names[s.Path].data
		clear(data[l.entries[1].off+blockHeaderSize+4:])
		start(t, options(m)).end()
		all, damage := mustRead(t, mustOne(t, m))
		if d := cmp.Diff([]string{"kept"}, commands(all)); d != "" || len(damage) > 0 {
			t.Errorf("(-want +got):\n%s\n%v", d, damage)
		}
		told := marks(all, schema.MarkRecovered)
		if len(told) != 1 || told[0].mark.Cut != blockHeaderSize+4 || len(m.files(".torn")) != 1 {
			t.Errorf("%+v, %v", told, m.files(".torn"))
		}
	})
}

// Who reads beside the writer sees whole blocks only, after every single write, and each
// look shows its own moment.
func TestReadsBesideTheWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		o := options(fsys)
		o.SegmentSize = 2000
		looks, most := 0, 0
		var before []Info
		check := func(infos []Info, m *memFS) {
			for _, i := range infos {
				i.fs = m
				all, damage := mustRead(t, i)
				if len(damage) > 0 {
					t.Errorf("look %d: damage %+v", looks, damage)
				}
				if n := len(all); n > 0 && all[n-1].Seq != i.LastSeq {
					t.Errorf("look %d: read up to %d, the segments said %d", looks, all[n-1].Seq, i.LastSeq)
				}
				most = max(most, len(commands(all)))
			}
		}
		fsys.wrote = func() {
			looks++
			m := fsys.killed()
			check(before, m)
			before = mustJournals(t, m)
			check(before, m)
			for name, n := range m.names {
				if size := int64(len(n.data)); size > o.SegmentSize && len(unfilled(n.data)) != len(n.data) {
					t.Errorf("%s is filled ahead to %d", name, size)
				}
			}
		}
		w := start(t, o)
		for n := range 30 {
			w.command(7, fmt.Sprint(n, strings.Repeat(" words", n)))
			gathered()
		}
		fsys.mu.Lock()
		fsys.wrote = nil
		fsys.mu.Unlock()
		w.end()
		if looks < 60 || most < 29 {
			t.Errorf("%d looks, %d commands", looks, most)
		}
	})
}

// What was filled ahead is what a full disk still takes.
func TestRoomAheadOnAFullDisk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		fsys.quota = 1 << 30
		o := options(fsys)
		o.ahead = 4096
		w := start(t, o)
		w.command(7, "before")
		w.sync()
		fsys.mu.Lock()
		fsys.others = fsys.quota // and more: not a byte is left
		fsys.mu.Unlock()
		var want []string
		want = append(want, "before")
		for n := range 10 {
			want = append(want, fmt.Sprint("in the room ahead ", n))
			w.command(7, want[n+1])
			w.sync()
		}
		all, _ := mustRead(t, mustOne(t, fsys.powerCut()))
		if d := cmp.Diff(want, commands(all)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		fsys.mu.Lock()
		fsys.others = 0
		fsys.mu.Unlock()
		w.end()
	})
}

// A write that failed leaves no trace in the room ahead, and takes none of it.
func TestFailedWriteInTheRoomAhead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		o := options(fsys)
		o.ahead = 4096
		w := start(t, o)
		w.command(7, "before")
		w.sync()
		path := fsys.files(".open")[0]
		size := len(fsys.names[path].data)
		failures := 0
		fsys.mu.Lock()
		fsys.failWrite = func(string) error {
			if failures++; failures <= 2 {
				return errors.New("input/output error")
			}
			return nil
		}
		fsys.mu.Unlock()
		// The second failure is that of the attempt to put zeros back.
		w.command(7, "after")
		w.sync()
		m := fsys.killed()
		w.end()
		if failures < 3 || len(m.names[path].data) == size {
			t.Errorf("%d failures, %d bytes of %d", failures, len(m.names[path].data), size)
		}
		for _, m := range []*memFS{m, fsys} {
			if all, damage := mustRead(t, mustOne(t, m)); len(commands(all)) != 2 || len(damage) > 0 {
				t.Errorf("%v %v", texts(all), damage)
			}
		}
	})
}

// BenchmarkDurable is one command and its fsync, with and without room ahead.
func BenchmarkDurable(b *testing.B) {
	for name, ahead := range map[string]int64{"exact": -1, "ahead": fillAhead} {
		b.Run(name, func(b *testing.B) {
			w, err := Open(b.Context(), b.TempDir(), Options{SyncInterval: time.Hour, ahead: ahead})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			go func() { done <- w.Run(ctx) }()
			payload := []byte(strings.Repeat(`{"cmd":"DANMU_MSG","info":[[0,1,25,16777215,1700000000000]]}`, 37))[:2200]
			for b.Loop() {
				if err := errors.Join(w.Append(ctx, 7, schema.KindCommand, payload), w.Sync(ctx)); err != nil {
					b.Fatal(err)
				}
			}
			cancel()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
