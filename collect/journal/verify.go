package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// Finding is a place of a journal that [Verify] has something to say about. Numbers are
// inclusive and an upper bound, 0 where none are concerned; From and To are when the
// records were received, zero where that is unknown or none are concerned.
type Finding struct {
	Path     string    `json:"path"` // the file, or the journal's folder
	Offset   int64     `json:"offset"`
	Bytes    int64     `json:"bytes"`
	What     string    `json:"what"`
	FirstSeq int64     `json:"first_seq,omitempty"`
	LastSeq  int64     `json:"last_seq,omitempty"`
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	// Counted tells that Records and Commands are what was lost; they are 0 elsewhere.
	Counted  bool `json:"counted"`
	Records  int  `json:"records"`
	Commands int  `json:"commands"`
}

// VerifyReport is what [Verify] found. Blocks, Records and Commands count what is in order.
type VerifyReport struct {
	Journals int   `json:"journals"`
	Segments int   `json:"segments"`
	Blocks   int   `json:"blocks"`
	Records  int64 `json:"records"`
	Commands int64 `json:"commands"`
	Bytes    int64 `json:"bytes"` // of the segments

	Damage []Finding `json:"damage"`
	// Notes are no damage: what a crash or a full disk leaves within the promises.
	Notes []Finding `json:"notes"`
}

// OK reports whether nothing is damaged.
func (r VerifyReport) OK() bool { return len(r.Damage) == 0 }

func (r *VerifyReport) add(o VerifyReport) {
	r.Journals += o.Journals
	r.Segments += o.Segments
	r.Blocks += o.Blocks
	r.Records += o.Records
	r.Commands += o.Commands
	r.Bytes += o.Bytes
	r.Damage = append(r.Damage, o.Damage...)
	r.Notes = append(r.Notes, o.Notes...)
}

// Verify reads every segment of every journal of the folder and checks headers, blocks,
// footers, and that no number is missing that neither a reserve nor retiring explains. It
// changes nothing and works while a writer goes on. progress, if not nil, is told how many
// bytes of how many are read. The error is that of ctx or of the file system; damage is
// none.
func Verify(ctx context.Context, dir string, progress func(done, total int64)) (VerifyReport, error) {
	return verifyAll(ctx, osFS{}, dir, progress)
}

func verifyAll(ctx context.Context, fsys fileSystem, dir string, progress func(done, total int64)) (VerifyReport, error) {
	r := VerifyReport{Damage: []Finding{}, Notes: []Finding{}}
	all, err := journalsOf(fsys, dir)
	if err != nil {
		return r, fmt.Errorf("verify journals: %w", err)
	}
	var done, total int64
	for _, i := range all {
		for _, s := range i.Segments {
			total += s.Bytes
		}
	}
	for _, i := range all {
		one, err := i.verify(ctx, func(n int64) {
			if progress != nil {
				progress(min(done+n, total), total)
			}
		})
		// Segments are retired beside us: those that are left are looked at again.
		for tries := 0; errors.Is(err, fs.ErrNotExist) && tries < 10; tries++ {
			if i, err = loadJournal(fsys, i.Path); err == nil {
				one, err = i.verify(ctx, func(int64) {})
			}
		}
		if err != nil {
			return r, fmt.Errorf("verify journal %s: %w", i.Path, err)
		}
		r.add(one)
		done += one.Bytes
	}
	return r, nil
}

// verifying is one pass over a journal.
type verifying struct {
	info Info
	VerifyReport
	// Of the segment that is being read: its blocks and, where known, their rooms.
	path    string
	entries []indexEntry
	footer  int // which of Damage is its unreadable footer, -1 if none
	sets    [][]schema.RoomID
	set     []schema.RoomID
}

