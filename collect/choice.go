package collect

import (
	"cmp"
	"slices"
	"time"

	"danmaku-archiver/schema"
)

// Why a room that a source offers is not watched.
const (
	ReasonBlocked         = "blocked"
	ReasonBelowTop        = "below top"
	ReasonConnectionLimit = "connection limit"
)

// reasonEnded is why a room is dropped that no source offers since its broadcast ended.
const reasonEnded = "ended"

// reasonTop is the reason of candidates that are wanted for their popularity.
const reasonTop = "top"

const (
	// minStay is how long a room that was chosen for its popularity keeps a claim like
	// that of the last room which is clearly among the top.
	minStay = 10 * time.Minute
	// linger is how long a room whose broadcast ended keeps such a claim: streams break
	// off and are resumed. A list that still shows it live after that is right: the
	// beginning of the next one was missed.
	linger = 2 * time.Minute
)

// Choice is what became of the rooms that the sources offer.
type Choice struct {
	// Wanted are the rooms to watch, best claim first.
	Wanted []Candidate
	// Left are all others; their reason says why.
	Left []Candidate
}

// Choose is the choice of a collector that watches nothing yet. The offers are in the
// order of Sources.
func (c *Collector) Choose(offers [][]Candidate) Choice { return c.choice(offers, nil, time.Now()) }

// Ask is how many rooms each source is asked for: more than are wanted, for some may be
// wanted already, and watched ones keep their place a little below the line.
func (c *Collector) Ask() int { return c.Top + c.margin() }

// standing is what a watched room's claim depends on.
type standing struct {
	last  Candidate // as which it was last chosen
	since time.Time // when it was first
	ended time.Time // when its broadcast ended, zero while it goes on
}

// choice gives each room once: to the first source that offers it, as far as connections
// go. Watched rooms are those of watched.
func (c *Collector) choice(offers [][]Candidate, watched map[schema.RoomID]standing, now time.Time) Choice {
	var out Choice
	seen := map[schema.RoomID]bool{}
	leave := func(k Candidate, why string) {
		k.Reason = why
		out.Left = append(out.Left, k)
	}
	take := func(k Candidate) {
		if len(out.Wanted) < c.MaxConnections {
			out.Wanted = append(out.Wanted, k)
		} else {
			leave(k, ReasonConnectionLimit)
		}
	}
	var top []Candidate
	for _, offer := range offers {
		for _, k := range offer {
			switch {
			case seen[k.Room] && k.Reason != reasonTop:
			case slices.Contains(c.Block, k.Room):
				if !seen[k.Room] {
					leave(k, ReasonBlocked)
				}
			case k.Reason == reasonTop:
				top = append(top, k)
				continue
			default:
				take(k)
			}
			seen[k.Room] = true
		}
	}
	top = slices.DeleteFunc(top, func(k Candidate) bool {
		was := seen[k.Room]
		seen[k.Room] = true
		return was
	})
	for n, k := range c.contenders(top, seen, watched, now) {
		if n < c.Top {
			take(k.Candidate)
		} else {
			leave(k.Candidate, ReasonBelowTop)
		}
	}
	return out
}

// contender is a candidate for the top; place is its rank with what it has of old claims.
type contender struct {
	Candidate
	place   int
	watched bool
}

// contenders orders the candidates of the top. A watched room is ranked a tenth of Top
// better than the list says, so that it is not swapped for one that is barely more popular;
// for a while after it was chosen, and after its broadcast ended, it is as good as the
// last that is a tenth above the line, also where the list no longer shows it.
func (c *Collector) contenders(top []Candidate, seen map[schema.RoomID]bool, watched map[schema.RoomID]standing, now time.Time) []contender {
	var all []contender
	for _, k := range top {
		all = append(all, c.contender(k, watched, now))
	}
	for room, s := range watched {
		if k := s.last; !seen[room] && k.Reason == reasonTop && s.protected(now) {
			all = append(all, c.contender(k, watched, now))
		}
	}
	slices.SortFunc(all, func(a, b contender) int {
		return cmp.Or(cmp.Compare(a.place, b.place), compareBool(b.watched, a.watched),
			cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Room, b.Room))
	})
	return all
}

func (c *Collector) contender(k Candidate, watched map[schema.RoomID]standing, now time.Time) contender {
	s, is := watched[k.Room]
	out := contender{Candidate: k, place: int(k.Rank), watched: is}
	switch {
	case !is:
	case s.protected(now):
		out.place = min(out.place, c.Top) - c.margin()
	default:
		out.place -= c.margin()
	}
	return out
}

// protected tells that the room keeps its place for now.
func (s *standing) protected(now time.Time) bool {
	if !s.ended.IsZero() {
		return now.Sub(s.ended) < linger
	}
	return now.Sub(s.since) < minStay
}

// margin is how far below Top a watched room may fall before another takes its place.
func (c *Collector) margin() int { return (c.Top + 9) / 10 }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
