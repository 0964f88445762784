package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestGolden decodes made-up commands of every modelled kind and shape.
func TestGolden(t *testing.T) {
	commands, err := os.ReadFile("testdata/commands.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"kept", "set aside", "repeat"}
	var b strings.Builder
	d := NewDecoder("test", "00000000000000aa")
	key := "broadcast"
	for i, payload := range strings.Split(strings.TrimSuffix(string(commands), "\n"), "\n") {
		var rows Rows
		rec := &Record{Seq: int64(i + 1), Room: 21, ReceivedAt: received, Kind: KindCommand, Payload: []byte(payload)}
		ts, fate := d.Command(rec, &key, &rows)
		b.WriteString(payload + "\n")
		b.WriteString("  " + names[fate] + " at " + string(mustJSON(t, ts)) + "\n")
		for _, row := range flatten(rows) {
			b.WriteString("  " + string(mustJSON(t, row)) + "\n")
		}
	}
	golden(t, "testdata/commands.golden", b.String())
}

func flatten(rows Rows) (all []any) {
	v := reflect.ValueOf(rows)
	for i := range v.NumField() {
		for j := range v.Field(i).Len() {
			all = append(all, v.Field(i).Index(j).Interface())
		}
	}
	return all
}

func common(rows Rows) (all []Common) {
	for _, r := range rows.Danmaku {
		all = append(all, r.Common)
	}
	for _, r := range rows.Payments {
		all = append(all, r.Common)
	}
	for _, r := range rows.Audience {
		all = append(all, r.Common)
	}
	for _, r := range rows.Presence {
		all = append(all, r.Common)
	}
	for _, r := range rows.Moderation {
		all = append(all, r.Common)
	}
	for _, r := range rows.Other {
		all = append(all, r.Common)
	}
	return all
}

func TestBrokenPayloads(t *testing.T) {
	for name, payload := range map[string]string{
		"cut off":                line(t, nil)[:100],
		"trailing":               line(t, nil) + "x",
		"bad UTF-8":              strings.Replace(line(t, nil), "hello", "hel\xfflo", 2),
		"bad UTF-8, no model":    "{\"cmd\":\"LIVE\",\"a\":\"\xff\"}",
		"bad repeat":             `{"cmd":"COMBO_SEND","data":`,
		"empty":                  "",
		"binary":                 "\x00\x01\xff",
		"no text":                `{"cmd":"DANMU_MSG","info":[[0],null,[5,"x"]]}`,
		"info is an object":      `{"cmd":"DANMU_MSG","info":{}}`,
		"no info":                `{"cmd":"DANMU_MSG"}`,
		"figure is text":         `{"cmd":"WATCHED_CHANGE","data":{"num":"many"}}`,
		"data is an array":       `{"cmd":"LIKE_INFO_V3_UPDATE","data":[]}`,
		"too deep":               `{"cmd":"X","data":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
		"the last of two counts": `{"cmd":"DANMU_MSG","info":[[],"text"],"info":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			rows, ts := command(t, payload, FateSetAside)
			if len(rows.Other) != 1 || len(flatten(rows)) != 1 {
				t.Fatalf("rows: %+v", rows)
			}
			r := rows.Other[0]
			got, err := base64.StdEncoding.DecodeString(r.Payload)
			if err != nil || string(got) != payload {
				t.Errorf("payload %q, %v", got, err)
			}
			if !r.Broken || r.TS != ts || ts != received || r.Command != CommandName([]byte(payload)) {
				t.Errorf("row %+v", r)
			}
		})
	}
}

