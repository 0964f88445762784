package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// writer is a journal as far as its fold goes: it stamps records and writes snapshots,
// and when its process is killed it goes on as recovery does.
type writer struct {
	fold    *Watch
	now     int64
	records []Record
	marks   []*Mark
}

func (j *writer) append(room RoomID, m *Mark) {
	rec := Record{Seq: int64(len(j.records) + 1), Room: room, ReceivedAt: j.now, Kind: KindMark, Payload: []byte("1234567")}
	if m != nil {
		// What is read later is what was encoded.
		parsed, err := ParseMark(AppendMark(nil, m))
		if err != nil {
			panic(err)
		}
		m = &parsed
	} else {
		rec.Kind = KindCommand
	}
	j.fold.Apply(&rec, m)
	j.records = append(j.records, rec)
	j.marks = append(j.marks, m)
}

func (j *writer) snapshot() {
	m := j.fold.Snapshot("segment")
	j.append(0, &m)
}

// kill is the end of the process and the recovery of the next one, which only knows what
// was written.
func (j *writer) kill(pause int64) {
	fold := NewWatch()
	for i := range j.records {
		fold.Apply(&j.records[i], j.marks[i])
	}
	fold.Down(fold.Last(), CauseKilled)
	j.fold = fold
	j.now += pause
	j.snapshot()
	j.append(0, &Mark{Name: MarkRecovered})
	j.append(0, &Mark{Name: MarkStart})
}

// life draws a journal of a few rooms, with everything that can happen to them.
func life(t *rapid.T) *writer {
	j := &writer{fold: NewWatch(), now: 1_000_000_000}
	j.snapshot()
	j.append(0, &Mark{Name: MarkStart})
	rooms := rapid.SampledFrom([]RoomID{1, 2, 3})
	draw := func(max int64, name string) int64 { return rapid.Int64Range(0, max).Draw(t, name) }
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		j.now += draw(2_000_000, "passed")
		room := rooms.Draw(t, "room")
		switch rapid.SampledFrom([]string{"selected", "selected", "dropped", "connecting", "connected", "connected", "disconnected",
			"command", "command", "masked", "facts", "popularity", "snapshot", "alive", "asleep", "stop", "kill", "selection", "shedding", "recall", "refused"}).Draw(t, "step") {
		case "selected":
			j.append(room, &Mark{Name: MarkSelected, Reason: "top", Facts: &RoomFacts{LiveKey: "k"}})
		case "dropped":
			j.append(room, &Mark{Name: MarkDropped})
		case "connecting":
			j.append(room, &Mark{Name: MarkConnecting, Cause: "again"})
		case "connected":
			j.append(room, &Mark{Name: MarkConnected, Identity: "guest", Masked: rapid.Bool().Draw(t, "masked")})
		case "disconnected":
			j.append(room, &Mark{Name: MarkDisconnected, Cause: "closed", LastReceived: max(1, j.now-draw(20_000_000, "silent"))})
		case "command":
			j.append(room, nil)
		case "masked":
			j.append(room, &Mark{Name: MarkMasked, Masked: rapid.Bool().Draw(t, "masked")})
		case "facts":
			j.append(room, &Mark{Name: MarkFacts, Facts: &RoomFacts{LiveKey: rapid.SampledFrom([]string{"", "k", "l"}).Draw(t, "key")}})
		case "popularity":
			j.append(room, &Mark{Name: MarkPopularity, Value: draw(1, "value")})
		case "snapshot":
			j.snapshot()
		case "alive":
			j.append(0, &Mark{Name: MarkAlive})
		case "asleep":
			j.now += draw(60_000_000, "slept")
			j.append(0, &Mark{Name: MarkAlive})
		case "stop":
			j.append(0, &Mark{Name: MarkStop})
			j.kill(draw(60_000_000, "paused"))
		case "kill":
			j.kill(draw(60_000_000, "paused"))
		case "shedding":
			j.append(0, &Mark{Name: MarkShedding, Level: rapid.SampledFrom([]Level{LevelNone, LevelPresence, LevelAll}).Draw(t, "level")})
		case "recall":
			j.append(room, &Mark{Name: MarkRecall, Sampled: 10, Held: draw(10, "held"), Thinned: rapid.Bool().Draw(t, "thinned")})
		case "refused":
			j.append(room, &Mark{Name: MarkDisconnected, Cause: "auth_refused", Refused: true})
		case "selection":
			j.append(0, &Mark{Name: MarkSelection})
		}
	}
	return j
}

