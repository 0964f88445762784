package collect

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/schema"
)

// sent runs a collector whose only connection receives the commands, a minute apart, and
// returns the story of the room without the commands themselves.
func sent(t *testing.T, commands ...string) []string {
	t.Helper()
	j := &memory{}
	synctest.Test(t, func(t *testing.T) {
		p := &platform{receive: func(_ context.Context, _ schema.RoomID, n int, h Handler) error {
			for _, c := range commands {
				h.Packet()
				if err := h.Command([]byte(c)); err != nil {
					return err
				}
				time.Sleep(time.Minute)
			}
			return nil
		}}
		source := &fixed{rooms: []Candidate{{Room: 5, Rank: 1, Reason: "top", Facts: schema.RoomFacts{Title: "t", LiveStatus: 1}}}}
		_, stop := running(t, Config{Service: p, Sources: []Source{source}, Journal: j})
		pass(time.Duration(len(commands)+1) * time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	var marks []string
	for _, s := range j.story(t, 5) {
		if s[0] != '{' {
			marks = append(marks, s)
		}
	}
	return marks[2 : len(marks)-1]
}

func TestBroadcast(t *testing.T) {
	equal(t, "two LIVEs, then the end", sent(t,
		`{"cmd":"LIVE","live_key":"11","live_time":1790000000,"roomid":5}`,
		`{"cmd":"LIVE","live_key":"11","roomid":5}`,
		`{"cmd":"PREPARING","roomid":"5"}`,
		`{"cmd":"PREPARING","roomid":"5"}`,
	), []string{"live t/11/1", "preparing t//0"})
	equal(t, "numbers for strings, a loop of videos", sent(t,
		`{"cmd":"LIVE","live_key":12,"live_time":"1790000000"}`,
		`{"cmd":"PREPARING","round":1}`,
	), []string{"live t/12/1", "preparing t//2"})
	equal(t, "what does not decode changes nothing", sent(t,
		`{"cmd":"LIVE","live_key":`, `{"cmd":"ROOM_CHANGE","data":[]}`, `{"cmd":"LIVE","live_key":{}}`,
	), nil)
	equal(t, "texts without end are cut, between characters", sent(t,
		`{"cmd":"ROOM_CHANGE","data":{"title":"`+strings.Repeat("播", 9000)+`"}}`,
	), []string{"facts " + strings.Repeat("播", maxText/3) + "//1"})
	equal(t, "a new title", sent(t,
		`{"cmd":"ROOM_CHANGE","data":{"title":"u","area_id":3,"area_name":"x","parent_area_id":"2","parent_area_name":"y"}}`,
	), []string{"facts u//1"})
}

func TestMasking(t *testing.T) {
	const (
		notice   = `{"cmd":"LOG_IN_NOTICE","data":{}}`
		hidden   = `{"cmd":"DANMU_MSG","info":[[0,1,25,1,1790000000000,0,0,"0a0b0c0d",0,0],"x",[0,"观***",0,0,0,10000,1,""]]}`
		revealed = `{"cmd":"DANMU_MSG","info":[[0,1,25,1,1790000000000,0,0,"0a0b0c0d",0,0],"x",[77,"某人",0,0,0,10000,1,""]]}`
	)
	equal(t, "announced", sent(t, notice, hidden, hidden), []string{"masked true"})
	equal(t, "found out", sent(t, revealed, hidden, revealed), []string{"masked true", "masked false"})
	equal(t, "announced, but the room is exempt", sent(t, notice, revealed), []string{"masked true", "masked false"})
}
