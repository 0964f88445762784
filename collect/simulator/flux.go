package simulator

import (
	"math"
	"sync"
	"time"

	"danmaku-archiver/schema"
)

// flux is the schedule of the scripted rooms' broadcasts under the fault of this name. It
// is reckoned from seed, room and clock alone, so that lists, rooms and what is pushed
// agree, and rooms that nobody watches begin and end like all others.
type flux struct {
	seed   uint64
	faults *faults

	mu   sync.Mutex
	slot int64 // the one of stops
	// stops are the rooms that ended in the slot before.
	stops []schema.RoomID
}

// airing is what the schedule says of a room at an instant.
type airing struct {
	live  bool
	key   int64
	since time.Time // of the broadcast; of a room that is not live, of its last
	// announced tells whether the room will say that this broadcast ends.
	announced bool
}

// Parts of a broadcast's length.
const (
	pausePart     = 4 // the time between two broadcasts
	interruptPart = 8 // the longest interruption
)

const longestInterruption = 20 * time.Second

// at tells what the room does at an instant; false where there is no schedule. All rooms
// are live at its beginning. One broadcast in four is interrupted for some seconds in its
// middle, after which it has another key; one in five ends without a word.
func (f *flux) at(room schema.RoomID, now time.Time) (airing, bool) {
	if f == nil {
		return airing{}, false
	}
	s, on := f.faults.find(faultFlux, subject{})
	if !on {
		return airing{}, false
	}
	h := hashOf(f.seed, saltFlux, uint64(room))
	length := s.duration/2 + time.Duration(part(h)*float64(s.duration))
	phase := time.Duration(part(hashOf(h)) * float64(length/2))
	begun := f.faults.begun.Add(s.from)
	elapsed := max(0, now.Sub(begun)) + phase
	period := length + length/pausePart
	n, within := elapsed/period, elapsed%period
	h = hashOf(h, uint64(n))
	a := airing{
		live: within < length, since: begun.Add(n*period - phase), announced: h%5 != 0,
		key: firstKey + int64(h%mostKeys)/2*2,
	}
	if middle := length / 2; h>>8%4 == 0 {
		switch again := middle + min(length/interruptPart, longestInterruption); {
		case within < middle:
			a.announced = true
		case within < again:
			a.live = false
		default:
			a.key, a.since = a.key+1, a.since.Add(again)
		}
	}
	return a, true
}

// part makes a number of [0, 1) of a hash.
func part(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// Keys of broadcasts look like the service's.
const (
	firstKey = 600_000_000_000_000_000
	mostKeys = 10_000_000_000_000_000
)

// sway is how far popularity goes from its middle under the schedule: rooms change places
// within a broadcast.
func (f *flux) sway(room schema.RoomID, now time.Time) float64 {
	if f == nil {
		return 1
	}
	s, on := f.faults.find(faultFlux, subject{})
	if !on {
		return 1
	}
	const most = 0.5
	turns := now.Sub(f.faults.begun).Seconds()/s.duration.Seconds() + part(hashOf(f.seed, saltFlux, uint64(room), 1))
	return 1 + most*math.Sin(2*math.Pi*turns)
}

// stopped are the rooms that ended in the half-minute before a slot, the same for all that
// ask.
func (s *Simulator) stopped(slot int64) []schema.RoomID {
	f := &s.flux
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slot == slot {
		return f.stops
	}
	f.slot, f.stops = slot, nil
	from, until := time.Unix((slot-1)*siteEvery, 0), time.Unix(slot*siteEvery, 0)
	for _, rm := range s.rooms {
		before, _ := f.at(rm.id, from)
		if after, _ := f.at(rm.id, until); before.live && !after.live {
			f.stops = append(f.stops, rm.id)
		}
	}
	return f.stops
}
