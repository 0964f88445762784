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
	marks   bool
	follow  bool
}

// catRecord is a record as printed.
type catRecord struct {
	Journal       string          `json:"journal_id"`
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
	// id is the journal that is read; seen the last number printed or passed over, by journal.
	id   string
	seen map[string]int64
	// stderr gets what is no data; damaged counts what was left out.
	stderr  io.Writer
	damaged int
}

// catJournals prints to w and tells on stderr what is no data. What is damaged and left out
// is told as it comes, and is an error at the end.
func catJournals(ctx context.Context, o catOptions, w, stderr io.Writer) error {
	c := &cat{catOptions: o, out: bufio.NewWriterSize(w, 64<<10), seen: map[string]int64{}, stderr: stderr}
	waiting := false
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
		case !o.follow && c.damaged > 0:
			return fmt.Errorf("%s of the journal left out: danmaku journal verify tells all", plural(c.damaged, "damaged place"))
		case !o.follow:
			return nil
		case !found && !waiting:
			fmt.Fprintf(stderr, "danmaku: no journal in %s yet: waiting for one\n", o.dir)
			waiting = true
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
	c.id = i.ID
	if err := i.Records(ctx, sel, c.record, c.leftOut); err != nil {
		return err
	}
	c.seen[i.ID] = i.LastSeq
	return nil
}

// leftOut tells of damage. What a crash tore is no damage: recovery tells of it by a mark.
func (c *cat) leftOut(d journal.Damage) error {
	if d.Torn {
		return nil
	}
	c.damaged++
	_, err := fmt.Fprintf(c.stderr, "danmaku: %s, offset %d: damaged, numbers %d to %d are left out\n",
		d.Segment, d.Offset, d.FirstSeq, d.LastSeq)
	return err
}

func (c *cat) record(rec *schema.Record) error {
	r := catRecord{
		Journal: c.id, Seq: rec.Seq, Room: rec.Room, Kind: "command", Command: schema.CommandName(rec.Payload),
		ReceivedAt: time.UnixMicro(rec.ReceivedAt).UTC().Format(microsUTC),
	}
	if rec.Kind == schema.KindMark {
		r.Kind, r.Command = "mark", ""
		if m, err := schema.ParseMark(rec.Payload); err == nil {
			r.Command = string(m.Name)
		}
	}
	if c.command != "" && r.Command != c.command || c.command == "" && rec.Kind == schema.KindMark && !c.marks {
		return nil
	}
	if json.Valid(rec.Payload) {
		r.Payload = rec.Payload
	} else {
		r.PayloadBase64 = rec.Payload
	}
	return c.enc.Encode(r)
}
