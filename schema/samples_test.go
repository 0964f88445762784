package schema

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample reads a file of real messages, which are people's and no part of the project.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("SAMPLES_DIR")
	if dir == "" {
		t.Skip("SAMPLES_DIR is not set: real messages are people's and not kept with the code")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// capture returns the commands of a real session of 2023.
func capture(t testing.TB) (commands [][]byte) {
	t.Helper()
	for _, l := range bytes.Split(sample(t, "blive-ws/message.decoded.jsonl"), []byte("\n")) {
		var packet struct{ Body json.RawMessage }
		if len(l) == 0 {
			continue
		}
		if err := json.Unmarshal(l, &packet); err != nil {
			t.Fatal(err)
		}
		if packet.Body != nil {
			commands = append(commands, packet.Body)
		}
	}
	return commands
}

func TestRealSession(t *testing.T) {
	d := NewDecoder("test", "aa")
	var rows Rows
	fates := map[Fate]int{}
	for i, c := range capture(t) {
		_, fate := d.Command(&Record{Seq: int64(i + 1), Room: 21, ReceivedAt: 1693371740e6, Payload: c}, nil, &rows)
		fates[fate]++
	}
	counts := map[string]int{"danmaku": len(rows.Danmaku), "presence": len(rows.Presence), "other": len(rows.Other)}
	for _, r := range rows.Audience {
		counts[r.Metric]++
	}
	want := map[string]int{"danmaku": 134, "rank_count": 8, "online": 4, "watched": 4, "likes": 4, "fans": 1, "fans_club": 1,
		"presence": 36 + 3 + 1, // INTERACT_WORD, LIKE_INFO_V3_CLICK, ENTRY_EFFECT
		"other":    6 + 2}      // ONLINE_RANK_V2, WIDGET_BANNER
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[Fate]int{FateKept: 322 - 123, FateRepeat: 123}, fates); diff != "" {
		t.Errorf("fates (-want +got):\n%s", diff)
	}
	ids := map[int64]bool{}
	for _, r := range rows.Danmaku {
		if r.UserID == nil || r.UserHash == nil || *r.UserHash != userHash(*r.UserID) {
			t.Errorf("seq %d: user_hash is not the CRC-32 of user_id", r.Seq)
		}
		if !r.HasID || ids[r.EventID] {
			t.Errorf("seq %d: no event id of its own", r.Seq)
		}
		ids[r.EventID] = true
		if r.Masked || r.UserName == nil || r.ServiceTS != nil || r.TS == r.ReceivedAt || r.FontSize == 0 || r.WealthLevel == nil {
			t.Errorf("seq %d: a column is not what it ought to be", r.Seq)
		}
	}
}

// TestRealTexts compares with what encoding/json makes of the same messages.
func TestRealTexts(t *testing.T) {
	d := NewDecoder("test", "aa")
	compared := 0
	for _, c := range capture(t) {
		var m struct {
			Cmd  string
			Info []any
		}
		if err := json.Unmarshal(c, &m); err != nil {
			t.Fatal(err)
		}
		if m.Cmd != "DANMU_MSG" {
			continue
		}
		var rows Rows
		d.Command(&Record{Payload: c}, nil, &rows)
		user := m.Info[2].([]any)
		if r := rows.Danmaku[0]; r.Text != m.Info[1] || *r.UserName != user[1] || float64(*r.UserID) != user[0] {
			t.Errorf("decoded otherwise than encoding/json does, message %d", compared)
		}
		compared++
	}
	if compared != 134 {
		t.Errorf("%d compared", compared)
	}
}

