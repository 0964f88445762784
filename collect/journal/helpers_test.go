package journal

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"danmaku-archiver/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testDir = "/j"

// bubbleStart is what the clock shows when a synctest bubble begins.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// options returns options whose journals have the ids 1, 2, …
func options(fsys fileSystem) Options {
	n := 0
	return Options{MinTime: bubbleStart, fs: fsys, ahead: 512, id: func() string { n++; return fmt.Sprintf("%016x", n) }}
}

// running is a writer whose Run goes on.
type running struct {
	*Writer
	t    testing.TB
	stop context.CancelFunc
	done chan error
}

func start(t testing.TB, o Options) *running {
	t.Helper()
	w, err := Open(t.Context(), testDir, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{Writer: w, t: t, stop: stop, done: make(chan error, 1)}
	go func() { r.done <- w.Run(ctx) }()
	return r
}

// end stops the writer in good order.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) command(room schema.RoomID, payload string) {
	r.t.Helper()
	if err := r.Append(r.t.Context(), room, schema.KindCommand, []byte(payload)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) mark(room schema.RoomID, m schema.Mark) {
	r.t.Helper()
	if err := r.Append(r.t.Context(), room, schema.KindMark, schema.AppendMark(nil, &m)); err != nil {
		r.t.Fatal(err)
	}
}

// watch makes the room watched and observed.
func (r *running) watch(room schema.RoomID) {
	r.t.Helper()
	r.mark(room, schema.Mark{Name: schema.MarkSelected, Rank: 1, Reason: "top"})
	r.mark(room, schema.Mark{Name: schema.MarkConnected, Host: "chat.test:443", Transport: "wss", Identity: "guest"})
}

func (r *running) sync() {
	r.t.Helper()
	if err := r.Sync(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// gathered waits until what was appended is written, though not synced.
func gathered() {
	time.Sleep(gatherFor)
	synctest.Wait()
}

// unfilled is the content of a segment without the room that was filled ahead.
func unfilled(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

type entry struct {
	schema.Record
	mark schema.Mark
	text string
}

func (e entry) String() string {
	if e.Kind == schema.KindMark {
		return fmt.Sprintf("%d %s/%s", e.Seq, e.mark.Name, e.mark.Cause)
	}
	return fmt.Sprintf("%d %s", e.Seq, e.text)
}

func mustJournals(t testing.TB, fsys fileSystem) []Info {
	t.Helper()
	all, err := journalsOf(fsys, testDir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func mustOne(t testing.TB, fsys fileSystem) Info {
	t.Helper()
	all := mustJournals(t, fsys)
	if len(all) != 1 {
		t.Fatalf("%d journals, want 1", len(all))
	}
	return all[0]
}

// mustRead returns all records and all damage, and checks what holds of every journal.
func mustRead(t testing.TB, i Info) (all []entry, damage []Damage) {
	t.Helper()
	var seq, last int64
	err := i.Read(context.Background(), math.MinInt64, math.MaxInt64, func(b *Block) error {
		if b.FirstSeq <= seq || b.First < last {
			t.Fatalf("block %d at %d follows record %d at %d", b.FirstSeq, b.First, seq, last)
		}
		if spans(b.First, b.Last) {
			t.Fatalf("I3: block %d spans a boundary: %d to %d", b.FirstSeq, b.First, b.Last)
		}
		n := 0
		err := b.Each(func(rec *schema.Record) error {
			e := entry{Record: *rec, text: string(rec.Payload)}
			if rec.Kind == schema.KindMark {
				var err error
				if e.mark, err = schema.ParseMark(rec.Payload); err != nil {
					return err
				}
			}
			e.Payload = nil
			all = append(all, e)
			n++
			return nil
		})
		if n != b.Records {
			t.Fatalf("block %d: %d records, its header says %d", b.FirstSeq, n, b.Records)
		}
		seq, last = b.LastSeq(), b.Last
		return err
	}, func(d Damage) error { damage = append(damage, d); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all, damage
}

func texts(all []entry) []string {
	var s []string
	for _, e := range all {
		s = append(s, e.String())
	}
	return s
}

func commands(all []entry) []string {
	var s []string
	for _, e := range all {
		if e.Kind == schema.KindCommand {
			s = append(s, e.text)
		}
	}
	return s
}

func marks(all []entry, name schema.MarkName) []entry {
	var found []entry
	for _, e := range all {
		if e.mark.Name == name {
			found = append(found, e)
		}
	}
	return found
}

// sleepUntil waits until the bubble's clock shows that time after its start.
func sleepUntil(after time.Duration) { time.Sleep(time.Until(bubbleStart.Add(after))) }

func bubble(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, fn)
}
