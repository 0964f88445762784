package simulator

import "encoding/binary"

// Part of the protocol buffers' encoding: the wire types of numbers and of texts.
const (
	wireVarint = 0
	wireBytes  = 2
)

// appendNumber and appendText write a field; the value zero is left out, as proto3 does.
func appendNumber(b []byte, field uint64, v int64) []byte {
	if v == 0 {
		return b
	}
	b = binary.AppendUvarint(b, field<<3|wireVarint)
	return binary.AppendUvarint(b, uint64(v))
}

func appendText(b []byte, field uint64, v string) []byte {
	if v == "" {
		return b
	}
	b = binary.AppendUvarint(b, field<<3|wireBytes)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}
