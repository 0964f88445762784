package bilibili

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"danmaku-archiver/schema"
)

const (
	pathDanmuInfo = "/xlive/web-room/v1/index/getDanmuInfo"

	// ticketAge is how long a token is used again; BililiveRecorder keeps it as long.
	ticketAge = 2 * time.Minute
	// ticketKept is how long an old token stays for when the API fails. Nobody knows how
	// long the service honours it.
	ticketKept = time.Hour
	maxHosts   = 32
)

// ticket is what the service hands out for connecting to one room.
type ticket struct {
	token string
	hosts []chatHost
}

type chatHost struct {
	Host    text    `json:"host"`
	TCPPort integer `json:"port"`
	WSPort  integer `json:"ws_port"`
	WSSPort integer `json:"wss_port"`
}

func (h chatHost) port(transport string) int64 {
	switch transport {
	case TransportTCP:
		return int64(h.TCPPort)
	case TransportWS:
		return int64(h.WSPort)
	}
	return int64(h.WSSPort)
}

// chatServers remembers tickets, and which host's turn it is, by room.
type chatServers struct {
	mu    sync.Mutex
	rooms map[schema.RoomID]*roomTicket
}

type roomTicket struct {
	ticket
	as      *persona // who got it
	fetched time.Time
	fresh   bool
	// failures counts the attempts since the room was last connected.
	failures int
}

// known returns the room's ticket; fresh tells whether it may be used without asking.
func (s *chatServers) known(room schema.RoomID, as *persona) (t ticket, found, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rooms[room]
	if e == nil || e.as != as || time.Since(e.fetched) > ticketKept {
		return ticket{}, false, false
	}
	return e.ticket, true, e.fresh && time.Since(e.fetched) < ticketAge
}

func (s *chatServers) store(room schema.RoomID, as *persona, t ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.rooms {
		// Rooms come and go for as long as the process lives.
		if time.Since(e.fetched) > ticketKept {
			delete(s.rooms, id)
		}
	}
	e := s.rooms[room]
	if e == nil {
		e = &roomTicket{}
		if s.rooms == nil {
			s.rooms = map[schema.RoomID]*roomTicket{}
		}
		s.rooms[room] = e
	}
	e.ticket, e.as, e.fetched, e.fresh = t, as, time.Now(), true
}

// turn says which of n hosts to try.
func (s *chatServers) turn(room schema.RoomID, n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.rooms[room]; e != nil {
		return e.failures % n
	}
	return 0
}

// failed moves the room on to the next host. After a whole round, or where the ticket
// itself is doubtful, the service is asked for a new one.
func (s *chatServers) failed(room schema.RoomID, doubtful bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.rooms[room]; e != nil {
		e.failures++
		e.fresh = e.fresh && !doubtful && e.failures%len(e.hosts) != 0
	}
}

func (s *chatServers) connected(room schema.RoomID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.rooms[room]; e != nil {
		e.failures = 0
	}
}

// refused forgets a token that the service does not take.
func (s *chatServers) refused(room schema.RoomID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms, room)
}

// ticket returns what connecting to the room takes, asking the service if need be; fetched
// tells that it did. When the API fails, the last token still serves.
func (c *Client) ticket(ctx context.Context, room schema.RoomID, as *persona) (t ticket, fetched bool, err error) {
	old, found, fresh := c.chat.known(room, as)
	if fresh {
		return old, false, nil
	}
	t, err = c.fetchTicket(ctx, room, as)
	switch {
	case err == nil:
		c.chat.store(room, as, t)
		return t, true, nil
	case found && ctx.Err() == nil:
		level := slog.LevelWarn
		if errors.Is(err, ErrPaused) {
			level = slog.LevelDebug // the pause was told
		}
		c.log.Log(ctx, level, "no new token, the last one serves", "room", room, "error", err)
		return old, false, nil
	}
	return ticket{}, false, err
}

func (c *Client) fetchTicket(ctx context.Context, room schema.RoomID, as *persona) (ticket, error) {
	var data struct {
		Token text           `json:"token"`
		Hosts list[chatHost] `json:"host_list"`
	}
	err := c.get(ctx, request{path: pathDanmuInfo, room: room, as: as, signed: true, params: url.Values{
		"id": {strconv.FormatInt(int64(room), 10)}, "type": {"0"}, "web_location": {"444.8"},
	}}, &data)
	if err != nil {
		return ticket{}, err
	}
	t := ticket{token: string(data.Token)}
	for _, h := range data.Hosts {
		if p := h.port(c.config.Transport); h.Host != "" && p > 0 && p <= 65535 && len(t.hosts) < maxHosts {
			t.hosts = append(t.hosts, h)
		}
	}
	// An empty token is tried too: it is for the chat server to refuse.
	if len(t.hosts) == 0 {
		return ticket{}, fmt.Errorf("ask %s: the answer holds no host for %s", pathDanmuInfo, c.config.Transport)
	}
	return t, nil
}

// address picks the host whose turn it is, of those that work if there are any.
func (c *Client) address(room schema.RoomID, t ticket) string {
	all := c.addresses(room, t)
	return all[c.chat.turn(room, len(all))]
}

func (c *Client) addresses(room schema.RoomID, t ticket) []string {
	all := make([]string, len(t.hosts))
	for n, h := range t.hosts {
		all[n] = net.JoinHostPort(string(h.Host), strconv.FormatInt(h.port(c.config.Transport), 10))
	}
	c.hosts.order(room, all)
	return all
}

// Hosts asks the service where the room's chat is: the addresses for the client's
// transport, in the order in which they would be tried. It takes an accepted signature.
func (c *Client) Hosts(ctx context.Context, room schema.RoomID) ([]string, error) {
	t, _, err := c.ticket(ctx, room, c.people.guestOf(room))
	if err != nil {
		return nil, err
	}
	return c.addresses(room, t), nil
}
