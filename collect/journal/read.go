package journal

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"

	"danmaku-archiver/schema"
)

// Block is one verified block. It, its records and their payloads are lent: they are
// valid until the function that was given the block returns.
type Block struct {
	FirstSeq          int64
	Records, Commands int
	First, Last       int64 // receive times of the first and the last record
	Bytes             int64 // on disk

	body []byte
}

// LastSeq is the number of the block's last record.
func (b *Block) LastSeq() int64 { return b.FirstSeq + int64(b.Records) - 1 }

// Each calls fn with every record in order, until fn returns an error, which it returns.
// The record is reused.
func (b *Block) Each(fn func(rec *schema.Record) error) error {
	rec := schema.Record{Seq: b.FirstSeq - 1, ReceivedAt: b.First}
	for rest := b.body; len(rest) > 0; {
		rest, _ = nextRecord(rest, &rec)
		rec.Seq++
		if err := fn(&rec); err != nil {
			return err
		}
	}
	return nil
}

// Damage is a range of a journal whose records are lost. Numbers are inclusive and an
// upper bound: where recovery resumed above a reserve, some were never given. The records
// were received within [From, To].
type Damage struct {
	Segment       string // the file, or the folder where a segment is missing
	Offset, Bytes int64
	FirstSeq      int64
	LastSeq       int64
	From, To      int64
	// Torn tells that no fsync had covered the range for all that is known: a crash
	// explains the loss. Elsewhere the disk, or somebody, changed what was durable.
	Torn bool
	// Counted tells that the block's header, or the index, could still be read, so that
	// Records and Commands are what was lost; they are 0 elsewhere.
	Counted           bool
	Records, Commands int
}

// Blocks calls fn with every block that has a record received in [from, to), in order of
// sequence, each number once, never half a block. A block at the edge holds records
// outside of the range too. Damaged blocks are skipped: see [Info.Damage].
func (i Info) Blocks(ctx context.Context, from, to int64, fn func(b *Block) error) error {
	return i.Read(ctx, from, to, fn, func(Damage) error { return nil })
}

// Damage verifies every block with a record received in [from, to) and returns what was
// lost, in order of sequence.
func (i Info) Damage(ctx context.Context, from, to int64) ([]Damage, error) {
	var all []Damage
	err := i.Read(ctx, from, to, func(*Block) error { return nil }, func(d Damage) error {
		all = append(all, d)
		return nil
	})
	return all, err
}

// Read is [Info.Blocks] and [Info.Damage] in one pass: damaged is called, in order of
// sequence among the blocks, for each range that is lost and touches [from, to). It ends
// with the first error of a function, of ctx or of the file system.
func (i Info) Read(ctx context.Context, from, to int64, fn func(b *Block) error, damaged func(d Damage) error) error {
	return i.read(ctx, Selection{From: from, To: to}, fn, damaged)
}

// Selection says which records to read; the zero value means all.
type Selection struct {
	From, To int64 // receive times: [From, To); 0 for To means no end
	FromSeq  int64 // the least number
	Room     *schema.RoomID
}

func (s *Selection) takes(rec *schema.Record) bool {
	return rec.Seq >= s.FromSeq && rec.ReceivedAt >= s.From && rec.ReceivedAt < s.To &&
		(s.Room == nil || rec.Room == *s.Room)
}

// Records calls fn with every selected record, in order of sequence, each once, and damaged
// with every range that is lost and may have held one. Blocks that cannot hold a record of
// the room are passed over unread where the segment's footer tells. The record and its
// payload are lent until fn returns. It ends like [Info.Read].
func (i Info) Records(ctx context.Context, sel Selection, fn func(rec *schema.Record) error, damaged func(d Damage) error) error {
	if sel.To == 0 {
		sel.To = math.MaxInt64
	}
	return i.read(ctx, sel, func(b *Block) error {
		return b.Each(func(rec *schema.Record) error {
			if !sel.takes(rec) {
				return nil
			}
			return fn(rec)
		})
	}, damaged)
}

func (i Info) read(ctx context.Context, sel Selection, fn func(b *Block) error, damaged func(d Damage) error) error {
	dec, err := newDecoder()
	if err != nil {
		return err
	}
	defer dec.Close()
	r := &reading{ctx: ctx, Selection: sel, fn: fn, damaged: damaged, dec: dec}
	return r.journal(i)
}

