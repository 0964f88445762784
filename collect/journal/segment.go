package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"danmaku-archiver/schema"
)

// State is the state of a segment, which is also the suffix of its file name.
type State string

// The states. Part of the format; do not change.
const (
	StateOpen        State = "open"
	StateSealed      State = "sealed"
	StateQuarantined State = "quarantined" // its header cannot be read; never deleted
)

// SegmentInfo describes one segment. The figures are those of the records that can be
// read; of a quarantined segment only Path, State and Bytes are known.
type SegmentInfo struct {
	Path  string
	State State
	Bytes int64 // without the zeros that an open segment is filled with ahead

	FirstSeq, LastSeq int64
	First, Last       int64 // receive times, in microseconds since the Unix epoch
	Records, Commands int64

	identity
	created   int64
	start     int64 // receive time of the first record, durable before any block; 0 if unknown
	durable   int64 // receive time of the last record that is known to be durable
	next      int64 // first number that may follow, 0 if the footer does not tell
	recovered bool
	cut       int64
}

// Unreadable reports whether neither the header nor a block of the segment can be read,
// which an open one may be while it is being made.
func (s *SegmentInfo) Unreadable() bool { return !s.headerGood() && s.Records == 0 }

func segmentPath(folder string, first int64, s State) string {
	return filepath.Join(folder, fmt.Sprintf("%020d.%s", first, s))
}

// parseSegmentName reads a segment's file name.
func parseSegmentName(name string) (first int64, s State, ok bool) {
	digits, suffix, _ := strings.Cut(name, ".")
	if len(digits) != 20 {
		return 0, "", false
	}
	first, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || first < 1 {
		return 0, "", false
	}
	switch s = State(suffix); s {
	case StateOpen, StateSealed, StateQuarantined:
		return first, s, true
	}
	return 0, "", false
}

// openSegment opens the segment to read, also when it was sealed meanwhile.
func openSegment(fsys fileSystem, s *SegmentInfo) (file, error) {
	f, err := fsys.Open(s.Path)
	if errors.Is(err, fs.ErrNotExist) && s.State == StateOpen {
		f, err = fsys.Open(segmentPath(filepath.Dir(s.Path), s.first, StateSealed))
	}
	return f, err
}

// loadSegment reads what describes a segment: its header, and its footer or, where there
// is none, the headers of its blocks.
func loadSegment(fsys fileSystem, path, id string, first int64, state State) (SegmentInfo, error) {
	s := SegmentInfo{Path: path, State: state, identity: identity{id: id, first: first}}
	f, err := fsys.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	if s.Bytes, err = f.Size(); err != nil {
		return s, err
	}
	if state == StateQuarantined {
		return s, nil
	}
	if err := s.readHeader(f); err != nil {
		return s, fmt.Errorf("read segment %s: %w", path, err)
	}
	if state == StateSealed {
		ft, ok, err := s.readTrailer(f)
		if err != nil {
			return s, fmt.Errorf("read segment %s: %w", path, err)
		}
		if ok {
			s.setSummary(ft.summary)
			s.durable = s.Last
			s.next, s.recovered, s.cut = ft.next, ft.recovered, ft.cut
			return s, nil
		}
	}
	var sum summary
	var unsure []indexEntry // not known to be durable
	scan := newScanner(f, s.identity, s.Bytes)
	for {
		e, ok, err := scan.next()
		if err != nil {
			return s, fmt.Errorf("read segment %s: %w", path, err)
		}
		if ok {
			sum.add(&e)
			unsure = append(unsure, e)
		}
		for len(unsure) > 0 && unsure[0].end() <= scan.promise.synced {
			s.durable, unsure = unsure[0].last, unsure[1:]
		}
		if !ok {
			break
		}
	}
	if state == StateOpen {
		s.Bytes = scan.written()
	}
	s.setSummary(sum)
	if state == StateSealed {
		s.durable = s.Last
	}
	return s, nil
}

func (s *SegmentInfo) setSummary(sum summary) {
	s.FirstSeq, s.LastSeq, s.First, s.Last = sum.firstSeq, sum.lastSeq, sum.first, sum.last
	s.Records, s.Commands = sum.records, sum.commands
}

// readHeader takes the header's figures. A damaged header is no error: the folder and the
// file name tell the identity, and the blocks' checksums confirm it.
func (s *SegmentInfo) readHeader(r io.ReaderAt) error {
	var b [headerSize]byte
	err := readFull(r, b[:], 0)
	if err != nil && err != io.ErrUnexpectedEOF {
		return err
	}
	h, err := parseHeader(b[:], s.identity)
	if errors.Is(err, errHeader) {
		return nil
	}
	if err != nil {
		return err
	}
	s.created, s.start = h.created, h.start
	return nil
}

// headerGood tells whether the header could be read.
func (s *SegmentInfo) headerGood() bool { return s.created != 0 }

func (s *SegmentInfo) readTrailer(r io.ReaderAt) (footer, bool, error) {
	if s.Bytes < headerSize+trailerSize {
		return footer{}, false, nil
	}
	var b [trailerSize]byte
	if err := readFull(r, b[:], s.Bytes-trailerSize); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
		return footer{}, false, err
	}
	f, ok := parseTrailer(b[:], s.identity, s.Bytes)
	return f, ok, nil
}

// layout is where the blocks of a segment lie.
type layout struct {
	entries []indexEntry
	end     int64   // where they should end
	promise promise // of an open segment, and of one without a footer
	synced  int64   // all before was fsynced: no crash explains damage there
	// holders tells which of the entries can hold records of the room that was asked
	// for; nil if unknown.
	holders []bool
}

// layout comes from the footer, or else from a search for the blocks' headers up to the
// length that the segment had when it was loaded. Which blocks can hold records of the room,
// if any, only a footer tells.
func (s *SegmentInfo) layout(r io.ReaderAt, room *schema.RoomID) (l layout, err error) {
	l.end = s.Bytes
	footed := false
	if s.State == StateSealed {
		f, ok, err := s.readTrailer(r)
		if err != nil {
			return l, err
		}
		if footed = ok; ok {
			l.end, l.synced = f.index, f.synced
			b := make([]byte, int64(f.blocks)*indexEntrySize)
			if err := readFull(r, b, f.index); err != nil {
				return l, err
			}
			if l.entries, ok = parseIndex(b, f); ok {
				if room == nil {
					return l, nil
				}
				rooms, err := readRoomsPart(r, f)
				if err != nil {
					return l, err
				}
				l.holders = holders(rooms, len(l.entries), *room)
				return l, nil
			}
		}
	}
	scan := newScanner(r, s.identity, l.end)
	for {
		e, ok, err := scan.next()
		if err != nil {
			return l, err
		}
		// What a writer added since the segment was loaded belongs to a later moment.
		if !ok || s.State == StateOpen && e.firstSeq > s.LastSeq {
			break
		}
		l.entries = append(l.entries, e)
	}
	if l.promise = scan.promise; !footed {
		l.synced = scan.promise.synced
	}
	return l, nil
}

// readRoomsPart returns the part of the footer that tells the blocks' rooms, nil if it is
// damaged.
func readRoomsPart(r io.ReaderAt, f footer) ([]byte, error) {
	b := make([]byte, f.rooms)
	if err := readFull(r, b, f.roomsAt()); err != nil {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != f.roomsCRC {
		return nil, nil
	}
	return b, nil
}
