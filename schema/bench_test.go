package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

func BenchmarkCommand(b *testing.B) {
	for name, payload := range map[string]string{
		"danmaku":  line(b, nil),
		"audience": `{"cmd":"ONLINE_RANK_COUNT","data":{"count":7700,"count_text":"7700","online_count":9000,"online_count_text":"9000"}}`,
		"other":    `{"cmd":"SOMETHING_NEW","data":{"uid":4004,"uname":"somebody","msg_type":1,"fans_medal":{"level":3}},"msg_id":"5:1:1"}`,
	} {
		rec := &Record{Seq: 7, Room: 21, ReceivedAt: received, Payload: []byte(payload)}
		b.Run(name, func(b *testing.B) {
			d := NewDecoder("test", "00000000000000aa")
			var rows Rows
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				rows.Danmaku, rows.Audience, rows.Other = rows.Danmaku[:0], rows.Audience[:0], rows.Other[:0]
				d.Command(rec, nil, &rows)
			}
		})
		b.Run(name+"/encoding-json", func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				var v any
				if err := json.Unmarshal(rec.Payload, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMixed decodes the made-up commands of every kind, one after the other.
func BenchmarkMixed(b *testing.B) {
	file, err := os.ReadFile("testdata/commands.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	commands := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	d := NewDecoder("test", "00000000000000aa")
	n := 0
	for b.Loop() {
		var rows Rows
		for _, c := range commands {
			d.Command(&Record{Seq: 7, Room: 21, ReceivedAt: received, Payload: c}, nil, &rows)
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "commands/s")
}

func BenchmarkCommandName(b *testing.B) {
	payload := []byte(line(b, nil))
	b.ReportAllocs()
	for b.Loop() {
		CommandName(payload)
	}
}
