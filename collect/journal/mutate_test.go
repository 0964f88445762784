package journal

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// laterVersion returns the header with a higher version and a good checksum.
func laterVersion(b []byte) []byte {
	b = slices.Clone(b)
	b[8]++
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// repaired makes the checksums of the first block and of the trailer good, so that a
// fuzzer's changes get past them.
func repaired(data []byte, n identity) []byte {
	data = slices.Clone(data)
	if len(data) >= headerSize+blockHeaderSize {
		b := data[headerSize:]
		body := min(int64(binary.LittleEndian.Uint32(b[48:])), int64(len(b)-blockHeaderSize))
		binary.LittleEndian.PutUint32(b[56:], crc32.Checksum(b[blockHeaderSize:blockHeaderSize+body], castagnoli))
		binary.LittleEndian.PutUint32(b[60:], crc32.Update(n.seed(), castagnoli, b[:60]))
	}
	if len(data) >= headerSize+trailerSize {
		b := data[len(data)-trailerSize:]
		if at := int64(binary.LittleEndian.Uint64(b[8:])); at >= 0 && at <= int64(len(data)-trailerSize) {
			binary.LittleEndian.PutUint32(b[88:], crc32.Checksum(data[at:len(data)-trailerSize], castagnoli))
		}
		binary.LittleEndian.PutUint32(b[92:], crc32.Update(n.seed(), castagnoli, b[:92]))
	}
	return data
}
