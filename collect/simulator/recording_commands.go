package simulator

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/schema"
)

// parseLines reads one command a line, as it was sent. Empty lines are skipped.
func parseLines(_ piece, data []byte, _ uint64) ([]entry, error) {
	var entries []entry
	for n, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		e, err := recorded(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// parseCapture reads a raw capture: again and again the length of a WebSocket message,
// uint32, big-endian, and the message. Only its commands are replayed: replies to auth and
// heartbeats are made anew.
func parseCapture(_ piece, data []byte, _ uint64) ([]entry, error) {
	var entries []entry
	var u bilibili.Unpacker
	rest := data
	for len(rest) > 0 {
		at := len(data) - len(rest)
		if len(rest) < 4 || uint64(binary.BigEndian.Uint32(rest)) > uint64(len(rest)-4) {
			return nil, fmt.Errorf("offset %d: no whole message here: not a capture, or it is cut short", at)
		}
		size := binary.BigEndian.Uint32(rest)
		message := rest[4 : 4+size]
		rest = rest[4+size:]
		err := u.Unpack(message, func(p bilibili.Packet) error {
			if p.Operation != bilibili.OpMessage {
				return nil
			}
			e, err := recorded(bytes.Clone(p.Body))
			entries = append(entries, e)
			return err
		}, func(cause string, _ []byte) error { return errors.New(cause) })
		if err != nil {
			return nil, fmt.Errorf("message at offset %d: %w", at, err)
		}
	}
	return entries, nil
}

// hints is what a command tells of itself, in the places where the service puts it. Types
// vary between commands and years, so each is looked at only where it is needed.
type hints struct {
	Cmd      string            `json:"cmd"`
	MsgID    json.RawMessage   `json:"msg_id"`
	SendTime json.RawMessage   `json:"send_time"`
	RoomID   json.RawMessage   `json:"roomid"`
	Info     []json.RawMessage `json:"info"`
	Data     json.RawMessage   `json:"data"`
}

type dataHints struct {
	ID        json.RawMessage `json:"id"`
	TID       json.RawMessage `json:"tid"`
	Timestamp json.RawMessage `json:"timestamp"`
	TS        json.RawMessage `json:"ts"`
	RoomID    json.RawMessage `json:"roomid"`
}

var errNoCommand = errors.New(`not a command: want a JSON object with "cmd"`)

// recorded makes an entry of a command as it was sent.
func recorded(payload []byte) (entry, error) {
	if len(payload) > maxCommand {
		return entry{}, fmt.Errorf("a command of %d bytes: want at most %d", len(payload), maxCommand)
	}
	var h hints
	if err := json.Unmarshal(payload, &h); err != nil {
		return entry{}, fmt.Errorf("%w: %w", errNoCommand, err)
	}
	if h.Cmd == "" {
		return entry{}, errNoCommand
	}
	c := command{name: commandName(h.Cmd), payload: payload}
	e := entry{command: func(int64) command { return c }}
	d := h.data()
	switch c.name {
	case "DANMU_MSG":
		e.at, c.id = h.danmaku()
	case "SUPER_CHAT_MESSAGE", "SUPER_CHAT_MESSAGE_JPN":
		c.id = scalar(d.ID)
	case "SEND_GIFT":
		c.id = scalar(d.TID)
	}
	if c.id == "" {
		c.id = scalar(h.MsgID)
	}
	for _, t := range []json.RawMessage{h.SendTime, d.Timestamp, d.TS} {
		if e.at == 0 {
			e.at = micros(t)
		}
	}
	return e, nil
}

func (h *hints) data() (d dataHints) {
	if len(h.Data) > 0 {
		_ = json.Unmarshal(h.Data, &d) // data of another shape gives no hints
	}
	return d
}

// danmaku returns time and id: info[0][4] and extra.id_str in info[0][15].
func (h *hints) danmaku() (at int64, id string) {
	var head []json.RawMessage
	if len(h.Info) == 0 || json.Unmarshal(h.Info[0], &head) != nil || len(head) < 5 {
		return 0, ""
	}
	at = micros(head[4])
	if len(head) > 15 {
		var outer struct {
			Extra string `json:"extra"`
		}
		var extra struct {
			ID string `json:"id_str"`
		}
		if json.Unmarshal(head[15], &outer) == nil && json.Unmarshal([]byte(outer.Extra), &extra) == nil {
			id = extra.ID
		}
	}
	return at, id
}

// scalar is the text of a string or a number, "" for anything else.
func scalar(v json.RawMessage) string {
	switch {
	case len(v) == 0:
		return ""
	case v[0] == '"':
		var s string
		_ = json.Unmarshal(v, &s) // a part of valid JSON
		return s
	case v[0] == '-' || '0' <= v[0] && v[0] <= '9':
		return string(v)
	}
	return ""
}

// micros reads a time that is in ms today and was in seconds until 2019; 0 for none.
func micros(v json.RawMessage) int64 {
	n, err := strconv.ParseInt(scalar(v), 10, 64)
	switch {
	case err != nil || n <= 0 || n > 1e14:
		return 0
	case n > 1e11:
		return n * 1000
	}
	return n * 1_000_000
}

// roomOfCommands finds the room that a recording without a folder's name is of.
func roomOfCommands(entries []entry) schema.RoomID {
	for i := range entries {
		var h hints
		get := entries[i].command
		if get == nil || json.Unmarshal(get(0).payload, &h) != nil {
			continue
		}
		d := h.data()
		for _, v := range []json.RawMessage{h.RoomID, d.RoomID} {
			if id, err := strconv.ParseInt(scalar(v), 10, 64); err == nil && id > 0 {
				return schema.RoomID(id)
			}
		}
	}
	return unnamedRoom
}
