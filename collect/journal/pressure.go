package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// The causes of shedding and scarcity.
const (
	CauseDiskSpace = "disk_space" // the disk fills
	CauseMaxSize   = "max_size"   // the segments reach what they may take
	CauseSlowDisk  = "slow_disk"  // the disk does not keep up, or refuses
)

// Limits say how much room a journal leaves. Zero fields mean the defaults.
type Limits struct {
	// MaxSize bounds the bytes of all segments of the folder; 0: as the disk allows.
	MaxSize int64
	// The lines, as shares of the disk and of MaxSize: below WarnFree room is scarce, below
	// ShedFree presence is shed, below the middle of ShedFree and StopFree all but danmaku
	// and payments, below StopFree every command. Defaults 0.10, 0.05, 0.02.
	WarnFree, ShedFree, StopFree float64
}

func (l Limits) withDefaults() Limits {
	share := func(v *float64, otherwise, least float64) {
		if *v <= 0 {
			*v = otherwise
		}
		*v = max(*v, least)
	}
	share(&l.StopFree, 0.02, 0)
	share(&l.ShedFree, 0.05, l.StopFree)
	share(&l.WarnFree, 0.10, l.ShedFree)
	l.MaxSize = max(l.MaxSize, 0)
	return l
}

// Pressure is how much room there is and what the journal does about it.
type Pressure struct {
	// Scarce: less than WarnFree is left, committed segments should be retired before they
	// are as old as they may become.
	Scarce bool
	Level  schema.Level // what is shed now
	Cause  string       // empty while Level is none and room is not scarce
	// Free and Total are bytes of the disk, for ordinary users; 0 where they are unknown.
	Free, Total int64
	// Size is what all segments take, MaxSize what bounds them now: as configured, or less
	// where the disk allows less.
	Size, MaxSize int64
	Wanted        int64     // bytes that must go so that room is no longer scarce
	Shed          int64     // commands that this writer shed
	Since         time.Time // of the level; zero for none since the writer began
}

// Space measures a folder that need not have a writer. Level and Cause are what a writer
// would begin with. A folder that is missing has no segments.
func Space(dir string, l Limits) (Pressure, error) {
	l = l.withDefaults()
	s, err := (&measurer{fs: osFS{}, dir: dir}).measure()
	if err != nil {
		return Pressure{}, fmt.Errorf("measure journal %s: %w", dir, err)
	}
	st := l.assess(s, standing{})
	return l.pressure(s, st), nil
}

// space is one measurement.
type space struct {
	free, total int64 // of the disk; total is 0 where they are unknown
	size        int64 // of all segments
	fullest     int64 // of the segments of one journal and hour
}

const (
	// hourRoom is the least room that is kept for building one hour.
	hourRoom = 64 << 20
	// smallDisk is the part of a small disk that is kept instead.
	smallDisk = 8
	// again is how much more than a line must be left before it counts as passed upwards.
	again = 1.1
)

// room is what building the fullest hour takes: as much as its segments for the Parquet
// files, and once more where those are put beside them. An hour may still come that is
// fuller than all so far, hence the least of 64 MiB, or an eighth of a disk that is
// smaller than eight times that.
func (s space) room() int64 { return max(2*s.fullest, min(hourRoom, s.total/smallDisk)) }

// allowed is how long all segments may become for the disk's sake.
func (l Limits) allowed(s space) int64 {
	return max(s.free+s.size-s.room()-int64(l.StopFree*float64(s.total)), 0)
}

// headroom is the share that is left, the worse of two: of the disk, beyond the room for
// one hour, and of MaxSize.
func (l Limits) headroom(s space) (share float64, cause string) {
	share = 1
	if s.total > 0 {
		share, cause = float64(s.free-s.room())/float64(s.total), CauseDiskSpace
	}
	if l.MaxSize > 0 {
		if left := float64(l.MaxSize-s.size) / float64(l.MaxSize); left < share {
			share, cause = left, CauseMaxSize
		}
	}
	return share, cause
}

// standing is what a measurement means.
type standing struct {
	scarce bool
	level  schema.Level
	cause  string // of either, empty without
}

