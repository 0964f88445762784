package simulator

import (
	"fmt"
	"strconv"
)

// danmaku is what one DANMU_MSG tells.
type danmaku struct {
	id    string // 34 hex digits, unique
	text  []byte
	sent  int64 // ms since the Unix epoch
	mode  int   // 1 scrolls, 4 at the bottom, 5 at the top
	color int
	from  person
	medal string // "" without one
	room  *room

	emoticon bool
	lottery  bool
}

// command makes the DANMU_MSG of the danmaku.
func (d *danmaku) command() command {
	return command{
		name:    "DANMU_MSG",
		id:      d.id,
		payload: d.append(nil, d.from),
		masked:  d.append(nil, d.from.masked()),
	}
}

const noFace = "https://i0.hdslb.invalid/bfs/face/member/noface.jpg"

// append writes the command: 18 entries in info and 18 in info[0], as the service sends
// them since 2023 (SocialSisterYi/bilibili-API-collect, wzgrx/pure_live).
func (d *danmaku) append(b []byte, from person) []byte {
	b = append(b, `{"cmd":"DANMU_MSG","dm_v2":"","info":[`...)
	b = d.appendHead(b, from)
	b = append(b, ',')
	b = appendJSON(b, d.text)
	b = fmt.Appendf(b, `,[%d,`, from.uid)
	b = appendJSON(b, from.name)
	b = fmt.Appendf(b, `,%d,0,0,10000,1,%s],`, oneIf(from.admin), guardColor(from.guard))
	b = d.appendMedal(b)
	b = fmt.Appendf(b, `,[%d,0,6406234,">50000",0],["",""],0,%d,null,{"ct":"%08X","ts":%d},0,0,null,null,0,%d,[%d],null]}`,
		from.level, from.guard, uint32(hashOf(uint64(d.sent))), d.sent/1000, 4+from.level%60, from.wealth)
	return b
}

func (d *danmaku) appendHead(b []byte, from person) []byte {
	b = fmt.Appendf(b, `[0,%d,25,%d,%d,%d,0,"%08x",0,%d,0,"",%d,`,
		d.mode, d.color, d.sent, from.entered, from.crc, 2*oneIf(d.lottery), oneIf(d.emoticon))
	if d.emoticon {
		b = append(b, `{"bulge_display":1,"emoticon_unique":"official_147","height":60,"in_player_area":1,"is_dynamic":0,"url":"https://i0.hdslb.invalid/bfs/live/sticker.png","width":183}`...)
	} else {
		b = append(b, `"{}"`...)
	}
	b = append(b, `,"{}",{"extra":`...)
	b = appendJSON(b, d.appendExtra(nil, from))
	b = fmt.Appendf(b, `,"mode":0,"show_player_type":0,"user":{"base":{"face":%q,"is_mystery":false,"name":`, noFace)
	b = appendJSON(b, from.name)
	b = append(b, `,"name_color":0,"name_color_str":"","official_info":{"desc":"","role":0,"title":"","type":-1},"origin_info":{"face":"","name":`...)
	b = appendJSON(b, from.name)
	b = fmt.Appendf(b, `},"risk_ctrl_info":null},"guard":null,"guard_leader":{"is_guard_leader":false},"medal":null,"title":{"old_title_css_id":"","title_css_id":""},"uhead_frame":null,"uid":%d,"wealth":null}}`, from.uid)
	return fmt.Appendf(b, `,{"activity_identity":"","activity_source":%d,"not_show":0},42]`, oneIf(d.lottery))
}

func (d *danmaku) appendExtra(b []byte, from person) []byte {
	b = fmt.Appendf(b, `{"send_from_me":false,"master_player_hidden":false,"mode":0,"color":%d,"dm_type":%d,"font_size":25,"player_mode":%d,"show_player_type":0,"content":`,
		d.color, oneIf(d.emoticon), d.mode)
	b = appendJSON(b, d.text)
	b = append(b, `,"user_hash":"`...)
	b = strconv.AppendUint(b, uint64(from.crc), 10)
	unique := ""
	if d.emoticon {
		unique = "official_147"
	}
	return fmt.Appendf(b, `","emoticon_unique":%q,"bulge_display":%d,"recommend_score":%d,"main_state_dm_color":"","objective_state_dm_color":"","direction":0,"pk_direction":0,"quartet_direction":0,"anniversary_crowd":0,"yeah_space_type":"","yeah_space_url":"","jump_to_url":"","space_type":"","space_url":"","animation":{},"emots":null,"is_audited":false,"id_str":%q,"icon":null,"show_reply":true,"reply_mid":0,"reply_uname":"","reply_uname_color":"","reply_is_mystery":false,"reply_type_enum":0,"hit_combo":0,"esports_jump_url":"","is_mirror":false}`,
		unique, oneIf(d.emoticon), from.level%10, d.id)
}

func (d *danmaku) appendMedal(b []byte) []byte {
	if d.medal == "" || d.from.medal == 0 {
		return append(b, `[]`...)
	}
	b = fmt.Appendf(b, `[%d,`, d.from.medal)
	b = appendJSON(b, d.medal)
	b = append(b, ',')
	b = appendJSON(b, d.room.streamerName)
	return fmt.Appendf(b, `,%d,398668,"",0,398668,398668,6850801,%d,1,%d]`, d.room.id, d.from.guard, d.room.streamer)
}

func guardColor(guard int) string {
	return []string{`""`, `"#FF7C28"`, `"#E17AFF"`, `"#00D1F1"`}[guard]
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}
