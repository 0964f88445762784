package simulator

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// script makes the commands of one room from seed and room (S3). It draws nothing from
// the clock: that only enters the times in the commands. It belongs to the room's
// goroutine.
type script struct {
	seed uint64
	room *room
	r    *rand.Rand
	// users draws who acts: a few of them do most of it.
	users *rand.Zipf
	// follow are commands that an earlier one brought about, with the number of commands
	// to wait before each.
	follow []followUp

	// said is the last danmaku, uid and all, for what is about one.
	said danmaku

	// aired is what the schedule said last, scheduled whether there is one.
	aired     airing
	scheduled bool

	number                         uint64
	watched, likes, online, guards int64
	liveKey                        int64
}

type followUp struct {
	wait int
	make func(now time.Time) command
}

const usersPerRoom = 200_000

func newScript(seed uint64, rm *room) *script {
	r := random(seed, saltScript, uint64(rm.id))
	s := &script{
		seed:    seed,
		room:    rm,
		r:       r,
		users:   rand.NewZipf(r, 1.15, 20, usersPerRoom),
		watched: r.Int64N(50_000),
		likes:   r.Int64N(100_000),
		online:  50 + r.Int64N(9_000),
		guards:  r.Int64N(300),
	}
	s.liveKey = firstKey + r.Int64N(mostKeys)
	rm.setLive(true, s.liveKey, rm.since)
	return s
}

// kinds is the mixture, in parts of 10,000.
var kinds = []struct {
	share int
	make  func(*script, time.Time) command
}{
	{4610, (*script).danmaku},
	{60, (*script).suffixedDanmaku},
	{1700, (*script).interactV2},
	{250, (*script).interact},
	{640, (*script).giftV2},
	{160, (*script).gift},
	{450, (*script).like},
	{500, (*script).likesUpdate},
	{420, (*script).onlineCount},
	{400, (*script).watchedChange},
	{220, (*script).entryEffect},
	{150, (*script).onlineRankV3},
	{50, (*script).onlineRank},
	{60, (*script).interactiveGame},
	{120, (*script).fansUpdate},
	{50, (*script).banner},
	{50, (*script).notice},
	{40, (*script).superChat},
	{12, (*script).guard},
	{5, (*script).redPocket},
	{15, (*script).recall},
	{6, (*script).block},
	{3, (*script).silence},
	{1, (*script).warning},
	{15, (*script).unknown},
	{4, (*script).preparing},
	{9, (*script).roomChange},
}

// next makes the room's next command.
func (s *script) next(now time.Time) command {
	s.number++
	for i := range s.follow {
		if s.follow[i].wait--; s.follow[i].wait <= 0 {
			f := s.follow[i]
			s.follow = append(s.follow[:i], s.follow[i+1:]...)
			return f.make(now)
		}
	}
	n := s.r.IntN(10_000)
	for _, k := range kinds {
		if n -= k.share; n < 0 {
			return k.make(s, now)
		}
	}
	return s.danmaku(now)
}

// someone draws who acts, with what they are in this room.
func (s *script) someone(now time.Time) person {
	number := s.users.Uint64()
	p := someone(s.seed, hashOf(uint64(s.room.id), number))
	in := random(s.seed, saltPerson, uint64(s.room.id), number)
	if in.IntN(3) == 0 {
		p.medal = 1 + in.IntN(30)
	}
	switch n := in.IntN(200); {
	case n < 4:
		p.guard, p.medal = 3, max(p.medal, 21)
	case n == 4:
		p.guard, p.medal = 2, max(p.medal, 25)
	}
	p.admin = in.IntN(150) == 0
	p.entered = now.Unix() - in.Int64N(3600)
	return p
}

func (s *script) id() string {
	return fmt.Sprintf("%016x%016x%02x", hashOf(s.seed, uint64(s.room.id), s.number),
		hashOf(s.number, uint64(s.room.id), s.seed), s.number&0xff)
}

// messageID has the form of the service's msg_id.
func (s *script) messageID() string {
	return decimal(int64(hashOf(s.seed, uint64(s.room.id), s.number)>>9)) + ":1000:1000"
}

func (s *script) text() string {
	switch n := s.r.IntN(100); {
	case n < 8:
		return grass
	case n < 42:
		return pick(s.r, phrases)
	case n < 47:
		t := ""
		for range 2 + s.r.IntN(12) {
			t += "哈"
		}
		return t
	default:
		t := pick(s.r, subjects) + pick(s.r, remarks) + pick(s.r, endings)
		if s.r.IntN(3) == 0 {
			t = pick(s.r, openings) + t
		}
		return t
	}
}

var colors = []int{16777215, 16777215, 16777215, 14893055, 5566168, 9920249}

func (s *script) draw(now time.Time) danmaku {
	d := danmaku{
		id:    s.id(),
		text:  []byte(s.text()),
		sent:  now.UnixMilli(),
		mode:  1,
		color: pick(s.r, colors),
		from:  s.someone(now),
		medal: s.room.medal,
		room:  s.room,
	}
	switch n := s.r.IntN(100); {
	case n < 3:
		d.mode = 4
	case n < 4:
		d.mode = 5
	case n < 8:
		d.emoticon, d.text = true, []byte("打call")
	case n < 10:
		d.lottery = true
	}
	return d
}

func (s *script) danmaku(now time.Time) command {
	s.said = s.draw(now)
	return s.said.command()
}

// suffixedDanmaku has the suffix that the service gives danmaku of restricted activities
// (xfgryujk/blivedm).
func (s *script) suffixedDanmaku(now time.Time) command {
	c := s.danmaku(now)
	c.payload = suffixed(c.payload)
	c.masked = suffixed(c.masked)
	return c
}

func suffixed(payload []byte) []byte {
	const plain, long = `{"cmd":"DANMU_MSG`, `{"cmd":"DANMU_MSG:4:0:2:2:2:0`
	return append([]byte(long), payload[len(plain):]...)
}
