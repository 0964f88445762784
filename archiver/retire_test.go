package archiver

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

// hourlyTape is a journal of which each hour is a segment of 1000 bytes. Like the
// journal's, its retire takes sealed segments from the beginning.
type hourlyTape struct {
	*memTape
	gone schema.Hour
	open bool
}

func newHourlyTape(id string) *hourlyTape {
	m := newTape()
	m.id = id
	for h := 10; h <= 14; h++ {
		m.command(fmt.Sprintf("%d:05:00", h), 1, danmaku(at(fmt.Sprintf("%d:05:00", h)), fmt.Sprint(h), "one"))
		m.mark(fmt.Sprintf("%d:50:00", h), 0, schema.Mark{Name: schema.MarkAlive})
	}
	m.ended = true
	return &hourlyTape{memTape: m}
}

func (h *hourlyTape) facts() tapeFacts {
	f := h.memTape.facts()
	f.segments = nil
	for hour := max(ten, h.gone); hour <= ten+4; hour++ {
		f.segments = append(f.segments, segmentFacts{first: hour.Start(), last: hour.Start() + int64(50*time.Minute/time.Microsecond),
			bytes: 1000, sealed: !h.open || hour < ten+4})
	}
	return f
}

func (h *hourlyTape) retire(before schema.Hour, olderThan time.Time) (n int64, err error) {
	end := min(before.WindowStart(), olderThan.UnixMicro())
	for _, s := range h.facts().segments {
		if !s.sealed || s.last >= end {
			break
		}
		h.gone = schema.HourOf(s.first) + 1
		n += s.bytes
	}
	return n, nil
}

const farAhead = 200 * 365 * 24 * time.Hour

func TestRetireEarly(t *testing.T) {
	for name, c := range map[string]struct {
		retain       time.Duration
		wanted       int64
		scarceErr    error
		spoil        func(*memStore)
		first        schema.Hour // that is still there afterwards
		early, asked int64
		err          string
	}{
		"not scarce":             {retain: farAhead, first: ten},
		"one byte is a segment":  {retain: farAhead, wanted: 1, asked: 1, early: 1000, first: ten + 1},
		"just two segments":      {retain: farAhead, wanted: 2000, asked: 2000, early: 2000, first: ten + 2},
		"a byte more than two":   {retain: farAhead, wanted: 2001, asked: 2001, early: 3000, first: ten + 3},
		"more than there is":     {retain: farAhead, wanted: 1 << 40, asked: 1 << 40, early: 5000, first: ten + 5},
		"by age there is enough": {retain: time.Hour, wanted: 5000, first: ten + 5},
		"it cannot be measured":  {retain: farAhead, scarceErr: errors.New("no such disk"), first: ten, err: "no such disk"},
		"an hour is not committed": {retain: farAhead, wanted: 5000, asked: 5000, early: 2000, first: ten + 2,
			spoil: func(st *memStore) { st.objects[testBuild(ten+2).ManifestKey()] = []byte("spoilt") }, err: "manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			st := newMemStore()
			if c.spoil != nil {
				c.spoil(st)
			}
			m := newHourlyTape(testJournal)
			a := newTestArchiver(t, st, m)
			a.c.Retain = c.retain
			a.c.Scarce = func() (int64, error) {
				freed := int64(m.gone-ten) * 1000
				if m.gone == 0 {
					freed = 0
				}
				return c.wanted - freed, c.scarceErr
			}
			r, err := a.Poke(t.Context())
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if got := schema.HourOf(append(m.facts().segments, segmentFacts{first: (ten + 5).Start()})[0].first); got != c.first {
				t.Errorf("the first segment left is of %s, want %s", got, c.first)
			}
			if r.Early != c.early || r.Wanted != c.asked || r.Retired < r.Early {
				t.Errorf("%d bytes early, %d wanted, %d in all; want %d early, %d wanted", r.Early, r.Wanted, r.Retired, c.early, c.asked)
			}
		})
	}
}

// What cannot be retired neither counts nor keeps what comes after it from being found.
func TestOldest(t *testing.T) {
	h := newHourlyTape(testJournal)
	h.open = true
	f := tapeWith{h, append([]segmentFacts{{bytes: 9000}}, h.facts().segments...)}
	for bytes, want := range map[int64]schema.Hour{1: ten, 1000: ten, 1001: ten + 1, 4000: ten + 3, 9000: ten + 3} {
		if after, ok := oldest(f, bytes); !ok || after.UnixMicro() != want.Start()+int64(50*time.Minute/time.Microsecond)+1 {
			t.Errorf("%d bytes: %s, want the time after the segment of %s", bytes, after.UTC(), want)
		}
	}
	if after, ok := oldest(tapeWith{h, []segmentFacts{{bytes: 9000}}}, 1); ok {
		t.Errorf("a segment that cannot be read is to be retired, up to %s", after)
	}
}

