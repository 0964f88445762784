package bilibili

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples is the folder of recordings of the real service. They name real people and are
// no part of the project.
func samples(t *testing.T) string {
	dir := os.Getenv("SAMPLES_DIR")
	if dir == "" {
		t.Skip("SAMPLES_DIR is not set: the recordings of the real service are not part of the project")
	}
	return dir
}

func TestUnpackRecording(t *testing.T) {
	dir := filepath.Join(samples(t), "blive-ws")
	want := decodedCommands(t, filepath.Join(dir, "message.decoded.jsonl"))
	file, err := os.ReadFile(filepath.Join(dir, "message.bin"))
	if err != nil {
		t.Fatal(err)
	}
	var u Unpacker
	n, replies := 0, 0
	for len(file) > 0 {
		length := binary.BigEndian.Uint32(file)
		err := u.Unpack(file[4:4+length], func(p Packet) error {
			switch p.Operation {
			case OpMessage:
				if n < len(want) && !sameJSON(t, p.Body, want[n]) {
					t.Errorf("command %d differs", n)
				}
				n++
			case OpAuthReply, OpHeartbeatReply:
				replies++
			}
			return nil
		}, noBad(t))
		if err != nil {
			t.Fatal(err)
		}
		file = file[4+length:]
	}
	if n != 322 || n != len(want) || replies != 3 {
		t.Errorf("%d commands (decoded file: %d) and %d replies, want 322 and 3", n, len(want), replies)
	}
}

func TestUnpackGuestRecording(t *testing.T) {
	f, err := os.Open(filepath.Join(samples(t), "pure_live-S13-2026", "S13-live.excerpt.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var u Unpacker
	commands := 0
	for d := json.NewDecoder(f); d.More(); {
		var line struct{ B64 []byte }
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		err := u.Unpack(line.B64, func(p Packet) error {
			if p.Operation == OpMessage {
				commands++
				if !json.Valid(p.Body) {
					t.Error("a command is no JSON")
				}
			}
			return nil
		}, noBad(t))
		if err != nil {
			t.Fatal(err)
		}
	}
	if commands == 0 {
		t.Error("no commands")
	}
}

// sameJSON compares values, numbers as float64: the decoded file was written by a program
// with other escapes and no integers.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	return cmp.Equal(mustDecode(t, a), mustDecode(t, b))
}

func mustDecode(t *testing.T, b []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func decodedCommands(t *testing.T, path string) []json.RawMessage {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var commands []json.RawMessage
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Op   int             `json:"op"`
			Body json.RawMessage `json:"body"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Op == int(OpMessage) {
			commands = append(commands, line.Body)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return commands
}
