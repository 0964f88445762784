package archiver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

func texts(rows []schema.DanmakuRow) (all []string) {
	for _, r := range rows {
		all = append(all, r.Text)
	}
	slices.Sort(all)
	return all
}

// A command lies in the hour of its ts, wherever it was received.
func TestHourBoundaries(t *testing.T) {
	m := newTape()
	for _, c := range []struct{ received, sent, text string }{
		{"09:57:59", "09:59:00", "before the window"},
		{"09:58:00", "09:58:00", "nine, in the grace"},
		{"09:58:00", "10:00:00", "ten, by its own time, exactly the grace ahead"},
		{"09:58:00", "10:00:01", "nine, too far ahead"},
		{"09:59:59", "10:00:00", "ten, received before"},
		{"10:00:00", "10:00:00", "ten, the first moment"},
		{"10:00:00", "09:59:59.999", "nine, received after"},
		{"10:01:59", "09:59:59", "nine, just within the grace"},
		{"10:30:00", "03:00:00", "ten, of a wrong clock"},
		{"10:59:59", "11:00:00", "eleven, received before"},
		{"11:00:00", "10:59:59", "ten, received after"},
		{"11:01:59.999", "10:59:59.999", "ten, the last moment"},
		{"11:02:00", "11:00:00", "eleven"},
	} {
		m.command(c.received, 1, danmaku(at(c.sent), "", c.text))
	}
	m.ended = true
	want := map[string][]string{}
	for _, r := range m.recs {
		if r.Kind == schema.KindMark {
			continue
		}
		for _, h := range []string{"nine", "ten", "eleven"} {
			_, text, _ := strings.Cut(string(r.Payload), `"`+h)
			if text != "" {
				text, _, _ = strings.Cut(text, `"`)
				want[h] = append(want[h], h+text)
			}
		}
	}
	nine, at10, eleven := mustGather(t, m, ten-1), mustGather(t, m, ten), mustGather(t, m, ten+1)
	for name, got := range map[string]*gathered{"nine": nine, "ten": at10, "eleven": eleven} {
		w := want[name]
		if name == "nine" {
			w = append(w, "before the window")
		}
		slices.Sort(w)
		if diff := cmp.Diff(w, texts(got.rows.Danmaku)); diff != "" {
			t.Errorf("rows of %s (-want +got):\n%s", name, diff)
		}
	}
	b := at10.books
	if b.Commands != 11 || b.Kept != 6 || b.GivenPrevious != 4 || b.GivenNext != 1 {
		t.Errorf("books of ten: %+v", b)
	}
	if b.TakenPrevious != nine.books.GivenNext || nine.books.TakenNext != b.GivenPrevious {
		t.Errorf("nine and ten do not agree: %+v %+v", nine.books, b)
	}
	if b.TakenNext != eleven.books.GivenPrevious || eleven.books.TakenPrevious != b.GivenNext {
		t.Errorf("ten and eleven do not agree: %+v %+v", b, eleven.books)
	}
	if b.TakenPrevious != 3 || b.TakenNext != 2 {
		t.Errorf("ten took %d and %d, want 3 and 2", b.TakenPrevious, b.TakenNext)
	}
	for h, g := range map[schema.Hour]*gathered{ten - 1: nine, ten: at10, ten + 1: eleven} {
		for _, r := range g.rows.Danmaku {
			if schema.HourOf(r.TS) != h {
				t.Errorf("row %q of %s lies at %s", r.Text, h, store.Time(r.TS))
			}
		}
	}
}

