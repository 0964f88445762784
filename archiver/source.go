package archiver

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// tape is one journal as far as the archiver needs it: what is known of it, and its
// records. The journal package stands behind it; tests put records in memory in its place.
type tape interface {
	facts() tapeFacts
	// complete reports whether nothing can come any more that belongs to the hour.
	complete(h schema.Hour) bool
	// read calls fn for every block with records received in [from, to), and damaged for
	// every range that is lost there, in order of sequence.
	read(ctx context.Context, from, to int64, fn func(b block) error, damaged func(d journal.Damage) error) error
	// firstAfter returns a copy of the first record received at or after t.
	firstAfter(ctx context.Context, t int64) (rec *schema.Record, ok bool, err error)
	// retire removes what lies before the hour and is older than the given time.
	retire(before schema.Hour, olderThan time.Time) (bytes int64, err error)
}

type tapeFacts struct {
	id          string
	ended       bool
	first, last int64 // receive times, 0 for an empty journal
	floor       schema.Hour
	segments    []segmentFacts
}

type segmentFacts struct {
	first, last, bytes int64
	// sealed segments can be retired; others stay whatever their age.
	sealed bool
}

// block is a checked batch of records. each lends the records.
type block struct {
	firstSeq          int64
	records, commands int
	first, last       int64
	each              func(fn func(rec *schema.Record) error) error
}

// journals is the folder of journals on disk.
type journals struct{ dir string }

func (j journals) list() ([]tape, error) {
	infos, err := journal.Journals(j.dir)
	if err != nil {
		return nil, err
	}
	tapes := make([]tape, len(infos))
	for i := range infos {
		tapes[i] = journalTape{infos[i]}
	}
	return tapes, nil
}

func (j journals) end() error {
	_, err := journal.End(j.dir)
	return err
}

// journalTape is a journal on disk.
type journalTape struct{ info journal.Info }

func (t journalTape) facts() tapeFacts {
	i := t.info
	f := tapeFacts{id: i.ID, ended: i.Ended, first: i.First, last: i.Last, floor: i.Floor.Hour}
	for _, s := range i.Segments {
		f.segments = append(f.segments, segmentFacts{first: s.First, last: s.Last, bytes: s.Bytes,
			sealed: s.State == journal.StateSealed})
	}
	return f
}

func (t journalTape) complete(h schema.Hour) bool { return t.info.Complete(h) }

func (t journalTape) read(ctx context.Context, from, to int64, fn func(b block) error, damaged func(d journal.Damage) error) error {
	return t.info.Read(ctx, from, to, func(b *journal.Block) error {
		return fn(block{firstSeq: b.FirstSeq, records: b.Records, commands: b.Commands,
			first: b.First, last: b.Last, each: b.Each})
	}, func(d journal.Damage) error {
		// Where the journal lies is no part of the hour, nor whether its segment is sealed yet.
		name := filepath.Base(d.Segment)
		d.Segment = strings.TrimSuffix(name, filepath.Ext(name))
		return damaged(d)
	})
}

func (t journalTape) firstAfter(ctx context.Context, at int64) (*schema.Record, bool, error) {
	return t.info.FirstAfter(ctx, at)
}

func (t journalTape) retire(before schema.Hour, olderThan time.Time) (int64, error) {
	return journal.Retire(t.info, before, olderThan)
}
