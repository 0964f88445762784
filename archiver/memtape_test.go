package archiver

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

const testJournal = "00000000000000aa"

// ten is the hour around which the made-up journals lie.
var ten = mustHour("2026-03-01T10")

func mustHour(s string) schema.Hour {
	h, err := schema.ParseHour(s)
	if err != nil {
		panic(err)
	}
	return h
}

// at is a time in the hour ten and around it, such as at("10:59:30").
func at(clock string) int64 {
	t, err := time.Parse("2006-01-02 15:04:05.999999", "2026-03-01 "+clock)
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

// memTape is a journal in memory. It puts in snapshots where the journal does.
type memTape struct {
	id       string
	ended    bool
	floor    schema.Hour
	recs     []schema.Record
	lost     []journal.Damage
	watch    *schema.Watch
	perBlock int
	readErr  error
	retired  []schema.Hour
	cutoffs  []time.Time
	noMarks  bool
}

func newTape() *memTape {
	return &memTape{id: testJournal, watch: schema.NewWatch(), perBlock: 3}
}

func spans(a, b int64) bool {
	const g = int64(schema.Grace / time.Microsecond)
	for _, d := range []int64{-g, 0, g} {
		if schema.HourOf(a+d) != schema.HourOf(b+d) {
			return true
		}
	}
	return false
}

func (m *memTape) add(t int64, room schema.RoomID, kind schema.Kind, payload []byte) {
	if n := len(m.recs); !m.noMarks && (n == 0 || spans(m.recs[n-1].ReceivedAt, t)) {
		cause := "segment"
		if n > 0 && schema.HourOf(t) != schema.HourOf(m.recs[n-1].ReceivedAt) && schema.HourOf(t-int64(schema.Grace/time.Microsecond)) == schema.HourOf(m.recs[n-1].ReceivedAt-int64(schema.Grace/time.Microsecond)) {
			cause = schema.SnapshotHour
		}
		mark := m.watch.Snapshot(cause)
		m.append(t, 0, schema.KindMark, schema.AppendMark(nil, &mark))
	}
	m.append(t, room, kind, payload)
}

func (m *memTape) append(t int64, room schema.RoomID, kind schema.Kind, payload []byte) {
	rec := schema.Record{Seq: int64(len(m.recs)) + 1, Room: room, ReceivedAt: t, Kind: kind, Payload: payload}
	m.recs = append(m.recs, rec)
	if kind != schema.KindMark {
		m.watch.Apply(&rec, nil)
		return
	}
	mark, err := schema.ParseMark(payload)
	if err != nil {
		mark = schema.Mark{}
	}
	m.watch.Apply(&rec, &mark)
}

func (m *memTape) mark(clock string, room schema.RoomID, mark schema.Mark) {
	m.add(at(clock), room, schema.KindMark, schema.AppendMark(nil, &mark))
}

func (m *memTape) command(clock string, room schema.RoomID, payload string) {
	m.add(at(clock), room, schema.KindCommand, []byte(payload))
}

// alive writes a mark a second from one time up to another.
func (m *memTape) alive(from, to string) {
	for t := at(from); t < at(to); t += 1e6 {
		m.add(t, 0, schema.KindMark, []byte(`{"mark":"alive"}`))
	}
}

// danmaku is a made-up bullet comment that the service dates with the given time.
func danmaku(sent int64, id, text string) string {
	extra := ""
	if id != "" {
		extra = fmt.Sprintf(`,{"extra":"{\"id_str\":\"%s\"}"}`, id)
	} else {
		extra = `,{}`
	}
	return fmt.Sprintf(`{"cmd":"DANMU_MSG","info":[[0,1,25,16777215,%d,0,0,"0a0b0c0d",0,0,0,"",0,"{}","{}"%s],%q,[12345,"somebody",0,0,0,10000,1,""],[],[7,0,9868950,">50000",0],["",""],0,0,null,{"ts":0,"ct":""},0,0,null,null,0,7]}`,
		sent/1000, extra, text)
}

func (m *memTape) facts() tapeFacts {
	f := tapeFacts{id: m.id, ended: m.ended, floor: m.floor}
	if n := len(m.recs); n > 0 {
		f.first, f.last = m.recs[0].ReceivedAt, m.recs[n-1].ReceivedAt
		f.segments = []segmentFacts{{first: f.first, last: f.last, bytes: 1000, sealed: true}}
	}
	return f
}

func (m *memTape) complete(h schema.Hour) bool { return m.ended || m.facts().last >= h.WindowEnd() }

func (m *memTape) read(ctx context.Context, from, to int64, fn func(block) error, damaged func(journal.Damage) error) error {
	if m.readErr != nil {
		return m.readErr
	}
	lost := slices.Clone(m.lost)
	for i := 0; i < len(m.recs); {
		j := i + 1
		for j < len(m.recs) && j-i < m.perBlock && !spans(m.recs[j-1].ReceivedAt, m.recs[j].ReceivedAt) &&
			m.recs[j].Seq == m.recs[j-1].Seq+1 {
			j++
		}
		recs := m.recs[i:j]
		i = j
		for len(lost) > 0 && lost[0].LastSeq < recs[0].Seq {
			if err := damaged(lost[0]); err != nil {
				return err
			}
			lost = lost[1:]
		}
		if recs[len(recs)-1].ReceivedAt < from || recs[0].ReceivedAt >= to {
			continue
		}
		if err := fn(memBlock(recs)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func memBlock(recs []schema.Record) block {
	b := block{firstSeq: recs[0].Seq, records: len(recs), first: recs[0].ReceivedAt, last: recs[len(recs)-1].ReceivedAt}
	for _, r := range recs {
		if r.Kind == schema.KindCommand {
			b.commands++
		}
	}
	b.each = func(fn func(*schema.Record) error) error {
		for _, r := range recs {
			// Records are lent: whoever keeps a payload will find it overwritten.
			r.Payload = slices.Clone(r.Payload)
			err := fn(&r)
			for i := range r.Payload {
				r.Payload[i] = '!'
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return b
}

func (m *memTape) firstAfter(ctx context.Context, t int64) (*schema.Record, bool, error) {
	for _, r := range m.recs {
		if r.ReceivedAt >= t {
			return &r, true, nil
		}
	}
	return nil, false, nil
}

func (m *memTape) retire(before schema.Hour, olderThan time.Time) (int64, error) {
	m.retired, m.cutoffs = append(m.retired, before), append(m.cutoffs, olderThan)
	return 1000, nil
}

// lose takes records out, as if the block that held them were damaged.
func (m *memTape) lose(first, last int64) {
	var kept []schema.Record
	d := journal.Damage{Segment: "s", Offset: 10, Bytes: 20, FirstSeq: first, LastSeq: last}
	for _, r := range m.recs {
		switch {
		case r.Seq < first:
			d.From = r.ReceivedAt
		case r.Seq > last && d.To == 0:
			d.To = r.ReceivedAt
		}
		if r.Seq < first || r.Seq > last {
			kept = append(kept, r)
		}
	}
	m.recs, m.lost = kept, append(m.lost, d)
}

func mustGather(t testing.TB, m *memTape, h schema.Hour) *gathered {
	t.Helper()
	g, err := gather(t.Context(), m, h, schema.NewDecoder("c", m.id))
	if err != nil {
		t.Fatalf("gather %s: %v", h, err)
	}
	if err := g.books.Balance(); err != nil {
		t.Fatalf("hour %s: %v", h, err)
	}
	return g
}

// lyingTape has headers that count one command too many.
type lyingTape struct{ *memTape }

func (l lyingTape) read(ctx context.Context, from, to int64, fn func(block) error, damaged func(journal.Damage) error) error {
	return l.memTape.read(ctx, from, to, func(b block) error {
		b.commands++
		return fn(b)
	}, damaged)
}