func TestCopies(t *testing.T) {
	site := `{"cmd":"NOTICE_MSG","msg_type":2,"common":"%s"}`
	for name, c := range map[string]struct {
		add           func(m *memTape)
		kept, copies  int64
		danmaku       []string
		rooms         []int64 // of the rows of other
		droppedRows   int64
		setAside      int64
		audienceCount int
	}{
		"same id in the same room": {
			add: func(m *memTape) {
				m.command("10:10:00", 1, danmaku(at("10:10:00"), "77", "first"))
				m.command("10:40:00", 1, danmaku(at("10:40:00"), "77", "second"))
			},
			kept: 1, copies: 1, danmaku: []string{"first"}, droppedRows: 1,
		},
		"same id in another room": {
			add: func(m *memTape) {
				m.command("10:10:00", 1, danmaku(at("10:10:00"), "77", "first"))
				m.command("10:10:00", 2, danmaku(at("10:10:00"), "77", "second"))
			},
			kept: 2, danmaku: []string{"first", "second"},
		},
		"equal without ids": {
			add: func(m *memTape) {
				m.command("10:10:00", 1, danmaku(at("10:10:00"), "", "same"))
				m.command("10:10:00", 1, danmaku(at("10:10:00"), "", "same"))
			},
			kept: 2, danmaku: []string{"same", "same"},
		},
		"a copy whose first stands in the other hour": {
			add: func(m *memTape) {
				m.command("09:59:59", 1, danmaku(at("09:59:59"), "77", "nine"))
				m.command("10:00:01", 1, danmaku(at("10:00:01"), "77", "ten"))
			},
			kept: 1, danmaku: []string{"ten"},
		},
		"site-wide within a minute": {
			add: func(m *memTape) {
				m.command("10:10:00", 3, fmt.Sprintf(site, "a"))
				m.command("10:10:59", 2, fmt.Sprintf(site, "a"))
				m.command("10:11:00", 1, fmt.Sprintf(site, "a"))
			},
			kept: 1, copies: 2, rooms: []int64{0}, droppedRows: 2,
		},
		"site-wide after a minute": {
			add: func(m *memTape) {
				m.command("10:10:00", 3, fmt.Sprintf(site, "a"))
				m.command("10:11:01", 2, fmt.Sprintf(site, "a"))
				m.command("10:11:50", 1, fmt.Sprintf(site, "a"))
			},
			kept: 2, copies: 1, rooms: []int64{0, 0}, droppedRows: 1,
		},
		"site-wide with other payloads": {
			add: func(m *memTape) {
				m.command("10:10:00", 3, fmt.Sprintf(site, "a"))
				m.command("10:10:00", 2, fmt.Sprintf(site, "b"))
			},
			kept: 2, rooms: []int64{0, 0},
		},
		"equal commands that are not site-wide": {
			add: func(m *memTape) {
				m.command("10:10:00", 3, `{"cmd":"WIDGET_BANNER","data":{}}`)
				m.command("10:10:00", 2, `{"cmd":"WIDGET_BANNER","data":{}}`)
			},
			kept: 2, rooms: []int64{3, 2},
		},
		"named repeats": {
			add: func(m *memTape) {
				m.command("10:10:00", 3, `{"cmd":"COMBO_SEND","data":{}}`)
				m.command("10:10:00", 3, `{"cmd":"LIVE_INTERACTIVE_GAME","data":{}}`)
			},
			copies: 2,
		},
		"audience never": {
			add: func(m *memTape) {
				for range 2 {
					m.command("10:10:00", 3, `{"cmd":"WATCHED_CHANGE","msg_id":"5","data":{"num":10,"text_small":"10","text_large":"10"}}`)
				}
			},
			kept: 2, audienceCount: 2,
		},
		"broken": {
			add: func(m *memTape) {
				m.command("10:10:00", 3, `{"cmd":"DANMU_MSG","info":`)
				m.command("10:10:00", 3, "\xff\xfe")
			},
			setAside: 2, rooms: []int64{3, 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTape()
			c.add(m)
			m.ended = true
			g := mustGather(t, m, ten)
			b := g.books
			if b.Kept != c.kept || b.Copies != c.copies || b.RowsDropped != c.droppedRows || b.SetAside != c.setAside {
				t.Errorf("%d kept, %d copies, %d rows dropped, %d set aside; want %d, %d, %d, %d",
					b.Kept, b.Copies, b.RowsDropped, b.SetAside, c.kept, c.copies, c.droppedRows, c.setAside)
			}
			if diff := cmp.Diff(c.danmaku, texts(g.rows.Danmaku)); diff != "" {
				t.Error(diff)
			}
			var rooms []int64
			for _, r := range g.rows.Other {
				rooms = append(rooms, r.RoomID)
				if r.RoomID == 0 && r.LiveKey != nil {
					t.Error("a row of the whole site has one room's broadcast")
				}
			}
			if diff := cmp.Diff(c.rooms, rooms); diff != "" {
				t.Error(diff)
			}
			if len(g.rows.Audience) != c.audienceCount {
				t.Errorf("%d rows of audience, want %d", len(g.rows.Audience), c.audienceCount)
			}
		})
	}
}

