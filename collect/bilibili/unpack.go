package bilibili

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zlib"
)

// Limits of one message; what they protect from is memory and time spent on the word of
// a stranger (wzgrx/pure_live defends with such ones).
const (
	maxInflated = 16 << 20 // bytes that one compressed body may inflate to
	maxMessage  = 64 << 20 // bytes that all compressed bodies of a message may inflate to
	maxPackets  = 4096
	maxNesting  = 2 // compressed bodies within compressed bodies; one level is the rule

	// keptBuffer is how large an inflate buffer may grow and still be kept for the next
	// message, keptMessage the same for a connection's own.
	keptBuffer  = 1 << 20
	keptMessage = 64 << 10
)

// Causes that [Unpacker.Unpack] gives for what it skips.
const (
	CauseMessageTooLarge  = "message_too_large"
	CauseLength           = "wrong_length"
	CauseHeaderLength     = "wrong_header_length"
	CauseTooManyPackets   = "too_many_packets"
	CauseNesting          = "nested_too_deep"
	CauseInflate          = "inflate_failed"
	CauseInflatedTooLarge = "inflated_too_large"
	CauseOperation        = "unknown_operation"
	CauseVersion          = "unknown_version"
)

// Decoders and buffers are needed only while a message is taken apart, and a brotli
// decoder alone takes more than all else of a connection: thousands of them share a few.
var (
	brotliReaders = sync.Pool{New: func() any { return brotli.NewReader(nil) }}
	zlibReaders   sync.Pool
	buffers       = sync.Pool{New: func() any { return new([]byte) }}
)

// Unpacker takes messages apart, one at a time. The zero value is ready; it is not safe
// for concurrent use.
type Unpacker struct {
	// Of the message at hand.
	packets  int
	inflated int
	packet   func(Packet) error
	bad      func(string, []byte) error
}

// Unpack calls packet for every packet of the message that is not a container of others,
// in order, and bad for what it skips, with the cause:
//
//   - a packet of unknown operation or version, or of a wrong header length, is skipped,
//     and nothing else;
//   - a packet above [MaxMessage] that comes out of a compressed body is skipped, and
//     nothing else;
//   - a compressed body that does not inflate completely, or to too much, is skipped whole,
//     and nothing else;
//   - where a packet's length is wrong, the rest of the sequence of packets that it stands in is
//     skipped (inside a compressed body: of that body), what came before it is kept;
//   - beyond the limits of a message its rest is skipped.
//
// Bytes behind a heartbeat reply that are no packet are ignored: the service echoes the
// client's heartbeat there without counting it (SocialSisterYi/bilibili-API-collect,
// xfgryujk/blivedm). The error is the first one that packet or bad returned; what they
// are given is lent.
func (u *Unpacker) Unpack(message []byte, packet func(p Packet) error, bad func(cause string, packet []byte) error) error {
	if len(message) > MaxMessage {
		return bad(CauseMessageTooLarge, message)
	}
	u.packets, u.inflated = 0, 0
	u.packet, u.bad = packet, bad
	err := u.sequence(message, 0)
	u.packet, u.bad = nil, nil
	if errors.Is(err, errMessageOver) {
		return nil
	}
	return err
}

// errMessageOver unwinds from nested sequences when the rest of a message is skipped.
var errMessageOver = errors.New("rest of the message skipped")

func (u *Unpacker) sequence(b []byte, depth int) error {
	reply := false
	for len(b) > 0 {
		p, raw, rest, cause := next(b)
		if cause != "" && reply {
			return nil
		}
		if u.packets++; u.packets > maxPackets {
			return u.over(CauseTooManyPackets, b)
		}
		var err error
		if cause != "" {
			err = u.bad(cause, raw)
		} else {
			err = u.one(p, raw, depth)
		}
		if err != nil {
			return err
		}
		reply = p.Operation == OpHeartbeatReply
		b = rest
	}
	return nil
}

func (u *Unpacker) over(cause string, packet []byte) error {
	if err := u.bad(cause, packet); err != nil {
		return err
	}
	return errMessageOver
}

func (u *Unpacker) one(p Packet, raw []byte, depth int) error {
	switch {
	case len(raw) > MaxMessage:
		return u.bad(CauseMessageTooLarge, raw)
	case !p.Operation.known():
		return u.bad(CauseOperation, raw)
	case p.Version > VersionBrotli:
		return u.bad(CauseVersion, raw)
	case p.Operation != OpMessage || p.Version < VersionZlib:
		return u.packet(p)
	case depth == maxNesting:
		return u.bad(CauseNesting, raw)
	}
	buffer := buffers.Get().(*[]byte)
	packets, err := u.inflate(p, (*buffer)[:0])
	defer func() {
		if *buffer = packets; cap(packets) <= keptBuffer {
			buffers.Put(buffer)
		}
	}()
	switch {
	case errors.Is(err, errInflatedTooLarge) && u.inflated > maxMessage:
		return u.over(CauseInflatedTooLarge, raw)
	case errors.Is(err, errInflatedTooLarge):
		return u.bad(CauseInflatedTooLarge, raw)
	case err != nil:
		return u.bad(CauseInflate, raw)
	}
	return u.sequence(packets, depth+1)
}

var errInflatedTooLarge = errors.New("inflates to too much")

// inflate appends the whole inflated body to out.
func (u *Unpacker) inflate(p Packet, out []byte) ([]byte, error) {
	r, release, err := decompressor(p.Version, bytes.NewReader(p.Body))
	if err != nil {
		return out, err
	}
	defer release()
	limit := min(maxInflated, maxMessage-u.inflated)
	for err == nil {
		out = slices.Grow(out, 512)
		var n int
		// One byte more than allowed is asked for: that it is there proves the excess.
		n, err = r.Read(out[len(out):min(cap(out), limit+1)])
		out = out[:len(out)+n]
		if len(out) > limit {
			err = errInflatedTooLarge
		}
	}
	u.inflated += len(out)
	if !errors.Is(err, io.EOF) {
		return out, err
	}
	return out, nil
}

// decompressor returns a decoder and how to give it back.
func decompressor(v Version, in *bytes.Reader) (r io.Reader, release func(), err error) {
	if v == VersionBrotli {
		r := brotliReaders.Get().(*brotli.Reader)
		return r, func() { brotliReaders.Put(r) }, r.Reset(in)
	}
	if r, ok := zlibReaders.Get().(io.ReadCloser); ok {
		return r, func() { zlibReaders.Put(r) }, r.(zlib.Resetter).Reset(in, nil)
	}
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, nil, err
	}
	return z, func() { zlibReaders.Put(z) }, nil
}
