package journal

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestRoundTrip(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		sleepUntil(10 * time.Minute)
		w := start(t, options(fsys))
		w.command(7, `{"cmd":"A"}`)
		w.command(-8, "")
		time.Sleep(time.Second)
		w.command(1<<40, "\xff\x00 not JSON")
		w.end()

		info := mustOne(t, fsys)
		all, damage := mustRead(t, info)
		want := []string{"1 snapshot/segment", `2 {"cmd":"A"}`, "3 ", "4 \xff\x00 not JSON"}
		if d := cmp.Diff(want, texts(all)); d != "" || len(damage) > 0 {
			t.Fatalf("records (-want +got):\n%s\ndamage: %v", d, damage)
		}
		if all[1].Room != 7 || all[2].Room != -8 || all[3].Room != 1<<40 {
			t.Errorf("rooms %v", all)
		}
		at := bubbleStart.Add(10 * time.Minute).UnixMicro()
		if all[0].ReceivedAt != at || all[1].ReceivedAt != at || all[3].ReceivedAt != at+1e6 {
			t.Errorf("times %v, want %d", all, at)
		}
		s := info.Segments[0]
		if s.State != StateSealed || s.Records != 4 || s.Commands != 3 || info.FirstSeq != 1 || info.LastSeq != 4 ||
			info.First != at || info.Last != at+1e6 || info.Ended {
			t.Errorf("info %+v", info)
		}
	})
}

func TestGolden(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		sleepUntil(10 * time.Minute)
		w := start(t, options(fsys))
		w.command(7, `{"cmd":"A"}`)
		w.watch(7)
		w.sync()
		time.Sleep(time.Second)
		w.command(7, strings.Repeat(`{"cmd":"B"}`, 20))
		w.end()
		got := hex.Dump(fsys.names[fsys.files(".sealed")[0]].data)
		const name = "testdata/tiny.hex"
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("the format changed (-want +got):\n%s", d)
		}
	})
}

// I3, I4: what is cut, rotated and snapshotted at the boundaries.
func TestBoundaries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		sleepUntil(30 * time.Minute)
		w := start(t, options(fsys))
		w.watch(7)
		for _, at := range []time.Duration{
			58*time.Minute - time.Microsecond, 58 * time.Minute,
			time.Hour - time.Microsecond, time.Hour,
			62*time.Minute - time.Microsecond, 62 * time.Minute,
			// A jump over all three, and over several hours.
			2*time.Hour + 3*time.Minute, 10*time.Hour + 30*time.Minute,
		} {
			sleepUntil(at)
			w.command(7, at.String())
		}
		w.end()
		info := mustOne(t, fsys)
		all, _ := mustRead(t, info)
		want := []string{
			"1 snapshot/segment", "2 selected/", "3 connected/",
			"4 57m59.999999s", "5 snapshot/grace", "6 58m0s",
			"7 59m59.999999s", "8 snapshot/hour", "9 1h0m0s",
			"10 1h1m59.999999s", "11 snapshot/segment", "12 1h2m0s",
			"13 snapshot/hour", "14 2h3m0s", "15 snapshot/hour", "16 10h30m0s",
		}
		if d := cmp.Diff(want, texts(all)); d != "" {
			t.Fatalf("records (-want +got):\n%s", d)
		}
		var firsts []int64
		for _, s := range info.Segments {
			firsts = append(firsts, s.FirstSeq)
		}
		if d := cmp.Diff([]int64{1, 11, 13, 15}, firsts); d != "" {
			t.Errorf("segments (-want +got):\n%s", d)
		}
		for i, e := range all {
			if e.mark.Name == schema.MarkSnapshot && e.ReceivedAt != all[i+1].ReceivedAt {
				t.Errorf("snapshot %d has not the time of the record that follows", e.Seq)
			}
		}
		for i, s := range marks(all, schema.MarkSnapshot)[1:] {
			if len(s.mark.Rooms) != 1 || s.mark.Rooms[0].Room != 7 || s.mark.Rooms[0].State != schema.StateObserving {
				t.Errorf("snapshot %d holds %+v", i+1, s.mark.Rooms)
			}
		}
	})
}

