package journal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/schema"
)

const (
	testDisk = 1 << 30
	testRoom = hourRoom // of a disk of that size
)

// leave makes the disk have that share left beyond the room for one hour.
func leave(m *memFS, share float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.quota, m.others = testDisk, 0
	m.others = testDisk - testRoom - int64(share*testDisk) - m.used()
}

func named(name string, n int) string { return fmt.Sprintf(`{"cmd":%q,"n":%d}`, name, n) }

// settled waits until a change of the disk is measured, told and durable.
func settled() {
	time.Sleep(3 * pressEvery)
	synctest.Wait()
}

func TestLevels(t *testing.T) {
	l := Limits{}.withDefaults()
	if l != (Limits{WarnFree: 0.10, ShedFree: 0.05, StopFree: 0.02}) {
		t.Fatalf("defaults %+v", l)
	}
	disk := func(share float64) space {
		return space{total: testDisk, free: testRoom + int64(share*testDisk)}
	}
	none, presence := standing{}, standing{true, schema.LevelPresence, CauseDiskSpace}
	most, all := standing{true, schema.LevelMost, CauseDiskSpace}, standing{true, schema.LevelAll, CauseDiskSpace}
	scarce := standing{true, schema.LevelNone, CauseDiskSpace}
	for name, c := range map[string]struct {
		l      Limits
		s      space
		before standing
		want   standing
	}{
		"much":                            {s: disk(0.5)},
		"nobody can tell":                 {s: space{size: 1 << 40}},
		"just enough":                     {s: disk(0.1001)},
		"below warn":                      {s: disk(0.0999), want: scarce},
		"a tenth more is not enough":      {s: disk(0.1099), before: scarce, want: scarce},
		"it is over":                      {s: disk(0.1101), before: scarce, want: none},
		"above shed":                      {s: disk(0.0501), before: scarce, want: scarce},
		"below shed":                      {s: disk(0.0499), before: scarce, want: presence},
		"still shedding":                  {s: disk(0.0549), before: presence, want: presence},
		"no longer":                       {s: disk(0.0551), before: presence, want: scarce},
		"above the middle":                {s: disk(0.0351), before: presence, want: presence},
		"below the middle":                {s: disk(0.0349), before: presence, want: most},
		"most stays":                      {s: disk(0.0384), before: most, want: most},
		"most ends":                       {s: disk(0.0386), before: most, want: presence},
		"below stop":                      {s: disk(0.0199), before: most, want: all},
		"all stays":                       {s: disk(0.0219), before: all, want: all},
		"all ends":                        {s: disk(0.0221), before: all, want: most},
		"all at once":                     {s: disk(-0.01), want: all},
		"all over at once":                {s: disk(0.3), before: all, want: none},
		"a full hour needs more":          {s: space{total: testDisk, free: 300 << 20, fullest: 140 << 20}, want: all},
		"just above the room for an hour": {s: space{total: testDisk, free: 305 << 20, fullest: 140 << 20}, before: none, want: most},
		"max_size":                        {l: Limits{MaxSize: 1000}, s: space{total: 1 << 40, free: 1 << 39, size: 960}, want: standing{true, schema.LevelPresence, CauseMaxSize}},
		"above max_size":                  {l: Limits{MaxSize: 1000}, s: space{total: 1 << 40, free: 1 << 39, size: 2000}, want: standing{true, schema.LevelAll, CauseMaxSize}},
		"max_size on a disk nobody knows": {l: Limits{MaxSize: 1000}, s: space{size: 950}, want: standing{true, schema.LevelNone, CauseMaxSize}},
		"the disk is worse":               {l: Limits{MaxSize: 10 << 30}, s: space{total: testDisk, free: testRoom, size: 9900 << 20}, want: all},
		"other lines":                     {l: Limits{WarnFree: 0.5, ShedFree: 0.4, StopFree: 0.2}, s: disk(0.29), want: most},
		"lines in disorder":               {l: Limits{WarnFree: 0.01, ShedFree: 0.2, StopFree: 0.3}, s: disk(0.29), want: all},
	} {
		got := c.l.withDefaults().assess(c.s, c.before)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		// What is wanted is just what ends the scarcity.
		if p := c.l.withDefaults().pressure(c.s, got); p.Wanted > 0 {
			c.s.free, c.s.size = c.s.free+p.Wanted, c.s.size-p.Wanted
			if after := c.l.withDefaults().assess(c.s, got); after.scarce {
				t.Errorf("%s: still %+v after %d bytes went", name, after, p.Wanted)
			}
			c.s.free, c.s.size = c.s.free-p.Wanted/50-2, c.s.size+p.Wanted/50+2
			if after := c.l.withDefaults().assess(c.s, got); !after.scarce {
				t.Errorf("%s: less than %d bytes are enough", name, p.Wanted)
			}
		} else if got.scarce {
			t.Errorf("%s: scarce, and nothing wanted", name)
		}
	}
}

func TestRoomForOneHour(t *testing.T) {
	for _, c := range []struct{ total, fullest, want int64 }{
		{100 << 30, 0, 64 << 20},
		{100 << 30, 20 << 20, 64 << 20},
		{100 << 30, 1 << 30, 2 << 30},
		{100 << 20, 0, 100 << 20 / 8},
		{100 << 20, 10 << 20, 20 << 20},
	} {
		if got := (space{total: c.total, fullest: c.fullest}).room(); got != c.want {
			t.Errorf("disk of %d, fullest hour %d: %d, want %d", c.total, c.fullest, got, c.want)
		}
	}
}

