package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

const (
	causeDamage = "journal_damage"

	tornSuffix = ".torn"
	tmpSuffix  = ".tmp"
)

// recoverAll finishes what an earlier run left undone: leftovers are removed, retiring is
// finished, open segments are sealed, and of the journals that are not ended only the
// newest with a readable segment stays so. Running it again changes nothing.
func recoverAll(fsys fileSystem, dir string, log *slog.Logger) ([]Info, error) {
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("recover journals: %w", err)
	}
	for _, name := range names {
		if !validID(name) {
			continue
		}
		if err := recoverJournal(fsys, filepath.Join(dir, name), log); err != nil {
			return nil, fmt.Errorf("recover journal %s: %w", filepath.Join(dir, name), err)
		}
	}
	all, err := journalsOf(fsys, dir)
	if err != nil {
		return nil, err
	}
	open := -1
	for n := range all {
		if !all[n].ending && all[n].readable() != nil {
			open = n
		}
	}
	for n := range all {
		if !all[n].Ended && n != open {
			if err := markEnded(fsys, all[n].Path); err != nil {
				return nil, err
			}
			all[n].Ended = true
		}
	}
	return all, nil
}

// readable returns the last segment that is not quarantined, nil if there is none.
func (i Info) readable() *SegmentInfo {
	for n := len(i.Segments) - 1; n >= 0; n-- {
		if i.Segments[n].State != StateQuarantined {
			return &i.Segments[n]
		}
	}
	return nil
}

func recoverJournal(fsys fileSystem, folder string, log *slog.Logger) error {
	names, err := fsys.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, tmpSuffix) {
			if err := fsys.Remove(filepath.Join(folder, name)); err != nil {
				return err
			}
			continue
		}
		first, state, ok := parseSegmentName(name)
		if !ok || state != StateOpen {
			continue
		}
		if err := recoverSegment(fsys, folder, identity{id: filepath.Base(folder), first: first}, log); err != nil {
			return fmt.Errorf("recover segment %s: %w", filepath.Join(folder, name), err)
		}
	}
	return finishRetire(fsys, folder)
}

// recoverSegment seals an open segment that no writer has: it checks every block, keeps a
// torn tail aside, cuts it off, and writes a footer that tells so.
func recoverSegment(fsys fileSystem, folder string, id identity, log *slog.Logger) (err error) {
	path := segmentPath(folder, id.first, StateOpen)
	f, err := fsys.Edit(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s := SegmentInfo{Path: path, State: StateOpen, identity: id}
	if s.Bytes, err = f.Size(); err != nil {
		return err
	}
	if err := s.readHeader(f); err != nil {
		return err
	}
	end := s.Bytes
	old, footed, err := s.readTrailer(f)
	if err != nil {
		return err
	}
	if footed {
		end = old.index
	}
	scan := newScanner(f, id, end)
	scan.verify = true
	var entries []indexEntry
	for {
		e, ok, err := scan.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		entries = append(entries, e)
	}
	if !footed {
		end = scan.written()
	}
	if !s.headerGood() && len(entries) == 0 {
		log.Warn("segment quarantined: its header is unreadable", "segment", path, "bytes", s.Bytes)
		if err := fsys.Rename(path, segmentPath(folder, id.first, StateQuarantined)); err != nil {
			return err
		}
		return fsys.SyncDir(folder)
	}
	whole := footed && scan.off == end && len(entries) == int(old.blocks)
	if !whole {
		kept := scan.promise.keep(scan.off)
		ft := footer{index: kept, recovered: true, next: id.first + reserve, cut: old.cut + max(end-kept, 0), synced: scan.promise.synced}
		damaged := kept - scan.off
		if damaged > 0 {
			ft.lastSeq, ft.last = scan.promise.lastSeq, scan.promise.last
		}
		if end < s.Bytes {
			// Room that was filled ahead: what comes next may need it.
			if err := f.Truncate(end); err != nil {
				log.Warn("room ahead is not given back", "segment", path, "error", err)
			}
		}
		log.Warn("segment recovered", "segment", path, "blocks", len(entries), "cut", ft.cut, "damaged_at_end", damaged)
		if err := refoot(fsys, f, path, id, entries, end, ft); err != nil {
			// A full disk must not keep the journal shut: what is left in the file is
			// searched for blocks, as ever.
			log.Warn("segment sealed without a footer", "segment", path, "error", err)
		}
	}
	if err := rewrite(f, path, scan.promise.synced, log); err != nil {
		return err
	}
	if err := fsys.Rename(path, segmentPath(folder, id.first, StateSealed)); err != nil {
		return err
	}
	return fsys.SyncDir(folder)
}

// rewrite makes durable what recovery found (I19). What no fsync is known to have covered
// is written over itself first: an fsync of the dead process may have failed, after which
// the kernel shows what is not on the disk, takes it for written, and lets the next fsync
// succeed. A disk without room for that must not keep the journal shut.
func rewrite(f file, path string, from int64, log *slog.Logger) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if err := errors.Join(rewriteRange(f, 0, min(headerSize, size)), rewriteRange(f, from, size)); err != nil {
		log.Warn("recovered blocks cannot be written again: they are as durable as they were", "segment", path, "error", err)
	}
	return f.Sync()
}

func rewriteRange(f file, from, to int64) error {
	buf := make([]byte, min(max(to-from, 0), 1<<20))
	for from < to {
		b := buf[:min(to-from, int64(len(buf)))]
		if err := readFull(f, b, from); err != nil {
			return err
		}
		if _, err := f.WriteAt(b, from); err != nil {
			return err
		}
		from += int64(len(b))
	}
	return nil
}

