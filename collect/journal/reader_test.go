package journal

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

// smallJournal returns a journal of two segments of a few blocks each, the last of them
// open, and what it holds.
func smallJournal(t *testing.T) (fsys *memFS, records []entry) {
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		sleepUntil(61 * time.Minute)
		w := start(t, options(m))
		for n := range 6 {
			w.command(schema.RoomID(n), fmt.Sprintf(`{"cmd":"C","n":%d}`, n))
			time.Sleep(25 * time.Second)
		}
		fsys = m.killed()
		w.end()
		info := mustOne(t, fsys)
		if len(info.Segments) != 2 || info.Segments[0].State != StateSealed || info.Segments[1].State != StateOpen {
			t.Fatalf("segments %+v", info.Segments)
		}
		records, _ = mustRead(t, info)
	})
	return fsys, records
}

// checkSurvivors reads what is left and checks that nothing in it is false, and that
// whatever is missing is told or lies at the end.
func checkSurvivors(t *testing.T, what string, fsys *memFS, want []entry) []entry {
	t.Helper()
	all, damage := mustRead(t, mustOne(t, fsys))
	room, ofRoom := schema.RoomID(3), []int64(nil)
	for _, e := range all {
		if e.Room == room {
			ofRoom = append(ofRoom, e.Seq)
		}
	}
	if got := mustSelect(t, mustOne(t, fsys), Selection{Room: &room}); !slices.Equal(got, ofRoom) {
		t.Fatalf("%s: records %v of the room, want %v", what, got, ofRoom)
	}
	bySeq := map[int64]entry{}
	for _, e := range want {
		bySeq[e.Seq] = e
	}
	got := map[int64]bool{}
	for _, e := range all {
		if e.mark.Name != "" && bySeq[e.Seq].Kind == 0 {
			continue // written by the recovery
		}
		got[e.Seq] = true
		if d := cmp.Diff(bySeq[e.Seq].text, e.text); d != "" || bySeq[e.Seq].ReceivedAt != e.ReceivedAt || bySeq[e.Seq].Room != e.Room {
			t.Fatalf("%s: record %d is false: %s", what, e.Seq, e.text)
		}
	}
	end := int64(0)
	for _, e := range all {
		end = max(end, e.Seq)
	}
	for _, e := range want {
		told := got[e.Seq] || e.Seq > end
		for _, d := range damage {
			told = told || d.FirstSeq <= e.Seq && e.Seq <= d.LastSeq && d.From <= e.ReceivedAt && e.ReceivedAt <= d.To
		}
		for _, r := range marks(all, schema.MarkRecovered) {
			told = told || e.Seq > r.mark.LastSeq && e.Seq < r.mark.FirstSeq
		}
		if !told {
			t.Fatalf("%s: record %d is missing and nobody tells: %v, damage %+v", what, e.Seq, texts(all), damage)
		}
	}
	return all
}

// I7, for every byte of a journal, read as it is and after a recovery.
func TestEveryFlippedByte(t *testing.T) {
	fsys, want := smallJournal(t)
	for _, path := range append(fsys.files(".sealed"), fsys.files(".open")...) {
		size := len(fsys.names[path].data)
		for at := range size {
			c := fsys.killed()
			c.names[path].data[at] ^= 0x41
			what := fmt.Sprintf("byte %d of %s", at, path)
			left := checkSurvivors(t, what, c, want)
			// A flip costs one block at most.
			if lost := len(want) - len(left); lost > 2 {
				t.Fatalf("%s: %d of %d records lost", what, lost, len(want))
			}
			bubble(t, func(t *testing.T) {
				sleepUntil(2 * time.Hour)
				start(t, options(c)).end()
				checkSurvivors(t, what+", recovered", c, want)
			})
		}
	}
}

