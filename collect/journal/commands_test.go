package journal

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"danmaku-archiver/schema"
)

const (
	benchRooms    = 1_000
	benchCommands = 1 << 14 // some 36 MB: far more than a block
)

// speech is a made-up stretch of what the service pushes: 2.2 KB a command, of which zstd
// leaves about a twelfth, as it does of real ones.
type speech struct {
	rooms    []schema.RoomID
	commands [][]byte
	bytes    int64
}

// newSpeech makes the same commands each time. Rooms, users and texts follow Zipf's law.
func newSpeech(rooms int) *speech {
	r := rand.New(rand.NewPCG(1, 1))
	room := rand.NewZipf(r, 1.1, 20, uint64(rooms-1))
	user := rand.NewZipf(r, 1.05, 200, 200_000)
	text := rand.NewZipf(r, 1.2, 10, 40_000)
	s := &speech{}
	for n := range benchCommands {
		id := schema.RoomID(20_000_000 + 7919*int64(room.Uint64()))
		c := danmaku(r, id, user.Uint64(), text.Uint64(), 1_772_323_200_000+int64(n)/2)
		s.rooms, s.commands = append(s.rooms, id), append(s.commands, c)
		s.bytes += int64(len(c))
	}
	return s
}

// command returns the nth command of an endless stream.
func (s *speech) command(n int) (schema.RoomID, []byte) {
	n %= len(s.commands)
	return s.rooms[n], s.commands[n]
}

// size is the mean length of a command.
func (s *speech) size() int64 { return s.bytes / int64(len(s.commands)) }

// danmaku makes a DANMU_MSG: what differs from one to the next, in a frame that does not.
func danmaku(r *rand.Rand, room schema.RoomID, user, text uint64, millis int64) []byte {
	own, of := rand.New(rand.NewPCG(user, 2)), rand.New(rand.NewPCG(uint64(room), 3))
	chinese := func(r *rand.Rand, n int) string {
		b := make([]rune, n)
		for i := range b {
			b[i] = rune(0x4e00 + r.IntN(2000))
		}
		return string(b)
	}
	hexed := func(r *rand.Rand, n int) string {
		b := make([]byte, n/2)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return hex.EncodeToString(b)
	}
	said, name, face := chinese(rand.New(rand.NewPCG(text, 4)), 1+int(text%11)), chinese(own, 2+own.IntN(4)), hexed(own, 20)
	medal, streamer, uid := chinese(of, 2), chinese(of, 3), 100_000+7919*user
	b := fmt.Appendf(nil, `{"cmd":"DANMU_MSG","dm_v2":"","info":[[0,1,25,16777215,%d,%d,0,"%08x",0,0,0,"",0,"{}","{}",{"extra":"{\"content\":\"%s\",\"user_hash\":\"%d\",\"id_str\":\"%s\",\"recommend_score\":%d`,
		millis, millis/1000-r.Int64N(4000), own.Uint32(), said, own.Uint32(), hexed(r, 32), r.IntN(10))
	for k := range 56 {
		b = fmt.Appendf(b, `,\"constant_field_%d\":%d`, k, k%2)
	}
	return fmt.Appendf(b, `}","user":{"uid":%d,"base":{"name":"%s","face":"https://i0.example.net/bfs/face/%s.jpg","origin_info":{"name":"%s","face":"https://i0.example.net/bfs/face/%s.jpg"}},"medal":{"name":"%s","level":%d,"ruid":%d,"score":%d,"v2_medal_color_start":"#5866C799","v2_medal_color_end":"#5866C799","v2_medal_color_text":"#FFFFFFFF"}}}],"%s",[%d,"%s",0,0,0,10000,1,""],[%d,"%s","%s",%d,9272486,"",0,1],[%d,0,9868950,">50000",0],["",""],0,0,null,{"ts":%d,"ct":"%X"},0,0,null,null,0,%d]}`,
		uid, name, face, name, face, medal, 1+own.IntN(30), of.Int64N(1e9), own.IntN(60_000),
		said, uid, name, 1+own.IntN(30), medal, streamer, room, own.IntN(40), millis/1000, r.Uint32(), own.IntN(800))
}
