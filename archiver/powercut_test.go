package archiver

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// instant is what an archiver saw of a journal at one moment, and what was left of it when
// the power went right then.
type instant struct {
	seen, left string
	lost       bool // something that was seen
}

// An archiver pokes while a collector writes, and then the power goes: whatever was
// committed is, byte for byte, what the journal that is left would give.
func TestPowerCutAfterAPoke(t *testing.T) {
	var all []instant
	work := t.TempDir() // a bubble's own is gone when it ends
	synctest.Test(t, func(t *testing.T) { all = collectInstants(t, work) })
	committed := 0
	for n, i := range all {
		st := newMemStore()
		before := mustPoke(t, archiverOf(t, st, i.seen)).Count(OutcomeCommitted)
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(64 * time.Minute)
			collectFor(t, i.left, 20*time.Second, map[string]bool{})
		})
		if r, err := archiverOf(t, st, i.left).Drain(t.Context()); err != nil {
			t.Fatalf("instant %d: %v %v", n, err, outcomesOf(r))
		}
		fresh := newMemStore()
		if _, err := archiverOf(t, fresh, i.left).Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(st.objects, fresh.objects, bytes.Equal) {
			t.Fatalf("instant %d (something lost: %v): what was committed is not what the journal gives now", n, i.lost)
		}
		if before > 0 && i.lost {
			committed++
		}
	}
	// Else the power cuts would have proved nothing.
	if committed == 0 {
		t.Fatalf("none of %d instants had both an hour to commit and something to lose", len(all))
	}
	t.Logf("%d instants, %d with an hour committed and records lost", len(all), committed)
}

func archiverOf(t *testing.T, st *memStore, folder string) *Archiver {
	t.Helper()
	a := newTestArchiver(t, st)
	a.list, a.end = journals{folder}.list, journals{folder}.end
	a.c.Retain = 200 * 365 * 24 * time.Hour
	return a
}

// collectInstants watches over the end of an hour's window, where the hour becomes complete.
// The collector is silent before it, so that the next record tells what became of the rooms.
func collectInstants(t *testing.T, work string) (all []instant) {
	folder := filepath.Join(work, "journal")
	time.Sleep(50 * time.Minute)
	w, err := journal.Open(t.Context(), folder, journal.Options{MinTime: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	mark := func(room schema.RoomID, m schema.Mark) {
		t.Helper()
		if err := w.Append(ctx, room, schema.KindMark, schema.AppendMark(nil, &m)); err != nil {
			t.Fatal(err)
		}
	}
	mark(0, schema.Mark{Name: schema.MarkStart})
	mark(1, schema.Mark{Name: schema.MarkSelected, Reason: "top"})
	mark(1, schema.Mark{Name: schema.MarkConnected, Identity: "guest"})
	say := func() {
		t.Helper()
		now := time.Now()
		payload := danmaku(now.UnixMicro(), fmt.Sprint(now.UnixMicro()), "said")
		if err := w.Append(ctx, 1, schema.KindCommand, []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	for time.Now().Before(time.Date(2000, 1, 1, 0, 59, 50, 0, time.UTC)) {
		mark(0, schema.Mark{Name: schema.MarkAlive})
		say()
		time.Sleep(2 * time.Second)
	}
	time.Sleep(2*time.Minute + 15*time.Second) // to behind the window
	for turn := range 25 {
		if turn%10 == 0 {
			mark(0, schema.Mark{Name: schema.MarkAlive})
			say()
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		all = append(all, cutNow(t, folder, filepath.Join(work, fmt.Sprint(turn)), w.Durable()))
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return all
}

// cutNow copies the journal, once as it is seen and once without what is not durable.
func cutNow(t *testing.T, folder, to string, durable int64) (i instant) {
	t.Helper()
	i.seen, i.left = filepath.Join(to, "seen"), filepath.Join(to, "left")
	for _, to := range []string{i.seen, i.left} {
		if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := journal.Journals(i.left)
	if err != nil || len(infos) != 1 {
		t.Fatal(infos, err)
	}
	open := infos[0].Segments[len(infos[0].Segments)-1]
	if open.State != journal.StateOpen {
		t.Fatalf("the last segment is %s", open.State)
	}
	size := int64(64) // the header is durable before any block
	err = infos[0].Blocks(t.Context(), -1<<62, 1<<62, func(b *journal.Block) error {
		switch {
		case open.Records == 0 || b.FirstSeq < open.FirstSeq:
		case b.LastSeq() <= durable:
			size += b.Bytes
		default:
			i.lost = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(open.Path, size); err != nil {
		t.Fatal(err)
	}
	return i
}