// Sizes and hours are those of the files that are there.
func TestMeasure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		fsys.quota = testDisk
		sleepUntil(10 * time.Minute)
		w := start(t, options(fsys))
		for n := range 4 {
			for range n + 1 {
				w.command(7, strings.Repeat(fmt.Sprint(rand.Uint64()), 100))
			}
			w.sync()
			time.Sleep(time.Hour)
		}
		m := measurer{fs: fsys, dir: testDir}
		for range 2 { // the second time with what it knows
			s, err := m.measure()
			if err != nil {
				t.Fatal(err)
			}
			var size, fullest int64
			for name, n := range fsys.names {
				if strings.HasSuffix(name, ".open") || strings.HasSuffix(name, ".sealed") {
					size += int64(len(n.data))
					fullest = max(fullest, int64(len(n.data)))
				}
			}
			if s.size != size || s.fullest != fullest || s.total != testDisk || s.free != testDisk-fsys.used() {
				t.Errorf("measured %+v, want size %d, fullest %d", s, size, fullest)
			}
		}
		if len(m.sealed) != 3 {
			t.Errorf("keeps %d sealed segments, want 3", len(m.sealed))
		}
		w.end()
		for _, name := range fsys.files(".sealed")[:3] {
			if err := fsys.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.measure(); err != nil || len(m.sealed) != 1 {
			t.Errorf("keeps %d of 1 sealed segments: %v", len(m.sealed), err)
		}
	})
}

func TestMaxSize(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		leave(fsys, 0.5)
		o := options(fsys)
		o.Limits.MaxSize = 1 << 20
		o.SegmentSize = 64 << 10
		w := start(t, o)
		junk := func() string {
			b := make([]byte, 8<<10)
			for i := range b {
				b[i] = 'A' + byte(rand.N(57))
			}
			return `{"cmd":"DANMU_MSG","x":"` + string(b) + `"}`
		}
		var n int
		for n = 0; w.Pressure().Level != schema.LevelAll; n++ {
			if n > 400 {
				t.Fatalf("never stopped: %+v", w.Pressure())
			}
			w.command(7, junk())
			settled()
		}
		p := w.Pressure()
		if p.Cause != CauseMaxSize || p.Size > 1<<20 || p.Size < 950<<10 || p.MaxSize != 1<<20 || p.Wanted <= 0 {
			t.Errorf("%+v", p)
		}
		// Marks go on, hours become complete and can be retired: it heals.
		w.mark(0, schema.Mark{Name: schema.MarkAlive})
		sleepUntil(3 * time.Hour)
		w.mark(0, schema.Mark{Name: schema.MarkAlive})
		w.sync()
		w.mark(0, schema.Mark{Name: schema.MarkAlive}) // its block tells that the one before is durable
		gathered()
		info := mustOne(t, fsys)
		if !info.Complete(hour0()) {
			t.Error("the hour is not complete")
		}
		if _, err := Retire(info, hour0()+2, time.Now()); err != nil {
			t.Fatal(err)
		}
		settled()
		if p := w.Pressure(); p.Level != schema.LevelNone || p.Scarce {
			t.Errorf("after retiring: %+v", p)
		}
		w.end()
	})
}

func TestMaxSizeIsLowered(t *testing.T) {
	l := Limits{MaxSize: 20 << 30}.withDefaults()
	s := space{total: 10 << 30, free: 4 << 30, size: 2 << 30, fullest: 100 << 20}
	want := int64(4<<30 + 2<<30 - 200<<20 - 10<<30*2/100)
	if p := l.pressure(s, standing{}); p.MaxSize-want > 1 || want-p.MaxSize > 1 {
		t.Errorf("lowered to %d, want %d", p.MaxSize, want)
	}
	// Where it is reached, writing stops.
	s.size, s.free = s.size+(want-s.size), s.free-(want-s.size)
	if st := l.assess(space{total: s.total, free: s.free - 10, size: s.size + 10, fullest: s.fullest}, standing{}); st.level != schema.LevelAll {
		t.Errorf("%+v", st)
	}
	if st := l.assess(space{total: s.total, free: s.free + 10, size: s.size - 10, fullest: s.fullest}, standing{}); st.level != schema.LevelMost {
		t.Errorf("%+v", st)
	}
	s.free = 9 << 30
	l.MaxSize = 3 << 30
	if p := l.pressure(s, standing{}); p.MaxSize != 3<<30 {
		t.Errorf("%+v", p)
	}
}

func TestOpenOnAReadOnlyDisk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, "kept")
		w.sync()
		m := fsys.killed()
		w.end()
		m.readOnly = true
		_, err := Open(t.Context(), testDir, options(m))
		if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "remount") || !strings.Contains(err.Error(), "nothing is lost") {
			t.Errorf("%v", err)
		}
		m.readOnly = false
		start(t, options(m)).end()
		if all, damage := mustRead(t, mustOne(t, m)); !slices.Equal(commands(all), []string{"kept"}) || len(damage) > 0 {
			t.Errorf("%v %v", texts(all), damage)
		}
	})
}

func TestSpace(t *testing.T) {
	dir := t.TempDir()
	p, err := Space(dir+"/not/there", Limits{WarnFree: math.SmallestNonzeroFloat64})
	if err != nil || p.Total == 0 || p.Free > p.Total || p.Size != 0 || p.MaxSize <= 0 {
		t.Errorf("%+v %v", p, err)
	}
	w, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Append(t.Context(), 7, schema.KindCommand, []byte("a")), w.Close()); err != nil {
		t.Fatal(err)
	}
	p, err = Space(dir, Limits{MaxSize: 100})
	infos, jerr := Journals(dir)
	if err != nil || jerr != nil || p.Size != infos[0].Segments[0].Bytes || p.Level != schema.LevelAll || p.Cause != CauseMaxSize || p.Wanted < p.Size-100 {
		t.Errorf("%+v %v %v", p, err, jerr)
	}
}
