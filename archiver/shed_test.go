package archiver

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

func (m *memTape) shedding(clock string, level schema.Level) {
	m.mark(clock, 0, schema.Mark{Name: schema.MarkShedding, Level: level, Cause: "max_size"})
}

func (m *memTape) shed(clock string, counts map[string]int64) {
	mark := schema.Mark{Name: schema.MarkShed, Counts: counts, From: at(clock) - 1e6, To: at(clock)}
	for _, n := range counts {
		mark.Value += n
	}
	m.mark(clock, 0, mark)
}

// Every mark's counts are in the hour in which it was received, whatever else holds it:
// the windows of both neighbours hold those within the grace.
func TestShedCountsAreInOneHour(t *testing.T) {
	m := newTape()
	watchOne(m)
	m.shedding("10:57:00", schema.LevelPresence)
	want := map[schema.Hour]int64{}
	for i, clock := range []string{"10:57:59", "10:58:00", "10:59:59.999999", "11:00:00", "11:01:59.999999", "11:02:00", "11:58:00", "12:00:00"} {
		n := int64(1) << i
		m.shed(clock, map[string]int64{"INTERACT_WORD": n, "LIKE_INFO_V3_CLICK": 1000 * n})
		want[schema.HourOf(at(clock))] += 1001 * n
	}
	m.shedding("12:00:01", schema.LevelNone)
	m.alive("12:00:02", "12:03:00")
	m.ended = true
	for h, n := range want {
		got := mustGather(t, m, h).books.Shed
		if got.Commands != n || got.Uncounted != 0 || got.Sum() != n || got.ByName["INTERACT_WORD"]*1000 != got.ByName["LIKE_INFO_V3_CLICK"] {
			t.Errorf("hour %s: %+v, want %d commands", h, got, n)
		}
	}
}

// What was shed, and at which level, is in the coverage; each hour is tiled.
func TestCoverageOfShedding(t *testing.T) {
	m := newTape()
	watchOne(m)
	m.alive("10:10:03", "10:20:00")
	m.shedding("10:20:00", schema.LevelPresence)
	m.alive("10:20:01", "10:30:00")
	m.shedding("10:30:00", schema.LevelMost)
	m.shed("10:30:00", map[string]int64{"INTERACT_WORD": 5})
	m.alive("10:30:01", "11:15:00")
	m.shedding("11:15:00", schema.LevelAll)
	m.alive("11:15:01", "11:40:00")
	m.shedding("11:40:00", schema.LevelNone)
	m.alive("11:40:01", "12:03:00")
	m.ended = true
	for h, want := range map[schema.Hour]struct {
		rows   []string
		levels map[schema.Level]int64
	}{
		ten: {[]string{
			"1 10:10:00-10:10:01 connecting selected 0",
			"1 10:10:01-10:20:00 observing - 1",
			"1 10:20:00-10:30:00 shed presence 0",
			"1 10:30:00-11:00:00 shed most 0",
		}, map[schema.Level]int64{"presence": 600, "most": 1800}},
		ten + 1: {[]string{
			"1 11:00:00-11:15:00 shed most 0",
			"1 11:15:00-11:40:00 shed all 0",
			"1 11:40:00-12:00:00 observing - 0",
		}, map[schema.Level]int64{"most": 900, "all": 1500}},
	} {
		g := mustGather(t, m, h)
		if diff := cmp.Diff(want.rows, intervals(g)); diff != "" {
			t.Errorf("coverage of %s (-want +got):\n%s", h, diff)
		}
		if diff := cmp.Diff(want.levels, g.coverage.ShedSeconds); diff != "" {
			t.Errorf("seconds shed in %s (-want +got):\n%s", h, diff)
		}
		sum := int64(0)
		for _, n := range want.levels {
			sum += n
		}
		if g.coverage.Seconds[schema.StateShed] != sum || g.coverage.Seconds[schema.StateObserving] != g.coverage.ObservedSeconds {
			t.Errorf("seconds of %s: %v, observed %d", h, g.coverage.Seconds, g.coverage.ObservedSeconds)
		}
		if g.books.Shed.Uncounted != 0 {
			t.Errorf("hour %s: %+v", h, g.books.Shed)
		}
	}
}

// Counts that never came are unknown: the hour in which they are missing says so.
func TestShedUncounted(t *testing.T) {
	restart := func(m *memTape, clock string) {
		m.watch.Down(m.recs[len(m.recs)-1].ReceivedAt, schema.CauseKilled)
		mark := m.watch.Snapshot("segment")
		m.append(at(clock), 0, schema.KindMark, schema.AppendMark(nil, &mark))
		m.mark(clock, 0, schema.Mark{Name: schema.MarkStart})
	}
	for name, c := range map[string]struct {
		then func(m *memTape)
		want map[schema.Hour]int64
	}{
		"killed, started again soon": {func(m *memTape) {
			restart(m, "11:01:00")
			m.alive("11:01:01", "11:03:00")
		}, map[schema.Hour]int64{ten: 1, ten + 1: 0}},
		"killed, started again hours later": {func(m *memTape) { restart(m, "13:30:00") },
			map[schema.Hour]int64{ten: 1, ten + 1: 0, ten + 2: 0, ten + 3: 0}},
		"killed, and never started again": {func(*memTape) {}, map[schema.Hour]int64{ten: 1}},
		"started again while still short": {func(m *memTape) {
			restart(m, "11:01:00")
			m.shedding("11:01:00", schema.LevelAll)
			m.mark("11:01:01", 0, schema.Mark{Name: schema.MarkStart})
			m.shedding("11:01:01", schema.LevelAll)
			m.shedding("11:01:02", schema.LevelNone)
		}, map[schema.Hour]int64{ten: 1, ten + 1: 0}},
		"ended in good order": {func(m *memTape) {
			m.shed("10:59:30", map[string]int64{"INTERACT_WORD": 3})
			m.mark("10:59:30", 0, schema.Mark{Name: schema.MarkStop})
		}, map[schema.Hour]int64{ten: 0}},
		"records lost": {func(m *memTape) {
			m.alive("10:59:01", "11:05:00")
			m.shedding("11:05:00", schema.LevelNone)
			m.lose(int64(len(m.recs)-100), int64(len(m.recs)-90))
		}, map[schema.Hour]int64{ten: 0, ten + 1: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTape()
			watchOne(m)
			m.shedding("10:20:00", schema.LevelPresence)
			m.alive("10:20:01", "10:59:00")
			c.then(m)
			m.ended = true
			for h, want := range c.want {
				if got := mustGather(t, m, h).books.Shed.Uncounted; got != want {
					t.Errorf("hour %s: %d, want %d", h, got, want)
				}
			}
		})
	}
}

