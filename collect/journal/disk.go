package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"danmaku-archiver/schema"
)

// disk is the back of the writer: the segment files. The writing goroutine changes it, the
// syncing goroutine reads it and takes durable blocks off the list.
type disk struct {
	// The writing goroutine's: the encoder and what it writes to.
	enc     *zstd.Encoder
	scratch []byte
	rooms   []schema.RoomID

	// syncing is held while files are fsynced, sealed or replaced; it is taken before mu.
	syncing sync.Mutex

	mu       sync.Mutex
	seg      *segment   // nil before the first batch, and after a seal
	unsynced []*block   // of seg, in order
	bytes    int64      // in unsynced
	spare    []*block   // durable, to be used again
	spared   int        // bytes in spare
	stale    []*segment // replaced after a failed fsync, yet to be sealed
}

// block is a written or to be written block: data has room for the header, which depends
// on where the block stands.
type block struct {
	header  blockHeader
	data    []byte
	rooms   []schema.RoomID
	records int64 // taken by the writer up to and with it
}

// segment is a segment file that we write.
type segment struct {
	segmentHeader
	number  int
	path    string
	file    file
	off     int64 // where the next block goes
	synced  int64 // up to here an fsync has returned
	alloc   int64 // up to here it is filled ahead with zeros, if that is more than off
	exact   bool  // it cannot be filled ahead
	entries []indexEntry
	rooms   [][]schema.RoomID // of each entry's block
	broken  bool              // an fsync failed: nothing since the last good one can be trusted
}

func newEncoder() (*zstd.Encoder, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("make encoder: %w", err)
	}
	return enc, nil
}

// compress makes the block of a batch.
func (d *disk) compress(b *batch) *block {
	blk := d.newBlock()
	blk.header, blk.records = b.header, b.records
	h := &blk.header
	h.raw = uint32(len(b.raw))
	h.compression = compressionZstd
	d.scratch = d.enc.EncodeAll(b.raw, d.scratch[:0])
	body := d.scratch
	if len(body) >= len(b.raw) {
		h.compression, body = compressionNone, b.raw
	}
	// A copy, no larger than need be: it is kept until the fsync.
	blk.data = slices.Grow(blk.data, blockHeaderSize+len(body))
	blk.data = append(blk.data[:blockHeaderSize], body...)
	h.body = uint32(len(body))
	h.bodyCRC = crc32.Checksum(body, castagnoli)
	d.rooms = roomsOf(d.rooms[:0], b.raw)
	blk.rooms = slices.Clone(d.rooms)
	return blk
}

// newBlock returns an empty block.
func (d *disk) newBlock() *block {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.spare)
	if n == 0 {
		return &block{}
	}
	blk := d.spare[n-1]
	d.spare = d.spare[:n-1]
	d.spared -= cap(blk.data)
	return blk
}

// recycle keeps a block whose copy nobody needs any more. The caller holds mu.
func (d *disk) recycle(blk *block) {
	if d.spared+cap(blk.data) <= maxSpareBlocks {
		*blk = block{data: blk.data[:0]}
		d.spare = append(d.spare, blk)
		d.spared += cap(blk.data)
	}
}

// held is how much is kept for the case that an fsync fails.
func (d *disk) held() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes
}

// ailing reports whether [Writer.mend] has something to do, and whether [Writer.sealStale]
// has.
func (d *disk) ailing() (broken, left bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seg != nil && d.seg.broken, len(d.stale) > 0
}

// append writes the block, or nothing: what a failed write left is cut off again.
func (d *disk) append(blk *block) (size int64, number int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.seg.write(blk); err != nil {
		return 0, 0, err
	}
	d.unsynced = append(d.unsynced, blk)
	d.bytes += int64(len(blk.data))
	return d.seg.off, d.seg.number, nil
}

// write writes the body first: the file is long enough to be read there already, and who
// reads beside us must not take a block for whole before it is.
func (s *segment) write(blk *block) error {
	blk.header.synced = s.synced
	blk.header.put(blk.data, s.identity, s.off)
	_, err := s.file.WriteAt(blk.data[blockHeaderSize:], s.off+blockHeaderSize)
	if err == nil {
		_, err = s.file.WriteAt(blk.data[:blockHeaderSize], s.off)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write segment %s: %w", s.path, err), s.clear(blk.header.size()))
	}
	s.entries = append(s.entries, entryOf(&blk.header, s.off))
	s.rooms = append(s.rooms, blk.rooms)
	s.off += blk.header.size()
	return nil
}

