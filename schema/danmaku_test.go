package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDanmaku(t *testing.T) {
	hash := userHash(4004)
	base := func() DanmakuRow {
		return DanmakuRow{
			Common: Common{EventID: EventID(TableDanmaku, "a1b2c3d4e5f60718293a4b5c6d7e8f9012", 0), HasID: true,
				RoomID: 21, TS: 1767323045123000, ReceivedAt: received, Collector: "test", JournalID: "00000000000000aa", Seq: 7},
			Who:  Who{UserID: ptr[int64](4004), UserHash: &hash, UserName: ptr("somebody")},
			Text: "hello 你好", Kind: "text", Mode: 1, FontSize: 25, Color: 16777215,
			UserLevel: ptr[int32](20), WealthLevel: ptr[int32](14), GuardLevel: 3,
			MedalName: ptr("badge"), MedalLevel: ptr[int32](12), MedalRoomID: ptr[int64](21), MedalAnchorID: ptr[int64](9001),
			EnteredAt: ptr[int64](1767322000e6),
		}
	}
	noMedal := func(r *DanmakuRow) { r.MedalName, r.MedalLevel, r.MedalRoomID, r.MedalAnchorID = nil, nil, nil, nil }
	tests := map[string]struct {
		edit func(info, a []any, extra map[string]any)
		want func(*DanmakuRow)
	}{
		"as it is": {},
		"hidden": {
			func(info, _ []any, _ map[string]any) { info[2].([]any)[0], info[2].([]any)[1] = 0, "s***" },
			func(r *DanmakuRow) { r.UserID, r.UserName, r.Masked = nil, ptr("s***"), true },
		},
		"hidden, decimal hash only": {
			func(info, a []any, _ map[string]any) { info[2].([]any)[0], a[7] = 0, "" },
			func(r *DanmakuRow) { r.UserID, r.Masked = nil, true },
		},
		"hidden, no hash": {
			func(info, a []any, extra map[string]any) { info[2].([]any)[0], a[7], extra["user_hash"] = 0, "", "" },
			func(r *DanmakuRow) { r.UserID, r.Masked, r.UserHash = nil, true, nil },
		},
		"hidden, hash of nobody": {
			func(info, a []any, extra map[string]any) {
				info[2].([]any)[0], a[7], extra["user_hash"] = 0, "f4dbdf21", "4108050209"
			},
			func(r *DanmakuRow) { r.UserID, r.Masked, r.UserHash = nil, true, nil },
		},
		"hash not hexadecimal": {
			func(_, a []any, extra map[string]any) { a[7], extra["user_hash"] = "xyz", "-5" },
			nil,
		},
		"hash as sent": {
			func(_, a []any, _ map[string]any) { a[7] = "0000000A" },
			func(r *DanmakuRow) { r.UserHash = ptr[int64](10) },
		},
		"uid as text": {func(info, _ []any, _ map[string]any) { info[2].([]any)[0] = "4004" }, nil},
		"no sender": {
			func(info, a []any, extra map[string]any) { info[2], a[7], extra["user_hash"] = []any{}, nil, nil },
			func(r *DanmakuRow) { r.Who = Who{} },
		},
		"no medal":       {func(info, _ []any, _ map[string]any) { info[3] = []any{} }, noMedal},
		"null medal":     {func(info, _ []any, _ map[string]any) { info[3] = nil }, noMedal},
		"nameless medal": {func(info, _ []any, _ map[string]any) { info[3] = []any{0, "", "", 0, 0} }, noMedal},
		"short medal": {
			func(info, _ []any, _ map[string]any) { info[3] = []any{12, "badge", "streamer", 21, 398668, ""} },
			func(r *DanmakuRow) { r.MedalAnchorID = nil },
		},
		"sticker": {
			func(_, a []any, extra map[string]any) {
				a[12], a[13] = 1, map[string]any{"emoticon_unique": "room_21_7"}
				extra["emoticon_unique"] = "another"
			},
			func(r *DanmakuRow) { r.Kind, r.Emoticon = "emoticon", ptr("room_21_7") },
		},
		"sticker in extra": {
			func(_, a []any, extra map[string]any) { a[12], extra["emoticon_unique"] = 1, "official_1" },
			func(r *DanmakuRow) { r.Kind, r.Emoticon = "emoticon", ptr("official_1") },
		},
		"voice":      {func(_, a []any, _ map[string]any) { a[12] = 2 }, func(r *DanmakuRow) { r.Kind = "voice" }},
		"new kind":   {func(_, a []any, _ map[string]any) { a[12] = 9 }, func(r *DanmakuRow) { r.Kind = "other" }},
		"reply":      {func(_, _ []any, extra map[string]any) { extra["reply_mid"] = 55 }, func(r *DanmakuRow) { r.ReplyToUserID = ptr[int64](55) }},
		"lottery":    {func(_, a []any, _ map[string]any) { a[9] = 2 }, func(r *DanmakuRow) { r.Lottery = true }},
		"storm":      {func(_, a []any, _ map[string]any) { a[9] = 1 }, nil},
		"red pocket": {func(_, a []any, _ map[string]any) { a[16] = map[string]any{"activity_source": 3} }, func(r *DanmakuRow) { r.Lottery = true }},
		"moderator":  {func(info, _ []any, _ map[string]any) { info[2].([]any)[2] = 1 }, func(r *DanmakuRow) { r.Admin = true }},
		"guard":      {func(info, _ []any, _ map[string]any) { info[7] = 1 }, func(r *DanmakuRow) { r.GuardLevel = 1 }},
		"look":       {func(_, a []any, _ map[string]any) { a[1], a[2], a[3] = 5, 36, 14893055 }, func(r *DanmakuRow) { r.Mode, r.FontSize, r.Color = 5, 36, 14893055 }},
		"drifted":    {func(info, a []any, _ map[string]any) { a[1], info[4], info[16] = "x", "{}", map[string]any{} }, func(r *DanmakuRow) { r.Mode, r.UserLevel, r.WealthLevel = 0, nil, nil }},
		"extra at fault": {
			func(_, a []any, _ map[string]any) { a[15] = map[string]any{"extra": `{"id_str":"zz",`} },
			func(r *DanmakuRow) { r.EventID, r.HasID = UniqueEventID("00000000000000aa", 7, 0), false },
		},
		"extra empty": {
			func(_, a []any, _ map[string]any) { a[15] = map[string]any{"extra": ""} },
			func(r *DanmakuRow) { r.EventID, r.HasID = UniqueEventID("00000000000000aa", 7, 0), false },
		},
		"extra an object": {
			func(_, a []any, extra map[string]any) { a[15] = map[string]any{"extra": extra} },
			nil,
		},
		"entered at random": {func(_, a []any, _ map[string]any) { a[5] = -1942957414 }, func(r *DanmakuRow) { r.EnteredAt = nil }},
		"entered later":     {func(_, a []any, _ map[string]any) { a[5] = 1767323046 }, func(r *DanmakuRow) { r.EnteredAt = nil }},
		"entered just now":  {func(_, a []any, _ map[string]any) { a[5] = 1767323045 }, func(r *DanmakuRow) { r.EnteredAt = ptr[int64](1767323045e6) }},
		"entered yesterday": {func(_, a []any, _ map[string]any) { a[5] = 1767323045 - 86400 }, func(r *DanmakuRow) { r.EnteredAt = nil }},
		"entered 23 h ago":  {func(_, a []any, _ map[string]any) { a[5] = "1767240245" }, func(r *DanmakuRow) { r.EnteredAt = ptr[int64](1767240245e6) }},
		"entered 64 bits":   {func(_, a []any, _ map[string]any) { a[5] = int64(1) << 61 }, func(r *DanmakuRow) { r.EnteredAt = nil }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			payload := line(t, func(info, a []any, extra map[string]any) []any {
				if tt.edit != nil {
					tt.edit(info, a, extra)
				}
				return info
			})
			want := base()
			if tt.want != nil {
				tt.want(&want)
			}
			rows, _ := command(t, payload, FateKept)
			if diff := cmp.Diff([]DanmakuRow{want}, rows.Danmaku); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDanmakuOfEveryLength: the service has sent info with 6 to 18 entries, info[0] with
// 9 to 19.
func TestDanmakuOfEveryLength(t *testing.T) {
	for n := 2; n <= 18; n++ {
		for m := range 19 {
			payload := line(t, func(info, a []any, _ map[string]any) []any {
				info[0] = a[:min(m, len(a))]
				return info[:n]
			})
			if rows, _ := command(t, payload, FateKept); len(rows.Danmaku) != 1 || rows.Danmaku[0].Text != "hello 你好" {
				t.Fatalf("%d entries, %d attributes: %+v", n, m, rows)
			}
		}
	}
}

// TestTextIsByteForByte covers what recordings of 2019 hold and JSON writes differently.
func TestTextIsByteForByte(t *testing.T) {
	texts := []string{"", " ", "  outer blanks  ", "\ufeffBOM", "\u0000\u0001\u001f\u007f", "tab\tline\nreturn\r", `quote " back \ slash /`,
		"<%&>\u2028\u2029", "\u200b\u200d\u202e", "😀👨‍👩‍👧", "\ufffd", "草", strings.Repeat("长", 1000)}
	for _, text := range texts {
		for _, escape := range []bool{true, false} {
			var b strings.Builder
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(escape)
			if err := e.Encode(text); err != nil {
				t.Fatal(err)
			}
			rows, _ := command(t, `{"cmd":"DANMU_MSG","info":[[],`+b.String()+`]}`, FateKept)
			if got := rows.Danmaku[0].Text; got != text {
				t.Errorf("got %q, want %q", got, text)
			}
		}
	}
	for escaped, want := range map[string]string{`\ud83d\ude00`: "😀", `\ud83d`: "\ufffd", `\ude00x`: "\ufffdx", `\ud83d\ud83d\ude00`: "\ufffd😀", `\/`: "/"} {
		rows, _ := command(t, `{"cmd":"DANMU_MSG","info":[[],"`+escaped+`"]}`, FateKept)
		if got := rows.Danmaku[0].Text; got != want {
			t.Errorf("%s: got %q, want %q", escaped, got, want)
		}
	}
}
