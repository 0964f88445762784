package schema

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const knownFieldsHead = "# What is known of the service's commands: see drift.go. go test ./schema -update adds to it.\n"

// learn adds a payload's fields to what is known.
func learn(known map[string]map[string]string, name string, payload []byte) {
	fields := known[name]
	if fields == nil {
		fields = map[string]string{}
		known[name] = fields
	}
	eachPath(payload, func(path string, kind byte) {
		types, ok := fields[path]
		switch {
		case kind == 0 && !ok:
			fields[path] = ""
		case kind != 0 && !strings.Contains(types, string(kind)):
			letters := []byte(types + string(kind))
			slices.Sort(letters)
			fields[path] = string(letters)
		}
	})
}

func writeKnown(known map[string]map[string]string) string {
	b := strings.Builder{}
	b.WriteString(knownFieldsHead)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		b.WriteString(name)
		for _, path := range slices.Sorted(maps.Keys(known[name])) {
			b.WriteString(" " + path)
			if types := known[name][path]; types != "" {
				b.WriteString(":" + types)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestKnownFields: the list holds what the examples of this package hold, and, where they
// are at hand, real and documented messages.
func TestKnownFields(t *testing.T) {
	file, err := os.ReadFile("known_fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := parseKnownFields(string(file))
	own, err := os.ReadFile("testdata/commands.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(own)) {
		// Of the examples those that were made up to be unknown teach nothing.
		if name := CommandName([]byte(l)); models[name] != nil && json.Valid([]byte(l)) && !strings.Contains(l, "of another shape") {
			learn(known, name, []byte(l))
		}
	}
	for _, payload := range documented(t) {
		if name := CommandName(payload); json.Valid(payload) && looksLikeName([]byte(name)) {
			learn(known, name, payload)
		}
	}
	golden(t, "known_fields.txt", writeKnown(known))
}

// documented are the messages of samples, none where there are none.
func documented(t *testing.T) (all [][]byte) {
	dir := os.Getenv("SAMPLES_DIR")
	if dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "docs-messages", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no documented messages: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			all = append(all, []byte(l))
		}
	}
	all = append(all, capture(t)...)
	b, err := os.ReadFile(filepath.Join(dir, "pure_live-S13-2026", "S13-live.excerpt.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		var frame struct{ B64 string }
		if err := json.Unmarshal([]byte(l), &frame); err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(frame.B64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, plainCommands(raw)...)
	}
	return all
}

func TestUnknownFields(t *testing.T) {
	usual := line(t, nil)
	for name, c := range map[string]struct {
		command, payload string
		added, changed   []string
	}{
		"as ever":       {"DANMU_MSG", usual, nil, nil},
		"a field more":  {"WATCHED_CHANGE", `{"cmd":"WATCHED_CHANGE","data":{"num":1,"text_small":"1","text_large":"1","colour":"red"},"trace":1}`, []string{"data.colour", "trace"}, nil},
		"another type":  {"WATCHED_CHANGE", `{"cmd":"WATCHED_CHANGE","data":{"num":{"n":1},"text_small":7}}`, nil, []string{"data.num object", "data.text_small number"}},
		"what is empty": {"WATCHED_CHANGE", `{"cmd":"WATCHED_CHANGE","data":{"num":null,"text_small":[],"text_large":{}}}`, nil, nil},
		"an id as key":  {"WATCHED_CHANGE", `{"cmd":"WATCHED_CHANGE","data":{"40044004":1,"某人":2}}`, []string{"data.*"}, nil},
		"info grows":    {"DANMU_MSG", strings.Replace(usual, `[14],null]`, `[14],null,null,7]`, 1), []string{"info[18]", "info[19]"}, nil},
		"extra grows": {"DANMU_MSG", line(t, func(info, attributes []any, extra map[string]any) []any {
			extra["brand_new"] = 1
			return info
		}), []string{"extra.brand_new"}, nil},
		"protobuf grows": {"INTERACT_WORD_V2", `{"cmd":"INTERACT_WORD_V2","msg_id":"1","data":{"dmscore":1,"pb":"` + b64(append(varintField(1, 7), varintField(99, 7)...)) + `"}}`, []string{"data.pb.99"}, nil},
		"data is a text": {"WATCHED_CHANGE", `{"cmd":"WATCHED_CHANGE","data":"7"}`, nil, nil},
		"unknown":        {"BRAND_NEW", `{"cmd":"BRAND_NEW","data":{"a":1}}`, nil, nil},
		"not sound":      {"WATCHED_CHANGE", `{"cmd":"WATCHED_CHANGE","data":{"n`, nil, nil},
	} {
		added, changed := UnknownFields(c.command, []byte(c.payload))
		if diff := cmp.Diff(c.added, added) + cmp.Diff(c.changed, changed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	many := `{"cmd":"WATCHED_CHANGE"`
	for i := range 1000 {
		many += `,"k` + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + `":1`
	}
	if added, _ := UnknownFields("WATCHED_CHANGE", []byte(many+"}")); len(added) > fieldsPerCommand || len(added) < 20 {
		t.Errorf("%d new fields of one payload", len(added))
	}
}

func TestKnownCommand(t *testing.T) {
	for name, want := range map[string]bool{
		"DANMU_MSG": true, "COMBO_SEND": true, "SYS_MSG": true, "SEND_GIFT_V2": true, "PK_INFO": true,
		"SEND_GIFT_V3": false, "": false, "*": false, "danmu_msg": false,
	} {
		if KnownCommand(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// plainCommands unpacks the packets of a frame that are neither compressed nor the
// service's own business; zlib ones are inflated once.
func plainCommands(frame []byte) (all [][]byte) {
	for len(frame) >= 16 {
		size := int(binary.BigEndian.Uint32(frame))
		if size < 16 || size > len(frame) {
			return all
		}
		body := frame[16:size]
		operation, version := binary.BigEndian.Uint32(frame[8:]), binary.BigEndian.Uint16(frame[6:])
		frame = frame[size:]
		if operation != 5 {
			continue
		}
		if version != 2 {
			all = append(all, body)
			continue
		}
		r, err := zlib.NewReader(bytes.NewReader(body))
		if err != nil {
			continue
		}
		inner, _ := io.ReadAll(r)
		all = append(all, plainCommands(inner)...)
	}
	return all
}
