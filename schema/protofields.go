package schema

import "encoding/binary"

// maxMessages is how deeply messages of unknown kinds are looked into.
const maxMessages = 8

// eachField calls fn with the fields of a protobuf message of unknown kind: number and
// value, or content where its length is sent with it (then not nil). It reports whether
// the bytes were such a message from end to end; fn has seen what came before the fault.
//
// The encoding is told in protobuf.dev/programming-guides/encoding.
func eachField(b []byte, fn func(number, value uint64, content []byte)) bool {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 == 0 || tag>>3 >= 1<<29 {
			return false
		}
		b = b[n:]
		switch tag & 7 {
		case 0:
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return false
			}
			fn(tag>>3, v, nil)
			b = b[n:]
		case 1, 5:
			size := 8
			if tag&7 == 5 {
				size = 4
			}
			if len(b) < size {
				return false
			}
			fn(tag>>3, 0, nil)
			b = b[size:]
		case 2:
			v, n := binary.Uvarint(b)
			if n <= 0 || v > uint64(len(b)-n) {
				return false
			}
			content := b[n : n+int(v) : n+int(v)]
			fn(tag>>3, 0, content)
			b = b[n+int(v):]
		default:
			return false
		}
	}
	return true
}
