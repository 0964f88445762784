package journal

import (
	"bytes"
	"hash/crc32"
	"io"
)

// scanner finds the blocks of a segment one after the other, past damage, with bounded
// memory. It reads bodies only where verify is set.
type scanner struct {
	r      io.ReaderAt
	id     identity
	off    int64 // where the next block should begin
	end    int64 // where the blocks end at the latest
	verify bool

	seq, last int64 // of the block before
	promise   promise
	content   int64 // behind it there are only zeros; 0 before somebody looked
	buf       []byte
	header    [blockHeaderSize]byte
}

// promise is what the headers of a segment say of the bytes before them: I10.
type promise struct {
	synced  int64 // the highest offset up to which an fsync had returned
	by      int64 // where the block stands that says so first
	lastSeq int64 // of the block before that one
	last    int64 // no record before that one was received later
}

// keep is up to where a segment is kept whose last good block ends at off: what is promised
// and the header that does so. What follows is torn.
func (p promise) keep(off int64) int64 {
	if p.synced <= off {
		return off
	}
	return p.by + blockHeaderSize
}

func newScanner(r io.ReaderAt, id identity, end int64) *scanner {
	return &scanner{r: r, id: id, off: headerSize, end: end, promise: promise{synced: headerSize}}
}

// next returns the next good block. It returns false at the end: bytes from off to end
// belong to no good block. Blocks that are not where the one before ends follow damage.
func (s *scanner) next() (indexEntry, bool, error) {
	at := s.off
	for {
		h, found, err := s.headerAt(at)
		if err != nil {
			return indexEntry{}, false, err
		}
		if found {
			good := true
			if s.verify {
				if good, err = s.bodyGood(&h, at); err != nil {
					return indexEntry{}, false, err
				}
			}
			if good {
				e := entryOf(&h, at)
				s.off, s.seq, s.last = e.end(), e.lastSeq(), e.last
				return e, true, nil
			}
			at += h.size()
			continue
		}
		if at, err = s.search(at + 1); err != nil || at < 0 {
			return indexEntry{}, false, err
		}
	}
}

// headerAt reports whether a block that fits stands there.
func (s *scanner) headerAt(at int64) (blockHeader, bool, error) {
	if s.end-at < blockHeaderSize {
		return blockHeader{}, false, nil
	}
	if err := readFull(s.r, s.header[:], at); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
		return blockHeader{}, false, err
	}
	h, ok := parseBlockHeader(s.header[:], s.id, at)
	// The header of a block that is torn itself counts too.
	if ok && h.synced > s.promise.synced {
		s.promise = promise{synced: h.synced, by: at, lastSeq: h.firstSeq - 1, last: h.first}
	}
	ok = ok && h.size() <= s.end-at && h.firstSeq > s.seq && h.first >= s.last
	return h, ok, nil
}

// written is where the file ends but for the zeros that it was filled with ahead. It counts
// once next found the end.
func (s *scanner) written() int64 { return max(s.off, s.content) }

// search returns the next place that bears a block's magic, -1 if there is none.
func (s *scanner) search(at int64) (int64, error) {
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	if s.content == 0 {
		if err := s.trim(); err != nil {
			return -1, err
		}
	}
	for s.end-at >= blockHeaderSize && at < s.content {
		n := min(int64(len(s.buf)), s.end-at)
		if err := readFull(s.r, s.buf[:n], at); err != nil {
			if err == io.ErrUnexpectedEOF {
				return -1, nil
			}
			return -1, err
		}
		if i := bytes.Index(s.buf[:n], []byte(blockMagic)); i >= 0 {
			return at + int64(i), nil
		}
		at += n - int64(len(blockMagic)) + 1
	}
	return -1, nil
}

// trim finds where the zeros begin that end the file. They are read once, backwards.
func (s *scanner) trim() error {
	for s.content = s.end; s.content > s.off; {
		n := min(int64(len(s.buf)), s.content-s.off)
		if err := readFull(s.r, s.buf[:n], s.content-n); err != nil && err != io.ErrUnexpectedEOF {
			return err
		} else if err != nil {
			return nil // the file was cut off beside us: nothing is known of its end
		}
		kept := int64(len(bytes.TrimRight(s.buf[:n], "\x00")))
		s.content -= n - kept
		if kept > 0 {
			break
		}
	}
	return nil
}

func (s *scanner) bodyGood(h *blockHeader, at int64) (bool, error) {
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	var crc uint32
	for at, left := at+blockHeaderSize, int64(h.body); left > 0; {
		n := min(int64(len(s.buf)), left)
		if err := readFull(s.r, s.buf[:n], at); err != nil {
			if err == io.ErrUnexpectedEOF {
				return false, nil
			}
			return false, err
		}
		crc = crc32.Update(crc, castagnoli, s.buf[:n])
		at, left = at+n, left-n
	}
	return crc == h.bodyCRC, nil
}

// readFull fills b or returns io.ErrUnexpectedEOF where the file is too short.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == io.EOF || err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