// interval is a row of coverage, readably.
func intervals(g *gathered) (all []string) {
	for _, r := range g.rows.Coverage {
		cause := "-"
		if r.Cause != nil {
			cause = *r.Cause
		}
		all = append(all, fmt.Sprintf("%d %s-%s %s %s %d", r.RoomID, store.Time(r.StartedAt).String()[11:19],
			store.Time(r.EndedAt).String()[11:19], r.State, cause, r.Commands))
	}
	slices.Sort(all)
	return all
}

func watchOne(m *memTape) {
	m.mark("10:10:00", 0, schema.Mark{Name: schema.MarkStart})
	m.mark("10:10:00", 1, schema.Mark{Name: schema.MarkSelected, Reason: "top", Facts: &schema.RoomFacts{LiveKey: "k", LiveStatus: 1}})
	m.mark("10:10:01", 1, schema.Mark{Name: schema.MarkConnected, Host: "h:1", Transport: "tcp", Identity: "guest"})
	m.command("10:10:02", 1, danmaku(at("10:10:02"), "1", "one"))
}

// A collector that is killed and starts again hours later: the coverage of every hour in
// between tiles, and says why nothing is there.
func TestCoverageAcrossKill(t *testing.T) {
	m := newTape()
	watchOne(m)
	m.alive("10:10:03", "10:20:01")
	// The journal's recovery folds the kill into the state that its next snapshot holds.
	m.watch.Down(at("10:20:00"), schema.CauseKilled)
	m.mark("13:05:00", 0, schema.Mark{Name: schema.MarkStart})
	m.mark("13:05:01", 1, schema.Mark{Name: schema.MarkSelected, Reason: "top"})
	m.mark("13:05:02", 1, schema.Mark{Name: schema.MarkConnected, Identity: "guest"})
	m.alive("13:05:03", "13:05:10")
	m.ended = true
	for h, want := range map[schema.Hour][]string{
		ten: {
			"1 10:10:00-10:10:01 connecting selected 0",
			"1 10:10:01-10:20:00 observing - 1",
			"1 10:20:00-11:00:00 down killed 0",
		},
		ten + 1: {"1 11:00:00-12:00:00 down killed 0"},
		ten + 2: {"1 12:00:00-13:00:00 down killed 0"},
		ten + 3: {
			"1 13:00:00-13:05:01 down killed 0",
			"1 13:05:01-13:05:02 connecting selected 0",
			"1 13:05:02-13:05:09 observing - 0",
		},
	} {
		if diff := cmp.Diff(want, intervals(mustGather(t, m, h))); diff != "" {
			t.Errorf("coverage of %s (-want +got):\n%s", h, diff)
		}
	}
}

