package schema

import (
	"encoding/json"
	"flag"
	"hash/crc32"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; if that is meant, run go test ./schema -update (-want +got):\n%s", file, diff)
	}
}

// received is the receive time of most test records: 2026-01-02 03:04:05.678901 UTC.
const received = 1767323045678901

func ptr[T any](v T) *T { return &v }

// command decodes a payload as record 7 of room 21 and fails unless it has that fate.
func command(t *testing.T, payload string, want Fate) (Rows, int64) {
	t.Helper()
	var rows Rows
	d := NewDecoder("test", "00000000000000aa")
	ts, fate := d.Command(&Record{Seq: 7, Room: 21, ReceivedAt: received, Kind: KindCommand, Payload: []byte(payload)}, nil, &rows)
	if fate != want {
		t.Fatalf("fate %d, want %d, of %s", fate, want, payload)
	}
	return rows, ts
}

// line is a made-up DANMU_MSG in the form of 2026; edit changes its info before it is
// written.
func line(t testing.TB, edit func(info, attributes []any, extra map[string]any) []any) string {
	t.Helper()
	extra := map[string]any{
		"content": "hello 你好", "user_hash": strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte("4004"))), 10),
		"id_str": "a1b2c3d4e5f60718293a4b5c6d7e8f9012", "reply_mid": 0, "emoticon_unique": "", "emots": nil,
	}
	attributes := []any{0, 1, 25, 16777215, 1767323045123, 1767322000, 0, "8494973c", 0, 0, 0, "", 0, "{}", "{}",
		map[string]any{"mode": 0, "show_player_type": 0},
		map[string]any{"activity_identity": "", "activity_source": 0, "not_show": 0}, 0}
	info := []any{attributes, "hello 你好", []any{4004, "somebody", 0, 0, 0, 10000, 1, ""},
		[]any{12, "badge", "streamer", 21, 398668, "", 0, 398668, 398668, 6850801, 0, 1, 9001},
		[]any{20, 0, 6406234, ">50000", 0}, []any{"", ""}, 0, 3, nil, map[string]any{"ct": "1E87B629", "ts": 1767323045},
		0, 0, nil, nil, 0, 220, []any{14}, nil}
	if edit != nil {
		info = edit(info, attributes, extra)
	}
	if inner, ok := attributes[15].(map[string]any); ok && inner["extra"] == nil {
		inner["extra"] = string(mustJSON(t, extra))
	}
	return string(mustJSON(t, map[string]any{"cmd": "DANMU_MSG", "info": info, "dm_v2": ""}))
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
