package journal

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"danmaku-archiver/schema"
)

// Info describes one journal as it stood when [Journals] looked. It is a value: reading
// through it shows that moment, also while a writer goes on. Times are microseconds since
// the Unix epoch, numbers and times are 0 where there is no record.
type Info struct {
	ID    string
	Path  string // the journal's folder
	Ended bool   // nothing will be appended any more

	FirstSeq, LastSeq int64 // on disk
	First, Last       int64 // receive times
	Floor             Floor
	Segments          []SegmentInfo // in order of their first numbers

	fs      fileSystem
	created int64
	ending  bool // the marker stands, but may not outlive a power cut
}

// Floor is what retiring left whole: the first number and the first hour. It is zero where
// nothing was retired.
type Floor struct {
	Seq  int64       `json:"seq"`
	Hour schema.Hour `json:"hour"`
}

// Journals describes every journal of the folder, oldest first by creation, then by id.
// It works while a writer goes on. A folder that is missing holds no journals.
func Journals(dir string) ([]Info, error) { return journalsOf(osFS{}, dir) }

func journalsOf(fsys fileSystem, dir string) ([]Info, error) {
	names, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	var all []Info
	for _, name := range names {
		if !validID(name) {
			continue
		}
		info, err := loadJournal(fsys, filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if len(info.Segments) > 0 {
			all = append(all, info)
		}
	}
	slices.SortFunc(all, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// loadJournal reads one journal's folder; one that is missing has no segments. Segments
// are renamed and unlinked beside us, so a file that is gone means another look.
func loadJournal(fsys fileSystem, folder string) (info Info, err error) {
	for range 10 {
		if info, err = loadOnce(fsys, folder); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return Info{}, fmt.Errorf("read journal %s: %w", folder, err)
	}
	return info, nil
}

func loadOnce(fsys fileSystem, folder string) (Info, error) {
	info := Info{ID: filepath.Base(folder), Path: folder, fs: fsys}
	names, err := fsys.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return info, nil
	}
	if err != nil {
		return info, err
	}
	if info.Floor, err = readFloor(fsys, folder); err != nil {
		return info, err
	}
	for _, name := range names {
		if name == endedName {
			b, err := readSmall(fsys, filepath.Join(folder, name), 4096)
			if err != nil {
				return info, err
			}
			info.ending, info.Ended = true, string(b) == endedText
		}
		first, state, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		s, err := loadSegment(fsys, filepath.Join(folder, name), info.ID, first, state)
		if err != nil {
			return info, err
		}
		info.Segments = append(info.Segments, s)
	}
	slices.SortFunc(info.Segments, func(a, b SegmentInfo) int {
		return cmp.Or(cmp.Compare(a.first, b.first), strings.Compare(a.Path, b.Path))
	})
	for i := range info.Segments {
		s := &info.Segments[i]
		if info.created == 0 {
			info.created = s.created
		}
		if s.Records == 0 {
			continue
		}
		if info.FirstSeq == 0 {
			info.FirstSeq, info.First = s.FirstSeq, s.First
		}
		info.LastSeq, info.Last = max(info.LastSeq, s.LastSeq), max(info.Last, s.Last)
	}
	if info.created == 0 {
		info.created = info.First
	}
	return info, nil
}

// Complete reports whether the hour may be built: the journal is ended, or all that is
// before the end of the hour's window is sealed and a durable record follows it. A reader
// sees what the page cache holds; that a power cut leaves it there, it takes from what the
// writer says after an fsync alone (I18): the state of a segment, I10, the ended marker's
// content. So whatever it reads of a complete hour, and the first record after it, which
// tells what became of the rooms, is read again ever after, and nothing is added.
func (i Info) Complete(h schema.Hour) bool {
	if i.Ended {
		return true
	}
	passed := false
	for _, s := range i.Segments {
		switch {
		case s.State == StateQuarantined || s.Records == 0:
		case s.State == StateOpen && (s.start == 0 || s.start < h.WindowEnd()):
			return false
		case s.durable >= h.WindowEnd():
			passed = true
		}
	}
	return passed
}

const (
	endedName = "ended"
	// Of one length, so that the one is written over the other.
	endingText = "ending"
	endedText  = "ended\n"
	floorName  = "floor"
)

func readFloor(fsys fileSystem, folder string) (Floor, error) {
	b, err := readSmall(fsys, filepath.Join(folder, floorName), 4096)
	if err != nil || b == nil {
		return Floor{}, err
	}
	var f Floor
	if err := json.Unmarshal(b, &f); err != nil {
		return Floor{}, fmt.Errorf("read floor: %w: restore the file, or write {\"seq\":N,\"hour\":H} with the first number and hour that are whole", err)
	}
	return f, nil
}

func validID(s string) bool {
	return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == ""
}
