package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

const (
	// sessions is how many goroutines append where the latency of each is measured.
	sessions     = 64
	pacedSeconds = 3
	pacedRate    = 2_000 // commands a second
	fullCommands = 40 * batchCommands
	// storedCommands fill most of a segment, which is 64 MiB long.
	storedCommands = 80 * batchCommands
)

// figures are what was measured round after round, by name, in the order of the first time.
type figures struct {
	names  []string
	values map[string][]float64
}

func (f *figures) add(name string, value float64) {
	if f.values == nil {
		f.values = map[string][]float64{}
	}
	if _, ok := f.values[name]; !ok {
		f.names = append(f.names, name)
	}
	f.values[name] = append(f.values[name], value)
}

func (f *figures) table() string {
	var b strings.Builder
	b.WriteString("| this journal | median | lowest to highest round |\n|---|--:|--:|\n")
	for _, name := range f.names {
		values := f.values[name]
		slices.Sort(values)
		fmt.Fprintf(&b, "| %s | %.*f | %.*f to %.*f |\n", name, places(values[0]), values[len(values)/2],
			places(values[0]), values[0], places(values[0]), values[len(values)-1])
	}
	return b.String()
}

// places is how many digits after the point a number of that size deserves.
func places(v float64) int {
	if v < 100 {
		return 1
	}
	return 0
}

// journalTables measures the journal beside other logs, then alone.
func journalTables(ctx context.Context, dir string, rounds, batches int) (string, error) {
	beside, err := journalTable(ctx, dir, rounds, batches)
	if err != nil {
		return "", err
	}
	alone, err := aloneTable(ctx, dir, rounds)
	return beside + "\n" + alone, err
}

// aloneTable measures what the other logs are not asked for: how long an append takes,
// reading back, and a start after a crash.
func aloneTable(ctx context.Context, parent string, rounds int) (string, error) {
	p := newPool(1)
	dir, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	sealed, crashed := filepath.Join(dir, "sealed"), filepath.Join(dir, "crashed")
	if err := store(ctx, p, sealed, crashed); err != nil {
		return "", fmt.Errorf("store commands: %w", err)
	}
	var f figures
	for round := range rounds + 1 {
		fmt.Fprintf(os.Stderr, "\rround %d of %d: %-50s", round, rounds, "the journal alone")
		if round == 1 { // the first warmed up
			f = figures{}
		}
		for _, rate := range []int{pacedRate, 0} {
			if err := latency(ctx, &f, filepath.Join(dir, "latency"), p, rate); err != nil {
				return "", fmt.Errorf("latency: %w", err)
			}
		}
		if err := readBack(ctx, &f, p, sealed); err != nil {
			return "", fmt.Errorf("read: %w", err)
		}
		if err := recovery(ctx, &f, crashed, filepath.Join(dir, "recovered")); err != nil {
			return "", fmt.Errorf("recover: %w", err)
		}
	}
	fmt.Fprintln(os.Stderr)
	return f.table(), nil
}

// store makes a journal, and a copy of it as a crash at the end would have left it.
func store(ctx context.Context, p *pool, sealed, crashed string) error {
	l, err := startJournal(ctx, sealed, journal.Options{})
	if err != nil {
		return err
	}
	err = l.Batch(ctx, p, 0, storedCommands)
	if err == nil {
		err = os.CopyFS(crashed, os.DirFS(sealed))
	}
	return errors.Join(err, l.Close())
}