// create makes a segment file whose header is durable before any block is written: the
// numbers that it reserves must be known to recovery.
func (w *Writer) create(h segmentHeader, number int, path string) (*segment, error) {
	f, err := w.fs.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	if _, err = f.WriteAt(h.encode(), 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = w.fs.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create segment %s: %w", path, err), f.Close(), w.fs.Remove(path))
	}
	return &segment{segmentHeader: h, number: number, path: path, file: f, off: headerSize, synced: headerSize}, nil
}

// beginSegment seals the present segment and makes the next; it may be tried again.
func (w *Writer) beginSegment(b *beginning) error {
	if err := w.sealAll(); err != nil {
		return err
	}
	if b.ends != "" {
		if err := markEnded(w.fs, filepath.Join(w.dir, b.ends)); err != nil {
			return err
		}
	}
	folder := filepath.Join(w.dir, b.id)
	if err := w.fs.MkdirAll(folder); err != nil {
		return fmt.Errorf("make journal: %w", err)
	}
	if err := w.fs.SyncDir(w.dir); err != nil {
		return fmt.Errorf("make journal %s: %w", folder, err)
	}
	seg, err := w.create(b.segmentHeader, b.number, segmentPath(folder, b.first, StateOpen))
	if err != nil {
		return err
	}
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	w.disk.seg = seg
	return nil
}

// syncWritten makes all durable that is written. A failure marks the segment: what the
// kernel could not write it may have forgotten, so a later success would mean nothing.
func (w *Writer) syncWritten() error {
	d := &w.disk
	d.syncing.Lock()
	defer d.syncing.Unlock()
	d.mu.Lock()
	seg, n := d.seg, len(d.unsynced)
	if seg == nil || seg.broken || n == 0 {
		d.mu.Unlock()
		return nil
	}
	off := seg.off
	d.mu.Unlock()
	if err := seg.file.Sync(); err != nil {
		d.mu.Lock()
		seg.broken = true
		d.mu.Unlock()
		return fmt.Errorf("fsync segment %s: %w", seg.path, err)
	}
	w.settle(seg, n, off)
	return nil
}

// settle takes n durable blocks, which end at off, off the list. The caller holds syncing.
func (w *Writer) settle(seg *segment, n int, off int64) {
	d := &w.disk
	if n == 0 {
		return
	}
	d.mu.Lock()
	seg.synced = off // I10
	last := d.unsynced[n-1]
	seq, records := last.header.lastSeq(), last.records
	for _, blk := range d.unsynced[:n] {
		d.bytes -= int64(len(blk.data))
		d.recycle(blk)
	}
	d.unsynced = slices.Delete(d.unsynced, 0, n)
	d.mu.Unlock()
	w.noteSynced(seg.id, seq, records)
}

// mend writes the blocks since the last good fsync again, to a new file. It may be tried
// again.
func (w *Writer) mend() error {
	d := &w.disk
	d.syncing.Lock()
	defer d.syncing.Unlock()
	if d.seg == nil || !d.seg.broken {
		return nil
	}
	return w.reappend()
}

// sealStale tries to seal the files that mend replaced. One that cannot be sealed holds up
// nobody: it is tried again later, at the latest by the next Open.
func (w *Writer) sealStale() {
	d := &w.disk
	d.syncing.Lock()
	defer d.syncing.Unlock()
	for len(d.stale) > 0 {
		if err := w.seal(d.stale[0]); err != nil {
			w.log.Warn("replaced segment is not sealed yet", "error", err)
			return
		}
		d.mu.Lock()
		d.stale = d.stale[1:]
		d.mu.Unlock()
	}
}

