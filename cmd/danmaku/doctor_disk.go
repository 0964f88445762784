package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

const (
	speedBlock  = 256 << 10
	speedBlocks = 32
	// slowSync is how long an fsync may take before a power cut costs noticeably more than
	// the sync interval.
	slowSync = 500 * time.Millisecond
)

// existing is the folder, or the nearest above it that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

// data checks the place of everything local: that it can be written, and its room.
func (d *doctor) data(context.Context) finding {
	at := existing(string(d.dir))
	f, err := os.CreateTemp(at, ".doctor-*")
	if err != nil {
		return problem("give the daemon's user the right to write there, or name another folder with data_dir",
			"%s cannot be written: %v", at, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return problem("look at the disk", "%v", err)
	}
	p, err := journal.Space(d.dir.journal(), d.c.limits())
	if err != nil {
		return problem("look at the disk", "%v", err)
	}
	found := fmt.Sprintf("%s: %s of %s free, the journal takes %s", d.dir, bytesOf(p.Free), bytesOf(p.Total), bytesOf(p.Size))
	if p.MaxSize > 0 {
		found += " of at most " + bytesOf(p.MaxSize)
	}
	const room = "make room, raise journal.max_size, or lower journal.retain"
	switch p.Level {
	case schema.LevelAll:
		return problem(room+": nothing is recorded until there is", "%s", found)
	case schema.LevelMost:
		return problem(room+": only danmaku and payments are recorded until there is", "%s", found)
	case schema.LevelPresence:
		return problem(room+": presence is not recorded until there is", "%s", found)
	}
	if p.Scarce {
		return problem(room+": archived hours leave the journal before their time", "%s", found)
	}
	return fine("%s", found)
}

// diskSpeed writes a few MiB as the journal does.
func (d *doctor) diskSpeed(ctx context.Context) (out finding) {
	f, err := os.CreateTemp(existing(string(d.dir)), ".doctor-*")
	if err != nil {
		return skipped("%v", err)
	}
	defer func() {
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			out = problem("remove it", "%v", err)
		}
	}()
	block := make([]byte, speedBlock)
	for n := range block {
		block[n] = byte(n * 2654435761 >> 8)
	}
	var waits []time.Duration
	begun := time.Now()
	for range speedBlocks {
		if ctx.Err() != nil {
			return problem("find out what keeps the disk busy", "%s took longer than a minute", bytesOf(speedBlock*speedBlocks))
		}
		_, err := f.Write(block)
		before := time.Now()
		if err = errors.Join(err, f.Sync()); err != nil {
			return problem("look at the disk", "%v", err)
		}
		waits = append(waits, time.Since(before))
	}
	slices.Sort(waits)
	rate := int64(float64(speedBlock*speedBlocks) / time.Since(begun).Seconds())
	found := fmt.Sprintf("%s/s synced, fsync %s (median), %s (slowest)", bytesOf(rate),
		waits[len(waits)/2].Round(10*time.Microsecond), waits[len(waits)-1].Round(10*time.Microsecond))
	if waits[len(waits)/2] > slowSync {
		return problem("use a quicker disk, or raise journal.sync_interval and lose more in a power cut", "%s", found)
	}
	return fine("%s", found)
}

// journal checks that it can be read, and says who writes it.
func (d *doctor) journal(context.Context) finding {
	all, err := journal.Journals(d.dir.journal())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fine("none yet")
	case err != nil:
		return problem("see danmaku journal verify", "%v", err)
	}
	pid, held, err := journal.Holder(d.dir.journal())
	if err != nil {
		return problem("give the daemon's user the right to read it", "%v", err)
	}
	writer := "nobody writes to it"
	if held {
		writer = fmt.Sprintf("process %d writes to it", pid)
	}
	var size int64
	segments, quarantined := 0, 0
	var last int64
	for _, info := range all {
		last = max(last, info.Last)
		for _, s := range info.Segments {
			size += s.Bytes
			segments++
			if s.State == journal.StateQuarantined {
				quarantined++
			}
		}
	}
	found := fmt.Sprintf("%s in %s, %s", bytesOf(size), plural(segments, "segment"), writer)
	if last > 0 {
		found += ", last record " + time.UnixMicro(last).UTC().Format("2006-01-02 15:04:05") + " UTC"
	}
	if quarantined > 0 {
		return problem("see danmaku journal verify; what is lost of them is in coverage", "%s; %s cannot be read", found, plural(quarantined, "segment"))
	}
	return fine("%s", found)
}