// latency appends commands from many goroutines, so many a second or as fast as they go, and
// measures how long each append takes. All the while a Sync follows the other.
func latency(ctx context.Context, f *figures, dir string, p *pool, rate int) (err error) {
	defer os.RemoveAll(dir)
	l, err := startJournal(ctx, dir, journal.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.Batch(ctx, p, 0, 1); err != nil { // begins the segment
		return err
	}
	count, gap, name := fullCommands, time.Duration(0), "at full speed"
	if rate > 0 {
		count, gap, name = pacedSeconds*rate, time.Second/time.Duration(rate), fmt.Sprintf("%d a second", rate)
	}
	ended := make(chan struct{})
	var syncing, appending sync.WaitGroup
	var syncs int
	var failed atomic.Pointer[error]
	syncing.Go(func() {
		for ; ; syncs++ {
			select {
			case <-ended:
				return
			default:
			}
			if err := l.Batch(ctx, p, syncs, 1); err != nil {
				failed.Store(&err)
				return
			}
		}
	})
	took := make([]time.Duration, count)
	var next atomic.Int64
	begin := time.Now()
	for range sessions {
		appending.Go(func() {
			for n := int(next.Add(1)) - 1; n < count && failed.Load() == nil; n = int(next.Add(1)) - 1 {
				time.Sleep(time.Until(begin.Add(time.Duration(n) * gap)))
				room, c := p.command(n)
				start := time.Now()
				if err := l.w.Append(ctx, room, schema.KindCommand, c); err != nil {
					failed.Store(&err)
				}
				took[n] = time.Since(start)
			}
		})
	}
	appending.Wait()
	close(ended)
	syncing.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	slices.Sort(took)
	for _, q := range []struct {
		name string
		at   int
	}{{"half of the appends take at most, µs", count / 2}, {"99 of 100, µs", count * 99 / 100}, {"all, µs", count - 1}} {
		f.add(name+": "+q.name, float64(took[q.at].Nanoseconds())/1e3)
	}
	f.add(name+": fsyncs meanwhile", float64(syncs))
	return nil
}

// readBack reads all commands, those of a sixth of the time, and those of one room.
func readBack(ctx context.Context, f *figures, p *pool, dir string) error {
	all, err := journal.Journals(dir)
	if err != nil || len(all) != 1 {
		return errors.Join(fmt.Errorf("%d journals, want 1", len(all)), err)
	}
	info := all[0]
	span := info.Last - info.First
	room := p.rooms[len(p.rooms)/2]
	for _, part := range []struct {
		name string
		journal.Selection
	}{
		{"read all, commands/s", journal.Selection{}},
		{"read a sixth of the time, commands/s", journal.Selection{From: info.First + span/3, To: info.First + span/2}},
		{"read one room, ms", journal.Selection{Room: &room}},
	} {
		commands, start := 0, time.Now()
		err := info.Records(ctx, part.Selection, func(rec *schema.Record) error {
			if rec.Kind == schema.KindCommand {
				commands++
			}
			return nil
		}, func(d journal.Damage) error { return fmt.Errorf("damage: %+v", d) })
		took := time.Since(start)
		switch {
		case err != nil:
			return err
		case commands == 0 || part.Selection == (journal.Selection{}) && commands != storedCommands:
			return fmt.Errorf("%s: %d commands of %d", part.name, commands, storedCommands)
		case part.Room != nil:
			f.add(fmt.Sprintf("%s (%d commands)", part.name, commands), float64(took.Microseconds())/1e3)
		default:
			f.add(part.name, float64(commands)/took.Seconds())
		}
	}
	return nil
}

// recovery opens a copy of a journal that nobody sealed.
func recovery(ctx context.Context, f *figures, crashed, dir string) error {
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(crashed)); err != nil {
		return err
	}
	all, err := journal.Journals(dir)
	if err != nil || len(all) != 1 || len(all[0].Segments) != 1 || all[0].Segments[0].State != journal.StateOpen {
		return errors.Join(errors.New("want one open segment"), err)
	}
	start := time.Now()
	w, err := journal.Open(ctx, dir, journal.Options{})
	took := time.Since(start)
	if err != nil {
		return err
	}
	f.add(fmt.Sprintf("start after a crash, one segment of %.0f MiB, ms", float64(all[0].Segments[0].Bytes)/(1<<20)), float64(took.Microseconds())/1e3)
	return w.Close()
}