// reappend writes the unsynced blocks to a new file under the same numbers. The new file
// gets its name once it is durable: until then the old one, which may be whole for all we
// know, is what recovery finds. Where the new one has the same first number it takes the
// old one's place. The caller holds syncing.
func (w *Writer) reappend() error {
	d := &w.disk
	old, blocks := d.seg, d.unsynced
	if len(blocks) == 0 {
		d.mu.Lock()
		defer d.mu.Unlock()
		old.broken = false
		d.seg, d.stale = nil, append(d.stale, old)
		return nil
	}
	h := old.segmentHeader
	h.first, h.start = blocks[0].header.firstSeq, blocks[0].header.first
	h.reserved = h.first + reserve
	folder := filepath.Join(w.dir, h.id)
	path := segmentPath(folder, h.first, StateOpen)
	seg, err := w.create(h, old.number, path+tmpSuffix)
	if err != nil {
		return err
	}
	for _, blk := range blocks {
		if err = seg.write(blk); err != nil {
			break
		}
	}
	if err == nil {
		err = seg.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write segment %s again: %w", path, err), seg.file.Close(), w.fs.Remove(seg.path))
	}
	if err := w.fs.Rename(seg.path, path); err != nil {
		return errors.Join(err, seg.file.Close())
	}
	seg.path = path
	d.mu.Lock()
	d.seg = seg
	if old.path != path {
		kept := len(old.entries)
		for kept > 0 && old.entries[kept-1].firstSeq >= h.first {
			kept--
		}
		old.entries, old.rooms, old.broken = old.entries[:kept], old.rooms[:kept], false
		// What could not be written stays lost however often it is written there again: a
		// footer behind it would be as well. Cut off, it leaves room that is new.
		old.off = old.synced
		d.stale = append(d.stale, old)
	}
	d.mu.Unlock()
	w.log.Warn("journal written again to a new segment", "segment", path, "blocks", len(blocks))
	w.mu.Lock()
	w.resnap = true
	w.mu.Unlock()
	if old.path == path {
		if err := old.file.Close(); err != nil {
			w.log.Warn("close of a replaced segment", "segment", path, "error", err)
		}
	}
	if err := w.fs.SyncDir(folder); err != nil {
		d.mu.Lock()
		seg.broken = true
		d.mu.Unlock()
		return fmt.Errorf("write segment %s again: %w", path, err)
	}
	w.settle(seg, len(blocks), seg.off)
	return nil
}

// sealAll seals the present segment, if any, and what it replaced.
func (w *Writer) sealAll() error {
	if err := w.mend(); err != nil {
		return err
	}
	w.sealStale()
	d := &w.disk
	d.syncing.Lock()
	defer d.syncing.Unlock()
	if d.seg == nil {
		return nil
	}
	seg, n := d.seg, len(d.unsynced)
	if err := w.seal(seg); err != nil {
		return err
	}
	w.settle(seg, n, seg.off)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seg = nil
	return nil
}

// seal finishes a segment: footer, fsync, rename, fsync of the folder. The file's content
// is durable before its name says so, and the name before anybody relies on it. A segment
// is sealed without a footer where there is no room for one; readers then search it. The
// caller holds syncing; it may be tried again.
func (w *Writer) seal(s *segment) error {
	sealed := segmentPath(filepath.Dir(s.path), s.first, StateSealed)
	if s.path != sealed {
		next := s.first
		if n := len(s.entries); n > 0 {
			next = s.entries[n-1].lastSeq() + 1
		}
		// Room that was filled ahead, or what an earlier try left.
		if err := s.file.Truncate(s.off); err != nil {
			return fmt.Errorf("seal %s: %w", s.path, err)
		}
		s.alloc = s.off
		if _, err := s.file.WriteAt(encodeFooter(s.identity, s.entries, s.rooms, footer{index: s.off, next: next, synced: s.off}), s.off); err != nil {
			w.log.Warn("segment sealed without a footer", "segment", s.path, "error", err)
			if err := s.file.Truncate(s.off); err != nil {
				return fmt.Errorf("seal %s: %w", s.path, err)
			}
		}
		if err := s.file.Sync(); err != nil {
			w.disk.mu.Lock()
			s.broken = true
			w.disk.mu.Unlock()
			return fmt.Errorf("seal %s: %w", s.path, err)
		}
		if err := w.fs.Rename(s.path, sealed); err != nil {
			return fmt.Errorf("seal %s: %w", s.path, err)
		}
		s.path = sealed
	}
	if err := w.fs.SyncDir(filepath.Dir(sealed)); err != nil {
		return fmt.Errorf("seal %s: %w", sealed, err)
	}
	w.log.Info("segment sealed", "segment", sealed, "blocks", len(s.entries), "bytes", s.off)
	return s.file.Close()
}

// close lets go of the files, sealed or not.
func (d *disk) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	if d.seg != nil {
		err = d.seg.file.Close()
	}
	for _, s := range d.stale {
		err = errors.Join(err, s.file.Close())
	}
	d.seg, d.stale = nil, nil
	return err
}
