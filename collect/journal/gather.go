package journal

import (
	"fmt"
	"slices"
	"time"

	"danmaku-archiver/schema"
)

const (
	graceMicros = int64(schema.Grace / time.Microsecond)
	pauseMicros = int64(maxPause / time.Microsecond)
)

// gathering is the front of the writer: it gives each record its time and its number and
// encodes it into the batch that becomes the next block. Since the snapshots take numbers
// too, they are put in here, at the moment when they are due. All of it is guarded by the
// writer's mu.
type gathering struct {
	id      string
	created int64
	// fresh: the journal has no record yet, and watch is that of the journal before.
	fresh bool
	// ends is the journal that must be ended before the next segment begins.
	ends string

	seq, last    int64 // of the last record
	segments     int   // how many this run began
	segmentFirst int64 // first number of the present one
	rotate       bool  // the present segment is full
	resnap       bool  // the present segment still lacks its snapshot
	watch        *schema.Watch
	rec          schema.Record // what watch is given

	cur     *batch
	queue   []*batch
	queued  int64 // bytes in cur, queue and the batch being written
	waiting int   // records therein
}

// batch is a block to be.
type batch struct {
	header  blockHeader
	raw     []byte
	begin   *beginning // where a segment begins with this batch
	records int64      // taken by the writer up to and with this batch
	opened  time.Time
	lastAt  int64 // receive time of its last record
}

// beginning tells which segment to begin.
type beginning struct {
	segmentHeader
	number int    // among those of this run
	ends   string // journal to be ended before
}

// strays reports whether a journal whose last record has that time cannot go on now.
func strays(now, last int64) bool { return now < last-graceMicros || now > last+pauseMicros }

// spans reports whether H - grace, H or H + grace of an hour lies between two times, the
// later one included.
func spans(from, to int64) bool {
	return schema.HourOf(from) != schema.HourOf(to) ||
		schema.HourOf(from-graceMicros) != schema.HourOf(to-graceMicros) ||
		schema.HourOf(from+graceMicros) != schema.HourOf(to+graceMicros)
}

// stamp takes one record, and the snapshot that is due before it. The caller holds mu.
func (w *Writer) stamp(now int64, room schema.RoomID, kind schema.Kind, payload []byte, mark *schema.Mark) error {
	if !w.fresh && w.last != 0 && strays(now, w.last) {
		w.log.Warn("journal ended: the clock is too far from its last record", "journal", w.id,
			"now", time.UnixMicro(now).UTC(), "last", time.UnixMicro(w.last).UTC())
		w.ends = w.id
		w.id, w.created, w.fresh = w.o.id(), now, true
		w.seq, w.last = 0, 0
	}
	t := max(now, w.last)
	if cause, begins := w.due(t); cause != "" {
		if err := w.snapshot(t, cause, begins); err != nil {
			return err
		}
	}
	w.add(t, room, kind, payload, mark, nil)
	return nil
}

// due tells which snapshot must come before a record of that time, and whether a segment
// begins with it.
func (w *Writer) due(t int64) (cause string, begins bool) {
	full := w.rotate || w.seq+reserveLeft >= w.segmentFirst+reserve ||
		schema.HourOf(t-graceMicros) != schema.HourOf(w.last-graceMicros)
	switch {
	case w.fresh, w.segments == 0:
		return "segment", true
	case schema.HourOf(t) != schema.HourOf(w.last):
		return schema.SnapshotHour, full
	case full:
		return "segment", true
	case schema.HourOf(t+graceMicros) != schema.HourOf(w.last+graceMicros):
		return "grace", false
	case w.resnap:
		return "segment", false
	}
	return "", false
}

