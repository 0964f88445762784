package bilibili

import (
	"context"
	"sync"

	"danmaku-archiver/schema"
)

// maxGuests bounds how many guests the client is, the common one included: a service that
// meets a new guest for every room has a reason to like none of them.
const maxGuests = 8

// persona is one browser: a guest, or the account. Its identity is got when it is needed.
type persona struct {
	cached[identity]
	account bool
}

// people are the personas of a client. The first guest is everybody's but for rooms that
// were thinned out.
type people struct {
	mu      sync.Mutex
	guests  [maxGuests]persona
	account persona
	of      map[schema.RoomID]int
}

func (p *people) guest() *persona { return &p.guests[0] }

// guestOf is who visits the room.
func (p *people) guestOf(room schema.RoomID) *persona {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &p.guests[p.of[room]]
}

// another makes somebody else visit the room from now on.
func (p *people) another(room schema.RoomID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[schema.RoomID]int{}
	}
	p.of[room] = (p.of[room] + 1) % maxGuests
}

// known is the number of guests that rooms are visited by.
func (p *people) known() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	used := map[int]bool{0: true}
	for _, n := range p.of {
		used[n] = true
	}
	return len(used)
}

// identityOf returns the persona's identity, asking the service for a guest's.
func (c *Client) identityOf(ctx context.Context, p *persona) (identity, uint64, error) {
	if p.account {
		return p.get(ctx, identityAge, c.fetchLogin)
	}
	return p.get(ctx, identityAge, c.fetchIdentity)
}

// visitor is who goes to the room: the account, if it is asked for and logged in, else a
// guest.
func (c *Client) visitor(ctx context.Context, room schema.RoomID, account bool) (*persona, error) {
	if account && c.config.CookieFile != "" {
		state, err := c.Account(ctx)
		if err != nil {
			return nil, err
		}
		if state.LoggedIn {
			return &c.people.account, nil
		}
	}
	return c.people.guestOf(room), nil
}
