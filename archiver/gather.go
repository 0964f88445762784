package archiver

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// gathered is everything that an hour's window holds: the rows that are the hour's, and
// the account of how they came about.
type gathered struct {
	rows       schema.Rows
	books      store.Books
	sequence   store.Sequence
	coverage   store.CoverageSummary
	unmodelled map[string]int64
	drift      store.Drift
	// samples are outlines of drifted commands, by command.
	samples map[string]string
	damage  []store.Damage
}

// decoder makes rows; tests make it fail.
type decoder interface {
	Command(rec *schema.Record, liveKey *string, rows *schema.Rows) (int64, schema.Fate)
	Mark(rec *schema.Record, m *schema.Mark, w *schema.Watch, popularityRow bool, rows *schema.Rows)
	Interval(i schema.Interval) schema.CoverageRow
}

// gatherer reads one hour's window, record by record, in order.
type gatherer struct {
	hour    schema.Hour
	decoder decoder
	watch   *schema.Watch
	out     *gathered
	gaps    gaps
	// coverage stands apart from the rows until the end: intervals end while a record is
	// being taken, but they are no rows of that record.
	coverage []schema.CoverageRow
	names    map[string]int64
	drifted  drifted
	shed     shedding
	// before holds each table's number of rows before the present record.
	before []int
	ids    map[rowID]int
	site   map[[sha256.Size]byte]int64
}

// siteWindow is how long after its first appearance a site-wide command is a copy.
//
// Part of the recipe: whoever changes it changes [Program] too.
const siteWindow = int64(time.Minute / time.Microsecond)

// gather reads the hour's window and decodes it. It depends on nothing but the journal
// and the decoder.
func gather(ctx context.Context, t tape, h schema.Hour, d decoder) (*gathered, error) {
	g := &gatherer{
		hour: h, decoder: d, out: &gathered{}, names: map[string]int64{}, drifted: newDrifted(),
		before: make([]int, len(tables)),
		ids:    map[rowID]int{}, site: map[[sha256.Size]byte]int64{},
	}
	g.watch = schema.NewCoverage(h.Start(), h.End(), g.interval)
	if err := g.window(ctx, t); err != nil {
		return nil, err
	}
	if err := g.finish(ctx, t); err != nil {
		return nil, err
	}
	return g.out, nil
}

func (g *gatherer) window(ctx context.Context, t tape) error {
	return t.read(ctx, g.hour.WindowStart(), g.hour.WindowEnd(), g.block, g.damaged)
}

func (g *gatherer) block(b block) error {
	if b.first < g.hour.WindowStart() || b.last >= g.hour.WindowEnd() {
		return fmt.Errorf("block of record %d holds receive times from %s to %s, beyond the window of hour %s",
			b.firstSeq, store.Time(b.first), store.Time(b.last), g.hour)
	}
	if g.out.sequence.First == 0 {
		g.out.sequence.First = b.firstSeq
	}
	g.out.books.Commands += int64(b.commands)
	records, commands := 0, 0
	err := b.each(func(rec *schema.Record) error {
		records++
		if rec.Kind == schema.KindCommand {
			commands++
		}
		g.out.sequence.Last = rec.Seq
		g.record(rec)
		return nil
	})
	if err != nil {
		return fmt.Errorf("block of record %d: %w", b.firstSeq, err)
	}
	if records != b.records || commands != b.commands {
		return fmt.Errorf("block of record %d holds %d records and %d commands, its header says %d and %d",
			b.firstSeq, records, commands, b.records, b.commands)
	}
	return nil
}

// finish closes the coverage. What became of the rooms after the window's last record,
// only the next record knows.
func (g *gatherer) finish(ctx context.Context, t tape) error {
	rec, ok, err := t.firstAfter(ctx, g.hour.WindowEnd())
	if err != nil {
		return err
	}
	end := g.hour.End()
	switch f := t.facts(); {
	case ok:
		g.fold(rec)
	case f.ended:
		end = min(end, f.last)
		g.shedEnds(schema.LevelNone)
	}
	g.watch.Finish(end)
	g.sumUp()
	return nil
}

// record takes the next record of the window.
func (g *gatherer) record(rec *schema.Record) {
	for i, t := range tables {
		g.before[i] = t.length(&g.out.rows)
	}
	if rec.Kind == schema.KindCommand {
		g.fold(rec)
		g.command(rec)
		return
	}
	m, known := readMark(rec)
	if !known {
		g.out.books.UnreadableMarks++
	}
	if m.Name == schema.MarkDropped {
		// The fold forgets a room that is dropped: its row needs what is known until then.
		g.mark(rec, &m, false)
		g.foldMark(rec, &m)
		return
	}
	g.mark(rec, &m, g.foldMark(rec, &m))
}

// readMark decodes the record's mark. One that does not decode still tells that somebody
// was there at its time.
func readMark(rec *schema.Record) (m schema.Mark, known bool) {
	if rec.Kind != schema.KindMark {
		return schema.Mark{}, false
	}
	m, err := schema.ParseMark(rec.Payload)
	return m, err == nil
}