func TestEveryTruncation(t *testing.T) {
	fsys, want := smallJournal(t)
	for _, path := range append(fsys.files(".sealed"), fsys.files(".open")...) {
		for size := range len(fsys.names[path].data) {
			c := fsys.killed()
			c.names[path].data = c.names[path].data[:size]
			what := fmt.Sprintf("%s cut to %d", path, size)
			checkSurvivors(t, what, c, want)
			bubble(t, func(t *testing.T) {
				sleepUntil(2 * time.Hour)
				start(t, options(c)).end()
				checkSurvivors(t, what+", recovered", c, want)
			})
		}
	}
}

// A payload that holds a copy of a block never passes for one, even where the block
// around it is damaged.
func TestBlockInAPayload(t *testing.T) {
	fsys, _ := smallJournal(t)
	open := fsys.names[fsys.files(".open")[0]].data
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		w := start(t, options(m))
		w.command(1, string(open))
		w.sync()
		w.command(2, "after")
		w.end()
		n := m.names[m.files(".sealed")[0]]
		n.data[headerSize+10] ^= 1
		for _, info := range []func() Info{
			func() Info { return mustOne(t, m) },
			func() Info { n.data = n.data[:len(n.data)-1]; return mustOne(t, m) }, // and no footer
		} {
			if all, _ := mustRead(t, info()); len(all) != 1 || all[0].text != "after" {
				t.Errorf("records %v", texts(all))
			}
		}
	})
}

func TestQuarantine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		o := options(m)
		w := start(t, o)
		w.command(1, "a")
		w.sync()
		after := m.killed()
		w.end()
		n := after.names[after.files(".open")[0]]
		n.data = n.data[:headerSize-1]
		o.fs = after
		w = start(t, o)
		w.command(1, "b")
		w.end()
		if q := after.files(".quarantined"); len(q) != 1 {
			t.Fatalf("quarantined %v", q)
		}
		all := mustJournals(t, after)
		if len(all) != 2 {
			t.Fatalf("journals %+v", all)
		}
		for _, info := range all {
			if info.ID == "0000000000000001" && !info.Ended || info.ID == "0000000000000002" && info.LastSeq != 2 {
				t.Errorf("journal %+v", info)
			}
		}
	})
}

// hours returns a journal that was observed from 00:30 to after 03:02, not ended.
func hours(t *testing.T) *memFS {
	m := newMemFS()
	w := start(t, options(m))
	for at := 30 * time.Minute; at < 3*time.Hour+5*time.Minute; at += time.Minute / 2 {
		sleepUntil(at)
		w.command(7, at.String())
	}
	w.sync()
	c := m.killed()
	w.end()
	return c
}

func hour0() schema.Hour { return schema.HourOf(bubbleStart.UnixMicro()) }

func TestRangesAndFirstAfter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := hours(t)
		info := mustOne(t, m)
		everything, _ := mustRead(t, info)
		for _, r := range [][2]time.Duration{{0, time.Hour}, {58 * time.Minute, 62 * time.Minute}, {time.Hour, 2 * time.Hour},
			{90 * time.Minute, 90*time.Minute + 1}, {4 * time.Hour, 5 * time.Hour}} {
			from, to := bubbleStart.Add(r[0]).UnixMicro(), bubbleStart.Add(r[1]).UnixMicro()
			var want, got []int64
			for _, e := range everything {
				if e.ReceivedAt >= from && e.ReceivedAt < to {
					want = append(want, e.Seq)
				}
			}
			err := info.Blocks(t.Context(), from, to, func(b *Block) error {
				if b.Last < from || b.First >= to {
					t.Errorf("block %d lies outside", b.FirstSeq)
				}
				return b.Each(func(rec *schema.Record) error {
					if rec.ReceivedAt >= from && rec.ReceivedAt < to {
						got = append(got, rec.Seq)
					}
					return nil
				})
			})
			if d := cmp.Diff(want, got); d != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s\n%v", r, d, err)
			}
			rec, ok, err := info.FirstAfter(t.Context(), from)
			if err != nil || ok != (r[0] < 4*time.Hour) {
				t.Fatal(ok, err)
			}
			if i := slices.IndexFunc(everything, func(e entry) bool { return e.ReceivedAt >= from }); ok && rec.Seq != everything[i].Seq {
				t.Errorf("first after %v: %d, want %d", r[0], rec.Seq, everything[i].Seq)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := info.Blocks(ctx, 0, math.MaxInt64, func(*Block) error { return nil }); err == nil {
			t.Error("a cancelled context is not heeded")
		}
	})
}

func TestMissingSegmentIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := hours(t)
		info := mustOne(t, m)
		gone := info.Segments[1]
		if err := m.Remove(gone.Path); err != nil {
			t.Fatal(err)
		}
		_, damage := mustRead(t, mustOne(t, m))
		if len(damage) != 1 || damage[0].FirstSeq != gone.FirstSeq || damage[0].LastSeq != gone.LastSeq ||
			damage[0].From > gone.First || damage[0].To < gone.Last {
			t.Errorf("damage %+v, want what %+v held", damage, gone)
		}
	})
}

func TestNoJournals(t *testing.T) {
	if all, err := Journals(t.TempDir() + "/none"); err != nil || len(all) > 0 {
		t.Error(all, err)
	}
	if ids, err := End(t.TempDir() + "/none"); err != nil || len(ids) > 0 {
		t.Error(ids, err)
	}
}

func TestLaterFormatIsLeftAlone(t *testing.T) {
	h := segmentHeader{identity: identity{id: "0000000000000001", first: 1}, created: 1, reserved: 1 + reserve}
	b := h.encode()
	if _, err := parseHeader(b, h.identity); err != nil {
		t.Fatal(err)
	}
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		w := start(t, options(m))
		w.command(1, "a")
		w.sync()
		c := m.killed()
		w.end()
		c.names[c.files(".open")[0]].data = laterVersion(b)
		if _, err := Open(t.Context(), testDir, options(c)); err == nil {
			t.Error("a later format was opened")
		}
		if len(c.files(".open")) != 1 {
			t.Errorf("files %v", c.files(""))
		}
	})
}

// FuzzSegment reads a segment of any bytes, sealed and open: no panic, no record that the
// checks of mustRead refuse.
func FuzzSegment(f *testing.F) {
	m := newMemFS()
	h := segmentHeader{identity: identity{id: "0000000000000001", first: 1}, created: 1, reserved: 1 + reserve, start: 1}
	enc, err := newEncoder()
	if err != nil {
		f.Fatal(err)
	}
	d := disk{enc: enc}
	path := segmentPath(testDir+"/"+h.id, 1, StateOpen)
	file, _ := m.Create(path)
	if _, err := file.WriteAt(h.encode(), 0); err != nil {
		f.Fatal(err)
	}
	s := &segment{segmentHeader: h, path: path, file: file, off: headerSize, synced: headerSize}
	for n := range 3 {
		b := &batch{raw: appendRecord(nil, 7, schema.KindCommand, 0, make([]byte, 50*n)),
			header: blockHeader{firstSeq: int64(n + 1), records: 1, commands: 1, first: int64(n), last: int64(n)}}
		if err := s.write(d.compress(b)); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(slices.Clone(m.names[path].data), true)
	if _, err := file.WriteAt(encodeFooter(h.identity, s.entries, s.rooms, footer{index: s.off, next: 4}), s.off); err != nil {
		f.Fatal(err)
	}
	f.Add(m.names[path].data, false)
	f.Fuzz(func(t *testing.T, data []byte, open bool) {
		m := newMemFS()
		state := StateSealed
		if open {
			state = StateOpen
		}
		_ = m.MkdirAll(testDir)
		_ = m.MkdirAll(testDir + "/" + h.id)
		m.names[segmentPath(testDir+"/"+h.id, 1, state)] = &memNode{data: repaired(data, h.identity)}
		all, err := journalsOf(m, testDir)
		if err != nil {
			return // a later format
		}
		for _, info := range all {
			mustRead(t, info)
		}
		mustVerify(t, m)
	})
}