// assess decides by the measurement and by what held before: a line that was crossed
// downwards is crossed upwards only a tenth above it.
func (l Limits) assess(s space, before standing) standing {
	share, cause := l.headroom(s)
	below := func(line float64, was bool) bool {
		if was {
			line *= again
		}
		return share < line
	}
	var st standing
	for _, step := range []struct {
		level schema.Level
		line  float64
	}{
		{schema.LevelPresence, l.ShedFree},
		{schema.LevelMost, (l.ShedFree + l.StopFree) / 2},
		{schema.LevelAll, l.StopFree},
	} {
		if below(step.line, rank(before.level) >= rank(step.level)) {
			st.level = step.level
		}
	}
	st.scarce = st.level != schema.LevelNone || below(l.WarnFree, before.scarce)
	if st.scarce {
		st.cause = cause
	}
	return st
}

// pressure puts a measurement and what it means into words; what a writer sheds is its own.
func (l Limits) pressure(s space, st standing) Pressure {
	p := Pressure{Scarce: st.scarce, Level: st.level, Cause: st.cause,
		Free: s.free, Total: s.total, Size: s.size, MaxSize: l.MaxSize}
	if s.total > 0 && (l.MaxSize == 0 || l.allowed(s) < l.MaxSize) {
		p.MaxSize = l.allowed(s)
	}
	if st.scarce {
		if s.total > 0 {
			p.Wanted = s.room() + int64(l.WarnFree*again*float64(s.total)) + 1 - s.free
		}
		if l.MaxSize > 0 {
			p.Wanted = max(p.Wanted, s.size-l.MaxSize+int64(l.WarnFree*again*float64(l.MaxSize))+1)
		}
		p.Wanted = max(p.Wanted, 0)
	}
	return p
}

// rank orders the levels by how much they shed.
func rank(l schema.Level) int {
	switch l {
	case schema.LevelNone:
		return 0
	case schema.LevelPresence:
		return 1
	case schema.LevelMost:
		return 2
	}
	return 3
}

// level is the level of a rank, which is cut to what there is.
func level(rank int) schema.Level {
	return []schema.Level{schema.LevelNone, schema.LevelPresence, schema.LevelMost, schema.LevelAll}[min(max(rank, 0), 3)]
}

// measurer measures a folder again and again. It keeps what it learnt of sealed segments,
// for those do not change; it forgets those that are gone.
type measurer struct {
	fs     fileSystem
	dir    string
	sealed map[string]measured
}

// measured is one segment: its size, and the hour whose grace it began in or after.
type measured struct {
	bytes int64
	hour  schema.Hour
}

func (m *measurer) measure() (space, error) {
	var s space
	var err error
	if s.free, s.total, err = m.free(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return s, err
	}
	names, err := m.fs.ReadDir(m.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	known := m.sealed
	m.sealed = make(map[string]measured, len(known))
	for _, name := range names {
		if !validID(name) {
			continue
		}
		if err := m.journal(&s, name, known); err != nil {
			m.sealed = known
			return s, err
		}
	}
	return s, nil
}

// free asks for the nearest folder that is there.
func (m *measurer) free() (free, total int64, err error) {
	for dir := m.dir; ; dir = filepath.Dir(dir) {
		if free, total, err = m.fs.Free(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return free, total, err
		}
	}
}

// journal adds up one journal's files. A segment does not span the end of an hour's grace
// (I3), so each counts for one hour.
func (m *measurer) journal(s *space, id string, known map[string]measured) error {
	folder := filepath.Join(m.dir, id)
	names, err := m.fs.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	hours := map[schema.Hour]int64{}
	for _, name := range names {
		first, state, ok := parseSegmentName(name)
		if !ok && !strings.HasSuffix(name, tornSuffix) {
			continue
		}
		path := filepath.Join(folder, name)
		one, ok := known[path]
		if !ok {
			if one, err = m.file(path, identity{id: id, first: first}, state); errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return err
			}
		}
		if state == StateSealed {
			m.sealed[path] = one
		}
		s.size += one.bytes
		if one.hour != 0 {
			hours[one.hour] += one.bytes
			s.fullest = max(s.fullest, hours[one.hour])
		}
	}
	return nil
}

func (m *measurer) file(path string, id identity, state State) (measured, error) {
	f, err := m.fs.Open(path)
	if err != nil {
		return measured{}, err
	}
	defer f.Close()
	var one measured
	if one.bytes, err = f.Size(); err != nil || state == "" || state == StateQuarantined {
		return one, err
	}
	info := SegmentInfo{identity: id}
	// A header of a later version counts with its bytes alone.
	if err := info.readHeader(f); err == nil && info.headerGood() {
		one.hour = schema.HourOf(info.start - graceMicros)
	}
	return one, nil
}
