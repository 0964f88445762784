package journal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

// mustSelect returns the numbers of what is selected.
func mustSelect(t testing.TB, i Info, sel Selection) (all []int64) {
	t.Helper()
	err := i.Records(t.Context(), sel, func(rec *schema.Record) error {
		all = append(all, rec.Seq)
		return nil
	}, func(Damage) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSelection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		o := options(m)
		sleepUntil(30 * time.Minute)
		w := start(t, o)
		for n := range 60 { // over two boundaries, a room a block
			w.command(schema.RoomID(n%5), fmt.Sprint(n))
			time.Sleep(time.Minute)
		}
		recovered := m.killed()
		w.end()
		o.fs = recovered
		w = start(t, o)
		w.command(1, "again")
		gathered()
		// A segment sealed by recovery, and an open one.
		info, sealed := mustOne(t, recovered), mustOne(t, m)
		w.end()
		for name, info := range map[string]Info{"sealed": sealed, "recovered and open": info} {
			everything, _ := mustRead(t, info)
			mid := everything[len(everything)/2]
			for _, room := range []schema.RoomID{-1, 0, 1, 3, 99} {
				for _, sel := range []Selection{{}, {FromSeq: mid.Seq}, {FromSeq: info.LastSeq + 1}, {From: mid.ReceivedAt},
					{To: mid.ReceivedAt}, {From: mid.ReceivedAt, To: mid.ReceivedAt + 1}} {
					if room >= 0 {
						sel.Room = &room
					}
					var want []int64
					for _, e := range everything {
						if e.Seq >= sel.FromSeq && e.ReceivedAt >= sel.From && (sel.To == 0 || e.ReceivedAt < sel.To) &&
							(room < 0 || e.Room == room) {
							want = append(want, e.Seq)
						}
					}
					if d := cmp.Diff(want, mustSelect(t, info, sel)); d != "" {
						t.Errorf("%s, room %d, %+v (-want +got):\n%s", name, room, sel, d)
					}
				}
			}
			// I11: blocks that cannot hold the room are not read, where a footer tells.
			for _, room := range []schema.RoomID{3, 99} {
				blocks := 0
				if err := info.read(t.Context(), Selection{To: math.MaxInt64, Room: &room}, func(b *Block) error {
					blocks++
					return nil
				}, func(d Damage) error { return fmt.Errorf("damage %+v", d) }); err != nil {
					t.Fatal(err)
				}
				want := 0
				for _, e := range everything {
					if e.Room == room {
						want++
					}
				}
				if info.Segments[len(info.Segments)-1].State == StateOpen {
					want++
				}
				if blocks != want {
					t.Errorf("%s: %d blocks read for room %d, want %d", name, blocks, room, want)
				}
			}
		}
	})
}

// A reader that goes on from the number it came to gets each record once, whatever the
// writer does meanwhile.
func TestSelectionFollowsAWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		w := start(t, options(m))
		var got []int64
		var came int64
		room := schema.RoomID(2)
		follow := func() {
			info := mustOne(t, m)
			got = append(got, mustSelect(t, info, Selection{FromSeq: came + 1, Room: &room})...)
			came = info.LastSeq
		}
		var want []int64
		for n := range 300 {
			if w.command(schema.RoomID(n%3), fmt.Sprint(n)); n%3 == 2 {
				want = append(want, w.Appended())
			}
			time.Sleep(31 * time.Second)
			if n%7 == 0 {
				follow()
			}
		}
		w.end()
		follow()
		if d := cmp.Diff(want, got); d != "" || len(m.files(".sealed")) < 3 {
			t.Errorf("records (-want +got):\n%s\n%v", d, m.files(""))
		}
	})
}

func TestRoomSets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		sets := make([][]schema.RoomID, rnd.IntN(8))
		for n := range sets {
			for range rnd.IntN(6) {
				sets[n] = append(sets[n], schema.RoomID(rnd.IntN(9)-1)<<(rnd.IntN(3)*27))
			}
			slices.Sort(sets[n])
			sets[n] = slices.Compact(sets[n])
		}
		b := encodeRooms(sets)
		got, ok := newRoomSets(b)
		if !ok {
			t.Fatalf("%v is not read", sets)
		}
		for n, want := range sets {
			set, ok := got.next(nil)
			if !ok || !slices.Equal(set, want) {
				t.Fatalf("set %d of %v: %v", n, sets, set)
			}
		}
		if len(got.rest) > 0 || holders(b, len(sets)+1, 1) != nil {
			t.Fatalf("%v: %d bytes left", sets, len(got.rest))
		}
	}
}

// FuzzRoomSets reads any bytes: no panic, and nothing allocated beyond what they can mean.
func FuzzRoomSets(f *testing.F) {
	f.Add(encodeRooms([][]schema.RoomID{{1, 7, 1 << 40}, nil, {7}}), 3, int64(7))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 1, int64(0))
	f.Fuzz(func(t *testing.T, b []byte, blocks int, room int64) {
		if blocks < 0 || blocks > 1<<10 {
			return
		}
		if found := holders(b, blocks, schema.RoomID(room)); found != nil && len(found) != blocks {
			t.Errorf("%d blocks, want %d", len(found), blocks)
		}
	})
}
