package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// result is what one contender did in one round, or the medians of all rounds.
type result struct {
	perSecond float64 // commands
	cpu       float64 // seconds for a million commands
	bytes     float64 // on disk, for a command
	allocs    float64 // for a command
}

// journalTable appends the same commands to each contender, one after the other in each
// round, so that a slow phase of the machine hits them alike, and returns the medians as a
// table.
func journalTable(ctx context.Context, dir string, rounds, batches int) (string, error) {
	p := newPool(1)
	all, err := contenders(p)
	if err != nil {
		return "", err
	}
	results := make([][]result, len(all))
	for round := range rounds + 1 {
		for n, c := range all {
			fmt.Fprintf(os.Stderr, "\rround %d of %d: %-50s", round, rounds, c.name)
			r, err := c.measure(ctx, dir, p, batches)
			if err != nil {
				return "", fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 { // the first warms up
				results[n] = append(results[n], r)
			}
		}
	}
	fmt.Fprintln(os.Stderr)
	var b strings.Builder
	fmt.Fprintf(&b, "%d commands of %.0f bytes in the mean, from %d rooms; %d to a batch; medians of %d rounds.\n\n",
		batches*batchCommands, p.size(), poolRooms, batchCommands, rounds)
	b.WriteString("| log | commands/s | slowest to quickest round | relative | CPU s per million | bytes per command | relative | allocations per command |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	first := medians(results[0])
	for n, c := range all {
		m := medians(results[n])
		fmt.Fprintf(&b, "| %s | %.0f | %.0f to %.0f | %.2f | %.2f | %.0f | %.2f | %.3f |\n",
			c.name, m.perSecond, slices.MinFunc(results[n], slower).perSecond, slices.MaxFunc(results[n], slower).perSecond, m.perSecond/first.perSecond, m.cpu, m.bytes, m.bytes/first.bytes, m.allocs)
	}
	return b.String(), nil
}

// measure times the batches, and the end as well: what is still queued or unsynced belongs
// to the work.
func (c contender) measure(ctx context.Context, parent string, p *pool, batches int) (result, error) {
	dir, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	l, err := c.open(ctx, dir)
	if err != nil {
		return result{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	for n := range batches {
		if err := l.Batch(ctx, p, n*batchCommands, batchCommands); err != nil {
			l.Close() // the first error tells more
			return result{}, err
		}
	}
	err = l.Close()
	took, cpu := time.Since(start), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	if err != nil {
		return result{}, err
	}
	size, err := written(dir)
	if err != nil {
		return result{}, err
	}
	commands := float64(batches * batchCommands)
	return result{
		perSecond: commands / took.Seconds(),
		cpu:       cpu.Seconds() / commands * 1e6,
		bytes:     float64(size) / commands,
		allocs:    float64(after.Mallocs-before.Mallocs) / commands,
	}, nil
}

// cpuTime is what the process has used so far, in user space and in the kernel.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail for the process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// written is the length of all files without the zeros at their ends: some logs fill a file
// ahead, which says nothing of what they need.
func written(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		total += int64(len(bytes.TrimRight(b, "\x00")))
		return err
	})
	return total, err
}

func slower(a, b result) int { return cmp.Compare(a.perSecond, b.perSecond) }

func medians(all []result) result {
	median := func(of func(r result) float64) float64 {
		var values []float64
		for _, r := range all {
			values = append(values, of(r))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return result{
		perSecond: median(func(r result) float64 { return r.perSecond }),
		cpu:       median(func(r result) float64 { return r.cpu }),
		bytes:     median(func(r result) float64 { return r.bytes }),
		allocs:    median(func(r result) float64 { return r.allocs }),
	}
}