func TestDocumentedMessages(t *testing.T) {
	for file, danmaku := range map[string]int{"api-collect.jsonl": 1, "api-collect-history.jsonl": 3} {
		d := NewDecoder("test", "aa")
		var rows Rows
		commands := 0
		for _, l := range strings.Split(strings.TrimSpace(string(sample(t, "docs-messages/"+file))), "\n") {
			if strings.TrimSpace(l) == "" {
				continue
			}
			commands++
			if _, fate := d.Command(&Record{Seq: 1, Room: 21, ReceivedAt: received, Payload: []byte(l)}, nil, &rows); fate == FateSetAside {
				t.Errorf("%s: %s was set aside", file, CommandName([]byte(l)))
			}
		}
		for _, r := range rows.Other {
			if models[r.Command] != nil {
				t.Errorf("%s: %s is modelled, but in other", file, r.Command)
			}
		}
		if len(rows.Payments) < 5 || len(rows.Presence) < 4 || len(rows.Moderation) < 7 {
			t.Errorf("%s: %d payments, %d presence, %d moderation", file, len(rows.Payments), len(rows.Presence), len(rows.Moderation))
		}
		if commands < 90 || len(rows.Danmaku) != danmaku {
			t.Errorf("%s: %d danmaku of %d commands", file, len(rows.Danmaku), commands)
		}
		for _, r := range rows.Danmaku {
			if r.UserHash == nil || r.UserID == nil || *r.UserHash != userHash(*r.UserID) || r.MedalName == nil || r.MedalAnchorID == nil || r.UserLevel == nil {
				t.Errorf("%s: a danmaku lacks a column", file)
			}
		}
	}
}

// TestEverySample: of all that was recorded and documented, what is modelled decodes and
// what is not is known by its name.
func TestEverySample(t *testing.T) {
	all := documented(t)
	if all == nil {
		t.Skip("SAMPLES_DIR is not set: real messages are people's and not kept with the code")
	}
	d := NewDecoder("test", "aa")
	modelled, names, masked := 0, map[string]bool{}, 0
	for i, payload := range all {
		name := CommandName(payload)
		var rows Rows
		_, fate := d.Command(&Record{Seq: int64(i + 1), Room: 21, ReceivedAt: received, Payload: payload}, nil, &rows)
		names[name] = true
		switch {
		case fate == FateSetAside:
			t.Errorf("%s: %s", name, rows.Other[0].Reason)
		case models[name] != nil:
			modelled++
			if len(rows.Other) > 0 || len(flatten(rows)) == 0 {
				t.Errorf("%s is modelled, but in other", name)
			}
		case !repeats[name] && (len(rows.Other) != 1 || !KnownCommand(name)):
			t.Errorf("%s is nowhere", name)
		}
		for _, r := range rows.Danmaku {
			if r.Masked && r.UserID == nil && r.UserName != nil {
				masked++
			}
		}
	}
	for name := range models {
		if !names[name] {
			t.Logf("%s is in no sample", name)
		}
	}
	if modelled < 190 || masked < 1 || !names["LOG_IN_NOTICE"] || len(names) < 90 {
		t.Errorf("%d modelled, %d masked, %d names", modelled, masked, len(names))
	}
}

// TestRealTextsByteForByte sends every line of recordings of 2019 through a command.
func TestRealTextsByteForByte(t *testing.T) {
	unzipped, err := gzip.NewReader(bytes.NewReader(sample(t, "vtuber-danmaku-2019/rooms.tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	d := NewDecoder("test", "aa")
	archive := tar.NewReader(unzipped)
	lines := 0
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(header.Name, ".txt") {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		var rows Rows
		for i, want := range strings.Split(string(text), "\n") {
			payload := `{"cmd":"DANMU_MSG","info":[[],` + string(mustJSON(t, want)) + `]}`
			rows.Danmaku = rows.Danmaku[:0]
			if _, fate := d.Command(&Record{Payload: []byte(payload)}, nil, &rows); fate != FateKept || rows.Danmaku[0].Text != want {
				t.Fatalf("%s, line %d is not what was recorded", header.Name, i+1)
			}
			lines++
		}
	}
	if lines < 200_000 {
		t.Errorf("only %d lines", lines)
	}
}
