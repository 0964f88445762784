package simulator

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/schema"
)

// said is what a danmaku tells.
type said struct {
	UID  int64
	Text string
}

func (c *client) said(n int) (all []said) {
	c.t.Helper()
	for _, command := range c.commands(n) {
		all = append(all, saidBy(c.t, command))
	}
	return all
}

func saidBy(t *testing.T, command []byte) (s said) {
	t.Helper()
	var d struct {
		Info []json.RawMessage `json:"info"`
	}
	var user []json.RawMessage
	if err := json.Unmarshal(command, &d); err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal(d.Info[1], &s.Text) != nil || json.Unmarshal(d.Info[2], &user) != nil || json.Unmarshal(user[0], &s.UID) != nil {
		t.Fatalf("danmaku %s", command)
	}
	return s
}

var earlier = []string{"第一行", "", "  两边有空格  ", "SPEAKERNUM7", "尾行\r", "次日"}

var later = []said{
	{10000001, "你好"}, {0, "bare text"}, {10000002, ":冒号:里"}, {10000001, ""},
	{10000003, "没有V2"}, {10000003, "1767931300124:5:x"},
}

func TestReplayText(t *testing.T) {
	s := start(t, Config{Replay: "testdata/text", Speed: "max"})
	if got := []int{len(s.tapes.rooms), s.tapes.files, s.tapes.commands}; !slices.Equal(got, []int{3, 5, 12}) {
		t.Errorf("rooms, files, danmaku: %v, want 3, 5, 12", got)
	}
	b := newBrowser(t, s)
	c := b.enter("ws", 1001, 3)
	var texts []string
	for _, s := range c.said(len(earlier)) {
		texts = append(texts, s.Text)
		if s.UID <= 0 {
			t.Errorf("made-up sender %d", s.UID)
		}
	}
	if diff := cmp.Diff(earlier, texts); diff != "" {
		t.Errorf("earlier form (-want +got):\n%s", diff)
	}
	// The recording's last TIME line says 10.
	c.send(heartbeat(""))
	if p, err := c.packet(); err != nil || p.Operation != bilibili.OpHeartbeatReply || popularity(p) != 10 {
		t.Errorf("after the end: %+v, %v; want a heartbeat reply of 10", p, err)
	}
	got := b.enter("tcp", 1002, 2).said(len(later))
	if got[1].UID <= 0 {
		t.Errorf("made-up sender %d", got[1].UID)
	}
	got[1].UID = 0
	if diff := cmp.Diff(later, got); diff != "" {
		t.Errorf("later form (-want +got):\n%s", diff)
	}
}

func TestTextTimesAndIDs(t *testing.T) {
	rec, err := loadRecording("testdata/text", 1)
	if err != nil {
		t.Fatal(err)
	}
	var times []string
	ids := make(map[string]bool)
	n := 0
	for _, id := range rec.roomIDs() {
		for _, p := range rec.rooms[id] {
			entries, err := p.entries(1)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.command == nil {
					continue
				}
				n++
				ids[e.command(e.at).id] = true
				times = append(times, time.UnixMicro(e.at).In(recorderZone).Format("01-02 15:04:05.000"))
			}
		}
	}
	want := []string{
		// Spread evenly between 13:04 and 13:06, then over a minute.
		"01-09 13:04:30.000", "01-09 13:05:00.000", "01-09 13:05:30.000",
		"01-09 13:06:20.000", "01-09 13:06:40.000", "01-10 00:00:30.000",
		"01-09 12:00:00.123", "01-09 12:00:00.000", "01-09 12:00:01.123", "01-09 12:00:02.123",
		"01-09 12:01:40.123", "01-09 12:01:40.124",
	}
	if diff := cmp.Diff(want, times); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	if len(ids) != n {
		t.Errorf("%d ids for %d danmaku", len(ids), n)
	}
}

func TestReplayArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.tar.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zipped := gzip.NewWriter(f)
	archive := tar.NewWriter(zipped)
	if err := archive.AddFS(os.DirFS("testdata/text")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []interface{ Close() error }{archive, zipped, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, Config{Replay: path, Speed: "max"})
	var texts []string
	for _, s := range newBrowser(t, s).enter("wss", 1001, 2).said(len(earlier)) {
		texts = append(texts, s.Text)
	}
	if diff := cmp.Diff(earlier, texts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// capture writes a raw capture of some messages.
func capture(t *testing.T, messages ...[]byte) string {
	t.Helper()
	var b []byte
	for _, m := range messages {
		b = append(b, byte(len(m)>>24), byte(len(m)>>16), byte(len(m)>>8), byte(len(m)))
		b = append(b, m...)
	}
	// The temporary folder itself has a number for a name, which would be a room's.
	folder := filepath.Join(t.TempDir(), "capture")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "message.bin")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func push(body string) []byte {
	return bilibili.AppendPacket(nil, bilibili.Packet{Operation: bilibili.OpMessage, Body: []byte(body)})
}

func TestReplayCapture(t *testing.T) {
	auth := bilibili.AppendPacket(nil, bilibili.Packet{Operation: bilibili.OpAuthReply, Body: []byte(`{"code":0}`)})
	reply := bilibili.AppendPacket(nil, bilibili.Packet{Operation: bilibili.OpHeartbeatReply, Body: []byte("\x00\x00\x00\x01")})
	bodies := []string{`{"cmd":"A"}`, `{"cmd":"INTERACT_WORD","data":{"roomid":4321}}`, `{"cmd":"B:1"}`, `{"cmd":"C","data":[]}`}
	packed, err := bilibili.Pack(nil, bilibili.VersionBrotli, append(push(bodies[1]), push(bodies[2])...))
	if err != nil {
		t.Fatal(err)
	}
	// A recording of one file, so the room is the one that a command names.
	s := start(t, Config{Replay: capture(t, auth, push(bodies[0]), reply, packed, push(bodies[3])), Speed: "max"})
	var got []string
	for _, command := range newBrowser(t, s).enter("tcp", 4321, 2).commands(4) {
		got = append(got, string(command))
	}
	if diff := cmp.Diff(bodies, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	s = start(t, Config{Replay: capture(t, push(bodies[0])), Speed: "max"})
	if s.byID[unnamedRoom] == nil {
		t.Errorf("rooms %v, want %d", s.tapes.roomIDs(), unnamedRoom)
	}
}

func TestDamagedRecordings(t *testing.T) {
	for name, content := range map[string]string{
		"torn.bin":     "\x00\x00\x00\xffabc",
		"short.bin":    "\x00\x00",
		"packet.bin":   "\x00\x00\x00\x03abc",
		"no.jsonl":     "{\"cmd\":\"A\"}\nnonsense\n",
		"nocmd.jsonl":  "{\"body\":{},\"op\":5}\n",
		"array.jsonl":  "[1]\n",
		"unnamed.what": "\x7f\x7f\x7f\x7f",
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadRecording(path, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// long writes a recording of n commands, numbered by their msg_id, and so many bytes each.
func long(t *testing.T, n, size int) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "4711")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	var b []byte
	for i := range n {
		b = append(b, `{"cmd":"N","msg_id":"`+decimal(i)+`","data":"`...)
		b = append(b, strings.Repeat("z", size)+"\"}\n"...)
	}
	path := filepath.Join(folder, "commands.jsonl")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// S2: after a polite end the next connection continues behind the last command that was
// written to the one before.
func TestReconnectContinues(t *testing.T) {
	const n, size = 8000, 2000 // more than the sockets' buffers hold
	ledger := &syncBuffer{}
	s := start(t, Config{Replay: long(t, n, size), Speed: "max", Ledger: ledger})
	b := newBrowser(t, s)
	first := b.enter("tcp", 4711, 0)
	got := len(first.commands(100))
	first.close()
	// Commands in the sockets' buffers were written, so they are in the ledger. The next
	// connection gets the rest.
	second := b.enter("ws", 4711, 2)
	_, from := parsed(t, second.commands(1)[0])
	began, err := strconv.Atoi(from)
	if err != nil {
		t.Fatal(err)
	}
	second.commands(n - began - 1)
	if rest := second.settle(); len(rest) > 0 {
		t.Errorf("%d commands more than recorded", len(rest))
	}
	lines := ledger.read(t)
	if len(lines) != n {
		t.Fatalf("ledger has %d lines, want %d", len(lines), n)
	}
	var ids []string
	at := 0
	for _, l := range lines {
		ids = append(ids, l.ID)
		if l.Connection == "c1" {
			at++
		}
	}
	for i, id := range ids {
		if id != decimal(i) {
			t.Fatalf("line %d has id %s", i, id)
		}
	}
	if at < got || at >= n || began != at {
		t.Errorf("first connection read %d and was written %d, second began with %d", got, at, began)
	}
}

// gated is a source that does not begin before the gate is open.
type gated struct {
	source
	gate chan struct{}
}

func (g gated) resume(now time.Time) {
	<-g.gate
	g.source.resume(now)
}

// S2: all connections of a room get each command.
func TestSimultaneousConnections(t *testing.T) {
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	s := start(t, Config{Replay: long(t, 300, 10), Speed: "max"}, func(s *Simulator) {
		s.traffic[0].source = gated{s.traffic[0].source, gate}
	})
	t.Cleanup(open)
	b := newBrowser(t, s)
	rm := s.rooms[0]
	clients := []*client{b.dial("tcp"), b.dial("ws"), b.dial("wss")}
	key := b.token(rm.id)
	for i, c := range clients {
		if _, err := c.auth(rm.id, []int{0, 2, 3}[i], 0, b.buvid, key); err != nil {
			t.Fatal(err)
		}
	}
	open()
	var all [3][]string
	for i, c := range clients {
		for _, command := range c.commands(300) {
			_, id := parsed(t, command)
			all[i] = append(all[i], id)
		}
	}
	if !slices.Equal(all[0], all[1]) || !slices.Equal(all[1], all[2]) {
		t.Error("the connections received different commands")
	}
}

func TestTapePace(t *testing.T) {
	entryAt := func(seconds int64, name string) entry {
		return entry{at: seconds * 1e6, command: func(int64) command { return command{name: name} }}
	}
	parse := func(piece, []byte, uint64) ([]entry, error) {
		return []entry{
			entryAt(1000, "a"), entryAt(1010, "b"), entryAt(0, "c"), entryAt(1005, "d"), entryAt(1020, "e"),
			entryAt(1020+100*3600, "f"),
		}, nil
	}
	p := piece{room: 1, read: func() ([]byte, error) { return nil, nil }, parse: parse}
	tp := newTape(newRoom(facts{id: 1}), []piece{p}, 2, 1)
	now := time.Unix(0, 0)
	tp.resume(now)
	take := func(after time.Duration) (names string) {
		t.Helper()
		commands, err := tp.take(now.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range commands {
			names += c.name
		}
		return names
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "a"}, {4 * time.Second, ""}, {5 * time.Second, "bcd"}, {9 * time.Second, ""}, {10 * time.Second, "e"},
	} {
		if got := take(step.after); got != step.want {
			t.Errorf("after %s: %q, want %q", step.after, got, step.want)
		}
	}
	// Nobody was there for a day: the tape stood still; and no pause is longer than an hour.
	now = now.Add(24 * time.Hour)
	tp.resume(now)
	if got := take(29 * time.Minute); got != "" {
		t.Errorf("half of the pause: %q", got)
	}
	if got := take(30 * time.Minute); got != "f" || !tp.done() {
		t.Errorf("after the pause: %q, done %v", got, tp.done())
	}
}

func samples(t *testing.T) string {
	folder := os.Getenv("SAMPLES_DIR")
	if folder == "" {
		t.Skip("SAMPLES_DIR is not set: the real recordings cannot be part of the repository")
	}
	return folder
}

func TestSampleRecordings(t *testing.T) {
	folder := samples(t)
	for name, want := range map[string][3]int{
		"vtuber-danmaku-2019/rooms.tar.gz": {57, 131, 202_556},
		"blive-ws/message.bin":             {1, 1, 322},
	} {
		rec, err := loadRecording(filepath.Join(folder, name), 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]int{len(rec.rooms), rec.files, rec.commands}; got != want {
			t.Errorf("%s: rooms, files, commands %v, want %v", name, got, want)
		}
	}
	rec, err := loadRecording(filepath.Join(folder, "blive-ws/message.bin"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := rec.roomIDs(); !slices.Equal(got, []schema.RoomID{545068}) {
		t.Errorf("capture of rooms %v, want 545068", got)
	}
}