// coverage folds the records from the given one on.
func (j *writer) coverage(first int, from, to int64) (w *Watch, all map[RoomID][]Interval, popular []int64) {
	all = map[RoomID][]Interval{}
	w = NewCoverage(from, to, func(i Interval) { all[i.Room] = append(all[i.Room], i) })
	for i := first; i < len(j.records); i++ {
		if w.Apply(&j.records[i], j.marks[i]) && j.records[i].ReceivedAt >= from {
			popular = append(popular, j.records[i].Seq)
		}
	}
	return w, all, popular
}

// I7: what a fold says does not depend on the snapshot that it began with.
func TestRestoredFoldAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := life(t)
		w, _, _ := j.coverage(0, 0, j.now+1)
		if diff := cmp.Diff(j.fold.Snapshot(""), w.Snapshot(""), cmpopts.IgnoreUnexported(RoomState{})); diff != "" {
			t.Fatalf("the reader disagrees with the writer (-writer +reader):\n%s", diff)
		}
		for i, m := range j.marks {
			if m == nil || m.Name != MarkSnapshot {
				continue
			}
			// An hour begins later than the snapshot that its window begins with.
			from := j.records[i].ReceivedAt + rapid.Int64Range(1, 30_000_000).Draw(t, "later")
			to := from + rapid.Int64Range(1, 60_000_000).Draw(t, "length")
			w, want, wantPopular := j.coverage(0, from, to)
			w.Finish(to)
			w, got, gotPopular := j.coverage(i, from, to)
			w.Finish(to)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("from record %d on (-from the beginning +restored):\n%s", i+1, diff)
			}
			if diff := cmp.Diff(wantPopular, gotPopular, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("popularity rows from record %d on (-from the beginning +restored):\n%s", i+1, diff)
			}
		}
	})
}

// I7: a room's intervals follow each other from its selection to its drop, and adjoining
// windows cut them without loss.
func TestIntervalsTile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := life(t)
		end := j.now + 1
		w, all, _ := j.coverage(0, 0, end)
		w.Finish(end)
		for room, list := range all {
			for k, i := range list {
				if i.Room != room || i.Start >= i.End || i.Seq == 0 {
					t.Fatalf("room %d: bad interval %+v", room, i)
				}
				if k > 0 && i.Start < list[k-1].End {
					t.Fatalf("room %d: %+v overlaps %+v", room, list[k-1], i)
				}
				if k > 0 && i.Start > list[k-1].End && !j.selectedAt(room, i.Start) {
					t.Fatalf("room %d: a hole between %+v and %+v", room, list[k-1], i)
				}
			}
		}
		middle := rapid.Int64Range(1, end).Draw(t, "middle")
		w, before, _ := j.coverage(0, 0, middle)
		w.Finish(middle)
		w, after, _ := j.coverage(0, middle, end)
		w.Finish(end)
		for room := range all {
			micros, commands, bytes := sum(all[room])
			micros2, commands2, bytes2 := sum(append(before[room], after[room]...))
			if micros != micros2 || commands != commands2 || bytes != bytes2 {
				t.Fatalf("room %d: %d µs, %d commands, %d bytes in one window, %d, %d, %d in two",
					room, micros, commands, bytes, micros2, commands2, bytes2)
			}
		}
	})
}

func (j *writer) selectedAt(room RoomID, at int64) bool {
	for i, m := range j.marks {
		if m != nil && m.Name == MarkSelected && j.records[i].Room == room && j.records[i].ReceivedAt == at {
			return true
		}
	}
	return false
}

func sum(list []Interval) (micros, commands, bytes int64) {
	for _, i := range list {
		micros += i.End - i.Start
		commands += i.Commands
		bytes += i.Bytes
	}
	return micros, commands, bytes
}
