package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"danmaku-archiver/collect"
	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/schema"
)

// maxClockOffset is how far the clock may be off: rows are ordered by the service's time
// only within the grace.
const maxClockOffset = 5 * time.Second

// service asks the lists for rooms, as the daemon does.
func (d *doctor) service(ctx context.Context) finding {
	sources, err := d.c.sources(d.client, d.c.logger(discard{}))
	if err != nil {
		return problem("set rooms.top, rooms.areas or rooms.pin", "%v", err)
	}
	begun := time.Now()
	for _, source := range sources {
		// One page of each is enough to know that it works.
		rooms, err := source.Rooms(ctx, 1)
		if err != nil {
			return refusal(d.c.Bilibili.APIURL, err)
		}
		d.rooms = append(d.rooms, rooms...)
	}
	return fine("%s answers in %s, its lists work", d.c.Bilibili.APIURL, time.Since(begun).Round(time.Millisecond))
}

// discard takes a log that nobody reads.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// refusal says in plain words why the service cannot be used.
func refusal(where string, err error) finding {
	var (
		answer *bilibili.APIError
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &dns):
		return problem("check the machine's name resolution (DNS)", "%s has no address: %v", where, err)
	case errors.As(err, &cert):
		return problem("check the clock and the CA certificates; for a simulator name its CA with bilibili.ca_file", "%s: %v", where, err)
	case errors.As(err, &answer) && (answer.HTTPStatus == 412 || answer.Code == -412):
		return problem("wait some minutes, and make fewer requests from this address (bilibili.requests_per_second); the daemon does so by itself",
			"%s refuses this address: %v", where, err)
	case errors.As(err, &answer) && answer.Code == -352:
		return problem("set bilibili.user_agent to a current browser's, or watch from another address", "%s takes us for no browser: %v", where, err)
	case errors.As(err, &answer):
		return problem("try again later", "%s answers, but not as expected: %v", where, err)
	case errors.Is(err, context.DeadlineExceeded):
		return problem("check the network, a firewall or a proxy", "%s does not answer in time: %v", where, err)
	}
	return problem("check the network, a firewall or a proxy", "%s cannot be reached: %v", where, err)
}

// clock compares the clocks, by the answers that came.
func (d *doctor) clock(context.Context) finding {
	offset, ok := d.client.ClockOffset()
	switch {
	case !ok:
		return skipped("the service gave no time to compare with")
	case offset.Abs() > maxClockOffset:
		return problem("set the clock (timedatectl set-ntp true)", "this clock is %s %s", offset.Abs().Round(time.Second), aheadOrBehind(offset))
	}
	return fine("agrees with the service's to %s", max(offset.Abs(), time.Second).Round(time.Second))
}

func aheadOrBehind(offset time.Duration) string {
	if offset > 0 {
		return "behind"
	}
	return "ahead"
}

// identity says as whom rooms are watched.
func (d *doctor) identity(ctx context.Context) finding {
	a, err := d.client.Account(ctx)
	switch {
	case err != nil:
		return refusal(d.c.Bilibili.MainURL, err)
	case a.Configured && !a.LoggedIn:
		return problem("log in with a browser and export the cookies again", "the account cannot be used: %s", a.Problem)
	case a.LoggedIn && !a.Expires.IsZero() && time.Until(a.Expires) < 7*24*time.Hour:
		return problem("export the cookies again before that", "the account's cookie ends on %s", a.Expires.Format("2006-01-02 15:04 MST"))
	}
	return fine("%s", asWhom(a, d.c.Bilibili.CookieRooms))
}

// signature gets a token for the room, which takes a signed request.
func (d *doctor) signature(ctx context.Context) finding {
	if len(d.rooms) == 0 {
		return skipped("no room to ask about")
	}
	hosts, err := d.client.Hosts(ctx, d.rooms[0].Room)
	if err != nil {
		return refusal(d.c.Bilibili.APIURL, err)
	}
	return fine("accepted; %s for room %d: %s", plural(len(hosts), "chat host"), d.rooms[0].Room, strings.Join(hosts, ", "))
}

// joinRoom listens to one room for a while.
func (d *doctor) joinRoom(ctx context.Context) finding {
	if len(d.rooms) == 0 {
		return skipped("no room to join")
	}
	room := d.rooms[0].Room
	conn, err := d.client.Connect(ctx, collect.Visit{Room: room, Account: d.c.accountRooms() > 0})
	if err != nil {
		f := refusal("the chat", err)
		f.Do = cmp.Or(map[string]string{
			"dial_failed":  "check that the firewall lets connections to the chat hosts through; try another bilibili.transport",
			"auth_refused": "try again: the token may just have ended",
		}[collect.CauseOf(err)], f.Do)
		return f
	}
	defer conn.Close()
	listening, cancel := context.WithTimeout(ctx, d.join)
	defer cancel()
	h := &listener{commands: map[string]int{}}
	err = conn.Receive(listening, h)
	p := conn.Peer()
	found := fmt.Sprintf("joined %d at %s by %s as %s for %s: %s", room, p.Host, p.Transport, p.Identity, d.join, h)
	if cause := collect.CauseOf(err); cause != "stopped" {
		return problem("run the doctor again; if it stays so, try another bilibili.transport", "%s; then the connection ended: %s", found, cause)
	}
	if len(h.commands) == 0 && d.rooms[0].Facts.LiveStatus == 1 {
		return problem("run the doctor again with --join 1m; if nothing comes then, the service refuses without saying so: try another address or an account", "%s", found)
	}
	return fine("%s", found)
}

// listener counts what a room sends.
type listener struct {
	commands            map[string]int
	bad                 int
	danmaku, masked     int
	heartbeats, packets int
}

func (l *listener) Packet() { l.packets++ }

func (l *listener) Command(payload []byte) error {
	l.commands[schema.CommandName(payload)]++
	if masked, ok := schema.MaskedDanmaku(payload); ok {
		l.danmaku++
		if masked {
			l.masked++
		}
	}
	return nil
}

func (l *listener) Popularity(int64) error { l.heartbeats++; return nil }

func (l *listener) Bad(string, []byte) error { l.bad++; return nil }

// String tells what came, the most frequent commands by name.
func (l *listener) String() string {
	const most = 5
	names := slices.SortedFunc(maps.Keys(l.commands), func(a, b string) int {
		return cmp.Or(l.commands[b]-l.commands[a], cmp.Compare(a, b))
	})
	total := 0
	for _, n := range l.commands {
		total += n
	}
	var parts []string
	for _, name := range names[:min(len(names), most)] {
		parts = append(parts, fmt.Sprintf("%d %s", l.commands[name], printable(name)))
	}
	if len(names) > most {
		parts = append(parts, "…")
	}
	s := plural(total, "command")
	if len(parts) > 0 {
		s += " (" + strings.Join(parts, ", ") + ")"
	}
	if l.danmaku > 0 {
		s += fmt.Sprintf(", senders hidden in %d of %d danmaku", l.masked, l.danmaku)
	}
	if l.heartbeats > 0 {
		s += ", heartbeats answered"
	}
	if l.bad > 0 {
		s += fmt.Sprintf(", %s damaged", plural(l.bad, "packet"))
	}
	return s
}
