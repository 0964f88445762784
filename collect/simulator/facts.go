package simulator

import (
	"math"
	"slices"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// facts is what the web API tells of a room and what does not change.
type facts struct {
	id           schema.RoomID
	short        int64 // 0 without one
	title        string
	description  string
	tags         string
	area         area
	streamer     int64
	streamerName string
	fans         int64
	medal        string
	since        time.Time // when the broadcast began that runs at the start
	// popularity is about what the lists show.
	popularity int64
	// official rooms carry their popularity in heartbeat replies too; since 2022 all
	// others send the constant 1 (pskdje/bilibili_live_message_stream).
	official bool
}

const officialEach = 10

// scriptedRooms makes n rooms, the most popular first.
func scriptedRooms(seed uint64, n int, started time.Time) []facts {
	taken := make(map[schema.RoomID]bool, n)
	all := make([]facts, 0, n)
	r := random(seed, saltRoom)
	for i := range n {
		id := schema.RoomID(20_000_000 + r.Int64N(10_000_000))
		for taken[id] {
			id = schema.RoomID(20_000_000 + r.Int64N(10_000_000))
		}
		taken[id] = true
		f := madeUpRoom(seed, id, i, started)
		if i%7 == 3 {
			f.short = int64(100 + i)
		}
		all = append(all, f)
	}
	return all
}

// recordedRooms makes up the facts of rooms that are only known by their ids.
func recordedRooms(seed uint64, ids []schema.RoomID, started time.Time) []facts {
	all := make([]facts, 0, len(ids))
	for i, id := range ids {
		all = append(all, madeUpRoom(seed, id, i, started))
	}
	return all
}

func madeUpRoom(seed uint64, id schema.RoomID, rank int, started time.Time) facts {
	r := random(seed, saltRoom, uint64(id))
	a := areas[r.IntN(len(areas))]
	owner := someone(seed, hashOf(uint64(id)))
	f := facts{
		id:           id,
		title:        pick(r, titleStarts) + pick(r, titleEnds),
		area:         a,
		streamer:     owner.uid,
		streamerName: owner.name + "直播间",
		fans:         100 + r.Int64N(2_000_000),
		medal:        pick(r, medalNames),
		since:        started.Add(-time.Duration(5+r.IntN(300)) * time.Minute).Truncate(time.Second),
		popularity:   10 + int64(2_000_000/math.Pow(float64(rank+1), 0.9)),
		official:     rank%officialEach == 0,
	}
	f.description = "<p>" + pick(r, openings) + pick(r, subjects) + pick(r, remarks) + "</p>"
	f.tags = strings.Join([]string{pick(r, medalNames), pick(r, subjects)}, ",")
	return f
}

// shown is the popularity that lists show at an instant: it sways by a tenth within an
// hour, so that ranks change now and then.
func (f *facts) shown(now time.Time) int64 {
	phase := float64(hashOf(uint64(f.id))%3600) + float64(now.Unix()%3600)
	return f.popularity + int64(float64(f.popularity)*0.1*math.Sin(phase*2*math.Pi/3600))
}

// zipfShares splits rate over n rooms by Zipf's law.
func zipfShares(rate float64, n int) []float64 {
	shares := make([]float64, n)
	sum := 0.0
	for i := range shares {
		shares[i] = 1 / float64(i+1)
		sum += shares[i]
	}
	for i := range shares {
		shares[i] *= rate / sum
	}
	return shares
}

// parentAreas lists the ids and names of the areas' parents in order.
func parentAreas() []area {
	var parents []area
	for _, a := range areas {
		if !slices.ContainsFunc(parents, func(p area) bool { return p.parent == a.parent }) {
			parents = append(parents, a)
		}
	}
	return parents
}