// TestReasons: what is set aside says what is wrong with it.
func TestReasons(t *testing.T) {
	for payload, want := range map[string]Reason{
		`{"cmd":"DANMU_MSG","info":[[],"x"]`:                                                          ReasonJSON,
		"{\"cmd\":\"DANMU_MSG\",\"info\":[[],\"\xff\"]}":                                              ReasonUTF8,
		`{"cmd":"DANMU_MSG"}`:                                                                         ReasonMissing,
		`{"cmd":"SEND_GIFT","Data":{}}`:                                                               ReasonMissing,
		`{"cmd":"DANMU_MSG","info":"x"}`:                                                              ReasonType,
		`{"cmd":"SEND_GIFT","data":null}`:                                                             ReasonType,
		`{"cmd":"WATCHED_CHANGE","data":[]}`:                                                          ReasonType,
		`{"cmd":"DANMU_MSG","info":[[],null]}`:                                                        ReasonShape,
		`{"cmd":"WATCHED_CHANGE","data":{"num":"many"}}`:                                              ReasonShape,
		`{"cmd":"ROOM_BLOCK_MSG"}`:                                                                    ReasonShape,
		`{"cmd":"SEND_GIFT","data":{"giftId":1}}`:                                                     ReasonShape,
		`{"cmd":"SUPER_CHAT_MESSAGE","data":{"id":1}}`:                                                ReasonShape,
		`{"cmd":"GUARD_BUY","data":{"guard_level":3,"num":1}}`:                                        ReasonShape,
		`{"cmd":"POPULARITY_RED_POCKET_NEW","data":{"lot_id":1}}`:                                     ReasonShape,
		`{"cmd":"POPULARITY_RED_POCKET_START","data":{"total_price":1}}`:                              ReasonShape,
		`{"cmd":"SEND_GIFT_V2","data":{}}`:                                                            ReasonBase64,
		`{"cmd":"INTERACT_WORD_V2","data":{"pb":"*"}}`:                                                ReasonBase64,
		`{"cmd":"INTERACT_WORD_V2","data":{"pb":"` + b64([]byte{9}) + `"}}`:                           ReasonMessage,
		`{"cmd":"SEND_GIFT_V2","data":{"pb":"` + b64(bytesField(2, []byte("\xff"))) + `"}}`:           ReasonMessage,
		`{"cmd":"SEND_GIFT_V2","data":{"pb":"` + b64(bytesField(10, []byte{9})) + `"}}`:               ReasonMessage,
		`{"cmd":"SEND_GIFT_V2","data":{"pb":"` + b64(bytesField(10, varintField(3, 1))) + `"}}`:       ReasonShape,
		`{"cmd":"SEND_GIFT","data":{"giftId":1,"num":-1,"price":1}}`:                                  ReasonAmount,
		`{"cmd":"SEND_GIFT","data":{"giftId":1,"num":1,"price":1,"total_coin":-1}}`:                   ReasonAmount,
		`{"cmd":"SUPER_CHAT_MESSAGE","data":{"id":1,"price":9223372036854775807}}`:                    ReasonAmount,
		`{"cmd":"USER_TOAST_MSG","data":{"guard_level":3,"num":-1,"price":1}}`:                        ReasonAmount,
		`{"cmd":"POPULARITY_RED_POCKET_NEW","data":{"lot_id":1,"price":-1}}`:                          ReasonAmount,
		`{"cmd":"POPULARITY_RED_POCKET_START","data":{"lot_id":1,"total_price":9223372036854775807}}`: ReasonAmount,
	} {
		rows, _ := command(t, payload, FateSetAside)
		if got := rows.Other[0].Reason; got != want {
			t.Errorf("%s: %q, want %q", payload, got, want)
		}
	}
}

func TestOtherIsAsReceived(t *testing.T) {
	for _, payload := range []string{
		` {"cmd" : "NEW", "x":1.0e5,"é":"\u00e9" } `, `{"cmd":"LIVE"}`, `{"data":{}}`, `[]`, `"x"`, `7`, `null`, `{}`,
		`{"cmd":"DANMU_MSG_NEW","info":[[],"x"]}`, `{"cmd":5,"info":[[],"x"]}`,
	} {
		rows, _ := command(t, payload, FateKept)
		if len(rows.Other) != 1 || len(flatten(rows)) != 1 || rows.Other[0].Payload != payload || rows.Other[0].Broken {
			t.Errorf("%s: %+v", payload, rows)
		}
	}
}

