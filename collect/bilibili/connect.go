package bilibili

import (
	"context"
	"errors"
	"fmt"
	"net"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

// Connect opens a connection to the room, which must be a long id, and returns once the
// service accepted it. The error wraps a [*collect.Ended] with one of the causes of this
// package's description. A next try goes to the room's next host.
func (c *Client) Connect(ctx context.Context, v collect.Visit) (collect.Conn, error) {
	conn, err := c.connect(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("connect room %d: %w", v.Room, err)
	}
	return conn, nil
}

func (c *Client) connect(ctx context.Context, v collect.Visit) (collect.Conn, error) {
	room := v.Room
	as, err := c.visitor(ctx, room, v.Account)
	if err != nil {
		return nil, apiEnded(ctx, err)
	}
	t, fetched, err := c.ticket(ctx, room, as)
	if err != nil {
		return nil, apiEnded(ctx, err)
	}
	// The identity that the token was got with may have been dropped since.
	who, _, err := c.identityOf(ctx, as)
	if err != nil {
		return nil, apiEnded(ctx, err)
	}
	address := c.address(room, t)
	conn, err := c.open(ctx, room, t, who, address)
	if err == nil {
		c.chat.connected(room)
		c.hosts.worked(address)
		return conn, nil
	}
	// An older token may be why: hosts that do not take one mostly close without a word.
	if fetched {
		err = c.judgeEnd(room, err)
	}
	switch collect.CauseOf(err) {
	case causeAuthRefused:
		c.chat.refused(room)
	case causeStopped, causeTooMany:
	default:
		c.hosts.failed(address, room)
		// A token that is not taken is more often answered by closing the connection
		// than by an auth reply (SocialSisterYi/bilibili-API-collect).
		c.chat.failed(room, collect.CauseOf(err) != causeDial)
	}
	return nil, fmt.Errorf("%s: %w", address, err)
}

// Shun implements [collect.Historian].
func (c *Client) Shun(room schema.RoomID, p collect.Peer, identity bool) {
	c.hosts.shun(room, p.Host)
	if identity && p.Identity == identityGuest {
		c.people.another(room)
	}
	c.chat.refused(room)
}

func (c *Client) open(ctx context.Context, room schema.RoomID, t ticket, who identity, address string) (collect.Conn, error) {
	l, err := c.dial(ctx, address, room, who)
	if err != nil {
		if ctx.Err() != nil {
			return nil, &collect.Ended{Cause: causeStopped, Err: context.Cause(ctx)}
		}
		return nil, &collect.Ended{Cause: causeDial, Err: err}
	}
	conn := newConn(l, room, c.config.ReadTimeout,
		collect.Peer{Host: address, Transport: c.config.Transport, Identity: who.name()}, c.log)
	if err := c.enter(ctx, conn, t, who); err != nil {
		conn.Close()
		return nil, err
	}
	c.crowd.opened()
	conn.gone = c.crowd.closed
	conn.over = func(err error, atOnce bool) error {
		if atOnce {
			return c.judgeEnd(room, err)
		}
		return err
	}
	conn.refused = func() { c.chat.refused(room) }
	conn.beat(c.config.HeartbeatInterval)
	return conn, nil
}

// enter authenticates, and gives up when ctx ends.
func (c *Client) enter(ctx context.Context, conn *conn, t ticket, who identity) error {
	packet, err := c.authPacket(conn.room, t, who)
	if err != nil {
		return &collect.Ended{Cause: causeNoToken, Err: err}
	}
	interrupted := context.AfterFunc(ctx, conn.link.close)
	defer interrupted()
	return conn.authenticate(ctx, packet)
}

func (c *Client) dial(ctx context.Context, address string, room schema.RoomID, who identity) (link, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := c.guard.checkHost(host); err != nil {
		return nil, err
	}
	if c.config.Transport == TransportTCP {
		return c.dialTCP(ctx, address)
	}
	return c.dialWS(ctx, address, room, who)
}

// apiEnded gives the cause of a connection for which the web API was no help.
func apiEnded(ctx context.Context, err error) *collect.Ended {
	cause := causeNoToken
	if _, refused := pauseScope(err); refused || errors.Is(err, ErrPaused) {
		cause = causeRiskControl
	}
	if ctx.Err() != nil {
		cause = causeStopped
	}
	return &collect.Ended{Cause: cause, Refused: cause == causeRiskControl, Err: err}
}
