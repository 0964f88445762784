package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"

	"danmaku-archiver/schema"
)

// decodeCommands are decoded by each contender in a round.
const decodeCommands = 4 * batchCommands

// reader takes one DANMU_MSG apart and returns a number that depends on what it found, so
// that none of it can be left out.
type reader struct {
	name string
	read func(room schema.RoomID, payload []byte) (int, error)
}

// readers are this decoder, which makes rows, and others, which read what its rows hold.
func readers() []reader {
	d := schema.NewDecoder("bench", "00000000000000aa")
	var rows schema.Rows
	var parser, inner fastjson.Parser
	return []reader{
		{"**this decoder**, rows made", func(room schema.RoomID, payload []byte) (int, error) {
			rows.Danmaku = rows.Danmaku[:0]
			rec := schema.Record{Seq: 1, Room: room, ReceivedAt: startMillis * 1000, Kind: schema.KindCommand, Payload: payload}
			if _, fate := d.Command(&rec, nil, &rows); fate != schema.FateKept || len(rows.Danmaku) != 1 {
				return 0, errors.New("no danmaku")
			}
			r := &rows.Danmaku[0]
			if r.UserID == nil || r.MedalName == nil || !r.HasID {
				return 0, errors.New("something was not found")
			}
			return len(r.Text) + int(r.Mode) + len(*r.MedalName), nil
		}},
		{"encoding/json into `any`", func(_ schema.RoomID, payload []byte) (int, error) {
			return standard(payload, false)
		}},
		{"encoding/json into `any`, and extra", func(_ schema.RoomID, payload []byte) (int, error) {
			return standard(payload, true)
		}},
		{"valyala/fastjson, and extra", func(_ schema.RoomID, payload []byte) (int, error) {
			return fast(&parser, &inner, payload)
		}},
		{"tidwall/gjson, field by field, not validated", func(_ schema.RoomID, payload []byte) (int, error) {
			return byPath(payload)
		}},
	}
}

func standard(payload []byte, extra bool) (int, error) {
	var m map[string]any
	if err := json.Unmarshal(payload, &m); err != nil {
		return 0, err
	}
	info := m["info"].([]any)
	first := info[0].([]any)
	if extra {
		var e map[string]any
		if err := json.Unmarshal([]byte(first[15].(map[string]any)["extra"].(string)), &e); err != nil {
			return 0, err
		}
		if e["id_str"] == "" {
			return 0, errors.New("no id")
		}
	}
	return len(info[1].(string)) + int(first[1].(float64)) + len(info[3].([]any)[1].(string)), nil
}

// fast reads every field that the decoder's row holds.
func fast(parser, inner *fastjson.Parser, payload []byte) (int, error) {
	v, err := parser.ParseBytes(payload)
	if err != nil {
		return 0, err
	}
	info := v.Get("info")
	first, user, medal := info.Get("0"), info.Get("2"), info.Get("3")
	e, err := inner.ParseBytes(first.GetStringBytes("15", "extra"))
	if err != nil {
		return 0, err
	}
	if len(e.GetStringBytes("id_str")) == 0 || user.GetInt64("0") == 0 {
		return 0, errors.New("no id")
	}
	n := int64(0)
	for _, place := range []string{"2", "3", "4", "5", "9", "12"} {
		n += first.GetInt64(place)
	}
	hash, err := strconv.ParseUint(string(first.GetStringBytes("7")), 16, 32)
	if err != nil {
		return 0, err
	}
	n += int64(hash) + first.GetInt64("16", "activity_source") + e.GetInt64("reply_mid") + user.GetInt64("2") +
		medal.GetInt64("0") + medal.GetInt64("3") + medal.GetInt64("12") + info.GetInt64("4", "0") + info.GetInt64("7") + info.GetInt64("16", "0")
	if n == 0 || len(string(user.GetStringBytes("1"))) == 0 {
		return 0, errors.New("something was not found")
	}
	return len(string(info.GetStringBytes("1"))) + first.GetInt("1") + len(string(medal.GetStringBytes("1"))), nil
}

// byPath reads nine fields, each from the beginning.
func byPath(payload []byte) (int, error) {
	info := gjson.GetBytes(payload, "info")
	first := info.Get("0")
	if first.Get("15.extra").Get("@fromstr.id_str").String() == "" || info.Get("2.0").Int() == 0 || info.Get("2.1").String() == "" ||
		first.Get("4").Int() == 0 || first.Get("7").String() == "" {
		return 0, errors.New("something was not found")
	}
	return len(info.Get("1").String()) + int(first.Get("1").Int()) + len(info.Get("3.1").String()), nil
}

// decodeTable lets each reader take the same commands apart, in turns, on one core, and
// returns the medians as a table. It counts the CPU's time, which a busy machine leaves
// almost alone.
func decodeTable(rounds int) (string, error) {
	p := newPool(1)
	all := readers()
	results := make([][]result, len(all))
	for round := range rounds + 1 {
		for n, r := range all {
			fmt.Fprintf(os.Stderr, "\rround %d of %d: %-50s", round, rounds, r.name)
			got, err := r.measure(p)
			if err != nil {
				return "", fmt.Errorf("%s: %w", r.name, err)
			}
			if round > 0 { // the first warms up
				results[n] = append(results[n], got)
			}
		}
	}
	fmt.Fprintln(os.Stderr)
	var b strings.Builder
	fmt.Fprintf(&b, "%d DANMU_MSG of %.0f bytes in the mean; medians of %d rounds.\n\n", decodeCommands, p.size(), rounds)
	b.WriteString("| decoder | CPU µs per command | quickest to slowest round | relative | allocations per command |\n|---|--:|--:|--:|--:|\n")
	first := medians(results[0])
	for n, r := range all {
		m := medians(results[n])
		slices.SortFunc(results[n], func(a, b result) int { return cmp.Compare(a.cpu, b.cpu) })
		fmt.Fprintf(&b, "| %s | %.1f | %.1f to %.1f | %.1f | %.1f |\n", r.name, m.cpu, results[n][0].cpu, results[n][rounds-1].cpu, m.cpu/first.cpu, m.allocs)
	}
	return b.String(), nil
}

func (r reader) measure(p *pool) (result, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpuTime()
	for n := range decodeCommands {
		room, payload := p.command(n)
		if _, err := r.read(room, payload); err != nil {
			return result{}, err
		}
	}
	cpu := cpuTime() - start
	runtime.ReadMemStats(&after)
	return result{
		cpu:    float64(cpu.Nanoseconds()) / 1000 / decodeCommands,
		allocs: float64(after.Mallocs-before.Mallocs) / decodeCommands,
	}, nil
}