// A mark that an odd writer made still adds up, and no number of names grows the books.
func TestShedCountsAreBounded(t *testing.T) {
	m := newTape()
	watchOne(m)
	m.mark("10:30:00", 0, schema.Mark{Name: schema.MarkShed, Value: 10, Counts: map[string]int64{"A": 3, "B": -5}})
	for i := range 10 {
		counts := map[string]int64{}
		for k := range 64 {
			counts[fmt.Sprintf("NAME_%d_%d_%s", i, k, strings.Repeat("X", 100))] = 1
		}
		m.shed(fmt.Sprintf("10:30:%02d", i+1), counts)
	}
	m.ended = true
	got := mustGather(t, m, ten).books.Shed
	if got.Commands != 650 || got.Sum() != 650 || len(got.ByName) > maxNames+1 || got.ByName["A"] != 3 || got.ByName["B"] != 0 {
		t.Errorf("%d commands, %d by %d names, A %d", got.Commands, got.Sum(), len(got.ByName), got.ByName["A"])
	}
	for name := range maps.Keys(got.ByName) {
		if len(name) > maxNameLength {
			t.Errorf("a name of %d bytes", len(name))
		}
	}
}

func TestVerifyComparesShed(t *testing.T) {
	sound := archived(t)
	for name, c := range map[string]struct {
		change func(m *store.Manifest)
		want   string
	}{
		"names do not add up": {func(m *store.Manifest) { m.Books.Shed.Commands = 5 }, "5 commands were shed, by name 0"},
		"all was recorded": {func(m *store.Manifest) {
			m.Books.Shed = store.Shed{Commands: 5, ByName: map[string]int64{"A": 5}}
			m.Coverage.Seconds = map[schema.State]int64{schema.StateObserving: 3600}
		}, "by its coverage all were recorded"},
		"some was not": {func(m *store.Manifest) {
			m.Books.Shed = store.Shed{Commands: 5, ByName: map[string]int64{"A": 5}}
			m.Coverage.Seconds = map[schema.State]int64{schema.StateObserving: 3599, schema.StateShed: 0}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			st := sound.clone()
			edit(t, st, ten+1, c.change)
			r := mustVerify(t, st, VerifyOptions{})
			if c.want == "" && !r.OK() || c.want != "" && (len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, c.want)) {
				t.Errorf("problems %v, want %q", r.Problems, c.want)
			}
			if r.Shed != 5 {
				t.Errorf("%d shed", r.Shed)
			}
		})
	}
}

// What a crash tore is no damage: the gap's cause is the end of the run, and the numbers up
// to the reserve are not lost records.
func TestTornRanges(t *testing.T) {
	t.Run("at the end of a run", func(t *testing.T) {
		m := newTape()
		watchOne(m)
		m.alive("10:10:03", "10:20:01")
		m.watch.Down(at("10:20:00"), schema.CauseStopped)
		snapshot := m.watch.Snapshot("segment")
		m.append(at("10:30:00"), 0, schema.KindMark, schema.AppendMark(nil, &snapshot))
		m.alive("10:30:01", "10:30:05")
		m.ended = true
		last := m.recs[len(m.recs)-6].Seq
		for i := range m.recs {
			if m.recs[i].Seq > last {
				m.recs[i].Seq += 1 << 20
			}
		}
		m.lose(last+1, last+1<<20)
		m.lost[0].Torn = true
		g := mustGather(t, m, ten)
		if diff := cmp.Diff([]string{
			"1 10:10:00-10:10:01 connecting selected 0",
			"1 10:10:01-10:20:00 observing - 1",
			"1 10:20:00-10:30:04 down stopped 0",
		}, intervals(g)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if b := g.books; b.TornRanges != 1 || b.DamagedRanges != 0 || b.LostRecords != 0 || !g.damage[0].Torn {
			t.Errorf("%+v", b)
		}
	})
	t.Run("between blocks", func(t *testing.T) {
		m := newTape()
		watchOne(m)
		m.alive("10:10:03", "10:20:00")
		m.ended = true
		m.lose(100, 103)
		m.lost[0].Torn, m.lost[0].Records, m.lost[0].Commands = true, 4, 1
		g := mustGather(t, m, ten)
		if !strings.Contains(strings.Join(intervals(g), "\n"), "down killed") {
			t.Errorf("coverage: %v", intervals(g))
		}
		if b := g.books; b.TornRanges != 1 || b.DamagedRanges != 0 || b.LostRecords != 4 || b.LostCommands != 1 {
			t.Errorf("%+v", b)
		}
	})
}