func TestServiceTime(t *testing.T) {
	const s = received / 1_000_000
	tests := map[string]struct {
		sent    any
		ts      int64
		service int64 // 0: null
	}{
		"milliseconds":          {s*1000 + 1, s*1e6 + 1000, 0},
		"seconds":               {s, s * 1e6, 0},
		"as text":               {"1767323045001", 1767323045001000, 0},
		"just within the past":  {(s - 119) * 1000, (s - 119) * 1e6, 0},
		"too far in the past":   {(s - 120) * 1000, received, (s - 120) * 1e6},
		"too far in the future": {(s + 121) * 1000, received, (s + 121) * 1e6},
		"zero":                  {0, received, 0},
		"negative":              {-5, received, 0},
		"absurd":                {int64(1) << 62, received, 0},
		"the year 10000":        {int64(253402300800000), received, 0},
		"no number":             {"soon", received, 0},
		"null":                  {nil, received, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rows, ts := command(t, line(t, func(info, a []any, _ map[string]any) []any { a[4] = tt.sent; return info }), FateKept)
			r := rows.Danmaku[0]
			var want *int64
			if tt.service != 0 {
				want = &tt.service
			}
			if ts != tt.ts || r.TS != ts || r.ReceivedAt != received {
				t.Errorf("ts %d, row %d, want %d", ts, r.TS, tt.ts)
			}
			if diff := cmp.Diff(want, r.ServiceTS); diff != "" {
				t.Errorf("service_ts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventIDs(t *testing.T) {
	first, _ := command(t, line(t, nil), FateKept)
	if r := first.Danmaku[0]; !r.HasID || r.EventID != EventID(TableDanmaku, "a1b2c3d4e5f60718293a4b5c6d7e8f9012", 0) {
		t.Errorf("by id_str: %+v", r.Common)
	}
	rows, _ := command(t, `{"cmd":"DANMU_MSG","info":[[],"x"],"msg_id":"m\u00311"}`, FateKept)
	if r := rows.Danmaku[0]; !r.HasID || r.EventID != EventID(TableDanmaku, "m11", 0) {
		t.Errorf("by msg_id: %+v", r.Common)
	}
	rows, _ = command(t, `{"cmd":"DANMU_MSG","info":[[],"x"]}`, FateKept)
	if r := rows.Danmaku[0]; r.HasID || r.EventID != UniqueEventID("00000000000000aa", 7, 0) {
		t.Errorf("by seq: %+v", r.Common)
	}
	rows, _ = command(t, `{"cmd":"NEW","msg_id":"m1"}`, FateKept)
	if r := rows.Other[0]; !r.HasID || r.EventID != EventID(TableOther, "m1", 0) {
		t.Errorf("other by msg_id: %+v", r.Common)
	}
	rows, _ = command(t, `{"cmd":"ONLINE_RANK_COUNT","data":{"count":1,"online_count":2},"msg_id":"m1"}`, FateKept)
	for i, r := range rows.Audience {
		if r.HasID || r.Item != int32(i) || r.EventID != EventID(TableAudience, "m1", i) {
			t.Errorf("figure %d: %+v", i, r.Common)
		}
	}
}

// Stored files hold these: they must not change.
func TestHashesAreFixed(t *testing.T) {
	got := []int64{
		EventID(TableDanmaku, "a1", 0), EventID(TableDanmaku, "a1", 1), EventID(TableOther, "a1", 0), EventID(TableDanmaku, "", 0),
		EventID(TableDanmaku, strings.Repeat("x", 500), 0), UniqueEventID("00000000000000aa", 7, 0), UniqueEventID("00000000000000aa", 7, 1),
		userHash(4004),
	}
	golden(t, "testdata/hashes.golden", string(mustJSON(t, got))+"\n")
	seen := map[int64]bool{}
	for _, h := range got {
		if seen[h] {
			t.Errorf("%d twice", h)
		}
		seen[h] = true
	}
}

// TestRowsDoNotAliasThePayload: readers lend payloads and use them again (I5).
func TestRowsDoNotAliasThePayload(t *testing.T) {
	d := NewDecoder("test", "00000000000000aa")
	for _, payload := range []string{line(t, nil), `{"cmd":"NEW","msg_id":"x"}`, `{"cmd":"BAD"`,
		`{"cmd":"DANMU_MSG","info":[[],"plain",[0,"name"]]}`} {
		b := []byte(payload)
		var rows Rows
		d.Command(&Record{Seq: 1, Room: 21, ReceivedAt: received, Payload: b}, nil, &rows)
		before := mustJSON(t, rows)
		for i := range b {
			b[i] = 'X'
		}
		// The decoder's own buffers are used again, too.
		d.Command(&Record{Seq: 2, Room: 21, ReceivedAt: received, Payload: []byte(strings.ReplaceAll(line(t, nil), "hello", "other"))}, nil, &Rows{})
		if after := mustJSON(t, rows); !bytes.Equal(before, after) {
			t.Errorf("changed:\n%s\n%s", before, after)
		}
	}
}

func FuzzCommand(f *testing.F) {
	commands, err := os.ReadFile("testdata/commands.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range bytes.Split(commands, []byte("\n")) {
		f.Add(c)
	}
	f.Add([]byte(line(f, nil)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		d := NewDecoder("test", "00000000000000aa")
		rec := &Record{Seq: 7, Room: 21, ReceivedAt: received, Kind: KindCommand, Payload: payload}
		var rows, again Rows
		ts, fate := d.Command(rec, nil, &rows)
		all := common(rows)
		if (len(all) == 0) != (fate == FateRepeat) {
			t.Fatalf("fate %d with %d rows", fate, len(all))
		}
		if sound := json.Valid(payload) && utf8.Valid(payload); !sound && fate != FateSetAside {
			t.Fatalf("fate %d of an unsound payload", fate)
		}
		for i, c := range all {
			if c.TS != ts || c.Seq != 7 || c.RoomID != 21 || c.Item != int32(i) {
				t.Fatalf("row %d: %+v", i, c)
			}
		}
		if diff := ts - received; diff > graceMicros || diff < -graceMicros {
			t.Fatalf("ts is %d µs off", diff)
		}
		for _, row := range flatten(rows) {
			checkStrings(t, reflect.ValueOf(row))
		}
		for _, r := range rows.Other {
			if got, err := base64.StdEncoding.DecodeString(r.Payload); r.Broken && (err != nil || !bytes.Equal(got, payload)) {
				t.Fatalf("broken payload %q, %v", got, err)
			} else if !r.Broken && r.Payload != string(payload) {
				t.Fatalf("payload %q", r.Payload)
			}
		}
		d.Command(rec, nil, &again)
		if !reflect.DeepEqual(rows, again) {
			t.Fatalf("decoded again it is otherwise:\n%+v\n%+v", rows, again)
		}
	})
}

// checkStrings fails for any string in the value that is not valid UTF-8.
func checkStrings(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			checkStrings(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			checkStrings(t, v.Field(i))
		}
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			t.Fatalf("not UTF-8: %q", v.String())
		}
	}
}
