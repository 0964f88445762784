package bilibili

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func noBad(t testing.TB) func(string, []byte) error {
	return func(cause string, packet []byte) error {
		t.Helper()
		t.Errorf("bad packet %x: %s", packet, cause)
		return nil
	}
}

func mustPack(t testing.TB, v Version, packets []byte) []byte {
	t.Helper()
	b, err := Pack(nil, v, packets)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// setLength overwrites the length of the packet that b begins with.
func setLength(b []byte, length uint32) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b, length)
	return b
}

// unpacked lists what Unpack hands over: bodies as they are, bad packets as !cause.
func unpacked(t testing.TB, u *Unpacker, b []byte) []string {
	t.Helper()
	var got []string
	err := u.Unpack(b, func(p Packet) error {
		got = append(got, string(p.Body))
		return nil
	}, func(cause string, _ []byte) error {
		got = append(got, "!"+cause)
		return nil
	})
	if err != nil {
		t.Fatalf("unpack: %v", err)
	}
	return got
}

func TestUnpack(t *testing.T) {
	ab := frame(message("a"), message("b"))
	brotliAB, zlibAB := mustPack(t, VersionBrotli, ab), mustPack(t, VersionZlib, ab)
	c := frame(message("c"))
	nest := func(times int) []byte {
		b := ab
		for range times {
			b = mustPack(t, VersionBrotli, b)
		}
		return b
	}
	reply := frame(Packet{Version: VersionControl, Operation: OpHeartbeatReply, Body: []byte("1234")})
	joined := func(bs ...[]byte) []byte { return bytes.Join(bs, nil) }

	for name, tc := range map[string]struct {
		message []byte
		want    []string
	}{
		"nothing":               {nil, nil},
		"plain":                 {ab, []string{"a", "b"}},
		"empty body":            {frame(Packet{Version: VersionControl, Operation: OpAuthReply}), []string{""}},
		"brotli":                {brotliAB, []string{"a", "b"}},
		"zlib":                  {zlibAB, []string{"a", "b"}},
		"plain between":         {joined(brotliAB, c, zlibAB), []string{"a", "b", "c", "a", "b"}},
		"nested twice":          {nest(2), []string{"a", "b"}},
		"nested thrice":         {joined(nest(3), c), []string{"!nested_too_deep", "c"}},
		"compressed auth reply": {frame(Packet{Version: VersionBrotli, Operation: OpAuthReply, Body: []byte("{}")}), []string{"{}"}},

		"unknown operation": {joined(frame(Packet{Operation: 99}), c), []string{"!unknown_operation", "c"}},
		"unknown version":   {joined(frame(Packet{Operation: OpMessage, Version: 4}), c), []string{"!unknown_version", "c"}},
		"no compression":    {joined(frame(Packet{Operation: OpMessage, Version: VersionZlib, Body: []byte("text")}), c), []string{"!inflate_failed", "c"}},
		"no brotli at all":  {joined(frame(Packet{Operation: OpMessage, Version: VersionBrotli}), c), []string{"!inflate_failed", "c"}},
		"bytes behind zlib": {frame(Packet{Operation: OpMessage, Version: VersionZlib, Body: append(bytes.Clone(zlibAB[16:]), 0)}), []string{"a", "b"}},

		"part of a header":       {joined(c, c[:10]), []string{"c", "!wrong_length"}},
		"length beyond the end":  {joined(c, setLength(c, 18)), []string{"c", "!wrong_length"}},
		"length below a header":  {joined(c, setLength(c, 15), c), []string{"c", "!wrong_length"}},
		"length of zero":         {joined(setLength(c, 0), c), []string{"!wrong_length"}},
		"wrong length inside":    {joined(mustPack(t, VersionBrotli, joined(ab, setLength(c, 99), c)), c), []string{"a", "b", "!wrong_length", "c"}},
		"wrong header length":    {joined(c, []byte("\x00\x00\x00\x11\x00\x12\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00x"), c), []string{"c", "!wrong_header_length", "c"}},
		"heartbeat echo":         {joined(reply, []byte("[object Object]")), []string{"1234"}},
		"heartbeat echo, longer": {joined(reply, bytes.Repeat([]byte("{}"), 20)), []string{"1234"}},
		"packets behind a reply": {joined(reply, c), []string{"1234", "c"}},
		"echo of something else": {joined(c, []byte("[object Object]")), []string{"c", "!wrong_length"}},
	} {
		t.Run(name, func(t *testing.T) {
			var u Unpacker
			for round := range 2 { // the second with decoders that were used
				if diff := cmp.Diff(tc.want, unpacked(t, &u, tc.message)); diff != "" {
					t.Errorf("round %d (-want +got):\n%s", round, diff)
				}
			}
		})
	}
}

