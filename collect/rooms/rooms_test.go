package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

// room makes a candidate as the API gives it.
func room(id schema.RoomID, popularity int64) collect.Candidate {
	return collect.Candidate{Room: id, Facts: schema.RoomFacts{Popularity: popularity}}
}

// fakeAPI serves lists from memory, by pages.
type fakeAPI struct {
	top, v3        []collect.Candidate
	topErr, v3Err  error
	areas          []schema.RoomFacts
	areasErr       error
	byArea         map[string][]collect.Candidate // "parent/area"
	areaErr        map[string]error
	recommended    []collect.Candidate
	resolved       []collect.Candidate
	missing        []int64
	resolveErr     error
	pages, resolve int
}

func (f *fakeAPI) page(all []collect.Candidate, page, size int) []collect.Candidate {
	f.pages++
	from := min((page-1)*size, len(all))
	return append([]collect.Candidate(nil), all[from:min(from+size, len(all))]...)
}

func (f *fakeAPI) TopRooms(_ context.Context, page, size int) ([]collect.Candidate, error) {
	return f.page(f.top, page, size), f.topErr
}

func (f *fakeAPI) TopRoomsV3(_ context.Context, page, size int) ([]collect.Candidate, error) {
	return f.page(f.v3, page, size), f.v3Err
}

func (f *fakeAPI) AreaRooms(_ context.Context, parent, area int64, page, size int) ([]collect.Candidate, error) {
	key := fmt.Sprintf("%d/%d", parent, area)
	return f.page(f.byArea[key], page, size), f.areaErr[key]
}

func (f *fakeAPI) Areas(context.Context) ([]schema.RoomFacts, error) { return f.areas, f.areasErr }

func (f *fakeAPI) Recommended(_ context.Context, page, size int) ([]collect.Candidate, error) {
	return f.page(f.recommended, page, size), nil
}

func (f *fakeAPI) Resolve(context.Context, []int64) ([]collect.Candidate, []int64, error) {
	f.resolve++
	return append([]collect.Candidate(nil), f.resolved...), f.missing, f.resolveErr
}

// short writes candidates as rank:room reason.
func short(cs []collect.Candidate) []string {
	var s []string
	for _, c := range cs {
		s = append(s, fmt.Sprintf("%d:%d %s", c.Rank, c.Room, c.Reason))
	}
	return s
}

func many(from, n int) []collect.Candidate {
	var cs []collect.Candidate
	for i := range n {
		cs = append(cs, room(schema.RoomID(from+i), int64(100_000-i)))
	}
	return cs
}

