package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// End ends every journal of the folder that is not ended, after recovering it, and returns
// their ids. Nothing can be appended to them any more; the next Open makes a new journal.
// It fails while a writer holds the folder.
func End(dir string) ([]string, error) { return endAll(osFS{}, dir) }

func endAll(fsys fileSystem, dir string) (ids []string, err error) {
	if _, err := fsys.ReadDir(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	lock, err := takeLock(fsys, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	all, err := recoverAll(fsys, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	for _, info := range all {
		if info.Ended {
			continue
		}
		if err := markEnded(fsys, info.Path); err != nil {
			return ids, err
		}
		ids = append(ids, info.ID)
	}
	return ids, nil
}

// markEnded ends a journal in two steps. Once the marker's name is durable nothing is ever
// appended; only then its content tells readers so, who could not know whether a power cut
// takes the name away again and the journal goes on.
func markEnded(fsys fileSystem, folder string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("end journal %s: %w", folder, err)
		}
	}()
	name := filepath.Join(folder, endedName)
	if err := writeDurably(fsys, name, []byte(endingText)); err != nil {
		return err
	}
	f, err := fsys.Edit(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(endedText), 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Retire unlinks the oldest sealed segments, all of whose records were received before the
// hour's window and before olderThan, and returns how many bytes that freed. The floor is
// durable before the first is unlinked; what a crash leaves is finished by the next Open.
// The last segment of a journal that is not ended stays, for it bears the numbers; an
// ended journal of which nothing is left loses its folder. Quarantined segments stay.
// Only one Retire of a journal may run at a time; a writer may go on beside it.
func Retire(info Info, before schema.Hour, olderThan time.Time) (removedBytes int64, err error) {
	end := min(before.WindowStart(), olderThan.UnixMicro())
	var gone []*SegmentInfo
	var readable []*SegmentInfo
	for n := range info.Segments {
		if info.Segments[n].State != StateQuarantined {
			readable = append(readable, &info.Segments[n])
		}
	}
	last := int64(math.MinInt64)
	for n, s := range readable {
		if s.State != StateSealed || max(s.Last, s.start) >= end || n == len(readable)-1 && !info.Ended {
			break
		}
		gone = append(gone, s)
		last = max(last, s.Last, s.start)
	}
	if len(gone) > 0 {
		floor := Floor{Seq: max(info.LastSeq, gone[len(gone)-1].first) + 1, Hour: schema.HourOf(last+int64(schema.Grace/time.Microsecond)) + 1}
		if len(gone) < len(readable) {
			floor.Seq = readable[len(gone)].first
		}
		floor.Seq, floor.Hour = max(floor.Seq, info.Floor.Seq), max(floor.Hour, info.Floor.Hour)
		b, err := json.Marshal(floor)
		if err != nil {
			return 0, err
		}
		if err := writeDurably(info.fs, filepath.Join(info.Path, floorName), append(b, '\n')); err != nil {
			return 0, fmt.Errorf("retire segments of %s: %w", info.Path, err)
		}
		for _, s := range gone {
			if err := removeSegment(info.fs, s.Path); err != nil {
				return removedBytes, fmt.Errorf("retire segment %s: %w", s.Path, err)
			}
			removedBytes += s.Bytes
		}
		if err := info.fs.SyncDir(info.Path); err != nil {
			return removedBytes, fmt.Errorf("retire segments of %s: %w", info.Path, err)
		}
	}
	if len(gone) == len(readable) && len(readable) == len(info.Segments) {
		return removedBytes, removeJournal(info.fs, info.Path)
	}
	return removedBytes, nil
}

// removeSegment unlinks a segment and, before it, the torn tail that was kept aside.
func removeSegment(fsys fileSystem, path string) error {
	torn := strings.TrimSuffix(path, filepath.Ext(path)) + tornSuffix
	for _, name := range []string{torn, path} {
		if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// finishRetire unlinks what lies below the floor, and the folder where nothing is left.
func finishRetire(fsys fileSystem, folder string) error {
	info, err := loadJournal(fsys, folder)
	if err != nil {
		return err
	}
	begun := false
	for n, s := range info.Segments {
		if s.State != StateSealed || s.first >= info.Floor.Seq {
			continue
		}
		// Who wrote the floor may have died before its name was durable: I9.
		if !begun {
			if err := fsys.SyncDir(folder); err != nil {
				return err
			}
			begun = true
		}
		if err := removeSegment(fsys, s.Path); err != nil {
			return err
		}
		info.Segments[n].Path = ""
	}
	for _, s := range info.Segments {
		if s.Path != "" {
			return nil
		}
	}
	return removeJournal(fsys, folder)
}

// removeJournal removes the folder of a journal that has no segments: a crash in between
// leaves a folder without any, which the next Open removes.
func removeJournal(fsys fileSystem, folder string) error {
	names, err := fsys.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove journal %s: %w", folder, err)
	}
	for _, name := range names {
		if name != endedName && name != floorName && !strings.HasSuffix(name, tornSuffix) && !strings.HasSuffix(name, tmpSuffix) {
			return nil // not ours: it stays, and so does the folder
		}
	}
	// The segments are gone for good before the floor and the marker of the end are: else
	// some of them could come back as a journal that goes on.
	if err := fsys.SyncDir(folder); err != nil {
		return fmt.Errorf("remove journal %s: %w", folder, err)
	}
	for _, name := range names {
		if err := fsys.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove journal %s: %w", folder, err)
		}
	}
	if err := fsys.Remove(folder); err != nil {
		return fmt.Errorf("remove journal %s: %w", folder, err)
	}
	return fsys.SyncDir(filepath.Dir(folder))
}
