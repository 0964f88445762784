package simulator

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"danmaku-archiver/schema"
)

// fluxed starts a simulator whose rooms have broadcasts of about a minute.
func fluxed(t *testing.T, rooms int) (s *Simulator, begun time.Time) {
	t.Helper()
	s = start(t, Config{Rooms: rooms, Faults: []string{"flux=1m"}})
	return s, s.faults.begun
}

func TestScheduleOfRooms(t *testing.T) {
	s, begun := fluxed(t, 60)
	interrupted, silent := 0, 0
	for _, rm := range s.rooms {
		var before airing
		var changed time.Time
		keys := make(map[int64]bool)
		for at := time.Duration(0); at < 20*time.Minute; at += time.Second {
			now := begun.Add(at)
			a, on := s.flux.at(rm.id, now)
			if again, _ := s.flux.at(rm.id, now); !on || again != a {
				t.Fatalf("after %s: %+v, %t, then %+v", at, a, on, again)
			}
			if at == 0 && !a.live {
				t.Fatalf("room %d is not live at the beginning", rm.id)
			}
			if a.since.After(now) {
				t.Fatalf("after %s the broadcast began at %s", at, a.since.Sub(begun))
			}
			switch {
			case a.live && !before.live:
				if keys[a.key] {
					t.Fatalf("a second broadcast has key %d", a.key)
				}
				keys[a.key] = true
				if off := now.Sub(changed); at > 0 && off <= 8*time.Second && a.key&1 == 1 {
					interrupted++
				}
				changed = now
			case a.live && a.key != before.key:
				t.Fatalf("after %s the key changes within a broadcast", at)
			case !a.live && before.live:
				if !before.announced {
					silent++
				}
				changed = now
			}
			before = a
		}
		if len(keys) < 8 {
			t.Errorf("room %d has %d broadcasts in 20 min", rm.id, len(keys))
		}
	}
	if interrupted < 30 || silent < 30 {
		t.Errorf("%d interruptions, %d silent ends", interrupted, silent)
	}
}

// What the room says is what the web API tells, but for silent ends.
func TestRoomSaysWhatTheScheduleSays(t *testing.T) {
	s, begun := fluxed(t, 20)
	said := make(map[string]int)
	for _, rm := range s.rooms {
		source := newScripted(1, rm, 0)
		source.resume(begun)
		live, key, _ := rm.broadcast(begun)
		for at := time.Second; at < 20*time.Minute; at += time.Second {
			now := begun.Add(at)
			commands, err := source.take(now)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range commands {
				if c.name == "STOP_LIVE_ROOM_LIST" {
					continue
				}
				said[c.name]++
				names = append(names, c.name)
				var l struct {
					Key  string `json:"live_key"`
					Time int64  `json:"live_time"`
				}
				if err := json.Unmarshal(c.payload, &l); err != nil {
					t.Fatal(err)
				}
				if first := len(names) == 1; c.name == "LIVE" && (first != (l.Time == now.Unix()) || l.Key == decimal(key)) {
					t.Fatalf("announcement %d: %s", len(names), c.payload)
				}
			}
			isLive, isKey, _ := rm.broadcast(now)
			var want []string
			switch {
			case isLive && isKey != key:
				want = []string{"LIVE", "LIVE", "ROOM_CHANGE"}
			case !isLive && live && len(names) > 0:
				want = []string{"PREPARING"}
			case !isLive && live:
				said["nothing"]++
			}
			if !slices.Equal(names, want) {
				t.Fatalf("after %s: %v, want %v", at, names, want)
			}
			if live = isLive; isLive {
				key = isKey
			}
		}
	}
	for _, name := range []string{"LIVE", "PREPARING", "nothing"} {
		if said[name] < 20 {
			t.Errorf("%s: %d times", name, said[name])
		}
	}
}

// Lists follow the schedule, ranks change, and the site tells which rooms ended.
func TestListsFollowSchedule(t *testing.T) {
	s, begun := fluxed(t, 100)
	if n := len(s.listed(0, 0, begun)); n != 100 {
		t.Errorf("%d rooms at the beginning", n)
	}
	moved, ended := 0, 0
	order := s.listed(0, 0, begun)
	for slot := begun.Unix()/siteEvery + 1; slot < begun.Unix()/siteEvery+20; slot++ {
		now := time.Unix(slot*siteEvery, 0)
		listed := s.listed(0, 0, now)
		for _, rm := range s.rooms {
			live, _, _ := rm.broadcast(now)
			if live != slices.Contains(listed, rm) {
				t.Fatalf("room %d is live: %t, listed: %t", rm.id, live, !live)
			}
		}
		stopped := s.stopped(slot)
		for _, id := range stopped {
			if slices.ContainsFunc(listed, func(rm *room) bool { return rm.id == id }) {
				t.Errorf("room %d stopped, and is listed", id)
			}
		}
		if !slices.Equal(stopped, s.stopped(slot)) {
			t.Error("the broadcast differs between rooms")
		}
		ended += len(stopped)
		if listed[0] != order[0] || listed[1] != order[1] {
			moved++
		}
		order = listed
	}
	if moved == 0 || ended < 100 {
		t.Errorf("the first two changed %d times, %d broadcasts ended", moved, ended)
	}
	list := stopLiveRoomList(1, 7, []schema.RoomID{s.rooms[3].id})
	var told struct {
		Data struct {
			IDs []schema.RoomID `json:"room_id_list"`
		}
	}
	if err := json.Unmarshal(list.payload, &told); err != nil || !slices.Contains(told.Data.IDs, s.rooms[3].id) {
		t.Errorf("%s, %v", list.payload, err)
	}
}

// Without the schedule a room that was between two broadcasts begins one.
func TestScheduleEnds(t *testing.T) {
	s, begun := fluxed(t, 1)
	source := newScripted(1, s.rooms[0], 0)
	now := begun
	for live := true; live; now = now.Add(time.Second) {
		live, _, _ = s.rooms[0].broadcast(now)
	}
	source.resume(now)
	if err := s.SetFaults(); err != nil {
		t.Fatal(err)
	}
	commands, err := source.take(now)
	if err != nil || len(commands) == 0 || commands[0].name != "LIVE" {
		t.Errorf("%v, %v, want LIVE", commands, err)
	}
}