func (w *Writer) snapshot(t int64, cause string, begins bool) error {
	mark := w.watch.Snapshot(cause)
	watch := w.watch
	if w.fresh {
		watch, mark = schema.NewWatch(), seeded(mark, t)
	}
	payload := schema.AppendMark(nil, &mark)
	if len(payload) > maxSnapshot {
		return fmt.Errorf("append to journal: snapshot of %d bytes for %d rooms, at most %d can be kept: watch fewer rooms",
			len(payload), len(mark.Rooms), maxSnapshot)
	}
	w.watch, w.fresh = watch, false
	var begin *beginning
	if begins {
		w.segments++
		w.segmentFirst, w.rotate = w.seq+1, false
		begin = &beginning{number: w.segments, ends: w.ends, segmentHeader: segmentHeader{created: w.created,
			identity: identity{id: w.id, first: w.segmentFirst}, reserved: w.segmentFirst + reserve, start: t}}
		w.ends = ""
	}
	w.resnap = false
	w.add(t, 0, schema.KindMark, payload, &mark, begin)
	return nil
}

// seeded makes a journal's first snapshot of the last state of the one before: the rooms
// are watched still, but the old times mean nothing to the new journal.
func seeded(m schema.Mark, t int64) schema.Mark {
	m.Last = 0
	for n := range m.Rooms {
		r := &m.Rooms[n]
		r.Since, r.Seq, r.Commands, r.Bytes, r.Heard, r.PopularityAt = t, 0, 0, 0, 0, 0
	}
	return m
}

// add gives the record its number and encodes it.
func (w *Writer) add(t int64, room schema.RoomID, kind schema.Kind, payload []byte, mark *schema.Mark, begin *beginning) {
	size := len(payload) + maxRecordOverhead
	if b := w.cur; b != nil && (begin != nil || len(b.raw)+size > gatherSize || spans(b.lastAt, t)) {
		w.cut()
	}
	w.seq++
	w.records++
	b := w.cur
	if b == nil {
		b = w.newBatch()
		b.begin, b.opened, b.lastAt = begin, time.Now(), t
		b.header = blockHeader{firstSeq: w.seq, first: t}
		w.cur = b
		poke(w.wake)
	}
	before := len(b.raw)
	if before+size > cap(b.raw) {
		// At once to what a batch holds at most, for growing step by step copies it many times.
		b.raw = slices.Grow(b.raw, max(size, gatherSize-before))
	}
	b.raw = appendRecord(b.raw, room, kind, t-b.lastAt, payload)
	b.header.records++
	if kind == schema.KindCommand {
		b.header.commands++
	}
	b.header.last, b.lastAt, b.records = t, t, w.records
	w.queued += int64(len(b.raw) - before)
	w.waiting++
	w.last = t
	w.rec = schema.Record{Seq: w.seq, Room: room, ReceivedAt: t, Kind: kind, Payload: payload}
	w.watch.Apply(&w.rec, mark)
	w.rec.Payload = nil // the caller's
}

// cut completes the batch that is being gathered.
func (w *Writer) cut() {
	if w.cur != nil {
		w.queue = append(w.queue, w.cur)
		w.cur = nil
	}
}

// take returns the oldest batch that may be written, or how long to wait for it, -1 for
// until there is a record. The caller holds mu.
func (w *Writer) take() (*batch, time.Duration) {
	if len(w.queue) == 0 && w.cur != nil {
		if wait := gatherFor - time.Since(w.cur.opened); wait > 0 && !w.closed {
			return nil, wait
		}
		w.cut()
	}
	if len(w.queue) == 0 {
		return nil, -1
	}
	b := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return b, 0
}

// release gives back the room that a written batch took, and the batch. The caller holds mu.
func (w *Writer) release(b *batch) {
	w.queued -= int64(len(b.raw))
	w.waiting -= int(b.header.records)
	if cap(b.raw) <= 2*gatherSize && len(w.spare) < maxSpare {
		*b = batch{raw: b.raw[:0]}
		w.spare = append(w.spare, b)
	}
	w.drained()
	w.broadcast()
}

// newBatch returns an empty batch. The caller holds mu.
func (w *Writer) newBatch() *batch {
	if n := len(w.spare); n > 0 {
		b := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return b
	}
	return &batch{raw: make([]byte, 0, 64<<10)}
}
