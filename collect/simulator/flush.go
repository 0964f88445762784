package simulator

import (
	"fmt"
	"sync"

	"danmaku-archiver/collect/bilibili"
)

// flush is what a room pushes at one moment. Its connections encode and write it
// concurrently; what is equal for several of them is encoded once.
type flush struct {
	commands []command
	byKind   bool
	// writers counts the connections that still write.
	writers sync.WaitGroup

	mu      sync.Mutex
	pushed  []bool // by command: written to at least one connection
	encoded map[form][]frame
}

// form is what connections differ in.
type form struct {
	version bilibili.Version
	masked  bool
}

// frame is one WebSocket message, or as many bytes of a TCP stream: one packet, or
// several plain ones. of are the indices of the commands in it; none for a bad packet.
type frame struct {
	data []byte
	of   []int
	// misaligned bytes end a stream: its reader finds no packet behind them.
	misaligned bool
}

// What one compressed packet holds at most. Clients refuse messages of more than 4,096
// packets or 16 MiB inflated (wzgrx/pure_live).
const (
	maxPerPacket  = 500
	bytesInPacket = 256 << 10
)

func newFlush(commands []command, byKind bool) *flush {
	return &flush{
		commands: commands,
		byKind:   byKind,
		pushed:   make([]bool, len(commands)),
		encoded:  make(map[form][]frame),
	}
}

func (f *flush) written(of []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range of {
		f.pushed[i] = true
	}
}

func (f *flush) frames(as form) ([]frame, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if frames, ok := f.encoded[as]; ok {
		return frames, nil
	}
	var frames []frame
	for _, of := range f.batches() {
		fr, err := f.frame(as, of)
		if err != nil {
			return nil, err
		}
		frames = append(frames, fr)
	}
	f.encoded[as] = frames
	return frames, nil
}

// batches are the commands that go into one packet each.
func (f *flush) batches() [][]int {
	var order []string
	byName := make(map[string][]int)
	for i, c := range f.commands {
		name := ""
		if f.byKind {
			name = c.name
		}
		if byName[name] == nil {
			order = append(order, name)
		}
		byName[name] = append(byName[name], i)
	}
	var batches [][]int
	for _, name := range order {
		start, size := 0, 0
		of := byName[name]
		for n, i := range of {
			if n > start && (n-start == maxPerPacket || size+len(f.commands[i].payload) > bytesInPacket) {
				batches = append(batches, of[start:n])
				start, size = n, 0
			}
			size += len(f.commands[i].payload)
		}
		batches = append(batches, of[start:])
	}
	return batches
}

// uncompressed names the broadcasts that the service sends plain to everybody
// (wzgrx/pure_live).
var uncompressed = map[string]bool{"STOP_LIVE_ROOM_LIST": true, "LOG_IN_NOTICE": true}

func (f *flush) frame(as form, of []int) (frame, error) {
	var packets []byte
	for _, i := range of {
		packets = bilibili.AppendPacket(packets, bilibili.Packet{
			Version:   bilibili.VersionPlain,
			Operation: bilibili.OpMessage,
			Body:      f.commands[i].bytes(as.masked),
		})
	}
	if as.version == bilibili.VersionPlain || uncompressed[f.commands[of[0]].name] {
		return frame{data: packets, of: of}, nil
	}
	data, err := bilibili.Pack(nil, as.version, packets)
	if err != nil {
		return frame{}, fmt.Errorf("encode a flush: %w", err)
	}
	return frame{data: data, of: of}, nil
}
