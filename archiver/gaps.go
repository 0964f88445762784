package archiver

import (
	"slices"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// causeDamage is the cause of the intervals whose records the journal lost.
const causeDamage = "journal_damage"

// gap is a stretch of time, [from, to), of which records were lost. What a crash tore was
// not promised: its cause is the crash.
type gap struct {
	from, to int64
	cause    string
}

// gaps are an hour's gaps, in order. next is the first that the fold has not passed.
type gaps struct {
	all  []gap
	next int
}

// damaged takes note of a range that the journal lost of the hour's window. The journal
// tells of it between the records around it.
func (g *gatherer) damaged(d journal.Damage) error {
	g.out.damage = append(g.out.damage, store.Damage{
		Segment: d.Segment, Offset: d.Offset, Bytes: d.Bytes, FirstSeq: d.FirstSeq, LastSeq: d.LastSeq,
		From: store.Time(d.From), To: store.Time(d.To),
		Records: int64(d.Records), Commands: int64(d.Commands), Torn: d.Torn,
	})
	books, cause := &g.out.books, causeDamage
	books.LostCommands += int64(d.Commands)
	books.LostRecords += int64(d.Records)
	switch {
	case d.Torn:
		// Its numbers reach up to the reserve of a run that is gone: they tell nothing.
		books.TornRanges++
		cause = schema.CauseKilled
	default:
		books.DamagedRanges++
		if d.Records == 0 {
			books.LostRecords += d.LastSeq - d.FirstSeq + 1
		}
	}
	g.shedLost(d)
	// The record before it was seen, so the gap begins after that.
	if from := max(d.From, g.watch.Last()+1); from < d.To {
		g.gaps.all = append(g.gaps.all, gap{from, d.To, cause})
	}
	return nil
}

// before puts the gaps that lie before the record into the fold: nobody can say what was
// observed there, so every room that was not down was. After a torn end of a run the next
// run's snapshot says it better: since when, and how that run ended.
func (s *gaps) before(rec *schema.Record, m *schema.Mark, w *schema.Watch) {
	for s.next < len(s.all) && s.all[s.next].to <= rec.ReceivedAt {
		g := s.all[s.next]
		s.next++
		from := max(g.from, w.Last())
		if w.Last() == 0 || from >= g.to || g.cause != causeDamage && allDown(m) {
			continue
		}
		down, up := w.Snapshot(""), w.Snapshot("")
		for i := range down.Rooms {
			r := &down.Rooms[i]
			if r.State != schema.StateDown {
				r.State, r.Cause, r.Since, r.Seq = schema.StateDown, g.cause, from, rec.Seq
				up.Rooms[i].Since, up.Rooms[i].Seq = g.to, rec.Seq
			}
		}
		w.Apply(&schema.Record{Seq: rec.Seq, ReceivedAt: from, Kind: schema.KindMark}, &down)
		// The fold must not take the gap for a silence between two records as well.
		w.Apply(&schema.Record{Seq: rec.Seq, ReceivedAt: g.to, Kind: schema.KindMark}, &schema.Mark{})
		w.Apply(&schema.Record{Seq: rec.Seq, ReceivedAt: g.to, Kind: schema.KindMark}, &up)
	}
}

// allDown tells whether the mark is a snapshot of rooms that nobody watches.
func allDown(m *schema.Mark) bool {
	return m != nil && m.Name == schema.MarkSnapshot &&
		!slices.ContainsFunc(m.Rooms, func(r schema.RoomState) bool { return r.State != schema.StateDown })
}

// cut splits an interval into what lies beside the gaps and what lies in them. The fold
// knows of gaps only where it knew the rooms before: a snapshot that comes after a gap
// tells of rooms that it never saw.
func (s *gaps) cut(i schema.Interval, emit func(schema.Interval)) {
	if i.State == schema.StateDown {
		emit(i)
		return
	}
	for _, g := range s.all {
		from, to := max(g.from, i.Start), min(g.to, i.End)
		if from >= to {
			continue
		}
		if i.Start < from {
			// Commands were counted from the snapshot on, so after the gap.
			head := i
			head.End, head.Commands, head.Bytes, head.Sampled, head.Held = from, 0, 0, 0, 0
			emit(head)
		}
		emit(schema.Interval{Room: i.Room, Start: from, End: to, State: schema.StateDown, Cause: g.cause, Seq: i.Seq})
		i.Start = to
	}
	if i.Start < i.End {
		emit(i)
	}
}

// interval takes what the fold reports.
func (g *gatherer) interval(i schema.Interval) {
	g.gaps.cut(i, func(i schema.Interval) {
		g.coverage = append(g.coverage, g.decoder.Interval(i))
	})
}

// sumUp makes the summaries that the manifest shows.
func (g *gatherer) sumUp() {
	g.out.rows.Coverage = g.coverage
	c := &g.out.coverage
	rooms := map[int64]struct{}{}
	states, levels := map[schema.State]int64{}, map[schema.Level]int64{}
	for i := range g.out.rows.Coverage {
		r := &g.out.rows.Coverage[i]
		rooms[r.RoomID] = struct{}{}
		c.Commands += r.Commands
		states[schema.State(r.State)] += r.EndedAt - r.StartedAt
		if r.State == string(schema.StateShed) && r.Cause != nil {
			levels[schema.Level(*r.Cause)] += r.EndedAt - r.StartedAt
		}
	}
	c.Rooms, c.Intervals = int64(len(rooms)), int64(len(g.out.rows.Coverage))
	c.ObservedSeconds = states[schema.StateObserving] / 1e6
	c.Seconds, c.ShedSeconds = seconds(states), seconds(levels)
	for _, t := range tables {
		if n := t.length(&g.out.rows); n > 0 {
			addTo(&g.out.books.Rows, t.tableName(), int64(n))
		}
	}
	if n := int64(len(g.out.rows.Coverage)); n > 0 {
		addTo(&g.out.books.RowsFromMarks, schema.TableCoverage, n)
	}
	g.out.books.Shed.ByName = frequent(g.shed.names)
	g.out.unmodelled = frequent(g.names)
	g.out.drift, g.out.samples = g.drifted.sum()
}

// seconds makes whole seconds of microseconds.
func seconds[K comparable](micros map[K]int64) map[K]int64 {
	all := make(map[K]int64, len(micros))
	for k, n := range micros {
		all[k] = n / 1e6
	}
	return all
}
