package schema

import (
	"encoding/base64"
	"encoding/binary"
)

// wire pulls the fields out of one message of protocol buffers, from front to back,
// without allocating (protobuf.dev/programming-guides/encoding). No length is trusted.
// The loop is
//
//	for w.next() { switch w.field { … } }
//
// and callers look at bad once, at the end.
type wire struct {
	b   []byte
	bad bool

	// The present field: number is its value where it is a varint, bytes where text is true.
	// A field of fixed size has neither.
	field  uint64
	number int64
	bytes  []byte
	text   bool
}

// Part of the encoding: the wire types.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// next reads the next field and reports whether there is one.
func (w *wire) next() bool {
	if w.bad || len(w.b) == 0 {
		return false
	}
	tag := w.varint()
	w.field, w.number, w.bytes, w.text = tag>>3, 0, nil, false
	switch tag & 7 {
	case wireVarint:
		w.number = int64(w.varint())
	case wireFixed64:
		w.take(8)
	case wireBytes:
		w.bytes, w.text = w.take(w.varint()), true
	case wireFixed32:
		w.take(4)
	default:
		w.bad = true
	}
	w.bad = w.bad || w.field == 0
	return !w.bad
}

func (w *wire) varint() uint64 {
	v, n := binary.Uvarint(w.b)
	if n <= 0 {
		w.bad, w.b = true, nil
		return 0
	}
	w.b = w.b[n:]
	return v
}

func (w *wire) take(n uint64) []byte {
	if n > uint64(len(w.b)) {
		w.bad, w.b = true, nil
		return nil
	}
	b := w.b[:n]
	w.b = w.b[n:]
	return b
}

// decodePB decodes base64 into the decoder's buffer, valid until the next call.
func (d *Decoder) decodePB(t token) bool {
	if t.kind != '"' {
		return false
	}
	var err error
	d.pb, err = base64.StdEncoding.AppendDecode(d.pb[:0], d.bytes(t))
	return err == nil
}

// message decodes the message that stands in data's pb.
func (d *Decoder) message(data token) bool {
	return d.decodePB(data.get("pb")) || d.refuse(ReasonBase64)
}
