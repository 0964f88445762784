package journal

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	"danmaku-archiver/schema"
)

// Part of the format; do not change.
const (
	formatVersion = 1

	headerSize      = 64
	blockHeaderSize = 72
	indexEntrySize  = 48
	trailerSize     = 112

	headerMagic  = "DANMAKUJ"
	blockMagic   = "\xd5BL\x1a"
	trailerMagic = "DANMAKUF"

	// reserve is how many sequence numbers a segment's header sets aside: recovery
	// resumes above them, so that no number is ever given twice.
	reserve = 1 << 20

	compressionNone = 0
	compressionZstd = 1

	// flagRecovered tells that a later run sealed the segment: its writer did not.
	flagRecovered = 1
)

// Limits. They protect a reader from allocating by a damaged length.
const (
	// MaxPayload is the longest payload that Append takes.
	MaxPayload = 8 << 20
	// maxSnapshot is the longest snapshot that the writer writes itself.
	maxSnapshot = 64 << 20
	// maxBody is the longest body of a block before compression: one snapshot alone.
	maxBody = maxSnapshot + 64
	// maxRecordOverhead bounds what a record costs beside its payload.
	maxRecordOverhead = 3*binary.MaxVarintLen64 + 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// identity is what binds a file's checksums to its place, so that bytes of another
// journal or segment never pass for its own.
type identity struct {
	id    string
	first int64
}

func (n identity) seed() uint32 {
	var b [16]byte
	if id, err := strconv.ParseUint(n.id, 16, 64); err == nil {
		binary.BigEndian.PutUint64(b[:], id)
	}
	binary.LittleEndian.PutUint64(b[8:], uint64(n.first))
	// Not by the package's function: handed to that, b would be allocated for each block.
	crc := ^uint32(0)
	for _, v := range b {
		crc = castagnoli[byte(crc)^v] ^ crc>>8
	}
	return ^crc
}

// segmentHeader is the first part of a segment.
type segmentHeader struct {
	identity
	created  int64 // when the journal was made
	reserved int64 // the first number that the segment may not use
	start    int64 // receive time of its first record
}

func (h segmentHeader) encode() []byte {
	b := make([]byte, headerSize)
	copy(b, headerMagic)
	binary.LittleEndian.PutUint16(b[8:], formatVersion)
	binary.LittleEndian.PutUint16(b[10:], headerSize)
	raw, _ := hex.DecodeString(h.id)
	copy(b[16:24], raw)
	binary.LittleEndian.PutUint64(b[24:], uint64(h.created))
	binary.LittleEndian.PutUint64(b[32:], uint64(h.first))
	binary.LittleEndian.PutUint64(b[40:], uint64(h.reserved))
	binary.LittleEndian.PutUint64(b[48:], uint64(h.start))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

var errHeader = errors.New("unreadable segment header")

// parseHeader returns errHeader (wrapped) for a damaged header. A header of a later
// format is another error: such a segment is whole and must not be touched.
func parseHeader(b []byte, want identity) (segmentHeader, error) {
	if len(b) < headerSize || string(b[:8]) != headerMagic ||
		binary.LittleEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli) {
		return segmentHeader{}, errHeader
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != formatVersion {
		return segmentHeader{}, fmt.Errorf("segment has format %d, this program reads %d: use a later version", v, formatVersion)
	}
	h := segmentHeader{
		identity: identity{id: hex.EncodeToString(b[16:24]), first: int64(binary.LittleEndian.Uint64(b[32:]))},
		created:  int64(binary.LittleEndian.Uint64(b[24:])),
		reserved: int64(binary.LittleEndian.Uint64(b[40:])),
		start:    int64(binary.LittleEndian.Uint64(b[48:])),
	}
	if h.identity != want || h.reserved != h.first+reserve {
		return segmentHeader{}, fmt.Errorf("%w: it belongs to journal %s, number %d", errHeader, h.id, h.first)
	}
	return h, nil
}

// blockHeader describes one block. Its numbers follow each other without hole.
type blockHeader struct {
	firstSeq    int64
	records     uint32
	commands    uint32
	first, last int64 // receive times
	body        uint32
	raw         uint32
	compression uint8
	bodyCRC     uint32
	synced      int64 // I10: up to here an fsync of the segment had returned
}

func (h *blockHeader) lastSeq() int64 { return h.firstSeq + int64(h.records) - 1 }

// size is the length of the whole block in the file.
func (h *blockHeader) size() int64 { return blockHeaderSize + int64(h.body) }

// put writes the header for a block that stands at offset off of the segment. The offset
// is in the header so that a payload that looks like a block never passes for one.
func (h *blockHeader) put(b []byte, n identity, off int64) {
	copy(b, blockMagic)
	b[4], b[5] = h.compression, 0
	binary.LittleEndian.PutUint16(b[6:], blockHeaderSize)
	binary.LittleEndian.PutUint64(b[8:], uint64(off))
	binary.LittleEndian.PutUint64(b[16:], uint64(h.firstSeq))
	binary.LittleEndian.PutUint32(b[24:], h.records)
	binary.LittleEndian.PutUint32(b[28:], h.commands)
	binary.LittleEndian.PutUint64(b[32:], uint64(h.first))
	binary.LittleEndian.PutUint64(b[40:], uint64(h.last))
	binary.LittleEndian.PutUint32(b[48:], h.body)
	binary.LittleEndian.PutUint32(b[52:], h.raw)
	binary.LittleEndian.PutUint64(b[56:], uint64(h.synced))
	binary.LittleEndian.PutUint32(b[64:], h.bodyCRC)
	binary.LittleEndian.PutUint32(b[68:], crc32.Update(n.seed(), castagnoli, b[:68]))
}

// parseBlockHeader reports whether b holds a block's header, written for that offset of
// that segment, with lengths that can be true.
func parseBlockHeader(b []byte, n identity, off int64) (blockHeader, bool) {
	if len(b) < blockHeaderSize || string(b[:4]) != blockMagic ||
		binary.LittleEndian.Uint64(b[8:]) != uint64(off) ||
		binary.LittleEndian.Uint32(b[68:]) != crc32.Update(n.seed(), castagnoli, b[:68]) {
		return blockHeader{}, false
	}
	h := blockHeader{
		compression: b[4],
		firstSeq:    int64(binary.LittleEndian.Uint64(b[16:])),
		records:     binary.LittleEndian.Uint32(b[24:]),
		commands:    binary.LittleEndian.Uint32(b[28:]),
		first:       int64(binary.LittleEndian.Uint64(b[32:])),
		last:        int64(binary.LittleEndian.Uint64(b[40:])),
		body:        binary.LittleEndian.Uint32(b[48:]),
		raw:         binary.LittleEndian.Uint32(b[52:]),
		synced:      int64(binary.LittleEndian.Uint64(b[56:])),
		bodyCRC:     binary.LittleEndian.Uint32(b[64:]),
	}
	ok := h.firstSeq >= n.first && h.firstSeq < n.first+reserve && h.lastSeq() < n.first+reserve && h.records > 0 && h.commands <= h.records &&
		h.first <= h.last && h.raw <= maxBody && h.body <= h.raw && h.compression <= compressionZstd &&
		h.synced >= headerSize && h.synced <= off
	return h, ok
}

// indexEntry is one block in a footer's index.
type indexEntry struct {
	off         int64
	firstSeq    int64
	first, last int64
	body        uint32
	records     uint32
	commands    uint32
}

func (e *indexEntry) end() int64     { return e.off + blockHeaderSize + int64(e.body) }
func (e *indexEntry) lastSeq() int64 { return e.firstSeq + int64(e.records) - 1 }

func entryOf(h *blockHeader, off int64) indexEntry {
	return indexEntry{off: off, firstSeq: h.firstSeq, first: h.first, last: h.last,
		body: h.body, records: h.records, commands: h.commands}
}

// footer is the last part of a sealed segment: the index of its blocks, and a summary.
type footer struct {
	index     int64 // where the index begins, and the blocks end
	blocks    uint32
	recovered bool
	summary
	next int64 // the first number that the journal may give after this segment
	cut  int64 // bytes of torn tail that recovery cut off
	// synced is up to where the blocks were fsynced, for all that is known, before the
	// segment was sealed: recovery tells it from the blocks.
	synced   int64
	rooms    uint32 // length of the part that tells the blocks' rooms
	crc      uint32 // of the index
	roomsCRC uint32
}

// roomsAt is where the part begins that tells the blocks' rooms.
func (f *footer) roomsAt() int64 { return f.index + int64(f.blocks)*indexEntrySize }

// summary is what is known of the records of a segment.
type summary struct {
	firstSeq, lastSeq int64
	first, last       int64
	records, commands int64
}

func (s *summary) add(e *indexEntry) {
	if s.records == 0 {
		s.firstSeq, s.first = e.firstSeq, e.first
	}
	s.lastSeq, s.last = e.lastSeq(), e.last
	s.records += int64(e.records)
	s.commands += int64(e.commands)
}

// encodeFooter sums up the entries. A last number and time that are given stay where they
// are later: blocks that are promised but damaged held them. The sets are the rooms of
// each entry's block.
func encodeFooter(n identity, entries []indexEntry, sets [][]schema.RoomID, f footer) []byte {
	rooms := encodeRooms(sets)
	b := make([]byte, 0, len(entries)*indexEntrySize+len(rooms)+trailerSize)
	lostSeq, lostAt := f.lastSeq, f.last
	f.summary = summary{}
	for i := range entries {
		e := &entries[i]
		f.add(e)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.off))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.firstSeq))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.first))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.last))
		b = binary.LittleEndian.AppendUint32(b, e.body)
		b = binary.LittleEndian.AppendUint32(b, e.records)
		b = binary.LittleEndian.AppendUint32(b, e.commands)
		b = binary.LittleEndian.AppendUint32(b, 0)
	}
	f.lastSeq, f.last = max(f.lastSeq, lostSeq), max(f.last, lostAt)
	crc := crc32.Checksum(b, castagnoli)
	b = append(b, rooms...)
	start := len(b)
	b = append(b, trailerMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.index))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(entries)))
	var flags uint32
	if f.recovered {
		flags |= flagRecovered
	}
	b = binary.LittleEndian.AppendUint32(b, flags)
	for _, v := range []int64{f.firstSeq, f.lastSeq, f.first, f.last, f.records, f.commands, f.next, f.cut, f.synced} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rooms)))
	b = binary.LittleEndian.AppendUint32(b, crc)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(rooms, castagnoli))
	return binary.LittleEndian.AppendUint32(b, crc32.Update(n.seed(), castagnoli, b[start:]))
}

