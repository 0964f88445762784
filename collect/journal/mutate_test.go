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
		binary.LittleEndian.PutUint32(b[64:], crc32.Checksum(b[blockHeaderSize:blockHeaderSize+body], castagnoli))
		binary.LittleEndian.PutUint32(b[68:], crc32.Update(n.seed(), castagnoli, b[:68]))
	}
	if len(data) >= headerSize+trailerSize {
		b := data[len(data)-trailerSize:]
		if at := int64(binary.LittleEndian.Uint64(b[8:])); at >= 0 && at <= int64(len(data)-trailerSize) {
			index := data[at : len(data)-trailerSize]
			rooms := min(int(binary.LittleEndian.Uint32(b[96:])), len(index))
			binary.LittleEndian.PutUint32(b[100:], crc32.Checksum(index[:len(index)-rooms], castagnoli))
			binary.LittleEndian.PutUint32(b[104:], crc32.Checksum(index[len(index)-rooms:], castagnoli))
		}
		binary.LittleEndian.PutUint32(b[108:], crc32.Update(n.seed(), castagnoli, b[:108]))
	}
	return data
}
