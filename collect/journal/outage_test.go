package journal

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"danmaku-archiver/schema"
)

// Nothing grows with the length of an outage; afterwards the books balance, and what marks
// said while even their reserve was full is in the next snapshot.
func TestDeadDiskForHours(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.mark(0, schema.Mark{Name: schema.MarkStart})
		for room := range schema.RoomID(20) {
			w.watch(room + 1)
		}
		w.sync()
		fsys.mu.Lock()
		fsys.failWrite = func(string) error { return syscall.EIO }
		fsys.mu.Unlock()
		end := time.Now().Add(6 * time.Hour)
		names := []string{"DANMU_MSG", "SEND_GIFT", "INTERACT_WORD", "ONLINE_RANK_V2", "SOMETHING"}
		var sent, most int
		var slowest time.Duration
		var mu sync.Mutex
		var all sync.WaitGroup
		for room := range schema.RoomID(4) {
			all.Go(func() {
				payload := strings.Repeat("x", 8<<10)
				for n := 0; time.Now().Before(end); n++ {
					began := time.Now()
					w.command(room+1, fmt.Sprintf(`{"cmd":%q,"x":%q}`, names[n%len(names)], payload))
					// A session that comes and goes.
					if n%3 == 0 {
						w.mark(room+1, schema.Mark{Name: schema.MarkDisconnected, Cause: fmt.Sprint("lost ", n)})
						w.mark(room+1, schema.Mark{Name: schema.MarkConnected, Host: fmt.Sprint("host ", n)})
					}
					mu.Lock()
					sent++
					slowest = max(slowest, time.Since(began))
					mu.Unlock()
					time.Sleep(time.Second)
				}
			})
		}
		all.Go(func() {
			for time.Now().Before(end) {
				w.mark(0, schema.Mark{Name: schema.MarkAlive})
				w.mu.Lock()
				most = max(most, int(w.queued))
				if w.waiting > maxRecords+markRecords+10 || len(w.queue) > 200 || len(w.counts) > maxNames+1 || len(w.disk.unsynced) > 10 {
					t.Errorf("%d records in %d batches wait, %d names, %d unsynced", w.waiting, len(w.queue), len(w.counts), len(w.disk.unsynced))
				}
				w.mu.Unlock()
				time.Sleep(time.Second)
			}
		})
		all.Wait()
		p := w.Pressure()
		w.mu.Lock()
		unrecorded := w.unrecorded
		w.mu.Unlock()
		if most < maxQueued || most > maxQueued+markRoom+1<<20 || slowest > 3*patience+5*time.Second ||
			p.Level != schema.LevelAll || p.Shed == 0 || unrecorded == 0 {
			t.Errorf("at most %d bytes queued, slowest append %s, %d marks not recorded, %+v", most, slowest, unrecorded, p)
		}
		w.mark(3, schema.Mark{Name: schema.MarkDropped})
		fsys.mu.Lock()
		fsys.failWrite = nil
		fsys.mu.Unlock()
		time.Sleep(time.Minute)
		for n := range 30 {
			w.mark(0, schema.Mark{Name: schema.MarkAlive})
			w.command(5, named("INTERACT_WORD", n))
			time.Sleep(time.Second)
		}
		sent += 30
		w.sync()
		w.mu.Lock()
		mine := w.Writer.watch.Snapshot("")
		w.mu.Unlock()
		w.end()
		got, damage := mustRead(t, mustOne(t, fsys))
		fold := schema.NewWatch()
		var shed int64
		for _, e := range got {
			var m *schema.Mark
			if e.Kind == schema.KindMark {
				m = &e.mark
			}
			fold.Apply(&schema.Record{Seq: e.Seq, Room: e.Room, ReceivedAt: e.ReceivedAt, Kind: e.Kind, Payload: []byte(e.text)}, m)
			shed += e.mark.Value
		}
		if len(commands(got))+int(shed) != sent || shed == 0 || len(damage) > 0 {
			t.Errorf("%d kept, %d shed of %d; %v", len(commands(got)), shed, sent, damage)
		}
		if d := cmp.Diff(mine, fold.Snapshot(""), cmpopts.IgnoreUnexported(schema.RoomState{})); d != "" {
			t.Errorf("what a reader knows of the rooms (-writer +reader):\n%s", d)
		}
		if fold.Room(3) != nil || fold.Room(5).State != schema.StateObserving || !strings.HasPrefix(fold.Room(1).Host, "host 2") {
			t.Errorf("rooms %+v, %+v, %+v", fold.Room(1), fold.Room(3), fold.Room(5))
		}
	})
}