// I3.
func TestUnpackDropsWhatDoesNotInflateCompletely(t *testing.T) {
	packets := frame(message(strings.Repeat("incompressible? ", 40)), message("b"))
	for _, v := range []Version{VersionZlib, VersionBrotli} {
		packed := mustPack(t, v, packets)
		var u Unpacker
		for cut := HeaderSize; cut < len(packed); cut++ {
			b := setLength(packed[:cut], uint32(cut))
			b = append(b, frame(message("next"))...)
			if diff := cmp.Diff([]string{"!inflate_failed", "next"}, unpacked(t, &u, b)); diff != "" {
				t.Fatalf("version %d cut at byte %d of %d (-want +got):\n%s", v, cut, len(packed), diff)
			}
		}
	}
}

func TestUnpackStopsInflating(t *testing.T) {
	body := message(strings.Repeat("a", maxInflated/4))
	quarter := frame(body)
	for _, v := range []Version{VersionZlib, VersionBrotli} {
		t.Run(fmt.Sprint(v), func(t *testing.T) {
			bomb := mustPack(t, v, bytes.Repeat([]byte{0}, maxInflated+1))
			if len(bomb) > 64<<10 {
				t.Fatalf("bomb of %d bytes is none", len(bomb))
			}
			var u Unpacker
			after := append(bomb, frame(message("after"))...)
			if diff := cmp.Diff([]string{"!inflated_too_large", "after"}, unpacked(t, &u, after)); diff != "" {
				t.Errorf("one bomb (-want +got):\n%s", diff)
			}
			if b := buffers.Get().(*[]byte); cap(*b) > keptBuffer {
				t.Errorf("a buffer of %d bytes is kept", cap(*b))
			}
			// Many bodies, each below its own limit, meet that of the message.
			pack := mustPack(t, v, quarter)
			whole := maxMessage / len(quarter)
			got := unpacked(t, &u, bytes.Repeat(pack, whole+5))
			if len(got) != whole+1 || got[whole] != "!inflated_too_large" {
				t.Errorf("%d bodies give %d results, want %d bodies and one refusal", whole+5, len(got), whole)
			}
			if got := unpacked(t, &u, mustPack(t, v, frame(message("a")))); len(got) != 1 || got[0] != "a" {
				t.Errorf("message after a bomb gives %q", got)
			}
		})
	}
}

func TestUnpackSkipsWhatInflatesToOneHugePacket(t *testing.T) {
	huge := frame(message("before"), message(strings.Repeat("x", MaxMessage)), message("behind"))
	want := []string{"before", "!message_too_large", "behind"}
	if diff := cmp.Diff(want, unpacked(t, new(Unpacker), mustPack(t, VersionZlib, huge))); diff != "" {
		t.Errorf("(-want +got):\n%.300s", diff)
	}
}

func TestUnpackBounds(t *testing.T) {
	var u Unpacker
	many := bytes.Repeat(frame(message("")), maxPackets)
	if got := unpacked(t, &u, many); len(got) != maxPackets || got[maxPackets-1] != "" {
		t.Errorf("%d packets give %d", maxPackets, len(got))
	}
	got := unpacked(t, &u, append(many, many...))
	if len(got) != maxPackets+1 || got[maxPackets] != "!"+CauseTooManyPackets {
		t.Errorf("too many packets give %d results", len(got))
	}
	inside := append(mustPack(t, VersionZlib, append(many, many...)), frame(message("after"))...)
	if got := unpacked(t, &u, inside); len(got) != maxPackets || got[maxPackets-1] != "!"+CauseTooManyPackets {
		t.Errorf("too many packets inside a body give %d results", len(got))
	}
	if got := unpacked(t, &u, make([]byte, MaxMessage+1)); len(got) != 1 || got[0] != "!"+CauseMessageTooLarge {
		t.Errorf("too long a message gives %q", got)
	}
}

