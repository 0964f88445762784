package simulator

import (
	"math"
	"time"

	"danmaku-archiver/schema"
)

// scripted is the source of a scripted room: a share of the rate at each flush, and the
// site-wide broadcast.
type scripted struct {
	script *script
	// perFlush commands come with each flush on average, owed is what is left over.
	perFlush, owed float64
	siteSlot       int64
	// stopped tells the rooms that ended before a slot; nil where nobody knows.
	stopped func(slot int64) []schema.RoomID
}

func newScripted(seed uint64, rm *room, perFlush float64) *scripted {
	return &scripted{
		script:   newScript(seed, rm),
		perFlush: perFlush,
		// Quiet rooms do not all speak up at the same moment.
		owed: random(seed, saltScript, uint64(rm.id), 1).Float64(),
	}
}

// siteEvery is how often the service tells every room which rooms have just stopped
// (sjh8130/bili_danmaku).
const siteEvery = 30

// What happened while nobody was there is not told afterwards.
func (s *scripted) resume(now time.Time) {
	s.siteSlot = now.Unix() / siteEvery
	s.script.air(now)
}

func (s *scripted) take(now time.Time) ([]command, error) {
	whole, rest := math.Modf(s.owed + s.perFlush)
	s.owed = rest
	commands := append(make([]command, 0, int(whole)+1), s.script.air(now)...)
	for range int(whole) {
		commands = append(commands, s.script.next(now))
	}
	if slot := now.Unix() / siteEvery; slot != s.siteSlot {
		s.siteSlot = slot
		var ended []schema.RoomID
		if s.stopped != nil {
			ended = s.stopped(slot)
		}
		commands = append(commands, stopLiveRoomList(s.script.seed, slot, ended))
	}
	return commands, nil
}

func (s *scripted) done() bool { return false }

// stopLiveRoomList is the same in every room. Besides those that ended it names rooms of
// the rest of the site.
func stopLiveRoomList(seed uint64, slot int64, ended []schema.RoomID) command {
	r := random(seed, saltSite, uint64(slot))
	ids := make(list, 20+r.IntN(40))
	for i := range ids {
		ids[i] = 1_000_000 + r.IntN(19_000_000) // below the ids of scripted rooms
	}
	for _, id := range ended {
		ids = append(ids, id)
	}
	return alike("STOP_LIVE_ROOM_LIST", "", object{
		"cmd": "STOP_LIVE_ROOM_LIST", "data": object{"room_id_list": ids},
	})
}