func TestRotatesAtSize(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		o := options(fsys)
		o.SegmentSize = 1000
		w := start(t, o)
		var want []string
		for n := range 40 {
			want = append(want, fmt.Sprint(n, " ", hex.EncodeToString(bytes.Repeat([]byte{byte(n * 37)}, n))))
			w.command(7, want[n])
			w.sync()
		}
		w.end()
		info := mustOne(t, fsys)
		all, damage := mustRead(t, info)
		if d := cmp.Diff(want, commands(all)); d != "" || len(damage) > 0 {
			t.Fatalf("commands (-want +got):\n%s\n%v", d, damage)
		}
		if len(info.Segments) < 4 || len(marks(all, schema.MarkSnapshot)) != len(info.Segments) {
			t.Errorf("%d segments with %d snapshots", len(info.Segments), len(marks(all, schema.MarkSnapshot)))
		}
	})
}

func TestRefusals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, options(newMemFS()))
		big := make([]byte, MaxPayload+1)
		if err := w.Append(t.Context(), 7, schema.KindCommand, big); err == nil {
			t.Error("an oversized payload was taken")
		}
		if err := w.Append(t.Context(), 7, schema.KindCommand, big[:MaxPayload]); err != nil {
			t.Error(err)
		}
		if err := w.Append(t.Context(), 7, schema.KindMark, []byte("{")); err == nil {
			t.Error("a mark that does not decode was taken")
		}
		if err := w.Append(t.Context(), 7, 9, nil); err == nil {
			t.Error("an unknown kind was taken")
		}
		w.end()
		if err := w.Append(t.Context(), 7, schema.KindCommand, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("append after the end: %v", err)
		}
		if err := w.Run(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("second run: %v", err)
		}
	})
}

func TestReserveIsNeverUsedUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, "a")
		w.mu.Lock()
		w.cut()
		w.seq = reserve - reserveLeft - 2
		w.mu.Unlock()
		w.command(7, "b")
		w.command(7, "c")
		w.command(7, "d")
		w.command(7, "e")
		w.end()
		info := mustOne(t, fsys)
		if len(info.Segments) != 2 || info.Segments[1].FirstSeq != reserve-reserveLeft+2 {
			t.Errorf("%+v", info.Segments)
		}
	})
}

func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(t.Context(), dir, Options{SyncInterval: time.Millisecond, SegmentSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	const rooms, each = 8, 500
	var all sync.WaitGroup
	for room := range rooms {
		all.Go(func() {
			for n := range each {
				if err := w.Append(ctx, schema.RoomID(room+1), schema.KindCommand, fmt.Appendf(nil, "%d %x", n, make([]byte, 300))); err != nil {
					t.Error(err)
				}
				if n%100 == 99 {
					if err := w.Sync(ctx); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	// A reader while the writer goes on sees a beginning without holes or doubles.
	seen := 0
	for w.Appended() < rooms*each {
		infos, err := Journals(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(infos) == 0 {
			continue
		}
		got, damage := mustRead(t, infos[0])
		if len(damage) > 0 || len(got) < seen || len(got) > 0 && got[len(got)-1].Seq != int64(len(got)) {
			t.Fatalf("%d records after %d, damage %v", len(got), seen, damage)
		}
		seen = len(got)
	}
	all.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	infos, err := Journals(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := mustRead(t, infos[0])
	next := map[schema.RoomID]int{}
	for _, e := range got {
		if e.Kind == schema.KindCommand {
			if !strings.HasPrefix(e.text, fmt.Sprint(next[e.Room], " ")) {
				t.Fatalf("room %d: %.20s, want number %d", e.Room, e.text, next[e.Room])
			}
			next[e.Room]++
		}
	}
	for room := range rooms {
		if next[schema.RoomID(room+1)] != each {
			t.Errorf("room %d: %d records", room+1, next[schema.RoomID(room+1)])
		}
	}
}

func TestSecondOpenerIsTold(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("journal %s is in use by process %d", dir, os.Getpid())
	if _, err := Open(t.Context(), dir, Options{}); err == nil || err.Error() != want {
		t.Errorf("second opener: %v, want %s", err, want)
	}
	if _, err := End(dir); err == nil || err.Error() != want {
		t.Errorf("end: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), 1, schema.KindCommand, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("append: %v", err)
	}
	w, err = Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
