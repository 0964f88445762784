package journal

import (
	"encoding/binary"
	"slices"

	"danmaku-archiver/schema"
)

// The rooms part of a footer tells which rooms each block holds records of, so that one
// room is read without decompressing the others' blocks. It lists the segment's rooms once
// and, per block, the places in that list: about a byte for each room of a block.

// roomsOf appends the rooms of a block's body to dst, each once, in order.
func roomsOf(dst []schema.RoomID, body []byte) []schema.RoomID {
	var rec schema.Record
	from := len(dst)
	for ok := true; ok; {
		if body, ok = nextRecord(body, &rec); ok && (len(dst) == from || dst[len(dst)-1] != rec.Room) {
			dst = append(dst, rec.Room)
		}
	}
	slices.Sort(dst[from:])
	return dst[:from+len(slices.Compact(dst[from:]))]
}

// encodeRooms encodes the sets of rooms, one for each block; an empty set is unknown.
func encodeRooms(sets [][]schema.RoomID) []byte {
	all := slices.Concat(sets...)
	slices.Sort(all)
	all = slices.Compact(all)
	place := make(map[schema.RoomID]int, len(all))
	b := binary.AppendUvarint(nil, uint64(len(all)))
	last := schema.RoomID(0)
	for n, room := range all {
		place[room] = n
		b = binary.AppendUvarint(b, uint64(room)-uint64(last))
		last = room
	}
	for _, set := range sets {
		b = binary.AppendUvarint(b, uint64(len(set)))
		last := -1
		for _, room := range set {
			b = binary.AppendUvarint(b, uint64(place[room]-last))
			last = place[room]
		}
	}
	return b
}

// roomSets reads what encodeRooms wrote.
type roomSets struct {
	all  []schema.RoomID // in order
	rest []byte
}

func (s *roomSets) number() (uint64, bool) {
	v, n := binary.Uvarint(s.rest)
	if n <= 0 {
		return 0, false
	}
	s.rest = s.rest[n:]
	return v, true
}

func newRoomSets(b []byte) (*roomSets, bool) {
	s := &roomSets{rest: b}
	count, ok := s.number()
	if !ok || count > uint64(len(s.rest)) { // each takes a byte at least
		return nil, false
	}
	s.all = make([]schema.RoomID, 0, count)
	last := schema.RoomID(0)
	for n := range count {
		delta, ok := s.number()
		room := schema.RoomID(uint64(last) + delta)
		if !ok || n > 0 && room <= last {
			return nil, false
		}
		s.all = append(s.all, room)
		last = room
	}
	return s, true
}

// next appends the next block's rooms to dst: none where they are unknown.
func (s *roomSets) next(dst []schema.RoomID) ([]schema.RoomID, bool) {
	count, ok := s.number()
	if !ok || count > uint64(len(s.all)) {
		return dst, false
	}
	place := uint64(0) // of the next room at the earliest
	for range count {
		delta, ok := s.number()
		if !ok || delta == 0 || delta > uint64(len(s.all))-place {
			return dst, false
		}
		place += delta
		dst = append(dst, s.all[place-1])
	}
	return dst, true
}

// holders tells of each block whether it can hold a record of the room; nil where the
// bytes are no rooms part of so many blocks.
func holders(b []byte, blocks int, room schema.RoomID) []bool {
	s, ok := newRoomSets(b)
	if !ok {
		return nil
	}
	found := make([]bool, blocks)
	var set []schema.RoomID
	for n := range found {
		if set, ok = s.next(set[:0]); !ok {
			return nil
		}
		_, has := slices.BinarySearch(set, room)
		found[n] = has || len(set) == 0
	}
	return found
}
