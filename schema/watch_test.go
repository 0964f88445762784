package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// at is a step of a story: a record at a second of it.
type at struct {
	second float64
	room   RoomID
	mark   *Mark // nil: a command
}

func micro(second float64) int64 { return int64(second * 1e6) }

// play folds the story with a coverage of [from, to) seconds and tells each room's
// intervals in order.
func play(from, to float64, steps []at) map[RoomID][]string {
	told := map[RoomID][]string{}
	w := NewCoverage(micro(from), micro(to), func(i Interval) {
		s := fmt.Sprintf("%g-%g %s", float64(i.Start)/1e6, float64(i.End)/1e6, i.State)
		for _, more := range []string{i.Cause, i.Identity} {
			if more != "" {
				s += " " + more
			}
		}
		if i.Masked {
			s += " masked"
		}
		if i.Commands > 0 {
			s += fmt.Sprintf(" %d/%d", i.Commands, i.Bytes)
		}
		told[i.Room] = append(told[i.Room], s)
	})
	for seq, step := range steps {
		w.Apply(&Record{Seq: int64(seq + 1), Room: step.room, ReceivedAt: micro(step.second), Payload: []byte("12345")}, step.mark)
	}
	w.Finish(micro(to))
	return told
}

// alive is alive marks every second, from and to included.
func alive(from, to float64) (steps []at) {
	for s := from; s <= to; s++ {
		steps = append(steps, at{s, 0, &Mark{Name: MarkAlive}})
	}
	return steps
}

func join(parts ...[]at) (all []at) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func story(steps ...at) []at { return steps }