// tapeWith has other segments.
type tapeWith struct {
	tape
	segments []segmentFacts
}

func (t tapeWith) facts() tapeFacts { return tapeFacts{segments: t.segments} }

// The oldest journal gives first, and what one cannot give another does.
func TestRetireEarlyFromSeveralJournals(t *testing.T) {
	st := newMemStore()
	first, second := newHourlyTape(testJournal), newHourlyTape("00000000000000bb")
	first.open = true
	a := newTestArchiver(t, st, first, second)
	a.c.Retain = farAhead
	a.c.Scarce = func() (int64, error) { return 4500, nil }
	r, err := a.Poke(t.Context())
	if err != nil || r.Early != 5000 || first.gone != ten+4 || second.gone != ten+1 {
		t.Errorf("error %v, %d bytes early, journals begin with %s and %s", err, r.Early, first.gone, second.gone)
	}
}

// A6 holds early too: a manifest that cannot be read again frees nothing.
func TestRetireEarlyReadsManifestsAgain(t *testing.T) {
	st := newMemStore()
	m := newHourlyTape(testJournal)
	a := newTestArchiver(t, st, m)
	a.c.Retain = farAhead
	p := poke{a: a, settled: map[hourID]Outcome{}, done: func(HourReport) {}}
	if _, err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.c.Scarce = func() (int64, error) { return 2000, nil }
	spoilt := testBuild(ten + 1).ManifestKey()
	kept := st.objects[spoilt]
	st.objects[spoilt] = []byte("spoilt")
	if r, err := p.run(t.Context()); err == nil || r.Retired != 0 || m.gone != 0 {
		t.Errorf("error %v, %d bytes retired", err, r.Retired)
	}
	st.objects[spoilt] = kept
	if r, err := p.run(t.Context()); err != nil || r.Early != 2000 {
		t.Errorf("error %v, %d bytes early", err, r.Early)
	}
}

// A nudge makes Run poke at once; while nothing can be freed it makes Run poke ever more
// seldom, however often it comes, and that is told once.
func TestNudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestArchiver(t, newMemStore())
		start := time.Now()
		var pokes []string
		list := a.list
		first := true
		a.list = func() ([]tape, error) {
			if first {
				pokes = append(pokes, time.Since(start).String())
			}
			first = !first // the second look is makeRoom's
			return list()
		}
		a.c.Scarce = func() (int64, error) { return 1000, nil }
		time.Sleep(6 * time.Minute) // past the schedule
		start = time.Now()
		go func() {
			for range 40 {
				time.Sleep(time.Minute)
				a.Nudge()
			}
		}()
		log := runFor(t, a, 50*time.Minute)
		want := []string{"0s", "1m0s", "3m0s", "7m0s", "15m0s", "31m0s"}
		if diff := cmp.Diff(want, pokes); diff != "" {
			t.Errorf("pokes (-want +got):\n%s", diff)
		}
		if n := strings.Count(log, "no archived segment is left"); n != 1 {
			t.Errorf("told %d times:\n%s", n, log)
		}
	})
}

func TestRunRetiresWhenNudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newMemStore()
		m := newHourlyTape(testJournal)
		a := newTestArchiver(t, st, m)
		a.build = fakeBuild(st)
		a.c.Retain = farAhead
		var wanted atomic.Int64
		a.c.Scarce = func() (int64, error) { return wanted.Load() - int64(max(m.gone, ten)-ten)*1000, nil }
		time.Sleep(6 * time.Minute)
		go func() {
			time.Sleep(time.Minute)
			wanted.Store(1500)
			a.Nudge()
			time.Sleep(time.Second)
			wanted.Store(3500)
			a.Nudge()
		}()
		log := runFor(t, a, 2*time.Minute)
		if m.gone != ten+4 {
			t.Errorf("the journal begins with %s", m.gone)
		}
		for _, want := range []string{"bytes=2000 wanted_bytes=1500 retain=" + farAhead.String(), "bytes=2000 wanted_bytes=1500"} {
			if !strings.Contains(log, want) {
				t.Errorf("%q is not told:\n%s", want, log)
			}
		}
		if n := strings.Count(log, "retired before their time"); n != 2 {
			t.Errorf("told %d times:\n%s", n, log)
		}
	})
}
