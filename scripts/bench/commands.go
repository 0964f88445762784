package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"danmaku-archiver/schema"
)

// pool is a made-up stretch of what the service pushes: danmaku of many rooms, about 2.2 KB
// each. It is larger than any block by far, so that going round it again does not help a
// compressor.
type pool struct {
	rooms    []schema.RoomID
	commands [][]byte
	bytes    int64
}

const (
	poolCommands = 6 * batchCommands
	poolRooms    = 1_000
	poolUsers    = 200_000
	poolTexts    = 40_000
	firstRoom    = 20_000_000
	// startMillis is the service's time of the first command: 2026-03-01.
	startMillis = 1_772_323_200_000
)

// newPool makes the same commands for the same seed. Rooms, users and texts follow Zipf's
// law: few rooms are loud, few users talk much, and many say the same.
func newPool(seed uint64) *pool {
	r := rand.New(rand.NewPCG(seed, 1))
	rooms := rand.NewZipf(r, 1.1, 20, poolRooms-1)
	users := rand.NewZipf(r, 1.05, 200, poolUsers-1)
	texts := rand.NewZipf(r, 1.2, 10, poolTexts-1)
	p := &pool{}
	for n := range poolCommands {
		room := schema.RoomID(firstRoom + int64(rooms.Uint64())*7919)
		c := danmaku(r, room, users.Uint64(), texts.Uint64(), startMillis+int64(n)/2)
		p.rooms = append(p.rooms, room)
		p.commands = append(p.commands, c)
		p.bytes += int64(len(c))
	}
	return p
}

// command returns the nth command of an endless stream.
func (p *pool) command(n int) (schema.RoomID, []byte) {
	n %= len(p.commands)
	return p.rooms[n], p.commands[n]
}

// size is the mean length of a command.
func (p *pool) size() float64 { return float64(p.bytes) / float64(len(p.commands)) }

// danmaku makes one DANMU_MSG in the service's shape: an array whose places mean
// something, with JSON in a string inside.
func danmaku(r *rand.Rand, room schema.RoomID, user, text uint64, millis int64) []byte {
	id := 100_000 + int64(user)*7_919
	own := rand.New(rand.NewPCG(user, 2))
	face := "https://i0.example.net/bfs/face/" + randomHex(own, 20) + ".jpg"
	name := words(own, 2+own.IntN(4))
	level := own.IntN(40)
	color := []int{16777215, 16777215, 16777215, 14893055, 5566168, 4546550}[own.IntN(6)]
	said := words(rand.New(rand.NewPCG(text, 3)), 1+int(text%11))
	of := rand.New(rand.NewPCG(uint64(room), 4))
	medal, streamer, streamerID := words(of, 2), words(of, 3), 1_000_000+of.Int64N(1e9)
	medalLevel := 1 + own.IntN(30)
	extra := fmt.Sprintf(`{"send_from_me":false,"master_player_hidden":false,"mode":0,"color":%d,"dm_type":0,"font_size":25,"player_mode":1,"show_player_type":0,"content":%s,"user_hash":"%d","emoticon_unique":"","bulge_display":0,"recommend_score":%d,"main_state_dm_color":"","objective_state_dm_color":"","direction":0,"pk_direction":0,"quartet_direction":0,"anniversary_crowd":0,"yeah_space_type":"","yeah_space_url":"","jump_to_url":"","space_type":"","space_url":"","animation":{},"emots":null,"is_audited":false,"id_str":"%s","icon":null,"show_reply":true,"reply_mid":0,"reply_uname":"","reply_uname_color":"","reply_is_mystery":false,"reply_type_enum":0,"hit_combo":0,"esports_jump_url":"","is_mirror":false,"is_collaboration_member":false}`,
		color, strconv.Quote(said), own.Uint32(), r.IntN(10), randomHex(r, 16))
	base := fmt.Sprintf(`{"name":"%s","face":"%s","name_color":0,"is_mystery":false,"risk_ctrl_info":null,"origin_info":{"name":"%s","face":"%s"},"official_info":{"role":0,"title":"","desc":"","type":-1},"name_color_str":""}`,
		name, face, name, face)
	var b strings.Builder
	fmt.Fprintf(&b, `{"cmd":"DANMU_MSG","dm_v2":"","info":[[0,1,25,%d,%d,%d,0,"%08x",0,0,0,"",0,"{}","{}",{"extra":%s,"mode":0,"show_player_type":0,"user":{"uid":%d,"base":%s,`,
		color, millis, millis/1000-r.Int64N(4000), own.Uint32(), strconv.Quote(extra), id, base)
	fmt.Fprintf(&b, `"medal":{"name":"%s","level":%d,"color_start":9272486,"color_end":9272486,"color_border":9272486,"color":9272486,"id":%d,"typ":0,"is_light":1,"ruid":%d,"guard_level":0,"score":%d,"guard_icon":"","honor_icon":"","v2_medal_color_start":"#5866C799","v2_medal_color_end":"#5866C799","v2_medal_color_border":"#5866C799","v2_medal_color_text":"#FFFFFFFF","v2_medal_color_level":"#000B7099","user_receive_count":0},`,
		medal, medalLevel, of.IntN(900_000), streamerID, own.IntN(60_000))
	fmt.Fprintf(&b, `"wealth":null,"title":{"old_title_css_id":"","title_css_id":""},"guard":null,"uhead_frame":null,"guard_leader":{"is_guard_leader":false}}},{"activity_identity":"","activity_source":0,"not_show":0},0],%s,[%d,"%s",0,0,0,10000,1,""],[%d,"%s","%s",%d,9272486,"",0,9272486,9272486,9272486,0,1,%d],[%d,0,9868950,">50000",0],["",""],0,0,null,{"ts":%d,"ct":"%X"},0,0,null,null,0,%d,[%d],null]}`,
		strconv.Quote(said), id, name, medalLevel, medal, streamer, room, streamerID, level, millis/1000, r.Uint32(), own.IntN(800), level)
	return []byte(b.String())
}

func randomHex(r *rand.Rand, n int) string {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return hex.EncodeToString(b[:n])
}

// words makes text of so many common Chinese characters, which have three bytes each.
func words(r *rand.Rand, n int) string {
	b := make([]rune, n)
	for i := range b {
		b[i] = rune(0x4e00 + r.IntN(2000))
	}
	return string(b)
}
