package bilibili

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

const (
	// authTimeout is the service's own deadline for the auth packet
	// (SocialSisterYi/bilibili-API-collect), and ours for its reply.
	authTimeout = 5 * time.Second
	// maxBeforeReply bounds what is kept of a service that talks before it answers.
	maxBeforeReply = 64
	// clientSequence is what the web player numbers its packets with.
	clientSequence = 1
)

// authBody is what the web player of 2026 sends (wzgrx/pure_live, qydysky/bili_danmu).
type authBody struct {
	UID        int64  `json:"uid"` // 0: guest
	RoomID     int64  `json:"roomid"`
	ProtoVer   int    `json:"protover"`
	Platform   string `json:"platform"`
	Type       int    `json:"type"`
	Buvid      string `json:"buvid"`
	Key        string `json:"key"`
	SupportAck bool   `json:"support_ack"`
	QueueUUID  string `json:"queue_uuid"`
	Scene      string `json:"scene"`
}

func (c *Client) authPacket(room schema.RoomID, t ticket, who identity) ([]byte, error) {
	var queue [4]byte
	_, _ = rand.Read(queue[:]) // it never fails
	body, err := json.Marshal(authBody{
		UID: who.uid, RoomID: int64(room), ProtoVer: c.config.ProtoVer, Platform: "web", Type: 2,
		Buvid: who.buvid3, Key: t.token,
		SupportAck: true, QueueUUID: hex.EncodeToString(queue[:]), Scene: "room",
	})
	if err != nil {
		return nil, fmt.Errorf("encode auth: %w", err)
	}
	return clientPacket(OpAuth, body), nil
}

func clientPacket(op Operation, body []byte) []byte {
	return AppendPacket(nil, Packet{Version: VersionControl, Operation: op, Sequence: clientSequence, Body: body})
}

// errRefused says that the service does not take the token.
var errRefused = errors.New("the service refused the token")

// authReply judges the body of an auth reply. An empty one, as of old, accepts.
func authReply(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var reply struct {
		Code *integer `json:"code"`
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Code == nil {
		return fmt.Errorf("auth reply %.100q: %w", body, errRefused)
	}
	if *reply.Code != 0 {
		return fmt.Errorf("auth reply with code %d: %w", *reply.Code, errRefused)
	}
	return nil
}

// authenticate sends the auth packet and reads until its reply, or until the first
// command: who is sent commands was accepted, and a late refusal ends the connection then.
// What arrives by then is kept for Receive.
func (c *conn) authenticate(ctx context.Context, packet []byte) error {
	c.watch.Reset(authTimeout)
	defer c.watch.Stop()
	if err := c.link.write(ctx, packet); err != nil {
		return c.ended(ctx, err, causeAuthTimeout)
	}
	for range maxBeforeReply {
		message, err := c.link.read()
		if err != nil {
			return c.ended(ctx, err, causeAuthTimeout)
		}
		in, err := c.accepts(message)
		if err != nil {
			return &collect.Ended{Cause: causeAuthRefused, Refused: true, Err: err}
		}
		c.early = append(c.early, slices.Clone(message))
		if in {
			return nil
		}
	}
	return &collect.Ended{Cause: causeAuthTimeout, Err: fmt.Errorf("%d messages and no auth reply", maxBeforeReply)}
}

func (c *conn) accepts(message []byte) (in bool, err error) {
	err = c.unpacker.Unpack(message, func(p Packet) error {
		switch p.Operation {
		case OpMessage:
			in = true
		case OpAuthReply:
			in = true
			return authReply(p.Body)
		}
		return nil
	}, func(string, []byte) error { return nil })
	return in, err
}
