package archiver

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/archiver/store/dir"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// collectFor writes a journal as a collector does that watches two rooms and is told to
// end after a while.
func collectFor(t *testing.T, folder string, d time.Duration, sent map[string]bool) {
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
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		mark(0, schema.Mark{Name: schema.MarkAlive})
		if now := time.Now(); now.Unix()%20 == 0 {
			text := fmt.Sprint("said at ", now.Unix())
			// The service's clock is a minute ahead.
			payload := danmaku(now.Add(time.Minute).UnixMicro(), fmt.Sprint(now.Unix()), text)
			if err := w.Append(ctx, schema.RoomID(1+now.Unix()/20%2), schema.KindCommand, []byte(payload)); err != nil {
				t.Fatal(err)
			}
			sent[text] = true
		}
	}
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
	rows := shown{}
	if err := Show(t.Context(), st, ShowOptions{Table: schema.TableDanmaku}, rows.take); err != nil {
		t.Fatal(err)
	}
	for i := range rows.rows {
		text := rows.value(i, "text").(string)
		if !sent[text] {
			t.Errorf("%q is there twice, or was never sent", text)
		}
		delete(sent, text)
	}
	if len(sent) > 0 || len(rows.rows) < 200 {
		t.Errorf("%d of %d are missing: %v", len(sent), len(sent)+len(rows.rows), sent)
	}
	coverage := shown{}
	if err := Show(t.Context(), st, ShowOptions{Table: schema.TableCoverage}, coverage.take); err != nil {
		t.Fatal(err)
	}
	checkTiles(t, coverage)

	// With everything committed, nothing of the journal has to stay.
	a.c.Retain = 0
	if r := mustPoke(t, a); r.Retired == 0 {
		t.Error("nothing was retired")
	}
	if left, err := journal.Journals(journalDir); err != nil || len(left) > 0 {
		t.Errorf("journals left: %+v %v", left, err)
	}
}

// checkTiles: the intervals of each room follow each other without hole or overlap, from
// the moment when it was chosen to the last record.
func checkTiles(t *testing.T, s shown) {
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
		if got := end(rows[len(rows)-1]).Sub(start(rows[0])); got < 4*time.Hour+29*time.Minute {
			t.Errorf("room %d is covered for %s", room, got)
		}
	}
}