func (r *reading) journal(i Info) error {
	for n := range i.Segments {
		s := &i.Segments[n]
		if s.State == StateQuarantined {
			continue
		}
		if r.last >= r.To && r.seq > 0 {
			return nil
		}
		r.limit, r.limitTime = math.MaxInt64, 0
		for _, later := range i.Segments[n+1:] {
			if later.State != StateQuarantined {
				r.limit, r.limitTime = later.first, later.began()
				break
			}
		}
		if err := r.segment(i.fs, s); err != nil {
			return fmt.Errorf("read segment %s: %w", s.Path, err)
		}
	}
	return nil
}

// began is the earliest that a record of the segment can have been received, 0 if unknown.
func (s *SegmentInfo) began() int64 {
	if s.start != 0 {
		return s.start
	}
	return s.First
}

// FirstAfter returns a copy of the first record received at or after t, false if there is
// none.
func (i Info) FirstAfter(ctx context.Context, t int64) (*schema.Record, bool, error) {
	var found *schema.Record
	stop := errors.New("found")
	err := i.Blocks(ctx, t, math.MaxInt64, func(b *Block) error {
		return b.Each(func(rec *schema.Record) error {
			if rec.ReceivedAt < t {
				return nil
			}
			c := *rec
			c.Payload = slices.Clone(rec.Payload)
			found = &c
			return stop
		})
	})
	if err != nil && !errors.Is(err, stop) {
		return nil, false, err
	}
	return found, found != nil, nil
}

// reading is one pass over a journal.
type reading struct {
	ctx context.Context
	Selection
	fn      func(b *Block) error
	damaged func(d Damage) error
	// opened, if not nil, is called before a segment's blocks are read.
	opened func(s *SegmentInfo, f file, l *layout) error
	dec    *zstd.Decoder
	disk   []byte // one block's body, as stored
	body   []byte // the same, decompressed
	lent   Block  // the block that fn is given

	// What came before: the last number and time, and the number that must come next
	// where a footer told it.
	seq, last, next int64
	// Where the following segment begins: its numbers count, not ours.
	limit, limitTime int64
	// All before that offset of the present segment was fsynced.
	synced int64
}

func (r *reading) segment(fsys fileSystem, s *SegmentInfo) error {
	if r.next > 0 && s.first > r.next {
		d := Damage{Segment: s.Path, FirstSeq: r.next, LastSeq: s.first - 1, From: r.last, To: max(r.last, s.began())}
		if err := r.report(d); err != nil {
			return err
		}
	}
	r.seq, r.next = max(r.seq, s.first-1), s.next
	r.last = max(r.last, s.start)
	// All that the segment holds was received before the next one began, and has lower
	// numbers.
	if r.limitTime != 0 && r.limitTime < r.From || r.limit <= r.FromSeq {
		r.seq, r.last = max(r.seq, min(s.LastSeq, r.limit-1)), max(r.last, s.Last)
		return nil
	}
	f, err := openSegment(fsys, s)
	if err != nil {
		return err
	}
	defer f.Close()
	l, err := s.layout(f, r.Room)
	if err != nil {
		return err
	}
	if r.opened != nil {
		if err := r.opened(s, f, &l); err != nil {
			return err
		}
	}
	// The next segment was begun after this one was sealed, unless a crash came between.
	if r.synced = l.synced; s.next == 0 && r.limit < s.first+reserve {
		r.synced = math.MaxInt64
	}
	off := int64(headerSize)
	for k := range l.entries {
		e := &l.entries[k]
		if e.firstSeq >= r.limit {
			l.end = e.off
			break
		}
		if r.last >= r.To {
			return nil
		}
		if e.off > off {
			if err := r.report(Damage{Segment: s.Path, Offset: off, Bytes: e.off - off, FirstSeq: r.seq + 1,
				LastSeq: e.firstSeq - 1, From: r.last, To: e.first}); err != nil {
				return err
			}
		}
		if l.holders == nil || l.holders[k] {
			if err := r.entry(f, s, e); err != nil {
				return err
			}
		}
		off, r.seq, r.last = e.end(), e.lastSeq(), e.last
	}
	return r.report(r.tail(s, off, &l))
}