func (i Info) verify(ctx context.Context, progress func(done int64)) (VerifyReport, error) {
	v := &verifying{info: i}
	if len(i.Segments) == 0 {
		return v.VerifyReport, nil
	}
	v.Journals = 1
	if first := max(1, i.Floor.Seq); i.Segments[0].first > first {
		v.Damage = append(v.Damage, Finding{Path: i.Path, What: "segments are missing", FirstSeq: first, LastSeq: i.Segments[0].first - 1})
	}
	dec, err := newDecoder()
	if err != nil {
		return v.VerifyReport, err
	}
	defer dec.Close()
	var read int64
	r := &reading{ctx: ctx, Selection: Selection{From: math.MinInt64, To: math.MaxInt64}, dec: dec, damaged: v.lost, opened: v.segment,
		fn: func(b *Block) error {
			read += b.Bytes
			progress(read)
			return v.block(b)
		}}
	if err := r.journal(i); err != nil {
		return v.VerifyReport, err
	}
	for n := range i.Segments {
		if s := &i.Segments[n]; s.State == StateQuarantined {
			v.quarantined(s, i.Segments[n+1:])
		}
		v.Segments++
		v.Bytes += i.Segments[n].Bytes
	}
	if err := v.tornFiles(); err != nil {
		return v.VerifyReport, err
	}
	slices.SortStableFunc(v.Damage, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Offset, b.Offset))
	})
	return v.VerifyReport, nil
}

// segment checks what is around the blocks.
func (v *verifying) segment(s *SegmentInfo, f file, l *layout) error {
	v.path, v.entries, v.sets, v.footer = s.Path, l.entries, nil, -1
	end := int64(headerSize)
	if n := len(l.entries); n > 0 {
		end = l.entries[n-1].end()
	}
	damage := func(off, n int64, what string) {
		v.Damage = append(v.Damage, Finding{Path: s.Path, Offset: off, Bytes: n, What: what})
	}
	note := func(off, n int64, what string) {
		v.Notes = append(v.Notes, Finding{Path: s.Path, Offset: off, Bytes: n, What: what})
	}
	if !s.headerGood() {
		if s.State == StateOpen && len(l.entries) == 0 {
			note(0, s.Bytes, "no header yet: it is being made, or a crash left it")
			return nil
		}
		if s.Unreadable() {
			v.footer = len(v.Damage)
			damage(0, s.Bytes, "no segment, or damaged throughout: neither its header nor a block can be read")
			return nil
		}
		damage(0, headerSize, "the header is unreadable; that costs no record")
	}
	if s.State == StateOpen {
		if from := max(end, l.promise.keep(end)); s.Bytes > from {
			note(from, s.Bytes-from, "belongs to no block: it is being written, or a crash left it")
		}
		return nil
	}
	ft, ok, err := s.readTrailer(f)
	switch {
	case err != nil:
		return err
	case !ok && s.Bytes > end:
		torn, err := v.sealedTorn(s, f, end)
		if err == nil && !torn {
			v.footer = len(v.Damage)
			damage(end, s.Bytes-end, "the footer, or what stood before it, is unreadable")
		}
		return err
	case !ok:
		note(end, 0, "there is no footer: there was no room for it, or the file was cut off")
		return nil
	}
	index := make([]byte, int64(ft.blocks)*indexEntrySize)
	if err := readFull(f, index, ft.index); err != nil {
		return err
	}
	if _, ok := parseIndex(index, ft); !ok {
		damage(ft.index, int64(len(index)), "the index is unreadable; that costs no record")
		return nil
	}
	rooms, err := readRoomsPart(f, ft)
	if err != nil {
		return err
	}
	if v.sets, ok = allRooms(rooms, len(l.entries)); !ok {
		damage(ft.roomsAt(), int64(ft.rooms), "the index of rooms is unreadable; that costs no record")
	}
	return nil
}

// sealedTorn tells whether recovery sealed the segment with its torn tail, as it does on a
// full disk: it resumed above the reserve, and the tail is no footer. [Info.Read] tells
// what that cost.
func (v *verifying) sealedTorn(s *SegmentInfo, f file, end int64) (bool, error) {
	next := slices.IndexFunc(v.info.Segments, func(o SegmentInfo) bool { return o.first > s.first })
	if next < 0 || v.info.Segments[next].first < s.first+reserve {
		return false, nil
	}
	var b [len(blockMagic)]byte
	if err := readFull(f, b[:], end); err != nil && err != io.ErrUnexpectedEOF {
		return false, err
	}
	return string(b[:]) == blockMagic || b == [len(blockMagic)]byte{}, nil
}

