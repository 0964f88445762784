package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"danmaku-archiver/schema"
)

// ledger is what a journal was given and what it promised, to be compared with what a
// reader finds after a crash.
type ledger struct {
	given map[place]*gift
	// retired is, of each journal, the receive time from which nothing may be retired.
	retired map[string]int64
	life    int // of the process that appends now
}

// place is a record's name for all time.
type place struct {
	journal string
	seq     int64
}

type gift struct {
	room    schema.RoomID
	kind    schema.Kind
	payload string
	at      int64
	life    int
	durable bool
	seen    bool // a reader could see it: its number is given for ever
}

func newLedger() *ledger { return &ledger{given: map[place]*gift{}, retired: map[string]int64{}} }

func (l *ledger) clone() *ledger {
	c := newLedger()
	c.life = l.life
	maps.Copy(c.retired, l.retired)
	for p, g := range l.given {
		copied := *g
		c.given[p] = &copied
	}
	return c
}

// take notes the record that the writer took last; only one goroutine may append.
func (l *ledger) take(t testing.TB, w *Writer, room schema.RoomID, kind schema.Kind, payload []byte) {
	t.Helper()
	w.mu.Lock()
	p, at := place{w.id, w.seq}, w.last
	w.mu.Unlock()
	if old := l.given[p]; old != nil && (old.seen || old.durable) {
		t.Fatalf("I2: number %v is given twice", p)
	}
	l.given[p] = &gift{room: room, kind: kind, payload: string(payload), at: at, life: l.life}
}

// promise notes that everything that the present process took is durable.
func (l *ledger) promise() {
	for _, g := range l.given {
		g.durable = g.durable || g.life == l.life
	}
}

// promiseUpTo notes what [Writer.Durable] says.
func (l *ledger) promiseUpTo(p place) {
	for at, g := range l.given {
		g.durable = g.durable || g.life == l.life && at.journal == p.journal && at.seq <= p.seq
	}
}

// settle notes what a start found: its recovery made it durable (I19).
func (l *ledger) settle(t testing.TB, fsys fileSystem) {
	t.Helper()
	before := l.clone()
	for _, g := range l.given {
		g.seen = false
	}
	l.see(t, fsys)
	for _, g := range l.given {
		g.durable = g.durable || g.seen && g.life < l.life
	}
	for p, g := range before.given {
		l.given[p].seen = l.given[p].seen || g.seen
	}
	// What died in memory left no trace: its number may be given to another record.
	maps.DeleteFunc(l.given, func(_ place, g *gift) bool { return g.life < l.life && !g.seen && !g.durable })
}

