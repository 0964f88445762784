package simulator

import (
	"bytes"
	"sync"

	"danmaku-archiver/collect/bilibili"
)

const (
	noOperation bilibili.Operation = 1009
	noVersion   bilibili.Version   = 9
)

// extras returns the frames that a flush gets beside its own.
func (f *faults) extras(fl *flush, as form, who subject) []frame {
	if f.none() {
		return nil
	}
	var frames []frame
	bad := func(name string, data func() []byte) {
		if f.strikes(name, who) {
			frames = append(frames, frame{data: data()})
		}
	}
	packet := func(p bilibili.Packet) func() []byte {
		return func() []byte { return bilibili.AppendPacket(nil, p) }
	}
	first := fl.commands[0].bytes(as.masked)
	bad(faultTruncatedJSON, packet(bilibili.Packet{Operation: bilibili.OpMessage, Body: first[:len(first)*2/3]}))
	bad(faultInvalidUTF8, packet(bilibili.Packet{Operation: bilibili.OpMessage,
		Body: []byte("{\"cmd\":\"NOTICE_MSG\",\"msg_self\":\"\xff\xfe\xe5\x93\"}")}))
	bad(faultUnknownOperation, packet(bilibili.Packet{Operation: noOperation, Body: []byte(`{"unknown":true}`)}))
	bad(faultUnknownVersion, packet(bilibili.Packet{Version: noVersion, Operation: bilibili.OpMessage, Body: []byte("?")}))
	broken := bilibili.VersionBrotli
	if as.version == bilibili.VersionZlib {
		broken = bilibili.VersionZlib
	}
	bad(faultBadInflate, packet(bilibili.Packet{Version: broken, Operation: bilibili.OpMessage, Body: []byte("\xff\xff no stream")}))
	bad(faultBomb, func() []byte { return bombs()[f.intN(len(bombs()))] })
	if f.strikes(faultDuplicate, who) {
		// Encoding a command that was encoded before cannot fail in another way.
		if again, err := fl.frame(as, []int{f.intN(len(fl.commands))}); err == nil {
			frames = append(frames, again)
		}
	}
	// Last, since a stream's reader finds nothing behind it.
	if f.strikes(faultWrongLength, who) {
		frames = append(frames, frame{data: wrongLengths[f.intN(len(wrongLengths))], misaligned: true})
	}
	return frames
}

// wrongLengths are headers whose packet length, or header length, cannot be.
var wrongLengths = [][]byte{
	{0, 0, 0, 3, 0, 16, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0},
	{0x7f, 0xff, 0xff, 0xff, 0, 16, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0},
	{0, 0, 0, 16, 0, 8, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0},
}

// What the bombs exceed: clients refuse more than 16 MiB inflated, 4,096 packets or a
// nesting of two (wzgrx/pure_live).
const (
	bombBytes   = 64 << 20
	bombPackets = 5000
	bombDepth   = 5
)

// bombs are made once: they take a second.
var bombs = sync.OnceValue(func() [][]byte {
	small := bilibili.AppendPacket(nil, bilibili.Packet{Operation: noOperation, Body: []byte("{}")})
	nested := small
	for range bombDepth {
		nested = packed(nested)
	}
	return [][]byte{packed(make([]byte, bombBytes)), packed(bytes.Repeat(small, bombPackets)), nested}
})

func packed(packets []byte) []byte {
	b, err := bilibili.Pack(nil, bilibili.VersionZlib, packets)
	if err != nil {
		// Writing to memory does not fail.
		panic("simulator: " + err.Error())
	}
	return b
}
