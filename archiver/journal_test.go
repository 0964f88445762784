package archiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/dir"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// collectFor writes a journal as a collector does that watches two rooms and is told to
// end after a while.
func collectFor(t *testing.T, folder string, d time.Duration, sent map[string]bool) {
	t.Helper()
	collect(t, folder, d, sent, func() {})
}

// collectUntilKilled does the same, and returns a copy of the folder as it was seconds
// after the last record: what the next process finds if this one is killed then.
func collectUntilKilled(t *testing.T, folder string, d time.Duration, sent map[string]bool) (found string) {
	t.Helper()
	collect(t, folder, d, sent, func() {
		found = filepath.Join(t.TempDir(), "journal")
		if err := os.CopyFS(found, os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	})
	return found
}

// collect calls atLast when the time is over, before anything ends.
func collect(t *testing.T, folder string, d time.Duration, sent map[string]bool, atLast func()) {
	t.Helper()
	w, err := journal.Open(t.Context(), folder, journal.Options{MinTime: time.Unix(1, 0), SegmentSize: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	mark := func(room schema.RoomID, m schema.Mark) {
		if err := w.Append(ctx, room, schema.KindMark, schema.AppendMark(nil, &m)); err != nil {
			t.Fatal(err)
		}
	}
	mark(0, schema.Mark{Name: schema.MarkStart})
	for room := schema.RoomID(1); room <= 2; room++ {
		mark(room, schema.Mark{Name: schema.MarkSelected, Reason: "top"})
		mark(room, schema.Mark{Name: schema.MarkConnected, Identity: "guest"})
	}
	mark(0, schema.Mark{Name: schema.MarkSelection})
	const step = 4 * time.Second
	turn := 0
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(step) {
		mark(0, schema.Mark{Name: schema.MarkAlive})
		if turn++; turn%5 == 0 {
			now := time.Now()
			text := fmt.Sprint("said at ", now.Unix())
			// The service's clock is a minute ahead in one room, and behind in the other.
			room := schema.RoomID(1 + turn/5%2)
			ahead := time.Minute * time.Duration(3-2*room)
			payload := danmaku(now.Add(ahead).UnixMicro(), fmt.Sprint(now.Unix()), text)
			if err := w.Append(ctx, room, schema.KindCommand, []byte(payload)); err != nil {
				t.Fatal(err)
			}
			sent[text] = true
		}
	}
	atLast()
	mark(0, schema.Mark{Name: schema.MarkStop})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A journal on disk, with two runs and a silent stretch between them, becomes an archive
// in a folder: everything once, every hour of both rooms covered without hole or overlap.
func TestFromJournalToFolder(t *testing.T) {
	work := t.TempDir()
	journalDir := filepath.Join(work, "journal")
	sent := map[string]bool{}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * time.Minute)
		collectFor(t, journalDir, 40*time.Minute, sent)
		time.Sleep(3 * time.Hour)
		collectFor(t, journalDir, 50*time.Minute, sent)
	})
	st, err := dir.New(filepath.Join(work, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{
		Collector: "c-1", JournalDir: journalDir, StagingDir: filepath.Join(work, "staging"),
		LockFile: filepath.Join(work, "archive.lock"), Store: st, Retain: 200 * 365 * 24 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	// 00:30 to 01:10 and 04:10 to 05:00: the last hour is not over.
	if r := mustPoke(t, a); r.Count(OutcomeCommitted) != 4 {
		t.Fatalf("before the drain: %v", outcomesOf(r))
	}
	r, err := a.Drain(t.Context())
	if err != nil || r.Count(OutcomeAlready) != 4 || r.Count(OutcomeCommitted) == 0 {
		t.Fatalf("drain: %v %v", err, outcomesOf(r))
	}
	v, err := Verify(t.Context(), st, VerifyOptions{})
	if err != nil || !v.OK() || len(v.Leftovers) > 0 {
		t.Fatalf("verify: %v %+v", err, v)
	}
	checkTexts(t, st, sent)
	checkTiles(t, mustShow(t, st, ShowOptions{Table: schema.TableCoverage}), 4*time.Hour+29*time.Minute)

	// With everything committed, nothing of the journal has to stay.
	a.c.Retain = 0
	if r := mustPoke(t, a); r.Retired == 0 {
		t.Error("nothing was retired")
	}
	if left, err := journal.Journals(journalDir); err != nil || len(left) > 0 {
		t.Errorf("journals left: %+v %v", left, err)
	}
}

// A collector goes on over the end of one hour, is killed just before the end of the next
// and starts again after it: every hour has what is its own, and the coverage tells of the
// kill on both sides of the border.
func TestKilledAtTheEndOfAnHour(t *testing.T) {
	work := t.TempDir()
	journalDir := filepath.Join(work, "journal")
	sent := map[string]bool{}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(50 * time.Minute)
		killed := collectUntilKilled(t, journalDir, 69*time.Minute, sent)
		// 01:59, and again 02:01.
		time.Sleep(2 * time.Minute)
		collectFor(t, killed, 5*time.Minute, sent)
		if err := errors.Join(os.RemoveAll(journalDir), os.CopyFS(journalDir, os.DirFS(killed))); err != nil {
			t.Fatal(err)
		}
	})
	st, err := dir.New(filepath.Join(work, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	a := newTestArchiver(t, st)
	a.list, a.end = journals{journalDir}.list, journals{journalDir}.end
	a.c.Retain = 200 * 365 * 24 * time.Hour
	if r := mustPoke(t, a); r.Count(OutcomeCommitted) != 2 {
		t.Fatalf("before the drain: %v", outcomesOf(r))
	}
	if r, err := a.Drain(t.Context()); err != nil || r.Count(OutcomeCommitted) != 1 {
		t.Fatalf("drain: %v %v", err, outcomesOf(r))
	}
	v, err := Verify(t.Context(), st, VerifyOptions{})
	if err != nil || !v.OK() || v.Manifests != 3 || v.Given == 0 {
		t.Errorf("verify: %v %+v", err, v)
	}
	if want := int64(len(sent)); v.Kept != want || v.Commands != want+v.Given {
		t.Errorf("%d sent: %+v", want, v)
	}
	checkTexts(t, st, sent)
	coverage := mustShow(t, st, ShowOptions{Table: schema.TableCoverage})
	checkTiles(t, coverage, 75*time.Minute)
	down := map[int64]time.Duration{}
	for i := range coverage.rows {
		if coverage.value(i, "state") == string(schema.StateDown) {
			from, to := coverage.value(i, "started_at").(time.Time), coverage.value(i, "ended_at").(time.Time)
			if cause := coverage.value(i, "cause"); cause != schema.CauseKilled || from.Hour() != 1 && from.Hour() != 2 {
				t.Errorf("down from %s to %s, cause %v", from, to, cause)
			}
			down[coverage.value(i, "room_id").(int64)] += to.Sub(from)
		}
	}
	for _, room := range []int64{1, 2} {
		if d := down[room]; d < 2*time.Minute || d > 2*time.Minute+5*time.Second {
			t.Errorf("room %d was down for %s", room, d)
		}
	}
	var snapshots []string
	rooms := mustShow(t, st, ShowOptions{Table: schema.TableRooms})
	for i := range rooms.rows {
		if rooms.value(i, "event") == schema.EventSnapshot {
			snapshots = append(snapshots, fmt.Sprint(rooms.value(i, "room_id"), " ", rooms.value(i, "ts").(time.Time).UTC().Format("15:04:05")))
		}
	}
	if diff := cmp.Diff([]string{"1 01:00:00", "2 01:00:00"}, snapshots); diff != "" {
		t.Errorf("rooms of the hour's first snapshot (-want +got):\n%s", diff)
	}
}

// checkTexts: everything that was sent is there once.
func checkTexts(t *testing.T, st store.Store, sent map[string]bool) {
	t.Helper()
	left := maps.Clone(sent)
	rows := mustShow(t, st, ShowOptions{Table: schema.TableDanmaku})
	for i := range rows.rows {
		text := rows.value(i, "text").(string)
		if !left[text] {
			t.Errorf("%q is there twice, or was never sent", text)
		}
		delete(left, text)
	}
	if len(left) > 0 || len(sent) < 200 {
		t.Errorf("%d of %d are missing: %v", len(left), len(sent), left)
	}
}

// checkTiles: the intervals of each room follow each other without hole or overlap, from
// the moment when it was chosen to the last record.
func checkTiles(t *testing.T, s shown, least time.Duration) {
	t.Helper()
	byRoom := map[int64][]int{}
	for i := range s.rows {
		room := s.value(i, "room_id").(int64)
		byRoom[room] = append(byRoom[room], i)
	}
	if len(byRoom) != 2 {
		t.Errorf("%d rooms", len(byRoom))
	}
	for room, rows := range byRoom {
		start := func(i int) time.Time { return s.value(i, "started_at").(time.Time) }
		end := func(i int) time.Time { return s.value(i, "ended_at").(time.Time) }
		slices.SortFunc(rows, func(a, b int) int { return start(a).Compare(start(b)) })
		for i := 1; i < len(rows); i++ {
			if !start(rows[i]).Equal(end(rows[i-1])) {
				t.Errorf("room %d: an interval ends at %s, the next begins at %s", room, end(rows[i-1]), start(rows[i]))
			}
		}
		if got := end(rows[len(rows)-1]).Sub(start(rows[0])); got < least {
			t.Errorf("room %d is covered for %s", room, got)
		}
	}
}