// What the journal lost is down in the coverage and in the books, whatever was lost.
func TestCoverageAcrossDamage(t *testing.T) {
	build := func() *memTape {
		m := newTape()
		watchOne(m)
		m.alive("10:10:03", "12:10:00")
		m.ended = true
		return m
	}
	seqAt := func(m *memTape, clock string) int64 {
		for _, r := range m.recs {
			if r.ReceivedAt >= at(clock) {
				return r.Seq
			}
		}
		t.Fatalf("no record at %s", clock)
		return 0
	}
	for name, c := range map[string]struct {
		from, to string
		hour     schema.Hour
		want     []string
	}{
		"two seconds": {"10:20:00", "10:20:02", ten, []string{
			"1 10:10:00-10:10:01 connecting selected 0",
			"1 10:10:01-10:19:59 observing - 1",
			"1 10:19:59-10:20:02 down journal_damage 0",
			"1 10:20:02-11:00:00 observing - 0",
		}},
		"half an hour": {"10:20:00", "10:50:00", ten, []string{
			"1 10:10:00-10:10:01 connecting selected 0",
			"1 10:10:01-10:19:59 observing - 1",
			"1 10:19:59-10:50:00 down journal_damage 0",
			"1 10:50:00-11:00:00 observing - 0",
		}},
		"the snapshot of the window and more": {"10:57:00", "11:01:00", ten + 1, []string{
			"1 11:00:00-11:01:00 down journal_damage 0",
			"1 11:01:00-12:00:00 observing - 0",
		}},
		"the end of an hour": {"10:57:00", "11:01:00", ten, []string{
			"1 10:10:00-10:10:01 connecting selected 0",
			"1 10:10:01-10:56:59 observing - 1",
			"1 10:56:59-11:00:00 down journal_damage 0",
		}},
		"the whole hour": {"10:57:00", "12:03:00", ten + 1, []string{
			"1 11:00:00-12:00:00 down journal_damage 0",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := build()
			m.lose(seqAt(m, c.from), seqAt(m, c.to)-1)
			if name == "the whole hour" || name == "the snapshot of the window and more" {
				// The journal begins again with a snapshot.
				next := slices.IndexFunc(m.recs, func(r schema.Record) bool { return r.ReceivedAt >= at(c.to) })
				snap := m.watch.Snapshot("segment")
				for i := range snap.Rooms {
					snap.Rooms[i].Since, snap.Rooms[i].State = at("10:10:01"), schema.StateObserving
				}
				m.recs[next].Kind, m.recs[next].Payload = schema.KindMark, schema.AppendMark(nil, &snap)
			}
			g := mustGather(t, m, c.hour)
			if diff := cmp.Diff(c.want, intervals(g)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if g.books.DamagedRanges != 1 || g.books.LostRecords == 0 || len(g.damage) != 1 {
				t.Errorf("the books know of %d ranges and %d records, the manifest of %d",
					g.books.DamagedRanges, g.books.LostRecords, len(g.damage))
			}
		})
	}
}

func TestUnreadableMarksAreCounted(t *testing.T) {
	m := newTape()
	m.add(at("10:10:00"), 0, schema.KindMark, []byte("no mark"))
	m.add(at("10:10:01"), 0, schema.Kind(9), []byte(`{}`))
	m.mark("10:10:02", 0, schema.Mark{Name: "of a later version"})
	m.ended = true
	if g := mustGather(t, m, ten); g.books.UnreadableMarks != 2 || g.books.Commands != 0 {
		t.Errorf("%d unreadable marks and %d commands, want 2 and 0", g.books.UnreadableMarks, g.books.Commands)
	}
}

func TestHeaderMustAgreeWithRecords(t *testing.T) {
	m := newTape()
	m.command("10:10:00", 1, `{"cmd":"X"}`)
	m.ended = true
	lying := lyingTape{m}
	_, err := gather(t.Context(), lying, ten, schema.NewDecoder("c", m.id))
	if err == nil || !strings.Contains(err.Error(), "its header says") {
		t.Errorf("got %v, want an error about the header", err)
	}
}

func TestDriftNames(t *testing.T) {
	m := newTape()
	m.command("10:10:00", 1, `{"cmd":"NEW_THING:4:2"}`)
	m.command("10:10:00", 2, `{"cmd":"NEW_THING"}`)
	m.command("10:10:01", 1, danmaku(at("10:10:01"), "", "known"))
	m.command("10:10:01", 1, `{"cmd":"BROKEN`)
	m.command("10:10:02", 1, `{"cmd":"`+strings.Repeat("一", 60)+`"}`)
	m.ended = true
	got := mustGather(t, m, ten).unmodelled
	want := map[string]int64{"NEW_THING": 2, strings.Repeat("一", 21): 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFrequentNames(t *testing.T) {
	names := map[string]int64{}
	for i := range maxNames + 10 {
		names[fmt.Sprintf("N%04d", i)] = int64(i + 1)
	}
	got := frequent(names)
	if len(got) != maxNames+1 || got[schema.RestOfNames] != 1+2+3+4+5+6+7+8+9+10 || got["N0010"] != 11 {
		t.Errorf("%d names, rest %d", len(got), got[schema.RestOfNames])
	}
}
