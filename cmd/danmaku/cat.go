package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// followInterval is how often a followed journal is looked at: its writer makes a block
// at least this often.
const followInterval = 200 * time.Millisecond

type catOptions struct {
	dir     string
	room    *schema.RoomID
	hour    *schema.Hour
	command string
	follow  bool
}

// catRecord is a record as printed.
type catRecord struct {
	Seq           int64           `json:"seq"`
	Room          schema.RoomID   `json:"room_id"`
	ReceivedAt    string          `json:"received_at"`
	Kind          string          `json:"kind"`
	Command       string          `json:"command"`
	Payload       json.RawMessage `json:"payload,omitempty"`
	PayloadBase64 []byte          `json:"payload_base64,omitempty"`
}

// cat prints records and remembers how far it came in each journal.
type cat struct {
	catOptions
	out *bufio.Writer
	enc *json.Encoder
	// seen is the last number printed or passed over, by journal.
	seen map[string]int64
}

func catJournals(ctx context.Context, o catOptions, w io.Writer) error {
	c := &cat{catOptions: o, out: bufio.NewWriter(w), seen: map[string]int64{}}
	c.enc = json.NewEncoder(c.out)
	c.enc.SetEscapeHTML(false)
	for {
		found, err := c.all(ctx)
		if flushed := c.out.Flush(); err == nil {
			err = flushed
		}
		switch {
		case o.follow && errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return err
		case !o.follow && !found:
			return noJournal(o.dir)
		case !o.follow:
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followInterval):
		}
	}
}

// all prints what came since the last call and reports whether there is any journal.
func (c *cat) all(ctx context.Context) (found bool, err error) {
	infos, err := journal.Journals(c.dir)
	if err != nil {
		return false, err
	}
	for _, i := range infos {
		if err := c.journal(ctx, i); err != nil {
			return true, fmt.Errorf("read journal %s: %w", i.ID, err)
		}
	}
	return len(infos) > 0, nil
}

func (c *cat) journal(ctx context.Context, i journal.Info) error {
	seen := c.seen[i.ID]
	if seen > 0 && i.LastSeq <= seen {
		return nil
	}
	sel := journal.Selection{FromSeq: seen + 1, Room: c.room}
	if c.hour != nil {
		sel.From, sel.To = c.hour.Start(), c.hour.End()
	}
	if err := i.Records(ctx, sel, c.record, func(journal.Damage) error { return nil }); err != nil {
		return err
	}
	c.seen[i.ID] = i.LastSeq
	return nil
}

func (c *cat) record(rec *schema.Record) error {
	r := catRecord{
		Seq: rec.Seq, Room: rec.Room, Kind: "command", Command: schema.CommandName(rec.Payload),
		ReceivedAt: time.UnixMicro(rec.ReceivedAt).UTC().Format(microsUTC),
	}
	if rec.Kind == schema.KindMark {
		r.Kind, r.Command = "mark", ""
		if m, err := schema.ParseMark(rec.Payload); err == nil {
			r.Command = string(m.Name)
		}
	}
	if c.command != "" && r.Command != c.command {
		return nil
	}
	if json.Valid(rec.Payload) {
		r.Payload = rec.Payload
	} else {
		r.PayloadBase64 = rec.Payload
	}
	return c.enc.Encode(r)
}