// parseTrailer reads the fixed end of a footer; size is the segment's length.
func parseTrailer(b []byte, n identity, size int64) (footer, bool) {
	if len(b) != trailerSize || string(b[:8]) != trailerMagic ||
		binary.LittleEndian.Uint32(b[108:]) != crc32.Update(n.seed(), castagnoli, b[:108]) {
		return footer{}, false
	}
	i64 := func(at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }
	f := footer{
		index:     i64(8),
		blocks:    binary.LittleEndian.Uint32(b[16:]),
		recovered: binary.LittleEndian.Uint32(b[20:])&flagRecovered != 0,
		summary:   summary{firstSeq: i64(24), lastSeq: i64(32), first: i64(40), last: i64(48), records: i64(56), commands: i64(64)},
		next:      i64(72),
		cut:       i64(80),
		synced:    i64(88),
		rooms:     binary.LittleEndian.Uint32(b[96:]),
		crc:       binary.LittleEndian.Uint32(b[100:]),
		roomsCRC:  binary.LittleEndian.Uint32(b[104:]),
	}
	ok := f.index >= headerSize && f.index <= size && f.roomsAt()+int64(f.rooms)+trailerSize == size
	return f, ok
}

// parseIndex reads the entries that the trailer announced.
func parseIndex(b []byte, f footer) ([]indexEntry, bool) {
	if crc32.Checksum(b, castagnoli) != f.crc {
		return nil, false
	}
	entries := make([]indexEntry, f.blocks)
	end := int64(headerSize)
	for i := range entries {
		e := b[i*indexEntrySize:]
		entries[i] = indexEntry{
			off:      int64(binary.LittleEndian.Uint64(e)),
			firstSeq: int64(binary.LittleEndian.Uint64(e[8:])),
			first:    int64(binary.LittleEndian.Uint64(e[16:])),
			last:     int64(binary.LittleEndian.Uint64(e[24:])),
			body:     binary.LittleEndian.Uint32(e[32:]),
			records:  binary.LittleEndian.Uint32(e[36:]),
			commands: binary.LittleEndian.Uint32(e[40:]),
		}
		if entries[i].off < end || entries[i].end() > f.index {
			return nil, false
		}
		end = entries[i].end()
	}
	return entries, true
}