// refoot replaces what is torn before end by a footer, and keeps it aside. Damage that an fsync had
// covered stays in the file, with the header that tells so: a crash here changes nothing.
func refoot(fsys fileSystem, f file, path string, id identity, entries []indexEntry, end int64, ft footer) error {
	if torn := end - ft.index; torn > 0 {
		if err := keepAside(fsys, f, path, ft.index, torn); err != nil {
			return err
		}
	}
	sets, err := readRooms(f, id, entries)
	if err != nil {
		return err
	}
	if err := f.Truncate(ft.index); err != nil {
		return err
	}
	if _, err := f.WriteAt(encodeFooter(id, entries, sets, ft), ft.index); err != nil {
		return errors.Join(err, f.Truncate(ft.index))
	}
	return nil
}

// readRooms reads which rooms each block holds records of.
func readRooms(f file, id identity, entries []indexEntry) ([][]schema.RoomID, error) {
	dec, err := newDecoder()
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	r := &reading{dec: dec}
	sets := make([][]schema.RoomID, len(entries))
	var set []schema.RoomID
	for n := range entries {
		b, ok, err := r.block(f, id, &entries[n])
		if err != nil {
			return nil, err
		}
		if ok {
			set = roomsOf(set[:0], b.body)
			sets[n] = slices.Clone(set)
		}
	}
	return sets, nil
}

func keepAside(fsys fileSystem, f file, path string, off, n int64) (err error) {
	name := strings.TrimSuffix(path, "."+string(StateOpen)) + tornSuffix
	t, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(t, 0), io.NewSectionReader(f, off, n))
	if err == nil {
		err = t.Sync()
	}
	if err = errors.Join(err, t.Close()); err != nil {
		return errors.Join(err, fsys.Remove(name))
	}
	return nil
}

// resumption is what a start goes on from.
type resumption struct {
	id      string
	created int64
	seq     int64 // the last number that can have been given
	last    int64 // no record may be received before
	watch   *schema.Watch
	marks   []schema.Mark // to be written first
}

// resume reads the end of the journal: which rooms were watched, since when nobody did,
// and what was lost.
func resume(ctx context.Context, info Info) (resumption, error) {
	r := resumption{id: info.ID, created: info.created, last: info.Last}
	tail := info.readable()
	clean := tail.next != 0 && !tail.recovered
	next := tail.next
	if next == 0 {
		next = tail.first + reserve
	}
	var cut int64
	lost := map[string]bool{}
	for n := len(info.Segments) - 1; n >= 0; n-- {
		s := &info.Segments[n]
		if s.State == StateQuarantined {
			if s.first >= tail.first {
				clean, next = false, max(next, s.first+reserve)
			}
			continue
		}
		if s.next != 0 && !s.recovered {
			break
		}
		lost[s.Path] = true
		cut += s.cut
	}
	for _, s := range info.Segments {
		r.last = max(r.last, s.start)
	}
	watch, damage, stopped, err := foldTail(ctx, info)
	if err != nil {
		return r, err
	}
	r.seq, r.watch = next-1, watch
	cause := schema.CauseStopped
	if !clean {
		if !stopped {
			cause = schema.CauseKilled
		}
		r.marks = append(r.marks, schema.Mark{Name: schema.MarkRecovered, FirstSeq: next, LastSeq: info.LastSeq, Cut: cut, Cause: cause})
		for _, d := range damage {
			if lost[d.Segment] {
				r.marks = append(r.marks, schema.Mark{Name: schema.MarkDamage, FirstSeq: d.FirstSeq, LastSeq: d.LastSeq,
					From: d.From, To: d.To, Cause: causeDamage})
			}
		}
	}
	watch.Down(info.Last, cause)
	return r, nil
}

// foldTail folds the journal from the beginning of the last segment that has a snapshot.
// stopped tells that the last record was the collector's farewell.
func foldTail(ctx context.Context, info Info) (watch *schema.Watch, damage []Damage, stopped bool, err error) {
	for n := len(info.Segments) - 1; ; n-- {
		watch, stopped = schema.NewWatch(), false
		if n < 0 {
			return watch, damage, false, nil
		}
		damage = nil
		part := info
		part.Segments = info.Segments[n:]
		found := false
		err := part.Read(ctx, math.MinInt64, math.MaxInt64, func(b *Block) error {
			return b.Each(func(rec *schema.Record) error {
				if rec.Kind != schema.KindMark {
					if found {
						watch.Apply(rec, nil)
					}
					stopped = false
					return nil
				}
				m, err := schema.ParseMark(rec.Payload)
				if err != nil {
					return nil // our own marks always parse; another's tells us nothing
				}
				if m.Name != schema.MarkSnapshot {
					stopped = m.Name == schema.MarkStop
				}
				if found = found || m.Name == schema.MarkSnapshot; found {
					watch.Apply(rec, &m)
				}
				return nil
			})
		}, func(d Damage) error { damage = append(damage, d); return nil })
		if err != nil {
			return nil, nil, false, err
		}
		if found {
			return watch, damage, stopped, nil
		}
	}
}

// waitForClock returns once the clock shows at least the given time: a machine without a
// battery starts in 1970.
func waitForClock(ctx context.Context, least time.Time, log *slog.Logger) error {
	if !time.Now().Before(least) {
		return nil
	}
	log.Warn("waiting for the clock to be set", "now", time.Now().UTC(), "least", least.UTC())
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Now().Before(least) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the clock to pass %s: %w", least.UTC().Format(time.RFC3339), ctx.Err())
		}
	}
	return nil
}
