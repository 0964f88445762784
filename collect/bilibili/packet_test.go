package bilibili

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func message(body string) Packet {
	return Packet{Version: VersionPlain, Operation: OpMessage, Body: []byte(body)}
}

func frame(packets ...Packet) []byte {
	var b []byte
	for _, p := range packets {
		b = AppendPacket(b, p)
	}
	return b
}

func TestAppendPacketWritesTheHeader(t *testing.T) {
	got := AppendPacket([]byte("before"), Packet{Version: VersionBrotli, Operation: OpAck, Sequence: 0x01020304, Body: []byte("body")})
	want := []byte("before\x00\x00\x00\x14\x00\x10\x00\x03\x00\x00\x00\x18\x01\x02\x03\x04body")
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestReadPacket(t *testing.T) {
	stream := frame(message(`{"cmd":"A"}`), message(strings.Repeat("x", 3*readChunk)), Packet{Operation: OpAuthReply})
	for name, r := range map[string]io.Reader{
		"at once":     bytes.NewReader(stream),
		"byte wise":   iotest.OneByteReader(bytes.NewReader(stream)),
		"data at EOF": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			in := bufio.NewReader(r)
			var got, buf []byte
			for {
				raw, err := ReadPacket(in, buf)
				if err != nil {
					if err != io.EOF {
						t.Errorf("stream ends with %v, want io.EOF", err)
					}
					break
				}
				got, buf = append(got, raw...), raw
			}
			if !bytes.Equal(got, stream) {
				t.Errorf("read %d bytes that differ from the %d written", len(got), len(stream))
			}
		})
	}
}

func TestReadPacketErrors(t *testing.T) {
	whole := frame(message("12345678"))
	broken := func(offset int, value byte) []byte {
		b := bytes.Clone(whole)
		b[offset] = value
		return b
	}
	for name, c := range map[string]struct {
		stream []byte
		want   error
	}{
		"nothing":          {nil, io.EOF},
		"part of a header": {whole[:15], io.ErrUnexpectedEOF},
		"header alone":     {whole[:16], io.ErrUnexpectedEOF},
		"part of a body":   {whole[:20], io.ErrUnexpectedEOF},
		"short length":     {broken(3, 15), ErrMisaligned},
		"huge length":      {broken(0, 1), ErrMisaligned},
		"short header":     {broken(5, 15), nil},
		"header too long":  {broken(5, 25), nil},
		"some other text":  {[]byte("HTTP/1.1 403 Forbidden\r\n\r\n"), ErrMisaligned},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadPacket(bufio.NewReader(bytes.NewReader(c.stream)), nil); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestReadPacketTakesALongerHeader(t *testing.T) {
	raw := []byte("\x00\x00\x00\x16\x00\x14\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00????{}")
	got, err := ReadPacket(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil || !bytes.Equal(got, raw) {
		t.Fatalf("got %x, %v", got, err)
	}
	var bodies []string
	var u Unpacker
	err = u.Unpack(got, func(p Packet) error { bodies = append(bodies, string(p.Body)); return nil }, noBad(t))
	if diff := cmp.Diff([]string{"{}"}, bodies); diff != "" || err != nil {
		t.Errorf("bodies (-want +got):\n%s%v", diff, err)
	}
}

func FuzzReadPacket(f *testing.F) {
	f.Add(frame(message("{}"), Packet{Operation: OpHeartbeatReply, Version: VersionControl, Body: []byte{0, 0, 0, 1}}))
	f.Add([]byte("\x00\x7f\xff\xff\x00\x10\x00\x00"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := bufio.NewReader(bytes.NewReader(stream))
		var all []byte
		for {
			raw, err := ReadPacket(in, nil)
			if err != nil {
				break
			}
			if len(raw) < HeaderSize || cap(raw) > 2*len(stream)+2*readChunk {
				t.Fatalf("packet of %d bytes, %d allocated, from a stream of %d", len(raw), cap(raw), len(stream))
			}
			all = append(all, raw...)
		}
		if !bytes.HasPrefix(stream, all) {
			t.Fatal("the packets read are not what the stream began with")
		}
	})
}