func TestCoverage(t *testing.T) {
	selected := func(s float64, room RoomID) at { return at{s, room, &Mark{Name: MarkSelected}} }
	connected := func(s float64, room RoomID) at {
		return at{s, room, &Mark{Name: MarkConnected, Identity: "guest"}}
	}
	command := func(s float64, room RoomID) at { return at{s, room, nil} }
	mark := func(s float64, room RoomID, m Mark) at { return at{s, room, &m} }
	start := func(s float64) at { return at{s, 0, &Mark{Name: MarkStart}} }
	selection := func(s float64) at { return at{s, 0, &Mark{Name: MarkSelection}} }

	tests := map[string]struct {
		from, to float64
		steps    []at
		want     map[RoomID][]string
	}{
		"a quiet life": {0, 100,
			join(story(start(1), selected(2, 5), selection(2), connected(3, 5), command(4, 5), command(4, 6)), alive(5, 50),
				story(mark(50, 5, Mark{Name: MarkDropped})), alive(51, 60)),
			map[RoomID][]string{5: {"2-3 connecting selected", "3-50 observing guest 1/5"}}},
		"cut at the hour": {10, 20,
			join(story(selected(2, 5), connected(3, 5), command(4, 5)), alive(5, 15), story(command(15, 5)), alive(16, 25), story(command(25, 5))),
			map[RoomID][]string{5: {"10-20 observing guest 1/5"}}},
		"a disconnection counts from the last packet": {0, 100,
			join(story(selected(1, 5), connected(2, 5)), alive(3, 40),
				story(mark(40, 5, Mark{Name: MarkDisconnected, Cause: "timeout", LastReceived: micro(22)}), connected(42, 5)), alive(43, 50)),
			map[RoomID][]string{5: {"1-2 connecting selected", "2-22 observing guest", "22-42 connecting timeout", "42-100 observing guest"}}},
		"the last command lies within its interval": {0, 100,
			join(story(selected(1, 5), connected(2, 5), command(3, 5),
				mark(4, 5, Mark{Name: MarkDisconnected, Cause: "closed", LastReceived: micro(3)}), connected(5, 5), command(6, 5)), alive(20, 21),
				story(command(22, 5), mark(30, 0, Mark{Name: MarkSnapshot, Last: micro(22),
					Rooms: []RoomState{{Room: 5, State: StateDown, Cause: CauseKilled, Since: micro(22)}}}))),
			map[RoomID][]string{5: {"1-2 connecting selected", "2-3.000001 observing guest 1/5", "3.000001-5 connecting closed",
				"5-6.000001 observing guest 1/5", "6.000001-20 down blind", "20-22.000001 observing guest 1/5", "22.000001-100 down killed"}}},
		"a last packet before the connection": {0, 60,
			join(story(selected(1, 5)), alive(2, 9), story(connected(10, 5)), alive(11, 20),
				story(mark(20, 5, Mark{Name: MarkDisconnected, Cause: "closed", LastReceived: micro(4)})), alive(21, 60)),
			map[RoomID][]string{5: {"1-10 connecting selected", "10-60 connecting closed"}}},
		"a last packet of the future": {0, 60,
			join(story(selected(1, 5), connected(2, 5), mark(4, 5, Mark{Name: MarkDisconnected, Cause: "closed", LastReceived: micro(50)})), alive(5, 60)),
			map[RoomID][]string{5: {"1-2 connecting selected", "2-4 observing guest", "4-60 connecting closed"}}},
		"nobody was there": {0, 40,
			join(story(selected(1, 5), connected(2, 5), selected(2, 6)), alive(3, 10), alive(20, 40)),
			map[RoomID][]string{
				5: {"1-2 connecting selected", "2-10 observing guest", "10-20 down blind", "20-40 observing guest"},
				6: {"2-10 connecting selected", "10-20 down blind", "20-40 connecting selected"}}},
		"five seconds are no gap": {0, 20,
			join(story(selected(1, 5)), alive(6, 6), alive(11, 20)),
			map[RoomID][]string{5: {"1-20 connecting selected"}}},
		"killed and started again": {0, 60,
			join(story(start(0), selected(1, 5), selected(1, 6), selection(1), connected(2, 5), connected(2, 6)), alive(3, 10),
				story(start(12), selected(13, 5), selection(14), connected(15, 5)), alive(16, 60)),
			map[RoomID][]string{
				5: {"1-2 connecting selected", "2-12 observing guest", "12-13 down killed", "13-15 connecting selected", "15-60 observing guest"},
				6: {"1-2 connecting selected", "2-12 observing guest", "12-14 down killed"}}},
		"killed, found by the journal": {0, 60,
			join(story(start(0), selected(1, 5), connected(2, 5)), alive(3, 10), story(
				mark(30, 0, Mark{Name: MarkSnapshot, Cause: "segment", Last: micro(10),
					Rooms: []RoomState{{Room: 5, State: StateDown, Cause: CauseKilled, Since: micro(10), Carried: true}}}),
				mark(30, 0, Mark{Name: MarkRecovered}), start(31), selected(32, 5), selection(32), connected(33, 5)), alive(34, 60)),
			map[RoomID][]string{5: {"1-2 connecting selected", "2-10 observing guest", "10-32 down killed", "32-33 connecting selected", "33-60 observing guest"}}},
		"stopped and started again": {0, 60,
			join(story(start(0), selected(1, 5), connected(2, 5), mark(3, 0, Mark{Name: MarkStop}), start(40), selected(41, 5), selection(41), connected(42, 5)),
				alive(43, 60)),
			map[RoomID][]string{5: {"1-2 connecting selected", "2-3 observing guest", "3-41 down stopped", "41-42 connecting selected", "42-60 observing guest"}}},
		"masking begins": {0, 20,
			join(story(selected(1, 5), connected(2, 5), command(3, 5), mark(3, 5, Mark{Name: MarkMasked, Masked: true}), command(4, 5),
				mark(4, 5, Mark{Name: MarkMasked, Masked: true}),
				mark(5, 5, Mark{Name: MarkDisconnected, Cause: "closed"}), mark(6, 5, Mark{Name: MarkMasked}), connected(7, 5)), alive(8, 20)),
			map[RoomID][]string{5: {"1-2 connecting selected", "2-3.000001 observing guest 1/5", "3.000001-5 observing guest masked 1/5",
				"5-7 connecting closed", "7-20 observing guest"}}},
		"selected anew while watched": {0, 10,
			story(selected(1, 5), connected(2, 5), selected(3, 5), at{4, 5, &Mark{Name: MarkConnecting}}, connected(6, 5)),
			map[RoomID][]string{5: {"1-2 connecting selected", "2-4 observing guest", "4-6 connecting", "6-10 observing guest"}}},
		"a connection that does not come about": {0, 10,
			story(selected(1, 5), mark(2, 5, Mark{Name: MarkConnecting, Cause: "selected"}), mark(4, 5, Mark{Name: MarkConnecting, Cause: "refused"}),
				mark(6, 5, Mark{Name: MarkConnecting, Cause: "refused"}), connected(8, 5)),
			map[RoomID][]string{5: {"1-4 connecting selected", "4-8 connecting refused", "8-10 observing guest"}}},
		"an hour without records, the process was gone": {100, 200,
			story(mark(500, 0, Mark{Name: MarkSnapshot, Last: micro(50),
				Rooms: []RoomState{{Room: 5, State: StateDown, Cause: CauseKilled, Since: micro(50)}}})),
			map[RoomID][]string{5: {"100-200 down killed"}}},
		"an hour without records, the machine slept": {100, 200,
			story(mark(500, 0, Mark{Name: MarkSnapshot, Last: micro(50),
				Rooms: []RoomState{{Room: 5, State: StateObserving, Since: micro(20)}}})),
			map[RoomID][]string{5: {"100-200 down blind"}}},
		"chosen after an hour without records": {100, 200,
			story(mark(500, 0, Mark{Name: MarkSnapshot, Last: micro(499),
				Rooms: []RoomState{{Room: 5, State: StateObserving, Since: micro(400)}}})),
			map[RoomID][]string{}},
		"records were lost before a snapshot": {0, 100,
			join(story(selected(1, 5), selected(1, 6), connected(2, 5), connected(2, 6)), alive(3, 20), story(
				mark(60, 0, Mark{Name: MarkSnapshot, Last: micro(59), Rooms: []RoomState{
					{Room: 5, State: StateObserving, Since: micro(50)}, {Room: 7, State: StateObserving, Since: micro(30)}}})), alive(61, 100)),
			map[RoomID][]string{
				5: {"1-2 connecting selected", "2-20 observing guest", "20-60 down blind", "60-100 observing"},
				6: {"1-2 connecting selected", "2-20 observing guest"},
				7: {"30-60 down blind", "60-100 observing"}}},
		"a snapshot that agrees changes nothing": {0, 20,
			join(story(selected(1, 5), connected(2, 5), command(3, 5), mark(4, 0, Mark{Name: MarkSnapshot, Last: micro(3), Rooms: []RoomState{
				{Room: 5, State: StateObserving, Since: micro(2), Identity: "guest", Commands: 1, Bytes: 5}}}), command(5, 5)), alive(6, 20)),
			map[RoomID][]string{5: {"1-2 connecting selected", "2-20 observing guest 2/10"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := play(tt.from, tt.to, tt.steps)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWatchKnowsTheBroadcast(t *testing.T) {
	w := NewWatch()
	apply := func(m Mark) { w.Apply(&Record{Seq: 1, Room: 5, ReceivedAt: 1}, &m) }
	want := func(step string, key *string) {
		t.Helper()
		if diff := cmp.Diff(key, w.LiveKey(5)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	want("unknown", nil)
	apply(Mark{Name: MarkSelected, Facts: &RoomFacts{LiveKey: "one", LiveStatus: 1}})
	want("selected", ptr("one"))
	first := w.LiveKey(5)
	apply(Mark{Name: MarkFacts, Facts: &RoomFacts{LiveKey: "one", Title: "new"}})
	if w.LiveKey(5) != first {
		t.Error("the same key became another string")
	}
	apply(Mark{Name: MarkListed, Facts: &RoomFacts{Title: "as listed", LiveStatus: 1}})
	want("listed", ptr("one"))
	apply(Mark{Name: MarkLive, Facts: &RoomFacts{LiveKey: "two"}})
	want("live", ptr("two"))
	if *first != "one" {
		t.Error("a key that was handed out changed")
	}
	other := NewWatch()
	snapshot := w.Snapshot("hour")
	parsed, err := ParseMark(AppendMark(nil, &snapshot))
	if err != nil {
		t.Fatal(err)
	}
	other.Apply(&Record{Seq: 2, ReceivedAt: 2}, &parsed)
	if got := other.LiveKey(5); got == nil || *got != "two" {
		t.Errorf("restored: %v", got)
	}
	apply(Mark{Name: MarkPreparing, Facts: &RoomFacts{}})
	want("preparing", nil)
	apply(Mark{Name: MarkDropped})
	want("dropped", nil)
}

// The end of a fold takes the last command in, unless it is cut off.
func TestFinishAtTheLastCommand(t *testing.T) {
	var got []Interval
	w := NewCoverage(0, micro(9), func(i Interval) { got = append(got, i) })
	for seq, m := range []*Mark{{Name: MarkSelected}, nil} {
		w.Apply(&Record{Seq: int64(seq + 1), Room: 5, ReceivedAt: micro(3)}, m)
	}
	w.Finish(micro(3))
	if len(got) != 1 || got[0].End != micro(3)+1 || got[0].Commands != 1 {
		t.Errorf("%+v", got)
	}
}

// TestMarksOfLaterVersions: a journal may hold marks that this version does not know.
func TestMarksOfLaterVersions(t *testing.T) {
	m, err := ParseMark([]byte(`{"mark":"new_mark","cause":"x","new_field":[1]}`))
	if err != nil || m.Name != "new_mark" || m.Cause != "x" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := ParseMark([]byte(`{"mark":`)); err == nil || !strings.Contains(err.Error(), "decode mark") {
		t.Errorf("error %v", err)
	}
}

// While commands are shed, and while the service refuses, a room is not observed.
func TestShedAndRefused(t *testing.T) {
	var got []Interval
	w := NewCoverage(0, 100e6, func(i Interval) { got = append(got, i) })
	at := func(t int64, room RoomID, m Mark) {
		w.Apply(&Record{Seq: t, Room: room, ReceivedAt: t * 1e6, Kind: KindMark}, &m)
	}
	at(1, 7, Mark{Name: MarkSelected})
	at(2, 7, Mark{Name: MarkConnected, Identity: "guest", Host: "h"})
	at(3, 0, Mark{Name: MarkShedding, Level: LevelPresence, Cause: "disk_space"})
	at(4, 0, Mark{Name: MarkShed, Value: 3, Counts: map[string]int64{"ENTRY_EFFECT": 3}})
	at(5, 7, Mark{Name: MarkDisconnected, Cause: "risk_control", Refused: true})
	at(6, 7, Mark{Name: MarkConnected, Identity: "guest", Host: "i"})
	at(7, 7, Mark{Name: MarkRecall, Sampled: 10, Held: 4, Thinned: true})
	at(8, 0, Mark{Name: MarkShedding})
	w.Finish(9e6)
	want := []Interval{
		{Room: 7, Start: 1e6, End: 2e6, State: StateConnecting, Cause: CauseSelected, Seq: 1},
		{Room: 7, Start: 2e6, End: 3e6, State: StateObserving, Identity: "guest", Host: "h", Seq: 2},
		{Room: 7, Start: 3e6, End: 5e6, State: StateShed, Cause: "presence", Identity: "guest", Host: "h", Seq: 3},
		{Room: 7, Start: 5e6, End: 6e6, State: StateRefused, Cause: "risk_control", Seq: 5},
		{Room: 7, Start: 6e6, End: 8e6, State: StateShed, Cause: "presence", Identity: "guest", Host: "i", Seq: 6, Sampled: 10, Held: 4, Thinned: true},
		{Room: 7, Start: 8e6, End: 9e6, State: StateObserving, Identity: "guest", Host: "i", Seq: 8, Thinned: true},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("intervals (-want +got):\n%s", d)
	}
}

// A mark that nobody recorded is told by the next snapshot, which then began the state.
func TestNote(t *testing.T) {
	w := NewWatch()
	mark := func(seq int64, m Mark) {
		w.Apply(&Record{Seq: seq, Room: 7, ReceivedAt: seq * 1e6, Kind: KindMark}, &m)
	}
	mark(1, Mark{Name: MarkSelected})
	mark(2, Mark{Name: MarkConnected, Host: "h"})
	w.Note(7, 5e6, &Mark{Name: MarkDisconnected, Cause: "closed", LastReceived: 4e6})
	if w.Last() != 2e6 {
		t.Errorf("the last record is now at %d", w.Last())
	}
	m := w.Snapshot("segment")
	var got []Interval
	r := NewCoverage(0, 100e6, func(i Interval) { got = append(got, i) })
	r.Apply(&Record{Seq: 1, Room: 7, ReceivedAt: 1e6, Kind: KindMark}, &Mark{Name: MarkSelected})
	r.Apply(&Record{Seq: 2, Room: 7, ReceivedAt: 2e6, Kind: KindMark}, &Mark{Name: MarkConnected, Host: "h"})
	r.Apply(&Record{Seq: 3, ReceivedAt: 6e6, Kind: KindMark}, &m)
	r.Finish(7e6)
	want := []Interval{
		{Room: 7, Start: 1e6, End: 2e6, State: StateConnecting, Cause: CauseSelected, Seq: 1},
		{Room: 7, Start: 2e6, End: 4e6, State: StateObserving, Host: "h", Seq: 2},
		{Room: 7, Start: 4e6, End: 7e6, State: StateConnecting, Cause: "closed", Seq: 3},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a reader sees (-want +got):\n%s", d)
	}
}
