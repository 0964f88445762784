package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarks(t *testing.T) {
	facts := &RoomFacts{Title: "title", AreaID: 1, AreaName: "area", ParentAreaID: 2, ParentAreaName: "section",
		StreamerID: 3, StreamerName: "streamer", LiveStatus: 1, LiveKey: "key", LiveSince: 5, Popularity: 900}
	room := func(event string, edit func(*RoomsRow)) Rows {
		r := RoomsRow{RoomID: 21, TS: received, Event: event, Rank: ptr[int32](4), Reason: ptr("top"), LiveStatus: 1,
			LiveKey: ptr("key"), LiveSince: ptr[int64](5), Title: "title", AreaID: 1, AreaName: "area", ParentAreaID: 2,
			ParentAreaName: "section", StreamerID: 3, StreamerName: "streamer", Popularity: ptr[int64](900),
			Collector: "test", JournalID: "aa", Seq: 7}
		if edit != nil {
			edit(&r)
		}
		return Rows{Rooms: []RoomsRow{r}}
	}
	figure := func(metric string, key *string) Rows {
		return Rows{Audience: []AudienceRow{{Common: Common{EventID: UniqueEventID("aa", 7, 0), RoomID: 21, LiveKey: key, TS: received,
			ReceivedAt: received, Collector: "test", JournalID: "aa", Seq: 7}, Metric: metric, Value: 900}}}
	}
	tests := map[string]struct {
		watched bool // since an earlier record, with rank 4, reason top and the facts
		mark    Mark
		want    Rows
	}{
		"listed": {false, Mark{Name: MarkListed, Rank: 4, Reason: "top", Facts: facts}, room("listed", nil)},
		"listed, not chosen, but watched": {true, Mark{Name: MarkListed, Rank: 9, Facts: facts},
			room("listed", func(r *RoomsRow) { r.Rank, r.Reason = ptr[int32](9), nil })},
		"selected": {false, Mark{Name: MarkSelected, Rank: 4, Reason: "top", Facts: facts}, room("selected", nil)},
		"selected, nothing known": {false, Mark{Name: MarkSelected, Reason: "pin"}, Rows{Rooms: []RoomsRow{
			{RoomID: 21, TS: received, Event: "selected", Reason: ptr("pin"), Collector: "test", JournalID: "aa", Seq: 7}}}},
		"dropped":           {true, Mark{Name: MarkDropped, Cause: "unselected"}, room("dropped", nil)},
		"live":              {true, Mark{Name: MarkLive, Facts: facts}, room("live", nil)},
		"preparing":         {true, Mark{Name: MarkPreparing, Facts: &RoomFacts{Title: "title"}}, Rows{Rooms: []RoomsRow{{RoomID: 21, TS: received, Event: "preparing", Rank: ptr[int32](4), Reason: ptr("top"), Title: "title", Collector: "test", JournalID: "aa", Seq: 7}}}},
		"facts":             {true, Mark{Name: MarkFacts, Facts: facts}, room("changed", nil)},
		"popularity":        {true, Mark{Name: MarkPopularity, Value: 900}, figure("popularity", ptr("key"))},
		"popularity of old": {false, Mark{Name: MarkPopularity, Value: 900}, figure("popularity", nil)},
		"list popularity":   {true, Mark{Name: MarkListPopularity, Value: 900}, figure("list_popularity", ptr("key"))},
		"alive":             {true, Mark{Name: MarkAlive}, Rows{}},
		"connected":         {true, Mark{Name: MarkConnected, Host: "h"}, Rows{}},
		"of a later time":   {true, Mark{Name: "new_mark"}, Rows{}},
		"hour's snapshot": {true, Mark{Name: MarkSnapshot, Cause: "hour", Rooms: []RoomState{
			{Room: 21, Rank: 4, Reason: "top", Facts: *facts}, {Room: 22, Facts: RoomFacts{Title: "two"}}}},
			Rows{Rooms: append(room("snapshot", nil).Rooms,
				RoomsRow{RoomID: 22, TS: received, Event: "snapshot", Title: "two", Collector: "test", JournalID: "aa", Seq: 7, Item: 1})}},
		"segment's snapshot": {true, Mark{Name: MarkSnapshot, Cause: "segment", Rooms: []RoomState{{Room: 21}}}, Rows{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := NewWatch()
			if tt.watched {
				w.Apply(&Record{Seq: 1, Room: 21, ReceivedAt: received - 1}, &Mark{Name: MarkSelected, Rank: 4, Reason: "top", Facts: facts})
			}
			rec := &Record{Seq: 7, Room: 21, ReceivedAt: received, Kind: KindMark}
			var rows Rows
			d := NewDecoder("test", "aa")
			if tt.mark.Name == MarkDropped {
				d.Mark(rec, &tt.mark, w, false, &rows)
			} else {
				row := w.Apply(rec, &tt.mark)
				d.Mark(rec, &tt.mark, w, row, &rows)
			}
			if diff := cmp.Diff(tt.want, rows); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPopularityRowsAreThinned(t *testing.T) {
	w := NewWatch()
	d := NewDecoder("test", "aa")
	var rows Rows
	apply := func(second int64, m Mark) {
		rec := &Record{Seq: second, Room: 21, ReceivedAt: received + second*microsPerSecond}
		row := w.Apply(rec, &m)
		d.Mark(rec, &m, w, row, &rows)
	}
	apply(0, Mark{Name: MarkSelected})
	for i, value := range []int64{1, 1, 1, 2, 2, 1} {
		apply(int64(i)*30, Mark{Name: MarkPopularity, Value: value})
	}
	var got []int64
	for _, r := range rows.Audience {
		got = append(got, (r.TS-received)/microsPerSecond)
	}
	if diff := cmp.Diff([]int64{0, 60, 90, 150}, got); diff != "" {
		t.Errorf("seconds with a row (-want +got):\n%s", diff)
	}
}

func TestInterval(t *testing.T) {
	d := NewDecoder("test", "aa")
	got := d.Interval(Interval{Room: 21, Start: 1, End: 2, State: StateObserving, Identity: "guest", Host: "h:1",
		Transport: "wss", Masked: true, Commands: 3, Bytes: 4, Seq: 5})
	want := CoverageRow{RoomID: 21, StartedAt: 1, EndedAt: 2, State: "observing", Identity: "guest", Masked: true,
		Host: ptr("h:1"), Transport: ptr("wss"), Commands: 3, Bytes: 4, Collector: "test", JournalID: "aa", Seq: 5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = d.Interval(Interval{Room: 21, Start: 1, End: 2, State: StateDown, Cause: CauseKilled})
	want = CoverageRow{RoomID: 21, StartedAt: 1, EndedAt: 2, State: "down", Cause: ptr("killed"), Collector: "test", JournalID: "aa"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
