package bilibili

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zlib"
)

// brotliQuality is low: only the stand-in packs, and it must outrun who reads from it.
const brotliQuality = 2

// deflater is what both encoders have in common.
type deflater interface {
	io.WriteCloser
	Reset(io.Writer)
}

// Encoders are large; a stand-in for the service makes thousands of packets a second.
var (
	zlibWriters   = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}
	brotliWriters = sync.Pool{New: func() any { return brotli.NewWriterLevel(nil, brotliQuality) }}
)

// Pack appends one [OpMessage] packet whose body is packets, already framed one after the
// other, compressed as v says: [VersionZlib] or [VersionBrotli]. Equal input gives equal
// bytes. It may be called concurrently.
func Pack(dst []byte, v Version, packets []byte) ([]byte, error) {
	var pool *sync.Pool
	switch v {
	case VersionZlib:
		pool = &zlibWriters
	case VersionBrotli:
		pool = &brotliWriters
	default:
		return dst, fmt.Errorf("pack packets: version %d does not compress", v)
	}
	var body bytes.Buffer
	w := pool.Get().(deflater)
	defer pool.Put(w)
	w.Reset(&body)
	if _, err := w.Write(packets); err != nil {
		return dst, fmt.Errorf("pack packets: %w", err)
	}
	if err := w.Close(); err != nil {
		return dst, fmt.Errorf("pack packets: %w", err)
	}
	return AppendPacket(dst, Packet{Version: v, Operation: OpMessage, Body: body.Bytes()}), nil
}
