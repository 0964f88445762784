package schema

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dmV2 is [line]'s danmaku in its other form.
func dmV2(more ...[]byte) string {
	user := slices.Concat(
		varintField(1, 4004), bytesField(2, []byte("somebody")), varintField(7, 10000), varintField(10, 1),
		bytesField(11, slices.Concat(varintField(1, 12), bytesField(2, []byte("badge")), varintField(9, 3))),
		bytesField(12, varintField(1, 20)), bytesField(15, varintField(1, 14)))
	return b64(slices.Concat(append([][]byte{
		bytesField(1, []byte("a1b2c3d4e5f60718293a4b5c6d7e8f9012")), varintField(2, 1), varintField(3, 25), varintField(4, 16777215),
		bytesField(5, []byte("8494973c")), bytesField(6, []byte("hello 你好")), varintField(7, 1767323045123), varintField(9, 1767322000),
		bytesField(20, user), bytesField(21, slices.Concat(varintField(1, 9001), varintField(3, 21))),
	}, more...)...))
}

func TestDmV2(t *testing.T) {
	full, _ := command(t, line(t, nil), FateKept)
	all := full.Danmaku[0]
	all.Admin, all.MedalRoomID = true, nil
	sticker := bytesField(14, slices.Concat(bytesField(1, []byte("[x]")), bytesField(2, bytesField(1, []byte("room_21_7")))))
	masked := line(t, func(info, a []any, _ map[string]any) []any {
		info[2].([]any)[0], info[2].([]any)[1] = 0, "s***"
		return info
	})
	withDmV2 := func(payload, pb string) string {
		return strings.Replace(payload, `"dm_v2":""`, `"dm_v2":"`+pb+`"`, 1)
	}
	for name, tt := range map[string]struct {
		payload string
		want    func(*DanmakuRow)
	}{
		"no info":               {`{"cmd":"DANMU_MSG","dm_v2":"` + dmV2() + `"}`, nil},
		"info before":           {`{"cmd":"DANMU_MSG","info":[[],"hello 你好"],"dm_v2":"` + dmV2() + `"}`, nil},
		"info behind":           {`{"cmd":"DANMU_MSG","dm_v2":"` + dmV2() + `","info":[[],"hello 你好"]}`, nil},
		"info without its text": {`{"cmd":"DANMU_MSG","info":[[0,5,36],null,[9,"other"]],"dm_v2":"` + dmV2() + `"}`, nil},
		"info wins": {
			`{"cmd":"DANMU_MSG","info":[[0,5,36],"another"],"dm_v2":"` + dmV2() + `"}`,
			func(r *DanmakuRow) { r.Text, r.Mode, r.FontSize = "another", 5, 36 },
		},
		"hidden in info": {withDmV2(masked, dmV2()), func(r *DanmakuRow) { r.MedalRoomID, r.Admin = ptr[int64](21), false }},
		"hidden in both": {
			`{"cmd":"DANMU_MSG","info":[[],"hello 你好"],"dm_v2":"` + dmV2(bytesField(20, slices.Concat(varintField(1, 0), bytesField(2, []byte("s***"))))) + `"}`,
			func(r *DanmakuRow) { r.UserID, r.UserName, r.Masked = nil, ptr("s***"), true },
		},
		"a sticker": {
			`{"cmd":"DANMU_MSG","dm_v2":"` + dmV2(sticker, varintField(13, 1)) + `"}`,
			func(r *DanmakuRow) { r.Kind, r.Emoticon = DanmakuEmoticon, ptr("room_21_7") },
		},
		"a picture in a text": {`{"cmd":"DANMU_MSG","dm_v2":"` + dmV2(sticker) + `"}`, nil},
		"a lottery":           {`{"cmd":"DANMU_MSG","dm_v2":"` + dmV2(varintField(11, 1)) + `"}`, func(r *DanmakuRow) { r.Lottery = true }},
		"a vote":              {`{"cmd":"DANMU_MSG","dm_v2":"` + dmV2(varintField(11, 5)) + `"}`, nil},
		"a red pocket":        {`{"cmd":"DANMU_MSG","dm_v2":"` + dmV2(bytesField(17, varintField(2, 3))) + `"}`, func(r *DanmakuRow) { r.Lottery = true }},
		"a reply":             {`{"cmd":"DANMU_MSG","dm_v2":"` + dmV2(bytesField(23, varintField(2, 55))) + `"}`, func(r *DanmakuRow) { r.ReplyToUserID = ptr[int64](55) }},
	} {
		t.Run(name, func(t *testing.T) {
			want := all
			if tt.want != nil {
				tt.want(&want)
			}
			// Of an earlier danmaku nothing may be left.
			d := NewDecoder("test", "00000000000000aa")
			d.Command(&Record{Payload: []byte(strings.ReplaceAll(line(t, nil), "4004", "5005"))}, nil, &Rows{})
			var rows Rows
			d.Command(&Record{Seq: 7, Room: 21, ReceivedAt: received, Payload: []byte(tt.payload)}, nil, &rows)
			if diff := cmp.Diff([]DanmakuRow{want}, rows.Danmaku); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, pb := range map[string]string{
		"not base64": "*", "no message": b64([]byte{9}), "text not UTF-8": dmV2(bytesField(6, []byte("\xff"))),
		"name not UTF-8": dmV2(bytesField(20, bytesField(2, []byte("\xff")))), "user no message": dmV2(bytesField(20, []byte{9})),
	} {
		t.Run(name, func(t *testing.T) {
			plain, _ := command(t, masked, FateKept)
			rows, _ := command(t, withDmV2(masked, pb), FateKept)
			if diff := cmp.Diff(plain, rows); diff != "" {
				t.Errorf("it is not as if there were no dm_v2 (-want +got):\n%s", diff)
			}
			command(t, `{"cmd":"DANMU_MSG","dm_v2":"`+pb+`"}`, FateSetAside)
		})
	}
	command(t, `{"cmd":"WATCHED_CHANGE","dm_v2":"`+dmV2()+`"}`, FateSetAside)
}

// TestRealDmV2: of real danmaku both forms make the same row.
func TestRealDmV2(t *testing.T) {
	compared, medals, stickers := 0, 0, 0
	for _, c := range capture(t) {
		if CommandName(c) != "DANMU_MSG" {
			continue
		}
		var m struct {
			DmV2 string `json:"dm_v2"`
		}
		if err := json.Unmarshal(c, &m); err != nil {
			t.Fatal(err)
		}
		var both, alone, short Rows
		d := NewDecoder("test", "aa")
		decode := func(payload []byte, rows *Rows) DanmakuRow {
			d.Command(&Record{Seq: 1, Room: 21, ReceivedAt: 1693371740e6, Payload: payload}, nil, rows)
			if len(rows.Danmaku) != 1 {
				t.Fatalf("no danmaku of dm_v2 alone, message %d", compared)
			}
			return rows.Danmaku[0]
		}
		want := decode(c, &both)
		got := decode(mustJSON(t, map[string]any{"cmd": "DANMU_MSG", "dm_v2": m.DmV2}), &alone)
		if off := got.TS - want.TS; off < 0 || off > 1000 {
			t.Errorf("message %d: %d µs off", compared, off)
		}
		got.TS = want.TS
		if want.MedalName != nil {
			medals++
		}
		if want.Emoticon != nil {
			stickers++
		}
		want.MedalRoomID = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("message %d differs in %d lines", compared, strings.Count(diff, "\n"))
		}
		got = decode(bytes.Replace(c, []byte(`"id_str`), []byte(`"other`), 1), &short)
		got.MedalRoomID = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("message %d without its id differs in %d lines", compared, strings.Count(diff, "\n"))
		}
		compared++
	}
	if compared != 134 || medals < 90 || stickers < 1 {
		t.Errorf("%d compared, %d medals, %d stickers", compared, medals, stickers)
	}
}