// appendRecord encodes one record of a block; delta is the time since the one before it.
func appendRecord(dst []byte, room schema.RoomID, kind schema.Kind, delta int64, payload []byte) []byte {
	dst = append(dst, byte(kind))
	dst = binary.AppendVarint(dst, int64(room))
	dst = binary.AppendUvarint(dst, uint64(delta))
	dst = binary.AppendUvarint(dst, uint64(len(payload)))
	return append(dst, payload...)
}

// nextRecord decodes the first record of body into rec, whose ReceivedAt holds the time
// of the record before it, and returns what follows.
func nextRecord(body []byte, rec *schema.Record) (rest []byte, ok bool) {
	if len(body) == 0 {
		return nil, false
	}
	rec.Kind, body = schema.Kind(body[0]), body[1:]
	room, n := binary.Varint(body)
	if n <= 0 {
		return nil, false
	}
	body = body[n:]
	delta, n := binary.Uvarint(body)
	if n <= 0 {
		return nil, false
	}
	body = body[n:]
	size, n := binary.Uvarint(body)
	if n <= 0 || size > uint64(len(body)-n) {
		return nil, false
	}
	body = body[n:]
	rec.Room = schema.RoomID(room)
	rec.ReceivedAt += int64(delta)
	rec.Payload = body[:size:size]
	return body[size:], true
}
