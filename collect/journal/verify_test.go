package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"danmaku-archiver/schema"
)

func mustVerify(t testing.TB, fsys fileSystem) VerifyReport {
	t.Helper()
	r, err := verifyAll(t.Context(), fsys, testDir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every byte of a sealed segment is covered: a change is damage, in that file. In an open
// one it is at least noted, since the last block may be torn.
func TestVerifyFindsEveryFlippedByte(t *testing.T) {
	fsys, want := smallJournal(t)
	r := mustVerify(t, fsys)
	if !r.OK() || len(r.Notes) > 0 || r.Journals != 1 || r.Segments != 2 || r.Records != int64(len(want)) || r.Commands != 6 {
		t.Fatalf("%+v", r)
	}
	for _, path := range append(fsys.files(".sealed"), fsys.files(".open")...) {
		for at := range len(fsys.names[path].data) {
			c := fsys.killed()
			c.names[path].data[at] ^= 0x41
			r := mustVerify(t, c)
			found := r.Damage
			if strings.HasSuffix(path, ".open") {
				found = append(found, r.Notes...)
			}
			if !slices.ContainsFunc(found, func(f Finding) bool {
				return f.Path == path && f.Offset <= int64(at) && int64(at) < f.Offset+f.Bytes
			}) {
				t.Fatalf("byte %d of %s: %+v", at, path, r)
			}
		}
	}
}

func TestVerifyFindsEveryTruncation(t *testing.T) {
	fsys, _ := smallJournal(t)
	path := fsys.files(".sealed")[0]
	for size := range len(fsys.names[path].data) {
		c := fsys.killed()
		c.names[path].data = c.names[path].data[:size]
		if r := mustVerify(t, c); r.OK() && len(r.Notes) == 0 {
			t.Fatalf("cut to %d: %+v", size, r)
		}
	}
}

// What was lost is told: the block's own figures where its header or the index still has
// them.
func TestVerifyTellsWhatIsLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := hours(t)
		info := mustOne(t, m)
		s := info.Segments[1]
		f, _ := m.Open(s.Path)
		l, err := s.layout(f, nil)
		if err != nil {
			t.Fatal(err)
		}
		e := l.entries[3]
		m.names[s.Path].data[e.off+blockHeaderSize] ^= 1
		r := mustVerify(t, m)
		want := Finding{Path: s.Path, Offset: e.off, Bytes: e.end() - e.off, What: "the block is damaged", FirstSeq: e.firstSeq,
			LastSeq: e.lastSeq(), From: utc(e.first), To: utc(e.last), Counted: true, Records: int(e.records), Commands: int(e.commands)}
		if len(r.Damage) != 1 || r.Damage[0] != want || len(r.Notes) > 0 {
			t.Errorf("%+v, want %+v", r, want)
		}
	})
}

func TestVerifyMissingSegments(t *testing.T) {
	bubble(t, func(t *testing.T) {
		whole := hours(t)
		for n := range 2 {
			m := whole.killed()
			gone := mustOne(t, m).Segments[n]
			if err := m.Remove(gone.Path); err != nil {
				t.Fatal(err)
			}
			r := mustVerify(t, m)
			if len(r.Damage) != 1 || r.Damage[0].FirstSeq != gone.FirstSeq || r.Damage[0].LastSeq != gone.LastSeq {
				t.Errorf("segment %d: %+v, want what %+v held", n, r, gone)
			}
		}
		// What retiring took is not missing.
		m := whole.killed()
		info := mustOne(t, m)
		if n, err := Retire(info, hour0()+2, time.Now()); err != nil || n == 0 {
			t.Fatal(n, err)
		}
		if r := mustVerify(t, m); !r.OK() || len(r.Notes) > 0 {
			t.Errorf("after retiring: %+v", r)
		}
	})
}

