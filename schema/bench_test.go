package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
)

// fullLine is a made-up DANMU_MSG with all that the service sent in 2026, 2.2 KB as the
// real ones are; n tells one from another.
func fullLine(n int) string {
	extra := fmt.Sprintf(`{"send_from_me":false,"master_player_hidden":false,"mode":0,"color":16777215,"dm_type":0,"font_size":25,"player_mode":1,"show_player_type":0,"content":"你好，主播","user_hash":"%d","emoticon_unique":"","bulge_display":0,"recommend_score":3,"main_state_dm_color":"","objective_state_dm_color":"","direction":0,"pk_direction":0,"quartet_direction":0,"anniversary_crowd":0,"yeah_space_type":"","yeah_space_url":"","jump_to_url":"","space_type":"","space_url":"","animation":{},"emots":null,"is_audited":false,"id_str":"%032x","icon":null,"show_reply":true,"reply_mid":0,"reply_uname":"","reply_uname_color":"","reply_is_mystery":false,"reply_type_enum":0,"hit_combo":0,"esports_jump_url":"","is_mirror":false,"is_collaboration_member":false}`, userHash(int64(4000+n)), n)
	const face = "https://i0.example.net/bfs/face/0123456789abcdef0123456789abcdef01234567.jpg"
	base := `{"name":"someone","face":"` + face + `","name_color":0,"is_mystery":false,"risk_ctrl_info":null,"origin_info":{"name":"someone","face":"` + face + `"},"official_info":{"role":0,"title":"","desc":"","type":-1},"name_color_str":""}`
	medal := `{"name":"badge","level":12,"color_start":9272486,"color_end":9272486,"color_border":9272486,"color":9272486,"id":398668,"typ":0,"is_light":1,"ruid":9001,"guard_level":0,"score":6850,"guard_icon":"","honor_icon":"","v2_medal_color_start":"#5866C799","v2_medal_color_end":"#5866C799","v2_medal_color_border":"#5866C799","v2_medal_color_text":"#FFFFFFFF","v2_medal_color_level":"#000B7099","user_receive_count":0}`
	return fmt.Sprintf(`{"cmd":"DANMU_MSG","dm_v2":"","info":[[0,1,25,16777215,1767323045123,1767322000,0,"%08x",0,0,0,"",0,"{}","{}",{"extra":%s,"mode":0,"show_player_type":0,"user":{"uid":%d,"base":%s,"medal":%s,"wealth":null,"title":{"old_title_css_id":"","title_css_id":""},"guard":null,"uhead_frame":null,"guard_leader":{"is_guard_leader":false}}},{"activity_identity":"","activity_source":0,"not_show":0},42],"你好，主播",[%d,"user%d",0,0,0,10000,1,""],[12,"badge","streamer",21,9272486,"",0,9272486,9272486,9272486,0,1,9001],[20,0,9868950,">50000",0],["",""],0,0,null,{"ts":1767323045,"ct":"1E87B629"},0,0,null,null,0,220,[14],null],"msg_id":"%d:1000:1000","p_is_ack":true,"p_msg_type":1,"send_time":1767323045200}`,
		userHash(int64(4000+n)), strconv.Quote(extra), 4000+n, base, medal, 4000+n, n%500, n)
}

