package bilibili

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Part of the wire protocol; do not change.
const (
	// HeaderSize is the length of a packet's header in bytes.
	HeaderSize = 16

	offsetLength    = 0  // uint32: header and body
	offsetHeader    = 4  // uint16: header alone
	offsetVersion   = 6  // uint16
	offsetOperation = 8  // uint32
	offsetSequence  = 12 // uint32
)

// MaxMessage is the longest packet of a TCP stream and the longest WebSocket message that
// is taken, in bytes. It keeps a wrong length from exhausting memory; real messages are a
// thousand times smaller.
const MaxMessage = 8 << 20

// ErrMisaligned says that a stream's next bytes are no packet: the reader lost its place
// and cannot find it again.
var ErrMisaligned = errors.New("stream lost its alignment")

// Operation says what a packet is for. The names follow xfgryujk/blivedm.
type Operation uint32

// The operations in use between a web client and the service.
const (
	OpHeartbeat      Operation = 2  // client to service, every 30 s
	OpHeartbeatReply Operation = 3  // a uint32, the room's popularity
	OpMessage        Operation = 5  // a command, or packets compressed together
	OpAuth           Operation = 7  // client to service, first of all
	OpAuthReply      Operation = 8  // {"code":0} where accepted
	OpAck            Operation = 24 // client to service, for commands that ask for it (wzgrx/pure_live)
)

func (o Operation) known() bool {
	switch o {
	case OpHeartbeat, OpHeartbeatReply, OpMessage, OpAuth, OpAuthReply, OpAck:
		return true
	}
	return false
}

// Version says how a packet's body is written. It is the packet's own, whatever the
// connection's other packets have.
type Version uint16

// The versions (SocialSisterYi/bilibili-API-collect).
const (
	VersionPlain   Version = 0 // JSON
	VersionControl Version = 1 // auth, heartbeat and their replies
	VersionZlib    Version = 2 // packets, compressed with zlib
	VersionBrotli  Version = 3 // packets, compressed with brotli
)

// Packet is one packet of the wire protocol.
type Packet struct {
	Version   Version
	Operation Operation
	Sequence  uint32
	Body      []byte
}

// AppendPacket appends the packet, header and body, to dst.
func AppendPacket(dst []byte, p Packet) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(HeaderSize+len(p.Body)))
	dst = binary.BigEndian.AppendUint16(dst, HeaderSize)
	dst = binary.BigEndian.AppendUint16(dst, uint16(p.Version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Operation))
	dst = binary.BigEndian.AppendUint32(dst, p.Sequence)
	return append(dst, p.Body...)
}

// next cuts the first packet off b. It reports the cause where b does not begin with a
// sound one; rest is then what follows it, or nothing where its length is wrong too.
func next(b []byte) (p Packet, raw, rest []byte, cause string) {
	if len(b) < HeaderSize {
		return Packet{}, b, nil, CauseLength
	}
	length := uint64(binary.BigEndian.Uint32(b[offsetLength:]))
	header := uint64(binary.BigEndian.Uint16(b[offsetHeader:]))
	if length < HeaderSize || length > uint64(len(b)) {
		return Packet{}, b, nil, CauseLength
	}
	raw, rest = b[:length], b[length:]
	if header < HeaderSize || header > length {
		return Packet{}, raw, rest, CauseHeaderLength
	}
	return Packet{
		Version:   Version(binary.BigEndian.Uint16(raw[offsetVersion:])),
		Operation: Operation(binary.BigEndian.Uint32(raw[offsetOperation:])),
		Sequence:  binary.BigEndian.Uint32(raw[offsetSequence:]),
		Body:      raw[header:],
	}, raw, rest, ""
}

// readChunk is how much ReadPacket allocates on the word of a length alone.
const readChunk = 64 << 10

// ReadPacket reads one whole packet, header included, from a TCP stream into buf, which
// it grows where needed. The error is [io.EOF] where the stream ends before a packet,
// [io.ErrUnexpectedEOF] where it ends within one, and wraps [ErrMisaligned] where the
// length is none of a packet's or more than [MaxMessage]. The rest of the header is not
// looked at: what is wrong there costs the packet, not the stream.
func ReadPacket(r *bufio.Reader, buf []byte) (raw []byte, err error) {
	raw = slices.Grow(buf[:0], HeaderSize)[:HeaderSize]
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	length := int64(binary.BigEndian.Uint32(raw[offsetLength:]))
	if length < HeaderSize || length > MaxMessage {
		return nil, fmt.Errorf("packet length %d: %w", length, ErrMisaligned)
	}
	for len(raw) < int(length) {
		n := min(int(length)-len(raw), max(len(raw), readChunk))
		raw = slices.Grow(raw, n)
		read, err := io.ReadFull(r, raw[len(raw):len(raw)+n])
		raw = raw[:len(raw)+read]
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
	return raw, nil
}
