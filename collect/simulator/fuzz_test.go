package simulator

import (
	"bytes"
	"testing"

	"danmaku-archiver/collect/bilibili"
)

// Every line of a text recording but TIME lines and the trailer becomes one danmaku.
func FuzzParseText(f *testing.F) {
	f.Add([]byte("TIME13:4ONLINE141\na\n\nSPEAKERNUM3\n"))
	f.Add([]byte("1767931200123:10000001:x\nSPEAKERNUM1;1:a:1\nV2\n"))
	f.Add([]byte("TIME99:99ONLINE99999999999999\n9999999999999:99999999999999999999:\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseText(piece{room: 1}, data, 1)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		if len(entries) > lines || len(entries) < lines-3 {
			t.Errorf("%d entries of %d lines", len(entries), lines)
		}
		for _, e := range entries {
			if e.command != nil && len(e.command(e.at).payload) == 0 {
				t.Error("empty command")
			}
		}
	})
}

func FuzzParseCapture(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Add(append([]byte{0, 0, 0, 27}, push(`{"cmd":"A"}`)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseCapture(piece{}, data, 1)
		if err == nil && len(entries) > len(data)/bilibili.HeaderSize+4096 {
			t.Errorf("%d entries of %d bytes", len(entries), len(data))
		}
		_ = roomOfCommands(entries)
	})
}

// The chat's reader survives whatever a client sends.
func FuzzAuth(f *testing.F) {
	s, err := New(Config{HTTP: "127.0.0.1:0", Rooms: 1})
	if err != nil {
		f.Fatal(err)
	}
	defer s.listeners.close()
	f.Add(bilibili.AppendPacket(nil, bilibili.Packet{Operation: bilibili.OpAuth, Body: []byte(`{"roomid":1}`)}))
	f.Add(bilibili.AppendPacket(nil, heartbeat("x")))
	f.Fuzz(func(t *testing.T, message []byte) {
		c := newChat(s, &deafLink{message: message}, 1, 1, "", "")
		if err := c.accept(); err == nil {
			t.Errorf("accepted %q", message)
		}
	})
}

// deafLink has one message to read and takes all writes.
type deafLink struct{ message []byte }

func (l *deafLink) read() ([]byte, error) { return l.message, nil }
func (l *deafLink) write([]byte) error    { return nil }
func (l *deafLink) end(ending)            {}
func (l *deafLink) framed() bool          { return false }