// allRooms reads the rooms of so many blocks.
func allRooms(b []byte, blocks int) ([][]schema.RoomID, bool) {
	s, ok := newRoomSets(b)
	if !ok {
		return nil, false
	}
	sets := make([][]schema.RoomID, blocks)
	for n := range sets {
		if sets[n], ok = s.next(nil); !ok {
			return nil, false
		}
	}
	return sets, len(s.rest) == 0
}

// block counts a good block and checks that the footer names its rooms: I11.
func (v *verifying) block(b *Block) error {
	v.Blocks++
	v.Records += int64(b.Records)
	v.Commands += int64(b.Commands)
	k, found := slices.BinarySearchFunc(v.entries, b.FirstSeq, func(e indexEntry, seq int64) int {
		return cmp.Compare(e.firstSeq, seq)
	})
	if !found || v.sets == nil || len(v.sets[k]) == 0 {
		return nil
	}
	if v.set = roomsOf(v.set[:0], b.body); !slices.Equal(v.set, v.sets[k]) {
		v.Damage = append(v.Damage, Finding{Path: v.path, Offset: v.entries[k].off, Bytes: b.Bytes,
			What: "the index of rooms does not tell this block's rooms; that costs no record"})
	}
	return nil
}

// lost takes a range whose records are lost.
func (v *verifying) lost(d Damage) error {
	f := Finding{Path: d.Segment, Offset: d.Offset, Bytes: d.Bytes, What: "belongs to no good block",
		FirstSeq: d.FirstSeq, LastSeq: d.LastSeq, From: utc(d.From), To: utc(d.To),
		Counted: d.Counted, Records: d.Records, Commands: d.Commands}
	if v.footer >= 0 && d.Bytes > 0 && d.Offset == v.Damage[v.footer].Offset {
		if !d.Torn {
			f.What = v.Damage[v.footer].What
			v.Damage[v.footer] = f
		}
		return nil
	}
	switch {
	case d.Torn:
		f.What = "torn by a crash, before an fsync"
		v.Notes = append(v.Notes, f)
		return nil
	case d.Counted:
		f.What = "the block is damaged"
	case d.Bytes == 0:
		f.What = "records are missing"
		// What a quarantined segment may have held is told with it.
		for _, s := range v.info.Segments {
			if s.State == StateQuarantined && f.FirstSeq <= s.first && s.first <= f.LastSeq {
				f.LastSeq = s.first - 1
			}
		}
		if f.LastSeq < f.FirstSeq {
			return nil
		}
	}
	v.Damage = append(v.Damage, f)
	return nil
}

// quarantined tells of a segment without a readable header or block.
func (v *verifying) quarantined(s *SegmentInfo, later []SegmentInfo) {
	f := Finding{Path: s.Path, Bytes: s.Bytes, What: "quarantined: its header is unreadable", FirstSeq: s.first, LastSeq: s.first + reserve - 1}
	for _, next := range later {
		if next.first > s.first {
			f.LastSeq = min(f.LastSeq, next.first-1)
			break
		}
	}
	if s.Bytes <= headerSize {
		f.What, f.FirstSeq, f.LastSeq = "quarantined: a crash left it before it had a block", 0, 0
		v.Notes = append(v.Notes, f)
		return
	}
	v.Damage = append(v.Damage, f)
}

// tornFiles notes what recovery kept aside.
func (v *verifying) tornFiles() error {
	names, err := v.info.fs.ReadDir(v.info.Path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasSuffix(name, tornSuffix) {
			continue
		}
		f, err := v.info.fs.Open(filepath.Join(v.info.Path, name))
		if err != nil {
			return err
		}
		size, err := f.Size()
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		v.Notes = append(v.Notes, Finding{Path: filepath.Join(v.info.Path, name), Bytes: size, What: "torn tail of a crash, kept aside"})
	}
	return nil
}

// utc is the zero time for an unknown one.
func utc(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