// A crash leaves nothing that is called damage: reserves explain the numbers, what was
// torn is noted.
func TestVerifyAfterCrashes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		for n := range 4 {
			w := start(t, options(m))
			w.command(7, fmt.Sprint("a", n))
			w.sync()
			w.command(7, fmt.Sprint("b", n))
			gathered()
			crashed := m.killed()
			w.end()
			m = crashed
			open := m.names[m.files(".open")[0]]
			open.data = unfilled(open.data)
			open.data = open.data[:len(open.data)-n]
			if r := mustVerify(t, m); !r.OK() || (len(r.Notes) > 0) != (n > 0) {
				t.Errorf("crash %d: %+v", n, r)
			}
			if n == 3 { // and no room for a footer
				m.failWrite = func(string) error { return errors.New("no space left") }
				w, err := Open(t.Context(), testDir, options(m))
				if err != nil {
					t.Fatal(err)
				}
				m = m.killed()
				_ = w.Close()
			}
		}
		start(t, options(m)).end()
		r := mustVerify(t, m)
		torn := 0
		for _, f := range r.Notes {
			if strings.HasSuffix(f.Path, ".torn") {
				torn++
			}
		}
		if !r.OK() || torn != 2 {
			t.Errorf("%+v", r)
		}
	})
}

// What the segment after a shortened one tells of the loss stands with the footer that is
// gone.
func TestVerifyShortenedSegment(t *testing.T) {
	fsys, _ := smallJournal(t)
	s := mustOne(t, fsys).Segments[0]
	f, _ := fsys.Open(s.Path)
	l, err := s.layout(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	last := l.entries[len(l.entries)-1]
	fsys.names[s.Path].data = fsys.names[s.Path].data[:last.off+5]
	r := mustVerify(t, fsys)
	if len(r.Damage) != 1 || r.Damage[0].Offset != last.off || r.Damage[0].Bytes != 5 ||
		r.Damage[0].FirstSeq != last.firstSeq || r.Damage[0].LastSeq != last.lastSeq() {
		t.Errorf("%+v, want the loss of %+v", r, last)
	}
}

// The footer of a segment that recovery sealed is told as such, not as a torn tail.
func TestVerifyFindsARecoveredFooter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		w := start(t, options(m))
		w.command(7, "a")
		w.sync()
		crashed := m.killed()
		w.end()
		start(t, options(crashed)).end()
		path := crashed.files(".sealed")[0]
		data := crashed.names[path].data
		data[len(data)-1] ^= 1
		r := mustVerify(t, crashed)
		if len(r.Damage) != 1 || len(r.Notes) != 0 || r.Damage[0].Path != path || !strings.Contains(r.Damage[0].What, "footer") {
			t.Errorf("%+v", r)
		}
	})
}

func TestVerifyQuarantined(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, size := range []int{headerSize - 1, headerSize + 90} {
			m := newMemFS()
			w := start(t, options(m))
			w.command(1, "a")
			w.sync()
			after := m.killed()
			w.end()
			node := after.names[after.files(".open")[0]]
			clear(node.data[:headerSize])
			node.data = node.data[:size]
			start(t, options(after)).end()
			r := mustVerify(t, after)
			if quarantined := after.files(".quarantined"); len(quarantined) != 1 || r.OK() != (size < headerSize) || len(r.Damage)+len(r.Notes) != 1 {
				t.Errorf("%d bytes: %v, %+v", size, quarantined, r)
			}
		}
	})
}

// vanishing loses a file between the look and the reading, once, as retiring does.
type vanishing struct {
	*memFS
	path  string
	opens int
}

func (v *vanishing) Open(name string) (file, error) {
	if name == v.path {
		if v.opens++; v.opens == 2 {
			if err := v.Remove(name); err != nil {
				return nil, err
			}
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
	}
	return v.memFS.Open(name)
}

func TestVerifyBesideRetire(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := hours(t)
		info := mustOne(t, m)
		first := info.Segments[0]
		if err := writeDurably(m, info.Path+"/floor", fmt.Appendf(nil, `{"seq":%d,"hour":%d}`, first.LastSeq+1, hour0()+1)); err != nil {
			t.Fatal(err)
		}
		v := &vanishing{memFS: m, path: first.Path}
		r := mustVerify(t, v)
		if !r.OK() || v.opens < 2 || r.Segments != len(info.Segments)-1 {
			t.Errorf("%+v after %d opens", r, v.opens)
		}
	})
}

// I11: an index that hides a room is damage, though its checksum is good.
func TestVerifyChecksTheRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemFS()
		w := start(t, options(m))
		w.command(7, "a")
		w.sync()
		w.disk.mu.Lock()
		w.disk.seg.rooms[0] = []schema.RoomID{8}
		w.disk.mu.Unlock()
		w.end()
		if r := mustVerify(t, m); len(r.Damage) != 1 || !strings.Contains(r.Damage[0].What, "rooms") {
			t.Errorf("%+v", r)
		}
	})
}
