package journal

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"danmaku-archiver/schema"
)

// TestSpeech holds the benchmarks' commands to what was seen of real ones.
func TestSpeech(t *testing.T) {
	s := newSpeech(benchRooms)
	if size := s.size(); size < 2000 || size > 2400 {
		t.Errorf("%d bytes a command, want about 2200", size)
	}
	b := &batch{}
	for n := range 1000 {
		room, c := s.command(n)
		b.raw = appendRecord(b.raw, room, schema.KindCommand, 0, c)
	}
	enc, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	blk := (&disk{enc: enc}).compress(b)
	if ratio := float64(blk.header.raw) / float64(blk.header.body); ratio < 9 || ratio > 15 {
		t.Errorf("compresses %.1f to one, want about twelve", ratio)
	}
}

// benchWriter is a journal on the real disk whose Run goes on until the benchmark ends.
func benchWriter(b *testing.B, dir string) *Writer {
	b.Helper()
	w, err := Open(b.Context(), dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return w
}

// begun is a new journal whose first segment is there already.
func begun(b *testing.B) *Writer {
	b.Helper()
	w := benchWriter(b, b.TempDir())
	if err := w.Append(b.Context(), 1, schema.KindCommand, []byte(`{"cmd":"LIVE"}`)); err != nil {
		b.Fatal(err)
	}
	mustSync(b, w)
	return w
}

func mustAppend(b *testing.B, w *Writer, s *speech, n int) {
	room, c := s.command(n)
	if err := w.Append(context.Background(), room, schema.KindCommand, c); err != nil {
		b.Error(err)
	}
}

func mustSync(b *testing.B, w *Writer) {
	if err := w.Sync(context.Background()); err != nil {
		b.Error(err)
	}
}

// BenchmarkAppend is one command on its way to the disk, compressed and fsynced: Append
// waits where the disk does not keep up, and the end waits for the rest.
func BenchmarkAppend(b *testing.B) {
	for _, rooms := range []int{1, benchRooms} {
		s := newSpeech(rooms)
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			w := begun(b)
			b.SetBytes(s.size())
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				mustAppend(b, w, s, n)
				n++
			}
			mustSync(b, w)
		})
		b.Run(fmt.Sprintf("rooms=%d/parallel", rooms), func(b *testing.B) {
			w := begun(b)
			b.SetBytes(s.size())
			b.ReportAllocs()
			var next atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					mustAppend(b, w, s, int(next.Add(1)))
				}
			})
			mustSync(b, w)
		})
	}
}

// BenchmarkAppendLatency is how long a session waits in Append while one fsync follows the
// other, which is harder than the one a second of the collector. At full speed what it
// waits for is the disk.
func BenchmarkAppendLatency(b *testing.B) {
	const sessions = 64
	s := newSpeech(benchRooms)
	for _, pace := range []struct {
		name string
		gap  time.Duration
	}{
		{"2000_a_second", time.Second / 2000},
		{"full_speed", 0},
	} {
		b.Run(pace.name, func(b *testing.B) {
			w := begun(b)
			stop := make(chan struct{})
			var syncer, all sync.WaitGroup
			var syncs int
			syncer.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						mustAppend(b, w, s, syncs)
						mustSync(b, w)
						syncs++
					}
				}
			})
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			b.ResetTimer()
			begin := time.Now()
			for range sessions {
				all.Go(func() {
					for n := int(next.Add(1)) - 1; n < b.N; n = int(next.Add(1)) - 1 {
						time.Sleep(time.Until(begin.Add(time.Duration(n) * pace.gap)))
						start := time.Now()
						mustAppend(b, w, s, n)
						took[n] = time.Since(start)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			close(stop)
			syncer.Wait()
			slices.Sort(took)
			micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
			b.ReportMetric(micros(took[len(took)/2]), "p50-µs")
			b.ReportMetric(micros(took[len(took)*99/100]), "p99-µs")
			b.ReportMetric(micros(took[len(took)-1]), "max-µs")
			b.ReportMetric(float64(syncs), "fsyncs")
		})
	}
}

const (
	benchHours  = 4
	benchStored = 3 * benchCommands
)

// stored makes a journal of some hours, without waiting for them.
func stored(b *testing.B, dir string, s *speech) *Writer {
	b.Helper()
	w := benchWriter(b, dir)
	from := benchStart().UnixMicro()
	for n := range benchStored {
		room, c := s.command(n)
		at := from + int64(n)*benchHours*int64(time.Hour/time.Microsecond)/benchStored
		for taken := false; !taken; {
			w.mu.Lock()
			changed := w.changed
			if taken = w.hasRoom(0); taken {
				if err := w.stamp(at, room, schema.KindCommand, c, nil); err != nil {
					b.Fatal(err)
				}
			}
			w.mu.Unlock()
			if !taken {
				<-changed
			}
		}
	}
	mustSync(b, w)
	return w
}

// benchStart is the beginning of the stored hours: all of them are over.
func benchStart() time.Time { return time.Now().Truncate(time.Hour).Add(-(benchHours + 1) * time.Hour) }

// BenchmarkRead reads all, one hour of several, and one room of many. Its bytes are those
// of the commands before compression.
func BenchmarkRead(b *testing.B) {
	s := newSpeech(benchRooms)
	dir := b.TempDir()
	from := benchStart()
	stored(b, dir, s)
	all, err := Journals(dir)
	if err != nil || len(all) != 1 {
		b.Fatalf("%d journals, %v", len(all), err)
	}
	room := s.rooms[len(s.rooms)/2]
	for _, part := range []struct {
		name string
		Selection
	}{
		{"whole", Selection{}},
		{"hour", Selection{From: from.Add(time.Hour).UnixMicro(), To: from.Add(2 * time.Hour).UnixMicro()}},
		{"room", Selection{Room: &room}},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			var commands, bytes int64
			for b.Loop() {
				commands, bytes = 0, 0
				err := all[0].Records(b.Context(), part.Selection, func(rec *schema.Record) error {
					if rec.Kind == schema.KindCommand {
						commands++
						bytes += int64(len(rec.Payload))
					}
					return nil
				}, func(d Damage) error { return fmt.Errorf("damage: %+v", d) })
				if err != nil {
					b.Fatal(err)
				}
			}
			if commands == 0 || commands > benchStored || part.Selection == (Selection{}) && commands != benchStored {
				b.Fatalf("%d commands of %d", commands, benchStored)
			}
			b.SetBytes(bytes)
			b.ReportMetric(float64(commands)*float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

// BenchmarkRecover is a start after a crash: one segment, which nobody sealed. Its bytes are
// those on disk.
func BenchmarkRecover(b *testing.B) {
	s := newSpeech(benchRooms)
	dir, crashed := b.TempDir(), b.TempDir()
	w := benchWriter(b, dir)
	for n := range benchStored {
		mustAppend(b, w, s, n)
	}
	mustSync(b, w)
	crashed += "/crashed"
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		b.Fatal(err)
	}
	all, err := Journals(crashed)
	if err != nil || len(all) != 1 || len(all[0].Segments) != 1 || all[0].Segments[0].State != StateOpen {
		b.Fatalf("%+v, %v", all, err)
	}
	b.SetBytes(all[0].Segments[0].Bytes)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir() + "/copy"
		if err := os.CopyFS(dir, os.DirFS(crashed)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		w, err := Open(b.Context(), dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
