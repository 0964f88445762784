package simulator

import (
	"math"
	"time"
)

// scripted is the source of a scripted room: a share of the rate at each flush, and the
// site-wide broadcast.
type scripted struct {
	script *script
	// perFlush commands come with each flush on average, owed is what is left over.
	perFlush, owed float64
	siteSlot       int64
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

func (s *scripted) resume(now time.Time) { s.siteSlot = now.Unix() / siteEvery }

func (s *scripted) take(now time.Time) ([]command, error) {
	whole, rest := math.Modf(s.owed + s.perFlush)
	s.owed = rest
	commands := make([]command, 0, int(whole)+1)
	for range int(whole) {
		commands = append(commands, s.script.next(now))
	}
	if slot := now.Unix() / siteEvery; slot != s.siteSlot {
		s.siteSlot = slot
		commands = append(commands, stopLiveRoomList(s.script.seed, slot))
	}
	return commands, nil
}

func (s *scripted) done() bool { return false }

// stopLiveRoomList is the same in every room.
func stopLiveRoomList(seed uint64, slot int64) command {
	r := random(seed, saltSite, uint64(slot))
	ids := make(list, 20+r.IntN(40))
	for i := range ids {
		ids[i] = 1_000_000 + r.IntN(25_000_000)
	}
	return alike("STOP_LIVE_ROOM_LIST", "", object{
		"cmd": "STOP_LIVE_ROOM_LIST", "data": object{"room_id_list": ids},
	})
}