// tail is what is lost after the last block of a segment. A footer tells it. Without one
// the segment that follows does, unless it begins above the reserve, where recovery
// resumed: then only bytes that belong to no block speak of a loss. Without either, bytes
// after the last block are one that is being written, or torn, unless they are promised.
func (r *reading) tail(s *SegmentInfo, off int64, l *layout) Damage {
	d := Damage{Segment: s.Path, Offset: min(off, l.end), Bytes: max(l.end-off, 0), FirstSeq: r.seq + 1,
		From: r.last}
	switch {
	case s.next != 0:
		d.LastSeq, d.To = s.LastSeq, s.Last
	case r.limit == math.MaxInt64:
		if l.promise.synced > off {
			d.Bytes = l.promise.synced - off
			d.LastSeq, d.To = l.promise.lastSeq, l.promise.last
		}
	case l.end > off, s.State == StateSealed && r.limit < s.first+reserve:
		d.LastSeq, d.To = r.limit-1, max(r.last, r.limitTime)
	}
	return d
}

// entry reads one block, where it lies in the range.
func (r *reading) entry(f io.ReaderAt, s *SegmentInfo, e *indexEntry) error {
	if e.last < r.From || e.first >= r.To || e.lastSeq() < r.FromSeq {
		return nil
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	b, ok, err := r.block(f, s.identity, e)
	if err != nil {
		return err
	}
	if !ok {
		return r.report(Damage{Segment: s.Path, Offset: e.off, Bytes: e.end() - e.off, FirstSeq: e.firstSeq,
			LastSeq: e.lastSeq(), From: e.first, To: e.last, Counted: true, Records: int(e.records), Commands: int(e.commands)})
	}
	return r.fn(b)
}

// block reads and verifies one block as a whole: nothing of a damaged one is shown.
func (r *reading) block(f io.ReaderAt, n identity, e *indexEntry) (*Block, bool, error) {
	if e.body > maxBody {
		return nil, false, nil
	}
	r.disk = slices.Grow(r.disk[:0], int(e.end()-e.off))[:e.end()-e.off]
	if err := readFull(f, r.disk, e.off); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
		return nil, false, err
	}
	h, ok := parseBlockHeader(r.disk, n, e.off)
	if !ok || entryOf(&h, e.off) != *e {
		return nil, false, nil
	}
	body := r.disk[blockHeaderSize:]
	if crc32.Checksum(body, castagnoli) != h.bodyCRC {
		return nil, false, nil
	}
	if h.compression == compressionZstd {
		r.body = slices.Grow(r.body[:0], int(h.raw))
		var err error
		if r.body, err = r.dec.DecodeAll(body, r.body[:0]); err != nil {
			return nil, false, nil
		}
		body = r.body
	}
	b := &r.lent
	*b = Block{FirstSeq: h.firstSeq, Records: int(h.records), Commands: int(h.commands), First: h.first, Last: h.last,
		Bytes: h.size(), body: body}
	return b, len(body) == int(h.raw) && b.whole(), nil
}

// whole reports whether the body holds just the records that the header counts.
func (b *Block) whole() bool {
	rec := schema.Record{ReceivedAt: b.First}
	records, commands := 0, 0
	for rest := b.body; len(rest) > 0; {
		var ok bool
		last := rec.ReceivedAt
		if rest, ok = nextRecord(rest, &rec); !ok || rec.ReceivedAt < last {
			return false
		}
		if records == 0 && rec.ReceivedAt != b.First {
			return false
		}
		records++
		if rec.Kind == schema.KindCommand {
			commands++
		}
	}
	return records == b.Records && commands == b.Commands && rec.ReceivedAt == b.Last
}

// report hands on a damage that lost a number and touches the selection. Numbers that the
// following segment holds are not lost.
func (r *reading) report(d Damage) error {
	d.LastSeq = min(d.LastSeq, r.limit-1)
	d.Torn = d.Bytes > 0 && d.Offset >= r.synced
	if d.FirstSeq > d.LastSeq || d.LastSeq < r.FromSeq || d.From >= r.To || d.To < r.From {
		return nil
	}
	return r.damaged(d)
}

func newDecoder() (*zstd.Decoder, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxBody), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("make decoder: %w", err)
	}
	return dec, nil
}