func TestUnpackReturnsTheCallersError(t *testing.T) {
	boom := errors.New("boom")
	good := func(Packet) error { return nil }
	fail := func(string, []byte) error { return boom }
	for name, b := range map[string][]byte{
		"unknown":        frame(Packet{Operation: 99}),
		"length":         {1},
		"inflate":        frame(Packet{Operation: OpMessage, Version: VersionZlib}),
		"too many":       bytes.Repeat(frame(message("")), maxPackets+1),
		"bad inside":     mustPack(t, VersionBrotli, []byte{1}),
		"message length": make([]byte, MaxMessage+1),
	} {
		var u Unpacker
		if err := u.Unpack(b, good, fail); !errors.Is(err, boom) {
			t.Errorf("%s: bad's error became %v", name, err)
		}
	}
	var u Unpacker
	n := 0
	err := u.Unpack(mustPack(t, VersionBrotli, frame(message("a"), message("b"))), func(Packet) error { n++; return boom }, noBad(t))
	if !errors.Is(err, boom) || n != 1 {
		t.Errorf("packet's error became %v after %d packets", err, n)
	}
}

func TestPackRefusesPlain(t *testing.T) {
	if _, err := Pack(nil, VersionPlain, nil); err == nil {
		t.Error("no error")
	}
}

func FuzzUnpack(f *testing.F) {
	ab := frame(message(`{"cmd":"A"}`), message(`{"cmd":"B"}`))
	f.Add(ab)
	for _, v := range []Version{VersionZlib, VersionBrotli} {
		one := mustPack(f, v, ab)
		f.Add(one)
		f.Add(mustPack(f, v, append(one, ab...)))
	}
	f.Add(frame(Packet{Operation: OpHeartbeatReply, Body: []byte{0, 0, 0, 1}}, Packet{Operation: 77, Version: 9}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var u Unpacker
		packets, bytesOut := 0, 0
		run := func() (got []string) {
			packets, bytesOut = 0, 0
			err := u.Unpack(b, func(p Packet) error {
				packets++
				bytesOut += len(p.Body)
				got = append(got, string(p.Body))
				return nil
			}, func(cause string, raw []byte) error {
				got = append(got, cause)
				return nil
			})
			if err != nil {
				t.Fatalf("error that nobody returned: %v", err)
			}
			return got
		}
		once := run()
		if packets > maxPackets || bytesOut > maxMessage+len(b) {
			t.Fatalf("%d packets, %d bytes from a message of %d", packets, bytesOut, len(b))
		}
		if diff := cmp.Diff(once, run()); diff != "" {
			t.Fatalf("the second time differs:\n%s", diff)
		}
	})
}

func FuzzPackUnpack(f *testing.F) {
	f.Add([]byte("{}"), []byte(""), true)
	f.Fuzz(func(t *testing.T, a, b []byte, zlib bool) {
		v := VersionBrotli
		if zlib {
			v = VersionZlib
		}
		var u Unpacker
		got := unpacked(t, &u, mustPack(t, v, frame(message(string(a)), message(string(b)))))
		if diff := cmp.Diff([]string{string(a), string(b)}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func BenchmarkUnpack(b *testing.B) {
	var packets []byte
	for i := range 20 {
		packets = AppendPacket(packets, message(fmt.Sprintf(
			`{"cmd":"DANMU_MSG","info":[[0,1,25,16777215,%d,%d,0,"%08x",0,0,0],"comment %d",[0,"v***",0,0,0,10000,1,""],[],[0,0,9868950,">50000",0]]}`,
			1700000000000+i*137, i*7919, i*104729, i)))
	}
	for name, v := range map[string]Version{"zlib": VersionZlib, "brotli": VersionBrotli} {
		b.Run(name, func(b *testing.B) {
			m := mustPack(b, v, packets)
			var u Unpacker
			n := 0
			count := func(Packet) error { n++; return nil }
			bad := noBad(b)
			b.ReportAllocs()
			b.SetBytes(int64(len(packets)))
			for b.Loop() {
				if err := u.Unpack(m, count, bad); err != nil {
					b.Fatal(err)
				}
			}
			if n%20 != 0 || n == 0 {
				b.Fatalf("%d packets", n)
			}
		})
	}
}