// mixed is a made-up minute of a busy room of 2026: of a hundred commands about half are
// danmaku and a third tell who entered.
func mixed() (commands [][]byte) {
	interact := func(n int) string {
		medal := slices.Concat(varintField(1, 9001), varintField(2, 12), bytesField(3, []byte("badge")), varintField(4, 9272486), varintField(12, 21))
		pb := slices.Concat(varintField(1, uint64(4000+n)), bytesField(2, []byte("user"+strconv.Itoa(n%500))), bytesField(4, []byte{3, 1}), varintField(5, 1),
			varintField(6, 21), varintField(7, 1767323045), varintField(8, 1767323045123), bytesField(9, medal), varintField(15, 1767323045123456789),
			bytesField(22, slices.Concat(varintField(1, uint64(4000+n)), bytesField(2, bytesField(1, []byte("user"+strconv.Itoa(n%500)))))))
		return `{"cmd":"INTERACT_WORD_V2","data":{"dmscore":6,"pb":"` + b64(pb) + `"},"msg_id":"` + strconv.Itoa(n) + `:1000:1000","send_time":1767323045200}`
	}
	gift := func(n int) string {
		item := slices.Concat(varintField(1, 31036), bytesField(2, []byte("flower")), varintField(3, 1), varintField(5, 100), varintField(7, 100),
			bytesField(8, []byte("gold")), bytesField(9, []byte(strconv.Itoa(770000+n))), varintField(10, 1767323045), bytesField(18, []byte("投喂")))
		pb := slices.Concat(varintField(1, uint64(4000+n)), bytesField(2, []byte("user"+strconv.Itoa(n%500))), bytesField(10, item))
		return `{"cmd":"SEND_GIFT_V2","danmu":{"area":1},"data":{"dmscore":462,"pb":"` + b64(pb) + `"}}`
	}
	for n := range 1000 {
		var c string
		switch n % 20 {
		default:
			c = fullLine(n)
		case 0, 3, 6, 9, 12, 15:
			c = interact(n)
		case 1:
			c = `{"cmd":"ONLINE_RANK_COUNT","data":{"count":` + strconv.Itoa(n) + `,"count_text":"9300","online_count":9300,"online_count_text":"9300"}}`
		case 7:
			c = `{"cmd":"WATCHED_CHANGE","data":{"num":` + strconv.Itoa(n) + `,"text_small":"6.2万","text_large":"6.2万人看过"}}`
		case 11:
			c = gift(n)
		case 17:
			c = `{"cmd":"ONLINE_RANK_V3","data":{"pb":"` + b64(make([]byte, 600)) + `"},"msg_id":"` + strconv.Itoa(n) + `:1000:1000"}`
		}
		commands = append(commands, []byte(c))
	}
	return commands
}

func BenchmarkCommand(b *testing.B) {
	for name, payload := range map[string]string{
		"danmaku":  fullLine(7),
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

func BenchmarkMixed(b *testing.B) {
	commands := mixed()
	d := NewDecoder("test", "00000000000000aa")
	n := 0
	b.ReportAllocs()
	var rows Rows
	for b.Loop() {
		for _, c := range commands {
			d.Command(&Record{Seq: 7, Room: 21, ReceivedAt: received, Payload: c}, nil, &rows)
			n++
		}
		rows = Rows{Danmaku: rows.Danmaku[:0], Payments: rows.Payments[:0], Audience: rows.Audience[:0], Presence: rows.Presence[:0], Other: rows.Other[:0]}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "commands/s")
}

// TestBenchmarked: what is measured is what the service sends, and all of it decodes into
// rows of its own kind; a danmaku costs at most 4 allocations.
func TestBenchmarked(t *testing.T) {
	if n := len(fullLine(7)); n < 2000 || n > 2400 {
		t.Errorf("%d bytes, real ones have about 2200", n)
	}
	d := NewDecoder("test", "00000000000000aa")
	var rows Rows
	commands := mixed()
	for i, c := range commands {
		d.Command(&Record{Seq: int64(i), Room: 21, ReceivedAt: received, Payload: c}, nil, &rows)
	}
	if len(rows.Danmaku) != 500 || len(rows.Presence) != 300 || len(rows.Payments) != 50 || len(rows.Audience) != 150 || len(rows.Other) != 50 {
		t.Errorf("%d danmaku, %d presence, %d payments, %d audience, %d other", len(rows.Danmaku), len(rows.Presence), len(rows.Payments), len(rows.Audience), len(rows.Other))
	}
	if r := rows.Danmaku[0]; r.UserID == nil || !r.HasID || r.MedalName == nil || r.WealthLevel == nil || r.TS == received {
		t.Errorf("%+v", r)
	}
	payload := []byte(fullLine(7))
	if n := testing.AllocsPerRun(1000, func() {
		rows.Danmaku = rows.Danmaku[:0]
		d.Command(&Record{Seq: 7, Room: 21, ReceivedAt: received, Payload: payload}, nil, &rows)
	}); n > 4 {
		t.Errorf("%.1f allocations a danmaku", n)
	}
}

func BenchmarkCommandName(b *testing.B) {
	payload := []byte(fullLine(7))
	b.ReportAllocs()
	for b.Loop() {
		CommandName(payload)
	}
}