func (g *gatherer) fold(rec *schema.Record) {
	if rec.Kind == schema.KindCommand {
		g.gaps.before(rec, nil, g.watch)
		g.watch.Apply(rec, nil)
		return
	}
	m, _ := readMark(rec)
	g.foldMark(rec, &m)
}

func (g *gatherer) foldMark(rec *schema.Record, m *schema.Mark) (row bool) {
	g.shedMark(rec, m)
	g.gaps.before(rec, m, g.watch)
	return g.watch.Apply(rec, m)
}

func (g *gatherer) mark(rec *schema.Record, m *schema.Mark, row bool) {
	if schema.HourOf(rec.ReceivedAt) == g.hour {
		g.decoder.Mark(rec, m, g.watch, row, &g.out.rows)
		g.countMarkRows()
	}
}

func (g *gatherer) countMarkRows() {
	for i, t := range tables {
		if n := t.length(&g.out.rows) - g.before[i]; n > 0 {
			addTo(&g.out.books.RowsFromMarks, t.tableName(), int64(n))
		}
	}
}

// command gives the command its fate.
func (g *gatherer) command(rec *schema.Record) {
	books, rows := &g.out.books, &g.out.rows
	ts, fate := g.decoder.Command(rec, g.watch.LiveKey(rec.Room), rows)
	switch h := schema.HourOf(ts); {
	case h < g.hour:
		books.GivenPrevious++
		g.undo()
		return
	case h > g.hour:
		books.GivenNext++
		g.undo()
		return
	}
	g.taken(rec)
	if fate == schema.FateOptedOut {
		books.OptedOut++
		return
	}
	g.drift(rec, fate)
	made := g.made()
	if g.siteCopy(rec, ts) {
		books.RowsDropped += int64(made)
		books.Copies++
		g.undo()
		return
	}
	g.describe()
	dropped, replaced := g.dropCopies()
	if dropped > 0 && g.onlyRooms() {
		// What a copy says of its room is a copy, too.
		dropped = made
		g.undo()
	}
	// A weak row was the only one of its command, which is a copy from now on.
	books.Kept -= int64(replaced)
	books.Copies += int64(replaced)
	books.RowsDropped += int64(dropped + replaced)
	switch {
	case fate == schema.FateRepeat, made > 0 && dropped == made:
		books.Copies++
	case fate == schema.FateSetAside:
		books.SetAside++
	default:
		books.Kept++
	}
}

// taken counts a command of the hour that a neighbour's window holds too.
func (g *gatherer) taken(rec *schema.Record) {
	switch {
	case rec.ReceivedAt < (g.hour - 1).WindowEnd():
		g.out.books.TakenPrevious++
	case rec.ReceivedAt >= (g.hour + 1).WindowStart():
		g.out.books.TakenNext++
	}
}

// made is the number of rows that the present record made.
func (g *gatherer) made() (n int) {
	for i, t := range tables {
		n += t.length(&g.out.rows) - g.before[i]
	}
	return n
}

// undo takes back the rows of the present record.
func (g *gatherer) undo() {
	for i, t := range tables {
		t.truncate(&g.out.rows, g.before[i])
	}
}

// siteCopy reports whether the command is one of those that the service sends to every
// room, and was there already. One that is first becomes the whole site's.
func (g *gatherer) siteCopy(rec *schema.Record, ts int64) bool {
	name := schema.CommandName(rec.Payload)
	if !schema.SiteWide(name) {
		return false
	}
	// The name is part of the payload: equal payloads are equal commands.
	id := sha256.Sum256(rec.Payload)
	if first, ok := g.site[id]; ok && ts-first <= siteWindow && first-ts <= siteWindow {
		return true
	}
	g.site[id] = ts
	for i, t := range tables {
		t.wholeSite(&g.out.rows, g.before[i])
	}
	return false
}

func (g *gatherer) dropCopies() (dropped, replaced int) {
	for i, t := range tables {
		d, r := t.dropCopies(&g.out.rows, g.before[i], g.ids)
		dropped, replaced = dropped+d, replaced+r
	}
	return dropped, replaced
}

// describe fills in the present record's rows of rooms.
func (g *gatherer) describe() {
	for i, t := range tables {
		if t.tableName() != schema.TableRooms {
			continue
		}
		for j := g.before[i]; j < len(g.out.rows.Rooms); j++ {
			g.watch.Describe(&g.out.rows.Rooms[j])
		}
	}
}

// onlyRooms reports whether the present record has rows of rooms left, and no others.
func (g *gatherer) onlyRooms() bool {
	left := 0
	for i, t := range tables {
		n := t.length(&g.out.rows) - g.before[i]
		if n > 0 && t.tableName() != schema.TableRooms {
			return false
		}
		left += n
	}
	return left > 0
}

func addTo[K comparable](m *map[K]int64, k K, n int64) {
	if *m == nil {
		*m = map[K]int64{}
	}
	(*m)[k] += n
}
