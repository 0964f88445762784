package collect

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/schema"
)

// informed is a platform that knows rooms' facts.
type informed struct {
	platform
	asked []int // rooms a request
	facts map[schema.RoomID]schema.RoomFacts
	err   error
}

func (p *informed) Facts(_ context.Context, rooms []schema.RoomID) (map[schema.RoomID]schema.RoomFacts, error) {
	p.asked = append(p.asked, len(rooms))
	return p.facts, p.err
}

// Which broadcast goes on in rooms that were live before is asked, some rooms at a time,
// and again only after a while.
func TestBroadcastsBeforeUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		rooms := top(sequence(1, 100)...)
		for n := range rooms {
			rooms[n].Facts.LiveStatus = 1
		}
		rooms[6].Facts.LiveStatus = 0
		p := &informed{facts: map[schema.RoomID]schema.RoomFacts{
			1: {LiveKey: "11", LiveStatus: 1, LiveSince: 5}, 2: {LiveKey: "12"}}}
		p.receive = func(_ context.Context, room schema.RoomID, _ int, h Handler) error {
			if room == 3 {
				return h.Command([]byte(`{"cmd":"LIVE","live_key":"13"}`))
			}
			return nil
		}
		_, stop := running(t, Config{Service: p, Sources: []Source{&fixed{rooms: rooms}}, Journal: j, ConnectInterval: -1})
		pass(4*time.Minute + 30*time.Second)
		if err := stop(); err != nil {
			t.Error(err)
		}
		// The answer and the connection are on their way at the same time.
		if one := j.story(t, 1); !slices.Contains(one, "facts /11/1") {
			t.Errorf("room 1: %q", one)
		}
		equal(t, "room 2", j.story(t, 2), []string{"selected top", "connected", "disconnected stopped"})
		var all int
		for _, n := range p.asked {
			all += n
			if n > informBatch {
				t.Errorf("%d rooms with one request", n)
			}
		}
		if len(p.asked) != 3 || all < 98 || all > 99 {
			t.Errorf("asked about %v rooms", p.asked)
		}
	})
}

// A service that does not tell keeps nobody from collecting.
func TestFactsThatCannotBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		rooms := top(1)
		rooms[0].Facts.LiveStatus = 1
		p := &informed{err: errors.New("refused")}
		_, stop := running(t, Config{Service: p, Sources: []Source{&fixed{rooms: rooms}}, Journal: j})
		pass(time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		equal(t, "room 1", j.story(t, 1), []string{"selected top", "connected", "disconnected stopped"})
	})
}
