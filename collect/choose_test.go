package collect

import (
	"slices"
	"testing"

	"danmaku-archiver/schema"
)

func TestWant(t *testing.T) {
	pin := func(ids ...schema.RoomID) (out []Candidate) {
		for i, id := range ids {
			out = append(out, Candidate{Room: id, Rank: int32(i + 1), Reason: "pin"})
		}
		return out
	}
	var twenty, shifted []schema.RoomID
	for id := schema.RoomID(1); id <= 22; id++ {
		twenty = append(twenty, id)
	}
	// Room 20 falls by one place, room 1 by more than the tenth that is granted.
	shifted = append(shifted, twenty[1:19]...)
	shifted = append(shifted, 21, 20, 22, 30, 1)

	for name, c := range map[string]struct {
		top, connections int
		block, watched   []schema.RoomID
		offers           []offer
		want             []schema.RoomID
	}{
		"pins first, each room once": {top: 3, connections: 10,
			offers: []offer{pin(9, 2), top(1, 2, 3, 4)}, want: []schema.RoomID{9, 2, 1, 3, 4}},
		"connection limit": {top: 3, connections: 3,
			offers: []offer{pin(9, 8), top(1, 2, 3)}, want: []schema.RoomID{9, 8, 1}},
		"blocked rooms give way": {top: 2, connections: 10, block: []schema.RoomID{1, 9},
			offers: []offer{pin(9), top(1, 2, 3)}, want: []schema.RoomID{2, 3}},
		"a watched room is not swapped for one barely more popular": {top: 20, connections: 100, watched: twenty[:20],
			offers: []offer{top(shifted...)}, want: append(slices.Clone(twenty[1:19]), 21, 20)},
		"nothing offered": {top: 3, connections: 3, offers: []offer{nil, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			col := New(Config{Top: c.top, MaxConnections: c.connections, Block: c.block})
			for _, room := range c.watched {
				col.sessions[room] = &session{}
			}
			var got []schema.RoomID
			for _, k := range col.want(c.offers) {
				got = append(got, k.Room)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