// see notes what a reader finds now.
func (l *ledger) see(t testing.TB, fsys fileSystem) {
	t.Helper()
	all, err := journalsOf(fsys, testDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if err := i.Blocks(context.Background(), -1<<62, 1<<62, func(b *Block) error {
			for seq := b.FirstSeq; seq <= b.LastSeq(); seq++ {
				if g := l.given[place{i.ID, seq}]; g != nil {
					g.seen = true
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

type found struct {
	room    schema.RoomID
	kind    schema.Kind
	payload string
	at      int64
}

// check compares what a reader finds now with the ledger.
func (l *ledger) check(t testing.TB, fsys fileSystem) {
	t.Helper()
	all, err := journalsOf(fsys, testDir)
	if err != nil {
		t.Fatal(err)
	}
	here := map[string]*Info{}
	open := 0
	for n := range all {
		here[all[n].ID] = &all[n]
		if !all[n].Ended {
			open++
		}
		l.checkJournal(t, all[n])
	}
	if open > 1 {
		t.Fatalf("%d journals are not ended", open)
	}
	for p, g := range l.given {
		if here[p.journal] == nil && g.durable && g.at >= l.retired[p.journal] {
			t.Fatalf("journal %s is gone, with record %d, which was durable", p.journal, p.seq)
		}
	}
}

func (l *ledger) checkJournal(t testing.TB, i Info) {
	t.Helper()
	for _, s := range i.Segments {
		if s.State == StateSealed && s.first < i.Floor.Seq {
			t.Fatalf("%s lies below the floor %d", s.Path, i.Floor.Seq)
		}
	}
	records, damage := mustRead(t, i)
	seen := map[int64]found{}
	err := i.Records(context.Background(), Selection{From: -1 << 62}, func(rec *schema.Record) error {
		seen[rec.Seq] = found{rec.Room, rec.Kind, string(rec.Payload), rec.ReceivedAt}
		return nil
	}, func(Damage) error { return nil })
	if err != nil || len(seen) != len(records) {
		t.Fatalf("journal %s: %d records of %d, %v", i.ID, len(seen), len(records), err)
	}
	checkSnapshots(t, i, records)
	var last int64
	for _, e := range records {
		last = e.Seq
		g := l.given[place{i.ID, e.Seq}]
		got := seen[e.Seq]
		switch {
		case g != nil:
			if want := (found{g.room, g.kind, g.payload, g.at}); got != want {
				t.Fatalf("record %d of %s is %+v, want %+v", e.Seq, i.ID, got, want)
			}
		case e.mark.Name != schema.MarkSnapshot && e.mark.Name != schema.MarkRecovered && e.mark.Name != schema.MarkDamage:
			t.Fatalf("record %d of %s was never appended: %+v", e.Seq, i.ID, got)
		}
	}
	for p, g := range l.given {
		if _, ok := seen[p.seq]; ok || p.journal != i.ID {
			continue
		}
		if p.seq < i.Floor.Seq && g.at < l.retired[p.journal] {
			continue
		}
		if g.durable {
			t.Fatalf("record %d of %s was durable and is gone (last %d, floor %+v, damage %+v):\n%v",
				p.seq, i.ID, last, i.Floor, damage, texts(records))
		}
		told := p.seq > last
		for _, d := range damage {
			told = told || d.FirstSeq <= p.seq && p.seq <= d.LastSeq && d.From <= g.at && g.at <= d.To
		}
		for _, r := range marks(records, schema.MarkRecovered) {
			told = told || r.mark.LastSeq < p.seq && p.seq < r.mark.FirstSeq
		}
		if !told {
			t.Fatalf("record %d of %s is gone and nobody tells: damage %+v\n%v", p.seq, i.ID, damage, texts(records))
		}
	}
}

// checkSnapshots: I4, as far as nothing is lost.
func checkSnapshots(t testing.TB, i Info, records []entry) {
	t.Helper()
	begins := map[int64]bool{}
	for _, s := range i.Segments {
		begins[s.first] = true
	}
	var before entry
	resnapped := false
	for n, e := range records {
		isSnapshot := e.mark.Name == schema.MarkSnapshot
		hour := schema.HourOf(e.ReceivedAt) != schema.HourOf(before.ReceivedAt) ||
			schema.HourOf(e.ReceivedAt+graceMicros) != schema.HourOf(before.ReceivedAt+graceMicros)
		if n > 0 && e.Seq == before.Seq+1 && hour && !isSnapshot {
			t.Fatalf("I4: %v of %s begins an hour or its last grace", e, i.ID)
		}
		if begins[e.Seq] && !isSnapshot {
			// Written again after a failed fsync: a snapshot follows the blocks that were.
			resnapped = false
			for _, later := range records[n:] {
				resnapped = resnapped || later.mark.Name == schema.MarkSnapshot
			}
			if !resnapped && n+64 < len(records) {
				t.Fatalf("I4: the segment of %v of %s has no snapshot", e, i.ID)
			}
		}
		before = e
	}
}

// hourID is one hour of one journal.
type hourID struct {
	journal string
	hour    schema.Hour
}

// view is all that an archiver takes from a journal for one hour.
type view struct {
	records []string
	next    string // the first record after the window
	damage  []string
}

// complete is what an archiver would commit that looked now.
func complete(t testing.TB, fsys fileSystem) map[hourID]view {
	t.Helper()
	all := map[hourID]view{}
	for _, i := range mustJournals(t, fsys) {
		if i.FirstSeq == 0 {
			continue
		}
		for h := max(schema.HourOf(i.First)-1, i.Floor.Hour); h <= schema.HourOf(i.Last)+1; h++ {
			if i.Complete(h) {
				all[hourID{i.ID, h}] = viewOf(t, i, h)
			}
		}
	}
	return all
}

func viewOf(t testing.TB, i Info, h schema.Hour) (v view) {
	t.Helper()
	ctx := context.Background()
	err := i.Records(ctx, Selection{From: h.WindowStart(), To: h.WindowEnd()}, func(rec *schema.Record) error {
		v.records = append(v.records, recordText(rec))
		return nil
	}, func(d Damage) error {
		v.damage = append(v.damage, fmt.Sprint(d.FirstSeq, "-", d.LastSeq, " ", d.From, "-", d.To))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rec, ok, err := i.FirstAfter(ctx, h.WindowEnd())
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		v.next = recordText(rec)
	}
	return v
}

func recordText(rec *schema.Record) string {
	return fmt.Sprintf("%d room %d kind %d at %s: %s", rec.Seq, rec.Room, rec.Kind,
		time.UnixMicro(rec.ReceivedAt).UTC().Format("15:04:05.000000"), rec.Payload)
}

// checkCommitted: I18, an hour that was complete before a crash is the same after it.
func checkCommitted(t testing.TB, fsys fileSystem, before map[hourID]view) {
	t.Helper()
	here := map[string]Info{}
	for _, i := range mustJournals(t, fsys) {
		here[i.ID] = i
	}
	for id, want := range before {
		i, ok := here[id.journal]
		if !ok || id.hour < i.Floor.Hour {
			continue // retired; the ledger knows whether it was allowed
		}
		if !i.Complete(id.hour) {
			t.Fatalf("hour %s of %s was complete and is not any more", id.hour, id.journal)
		}
		got := viewOf(t, i, id.hour)
		if !slices.Equal(got.records, want.records) || !slices.Equal(got.damage, want.damage) || got.next != want.next {
			t.Fatalf("hour %s of %s changed after it was complete:\nit was %d records, damage %v, then %s\nit is %d records, damage %v, then %s",
				id.hour, id.journal, len(want.records), want.damage, want.next, len(got.records), got.damage, got.next)
		}
	}
}
