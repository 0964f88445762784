package collect

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/schema"
)

func pins(ids ...schema.RoomID) (out []Candidate) {
	for i, id := range ids {
		out = append(out, Candidate{Room: id, Rank: int32(i + 1), Reason: "pin"})
	}
	return out
}

func sequence(from, to schema.RoomID) (out []schema.RoomID) {
	for id := from; id <= to; id++ {
		out = append(out, id)
	}
	return out
}

func TestChoice(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	long := now.Add(-time.Hour)
	watched := func(s standing, ids ...schema.RoomID) map[schema.RoomID]standing {
		all := map[schema.RoomID]standing{}
		for _, id := range ids {
			s.last = Candidate{Room: id, Rank: int32(id), Reason: "top"}
			all[id] = s
		}
		return all
	}
	for name, c := range map[string]struct {
		top, connections int
		block            []schema.RoomID
		watched          map[schema.RoomID]standing
		offers           [][]Candidate
		want             []schema.RoomID
		left             []string
	}{
		"pins first, each room once": {top: 3, connections: 10,
			offers: [][]Candidate{pins(9, 2), top(1, 2, 3, 4)}, want: []schema.RoomID{9, 2, 1, 3, 4}},
		"connection limit": {top: 3, connections: 3,
			offers: [][]Candidate{pins(9, 8), top(1, 2, 3, 4)}, want: []schema.RoomID{9, 8, 1},
			left: []string{"2 connection limit", "3 connection limit", "4 below top"}},
		"blocked rooms give way": {top: 2, connections: 10, block: []schema.RoomID{1, 9},
			offers: [][]Candidate{pins(9), top(1, 2, 3)}, want: []schema.RoomID{2, 3},
			left: []string{"9 blocked", "1 blocked"}},
		"a watched room is not swapped for one barely more popular": {top: 20, connections: 100,
			watched: watched(standing{since: long}, sequence(1, 20)...),
			offers:  [][]Candidate{top(append(sequence(1, 19), 21, 20)...)},
			want:    sequence(1, 20), left: []string{"21 below top"}},
		"but for one that is much more": {top: 20, connections: 100,
			watched: watched(standing{since: long}, sequence(1, 20)...),
			offers:  [][]Candidate{top(append(append([]schema.RoomID{99}, sequence(1, 19)...), 20)...)},
			want:    append([]schema.RoomID{1, 2, 99}, sequence(3, 19)...), left: []string{"20 below top"}},
		"a room that was chosen a minute ago stays": {top: 10, connections: 100,
			watched: watched(standing{since: now.Add(-time.Minute)}, 50),
			offers:  [][]Candidate{top(sequence(1, 20)...)},
			want:    append(sequence(1, 8), 50, 9), left: labels(sequence(10, 20), "below top")},
		"and goes when its time is over": {top: 10, connections: 100,
			watched: watched(standing{since: now.Add(-minStay)}, 50),
			offers:  [][]Candidate{top(sequence(1, 10)...)}, want: sequence(1, 10)},
		"an ended broadcast lingers": {top: 3, connections: 100,
			watched: watched(standing{since: long, ended: now.Add(-time.Minute)}, 3),
			offers:  [][]Candidate{top(1, 2, 4, 5)}, want: []schema.RoomID{1, 3, 2}, left: []string{"4 below top", "5 below top"}},
		"but not for ever": {top: 3, connections: 100,
			watched: watched(standing{since: long, ended: now.Add(-linger)}, 3),
			offers:  [][]Candidate{top(1, 2, 4, 5)}, want: []schema.RoomID{1, 2, 4}, left: []string{"5 below top"}},
		"a list that insists is believed": {top: 3, connections: 100,
			watched: watched(standing{since: long, ended: now.Add(-linger)}, 1),
			offers:  [][]Candidate{top(1, 2, 3, 4)}, want: []schema.RoomID{1, 2, 3}, left: []string{"4 below top"}},
		"a pin stays when its broadcast ends": {top: 1, connections: 100,
			watched: watched(standing{since: long, ended: long}, 9),
			offers:  [][]Candidate{pins(9), top(1)}, want: []schema.RoomID{9, 1}},
		"nothing offered": {top: 3, connections: 3, offers: [][]Candidate{nil, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			col := New(Config{Top: c.top, MaxConnections: c.connections, Block: c.block})
			choice := col.choice(c.offers, c.watched, now)
			var got []schema.RoomID
			for _, k := range choice.Wanted {
				got = append(got, k.Room)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("wanted %v, want %v", got, c.want)
			}
			var left []string
			for _, k := range choice.Left {
				left = append(left, fmt.Sprint(k.Room, " ", k.Reason))
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("left %q, want %q", left, c.left)
			}
		})
	}
}

func labels(ids []schema.RoomID, label string) (out []string) {
	for _, id := range ids {
		out = append(out, fmt.Sprint(id, " ", label))
	}
	return out
}

// A broadcast's end is seen in whichever way the service tells of it, and its room makes
// way when it has lingered; one that begins anew keeps its session.
func TestEndedBroadcastsMakeWay(t *testing.T) {
	for name, tt := range map[string]struct {
		commands map[schema.RoomID][]string // one a minute, after the first
		want     []string                   // of room 1, its connection left out
	}{
		"PREPARING": {map[schema.RoomID][]string{1: {`{"cmd":"PREPARING","roomid":"1"}`}},
			[]string{`{"cmd":"PREPARING","roomid":"1"}`, "preparing //0", "disconnected stopped", "dropped ended"}},
		"another room's list": {map[schema.RoomID][]string{2: {`{"cmd":"STOP_LIVE_ROOM_LIST","data":{"room_id_list":[5,1]}}`}},
			[]string{"preparing //0", "disconnected stopped", "dropped ended"}},
		"resumed": {map[schema.RoomID][]string{1: {`{"cmd":"PREPARING"}`, `{"cmd":"LIVE","live_key":"k"}`}},
			[]string{`{"cmd":"PREPARING"}`, "preparing //0", `{"cmd":"LIVE","live_key":"k"}`, "live /k/1"}},
		"resumed, and in the list for what was before": {map[schema.RoomID][]string{
			1: {`{"cmd":"PREPARING"}`, `{"cmd":"LIVE","live_key":"k"}`},
			2: {`{}`, `{}`, `{"cmd":"STOP_LIVE_ROOM_LIST","data":{"room_id_list":[1]}}`}},
			[]string{`{"cmd":"PREPARING"}`, "preparing //0", `{"cmd":"LIVE","live_key":"k"}`, "live /k/1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, source := &memory{}, &fixed{}
				rooms := top(1, 2)
				for n := range rooms {
					rooms[n].Facts.LiveStatus = 1
				}
				source.set(nil, rooms...)
				p := &platform{receive: func(ctx context.Context, room schema.RoomID, _ int, h Handler) error {
					for _, c := range tt.commands[room] {
						if sleep(ctx, time.Minute) != nil {
							break
						}
						source.set(nil, rooms[1]) // the list no longer shows room 1
						if err := h.Command([]byte(c)); err != nil {
							return err
						}
					}
					return nil
				}}
				_, stop := running(t, Config{Service: p, Sources: []Source{source}, Journal: j, ConnectInterval: -1})
				pass(4*time.Minute + 30*time.Second)
				got := j.story(t, 1)
				if err := stop(); err != nil {
					t.Error(err)
				}
				equal(t, "room 1", got[2:], tt.want)
			})
		})
	}
}