func logger(b *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func TestPopularitySortsAndRanks(t *testing.T) {
	api := &fakeAPI{top: []collect.Candidate{room(4, 10), room(9, 30), room(2, 10), room(9, 30), room(5, 20)}}
	got, err := NewPopularity(api, nil).Rooms(t.Context(), 0)
	if diff := cmp.Diff([]string{"1:9 top", "2:5 top", "3:2 top", "4:4 top"}, short(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got[0].Facts.Popularity != 30 {
		t.Errorf("facts are lost: %+v", got[0])
	}
}

func TestPopularityPages(t *testing.T) {
	shifted := append(many(1, 40), many(35, 40)...) // rooms 35 to 40 are on two pages
	for name, c := range map[string]struct {
		top               []collect.Candidate
		limit, pages, got int
	}{
		"one page is enough":   {many(1, 100), 30, 1, 30},
		"two pages":            {many(1, 100), 31, 2, 31},
		"more than there are":  {many(1, 45), 100, 3, 45},
		"all":                  {many(1, 45), 0, 3, 45},
		"repeated rooms count": {shifted, 70, 3, 70},
		"without an end":       {many(1, 31*pageSize*maxPages/30), 0, maxPages, pageSize * maxPages},
	} {
		t.Run(name, func(t *testing.T) {
			api := &fakeAPI{top: c.top}
			got, err := NewPopularity(api, nil).Rooms(t.Context(), c.limit)
			if len(got) != c.got || api.pages != c.pages || err != nil {
				t.Errorf("%d rooms of %d pages, %v; want %d of %d", len(got), api.pages, err, c.got, c.pages)
			}
			seen := map[schema.RoomID]bool{}
			for _, r := range got {
				if seen[r.Room] {
					t.Fatalf("room %d is offered twice", r.Room)
				}
				seen[r.Room] = true
			}
		})
	}
}

func TestPopularityStopsWhereAListRepeatsItself(t *testing.T) {
	api := &endless{}
	got, err := NewPopularity(api, nil).Rooms(t.Context(), 100)
	if len(got) != 30 || api.pages != 2 || err != nil {
		t.Errorf("%d rooms of %d pages, %v", len(got), api.pages, err)
	}
}

// endless gives the same page for ever.
type endless struct{ fakeAPI }

func (e *endless) TopRooms(context.Context, int, int) ([]collect.Candidate, error) {
	e.pages++
	return many(1, 30), nil
}

func TestPopularityFallsBack(t *testing.T) {
	first, second := errors.New("first way"), errors.New("second way")
	for name, c := range map[string]struct {
		api  fakeAPI
		want []string
		errs []error
	}{
		"first fails":     {api: fakeAPI{topErr: first, v3: many(7, 1)}, want: []string{"1:7 top"}},
		"first is empty":  {api: fakeAPI{v3: many(7, 1)}, want: []string{"1:7 top"}},
		"both fail":       {api: fakeAPI{topErr: first, v3Err: second}, errs: []error{first, second}},
		"nothing at all":  {api: fakeAPI{v3Err: second}, errs: []error{second}},
		"first will do":   {api: fakeAPI{top: many(3, 1), v3Err: second}, want: []string{"1:3 top"}},
		"second is empty": {api: fakeAPI{topErr: first}, errs: []error{first}},
		"by areas": {api: fakeAPI{topErr: first, v3Err: second, areas: someAreas,
			byArea: map[string][]collect.Candidate{"2/0": {room(1, 5), room(2, 9)}, "9/0": {room(3, 7), room(2, 9)}}},
			want: []string{"1:2 top", "2:3 top", "3:1 top"}},
		"recommended": {api: fakeAPI{topErr: first, v3Err: second, areas: someAreas, recommended: many(5, 1)}, want: []string{"1:5 top"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewPopularity(&c.api, nil).Rooms(t.Context(), 10)
			if diff := cmp.Diff(c.want, short(got)); diff != "" || (err != nil) != (len(c.errs) > 0) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			for _, want := range c.errs {
				if !errors.Is(err, want) {
					t.Errorf("error %v lacks %v", err, want)
				}
			}
		})
	}
}

// The lists of all areas are read only as far as they matter.
func TestPopularityByAreasIsFrugal(t *testing.T) {
	first := errors.New("first way")
	big, small := many(1, 200), many(1001, 200)
	for i := range small {
		small[i].Facts.Popularity = int64(500 - i)
	}
	api := &fakeAPI{topErr: first, v3Err: first, areas: someAreas, byArea: map[string][]collect.Candidate{"2/0": big, "9/0": small}}
	got, err := NewPopularity(api, nil).Rooms(t.Context(), 100)
	// One page each of the two lists that fail, four of the big area, and the first of the
	// small one, of which a second is read before it is known to be small.
	if len(got) != 100 || got[99].Room != 100 || api.pages > 2+4+3 || err != nil {
		t.Errorf("%d rooms after %d pages, %v", len(got), api.pages, err)
	}
}

func TestPopularityAsksNoSecondTimeWhenStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	api := &fakeAPI{topErr: context.Canceled, v3: many(1, 1)}
	if got, err := NewPopularity(api, nil).Rooms(ctx, 10); !errors.Is(err, context.Canceled) || api.pages != 1 {
		t.Errorf("%v, %v after %d requests", got, err, api.pages)
	}
}

var someAreas = []schema.RoomFacts{
	{AreaID: 86, ParentAreaID: 2}, {AreaID: 87, ParentAreaID: 2}, {AreaID: 371, ParentAreaID: 9},
}

func TestAreas(t *testing.T) {
	api := &fakeAPI{areas: someAreas, byArea: map[string][]collect.Candidate{
		"2/86": {room(1, 50), room(2, 90)},
		"9/0":  {room(11, 9), room(12, 8), room(2, 1)},
	}}
	for limit, want := range map[int][]string{
		0: {"1:2 area:86", "1:11 area:9", "2:1 area:86", "2:12 area:9"},
		3: {"1:2 area:86", "1:11 area:9", "2:1 area:86"},
		1: {"1:2 area:86"},
	} {
		got, err := NewAreas(api, []int64{86, 9}, nil).Rooms(t.Context(), limit)
		if diff := cmp.Diff(want, short(got)); diff != "" || err != nil {
			t.Errorf("limit %d: %v (-want +got):\n%s", limit, err, diff)
		}
	}
}

func TestAreasTellsOfUnknownOnesOnce(t *testing.T) {
	var log strings.Builder
	api := &fakeAPI{areas: someAreas, byArea: map[string][]collect.Candidate{"2/87": many(1, 1)}}
	source := NewAreas(api, []int64{555, 87}, logger(&log))
	for range 2 {
		got, err := source.Rooms(t.Context(), 10)
		if diff := cmp.Diff([]string{"1:1 area:87"}, short(got)); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if n := strings.Count(log.String(), "area=555"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
}

func TestAreasFails(t *testing.T) {
	boom := errors.New("boom")
	for name, api := range map[string]*fakeAPI{
		"list of areas": {areasErr: boom},
		"one area":      {areas: someAreas, byArea: map[string][]collect.Candidate{"2/86": many(1, 1)}, areaErr: map[string]error{"2/87": boom}},
	} {
		if got, err := NewAreas(api, []int64{86, 87}, nil).Rooms(t.Context(), 10); !errors.Is(err, boom) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestNothingConfiguredAsksNothing(t *testing.T) {
	boom := errors.New("asked")
	api := &fakeAPI{areasErr: boom, resolveErr: boom}
	for _, s := range []collect.Source{NewAreas(api, nil, nil), NewPinned(api, nil, nil)} {
		if got, err := s.Rooms(t.Context(), 10); len(got) != 0 || err != nil {
			t.Errorf("%T: %v, %v", s, got, err)
		}
	}
}

func TestPinned(t *testing.T) {
	var log strings.Builder
	api := &fakeAPI{resolved: []collect.Candidate{room(1001, 0), room(1002, 99)}, missing: []int64{404}}
	source := NewPinned(api, []int64{7, 1002, 404}, logger(&log))
	for limit, want := range map[int][]string{0: {"1:1001 pin", "2:1002 pin"}, 1: {"1:1001 pin"}} {
		got, err := source.Rooms(t.Context(), limit)
		if diff := cmp.Diff(want, short(got)); diff != "" || err != nil {
			t.Errorf("limit %d: %v (-want +got):\n%s", limit, err, diff)
		}
	}
	if n := strings.Count(log.String(), "room=404"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
	api.resolveErr = errors.New("boom")
	if _, err := source.Rooms(t.Context(), 0); !errors.Is(err, api.resolveErr) {
		t.Errorf("error %v", err)
	}
}

func TestParsePin(t *testing.T) {
	for s, want := range map[string]int64{
		"5050": 5050, " 5050\n": 5050,
		"https://live.bilibili.com/5050":                   5050,
		"http://live.bilibili.com/5050/":                   5050,
		"https://live.bilibili.com/5050?from=search#top":   5050,
		"https://live.bilibili.com/h5/5050":                5050,
		"https://live.bilibili.com/blanc/5050?liteVersion": 5050,
		"live.bilibili.com/5050":                           5050,
		"":                                                 0, "0": 0, "-5": 0, "abc": 0, "5.0": 0, "99999999999999999999": 0,
		"https://live.bilibili.com/": 0, "https://live.bilibili.com/p/eden": 0,
		"https://example.org/5050": 0, "https://space.bilibili.com/5050": 0,
	} {
		got, err := ParsePin(s)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v; want %d", s, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "want a room id such as 5050") {
			t.Errorf("%q: the error does not help: %v", s, err)
		}
	}
}

func FuzzParsePin(f *testing.F) {
	for _, s := range []string{"5050", "https://live.bilibili.com/5050?x", "live.bilibili.com/%zz", "//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParsePin(s); (err == nil) != (id > 0) {
			t.Fatalf("%q: %d, %v", s, id, err)
		}
	})
}
