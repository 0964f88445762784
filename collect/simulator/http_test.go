package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/schema"
)

type listItem struct {
	RoomID  schema.RoomID `json:"roomid"`
	Online  int64         `json:"online"`
	AreaV2  int           `json:"area_v2_id"`
	Area    int           `json:"area_id"`
	Parent  int           `json:"parent_id"`
	ShortID int64         `json:"short_id"`
}

func TestLists(t *testing.T) {
	s := start(t, Config{Rooms: 70})
	b := newBrowser(t, s)
	var all []schema.RoomID
	last := int64(1 << 60)
	for page := 1; ; page++ {
		var items []listItem
		b.data(fmt.Sprintf("/room/v1/Area/getListByAreaID?areaId=0&sort=online&pageSize=30&page=%d", page), 0, &items)
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			if it.Online > last || it.AreaV2 == 0 {
				t.Errorf("item %+v after online %d", it, last)
			}
			last = it.Online
			all = append(all, it.RoomID)
		}
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 70 {
		t.Errorf("pages list %d rooms, want 70", n)
	}
	if _, body := b.get("/room/v1/Area/getListByAreaID?page=99"); !strings.Contains(string(body), `"data":[]`) {
		t.Errorf("past the end: %s, want data []", body)
	}
	if _, body := b.get("/room/v1/Area/getListByAreaID?page=9223372036854775807"); !strings.Contains(string(body), `"data":[]`) {
		t.Errorf("far past the end: %s, want data []", body)
	}

	want := s.rooms[0].area
	for _, path := range []string{"/room/v1/area/getRoomList", "/room/v1/Area/getRoomList"} {
		var items []listItem
		b.data(fmt.Sprintf("%s?parent_area_id=%d&area_id=%d", path, want.parent, want.id), 0, &items)
		if len(items) == 0 {
			t.Errorf("%s: no rooms", path)
		}
		for _, it := range items {
			if it.Area != want.id || it.Parent != want.parent {
				t.Errorf("%s: item of another area: %+v", path, it)
			}
		}
	}
	var v3 struct {
		Count int        `json:"count"`
		List  []listItem `json:"list"`
	}
	b.data("/room/v3/area/getRoomList?page_size=99", 0, &v3)
	if v3.Count != 70 || len(v3.List) != 70 {
		t.Errorf("v3: count %d, %d rooms; want 70", v3.Count, len(v3.List))
	}
	var parents []struct {
		List []struct {
			ID       string `json:"id"`
			ParentID string `json:"parent_id"`
		} `json:"list"`
	}
	b.data("/room/v1/Area/getList", 0, &parents)
	n := 0
	for _, p := range parents {
		n += len(p.List)
	}
	if n != len(areas) {
		t.Errorf("%d child areas, want %d", n, len(areas))
	}
}

func TestRooms(t *testing.T) {
	s := start(t, Config{Rooms: 10})
	b := newBrowser(t, s)
	short := s.rooms[3]
	if short.short == 0 {
		t.Fatal("the fourth room has no short id")
	}
	var init struct {
		RoomID schema.RoomID `json:"room_id"`
		Live   int           `json:"live_status"`
	}
	b.data(fmt.Sprintf("/room/v1/Room/room_init?id=%d", short.short), 0, &init)
	if init.RoomID != short.id || init.Live != 1 {
		t.Errorf("room_init: %+v, want room %d live", init, short.id)
	}
	var none any
	b.data("/room/v1/Room/room_init?id=1", 60004, &none)
	b.data("/room/v1/Room/get_info?room_id=1", 1, &none)
	var info struct {
		RoomID schema.RoomID `json:"room_id"`
		Since  string        `json:"live_time"`
		Online int64         `json:"online"`
	}
	b.data(fmt.Sprintf("/room/v1/Room/get_info?room_id=%d", short.id), 0, &info)
	if info.RoomID != short.id || info.Since != short.since.In(time.FixedZone("", 8*3600)).Format(time.DateTime) || info.Online == 0 {
		t.Errorf("get_info: %+v", info)
	}

	b.data(fmt.Sprintf("/room/v1/Room/mobileRoomInit?id=%d", short.short), 0, &init)
	if init.RoomID != short.id {
		t.Errorf("mobileRoomInit: %+v, want room %d", init, short.id)
	}

	const base = "/xlive/web-room/v1/index/getRoomBaseInfo"
	b.data(base+fmt.Sprintf("?room_ids=%d", short.id), -400, &none)
	b.data(base+fmt.Sprintf("?req_biz=web/&room_ids=%d,%d", short.id, s.rooms[0].id), -400, &none)
	var bases struct {
		Rooms map[schema.RoomID]struct {
			RoomID schema.RoomID `json:"room_id"`
			Key    string        `json:"live_id_str"`
		} `json:"by_room_ids"`
	}
	b.data(base+fmt.Sprintf("?req_biz=web/&room_ids=%d&room_ids=%d&room_ids=1", short.short, s.rooms[0].id), 0, &bases)
	if len(bases.Rooms) != 2 || bases.Rooms[short.id].RoomID != short.id || bases.Rooms[short.id].Key == "" {
		t.Errorf("getRoomBaseInfo: %+v", bases)
	}

	const byUIDs = "/room/v1/Room/get_status_info_by_uids"
	var byGet, byPost map[string]listItem
	b.data(fmt.Sprintf("%s?uids[]=%d&uids[]=1", byUIDs, short.streamer), 0, &byGet)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Addresses().HTTP+byUIDs,
		bytes.NewReader(fmt.Appendf(nil, `{"uids":[%d,1]}`, short.streamer)))
	if err != nil {
		t.Fatal(err)
	}
	_, body := b.do(r)
	decodeData(t, body, 0, &byPost)
	if len(byGet) != 1 || len(byPost) != 1 || byGet[decimal(short.streamer)] != byPost[decimal(short.streamer)] {
		t.Errorf("by uids: GET %+v, POST %+v", byGet, byPost)
	}
}

func TestOfflineRoom(t *testing.T) {
	s := start(t, Config{Rooms: 1})
	b := newBrowser(t, s)
	rm := s.rooms[0]
	c := b.enter("tcp", rm.id, 0)
	defer c.close()
	rm.setLive(false, 0, time.Now())
	if _, body := b.get("/room/v1/Area/getListByAreaID"); !strings.Contains(string(body), `"data":[]`) {
		t.Errorf("an offline room is listed: %s", body)
	}
	var info struct {
		Status int    `json:"live_status"`
		Since  string `json:"live_time"`
	}
	b.data(fmt.Sprintf("/room/v1/Room/get_info?room_id=%d", rm.id), 0, &info)
	if info.Status != 0 || info.Since != "0000-00-00 00:00:00" {
		t.Errorf("get_info: %+v", info)
	}
}

func TestInfoByRoom(t *testing.T) {
	s := start(t, Config{Rooms: 10})
	b := newBrowser(t, s)
	room := s.rooms[3]
	const path = "/xlive/web-room/v1/index/getInfoByRoom?"
	sign := func(id int64) string {
		return path + bilibili.Sign(url.Values{"room_id": {decimal(id)}}, b.mixin, time.Now())
	}
	var info struct {
		Room struct {
			RoomID  schema.RoomID `json:"room_id"`
			ShortID int64         `json:"short_id"`
			UID     int64         `json:"uid"`
			Live    int           `json:"live_status"`
			Since   int64         `json:"live_start_time"`
		} `json:"room_info"`
		Anchor struct {
			Base struct {
				Name string `json:"uname"`
			} `json:"base_info"`
		} `json:"anchor_info"`
	}
	b.data(sign(room.short), 0, &info)
	got := info.Room
	if got.RoomID != room.id || got.ShortID != room.short || got.UID != room.streamer || got.Live != 1 ||
		got.Since != room.since.Unix() || info.Anchor.Base.Name != room.streamerName {
		t.Errorf("answer %+v of room %d", info, room.id)
	}
	var none any
	b.data(sign(1), 19002000, &none)
	if _, body := b.get(path + "room_id=" + decimal(int64(room.id))); !strings.HasPrefix(string(body), `{"code":-352,`) {
		t.Errorf("unsigned: %s, want risk control", body)
	}
}

func TestDanmuInfo(t *testing.T) {
	s := start(t, Config{Rooms: 10})
	good := newBrowser(t, s)
	const path = "/xlive/web-room/v1/index/getDanmuInfo?"
	sign := func(id int64, at time.Time) string {
		return path + bilibili.Sign(url.Values{"id": {decimal(id)}, "type": {"0"}}, good.mixin, at)
	}
	room := s.rooms[3]
	ask := func(change func(b *browser), url string) (*http.Response, []byte) {
		b := *good
		change(&b)
		return b.get(url)
	}
	keep := func(*browser) {}

	for name, try := range map[string]struct {
		change func(*browser)
		url    string
	}{
		"unsigned":        {keep, path + "id=" + decimal(int64(room.id))},
		"wrong signature": {keep, sign(int64(room.id), time.Now()) + "0"},
		"old signature":   {keep, sign(int64(room.id), time.Now().Add(-time.Hour))},
		"no buvid":        {func(b *browser) { b.cookies = "" }, sign(int64(room.id), time.Now())},
		"foreign buvid":   {func(b *browser) { b.cookies = "buvid3=ABC" }, sign(int64(room.id), time.Now())},
		"a tool":          {func(b *browser) { b.agent = "Go-http-client/1.1" }, sign(int64(room.id), time.Now())},
	} {
		resp, body := ask(try.change, try.url)
		if len(body) != 39 || !strings.HasPrefix(string(body), `{"code":-352,"message":"-352","ttl":1}`) ||
			resp.StatusCode != http.StatusOK || resp.Header.Get("bili-status-code") != "-352" ||
			resp.Header.Get("x-bili-gaia-vvoucher") == "" {
			t.Errorf("%s: %d %v %q, want risk control", name, resp.StatusCode, resp.Header, body)
		}
	}

	var none any
	_, body := ask(keep, sign(room.short, time.Now()))
	decodeData(t, body, 1002002, &none)
	var info struct {
		Token string `json:"token"`
		Hosts []struct {
			Host string `json:"host"`
			TCP  int    `json:"port"`
			WS   int    `json:"ws_port"`
			WSS  int    `json:"wss_port"`
		} `json:"host_list"`
	}
	_, body = ask(keep, sign(int64(room.id), time.Now()))
	decodeData(t, body, 0, &info)
	if len(info.Hosts) != 1 || info.Token == "" {
		t.Fatalf("danmu info %+v, want one host and a token", info)
	}
	h, a := info.Hosts[0], s.Addresses()
	if got := fmt.Sprintf("%s:%d", h.Host, h.TCP); got != a.TCP {
		t.Errorf("tcp at %s, want %s", got, a.TCP)
	}
	if got := fmt.Sprintf("ws://%s:%d/sub", h.Host, h.WS); got != a.WS {
		t.Errorf("ws at %s, want %s", got, a.WS)
	}
	if got := fmt.Sprintf("wss://%s:%d/sub", h.Host, h.WSS); got != a.WSS {
		t.Errorf("wss at %s, want %s", got, a.WSS)
	}
}

func TestHistory(t *testing.T) {
	s := start(t, Config{Replay: "testdata/text", Speed: "max"})
	b := newBrowser(t, s)
	c := b.enter("ws", 1002, 3)
	c.commands(6)
	c.close()
	var told struct {
		Room []struct {
			Text string          `json:"text"`
			ID   string          `json:"id_str"`
			UID  json.Number     `json:"uid"`
			At   string          `json:"timeline"`
			Rnd  json.RawMessage `json:"rnd"`
		} `json:"room"`
	}
	// The room's goroutine remembers after the last write.
	for deadline := time.Now().Add(patience); len(told.Room) < 6 && time.Now().Before(deadline); {
		b.data("/xlive/web-room/v1/dM/gethistory?roomid=1002&room_type=0", 0, &told)
	}
	if len(told.Room) != 6 || told.Room[0].Text != "你好" || told.Room[0].UID != "10000001" || told.Room[0].ID == "" ||
		told.Room[0].At != "2026-01-09 12:00:00" {
		t.Errorf("history %+v", told)
	}
}

func TestListensOnLoopbackOnly(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "192.0.2.1:0", "example.org:0", "[::]:0", "nonsense"} {
		if s, err := New(Config{HTTP: address, Rooms: 1}); err == nil {
			t.Errorf("%s: listens on %s", address, s.Addresses().HTTP)
			s.listeners.close()
		}
	}
	if _, err := New(Config{HTTP: "", Rooms: 1}); err == nil {
		t.Error("no address for http: no error")
	}
	if _, err := New(Config{HTTP: "127.0.0.1:0", TCP: "127.0.0.1:0", WS: "127.0.0.2:0"}); err == nil {
		t.Error("two chat hosts: no error")
	}
}

func TestWrongConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"fault":  {Faults: []string{"gremlins"}},
		"speed":  {Speed: "fast"},
		"zero":   {Speed: "0"},
		"rooms":  {Rooms: -1},
		"rate":   {Rate: -1},
		"replay": {Replay: "testdata/missing"},
		"empty":  {Replay: "testdata/text/notes"},
	} {
		if _, err := New(loopback(c)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, err := New(loopback(Config{Faults: []string{"gremlins"}}))
	for _, f := range Faults() {
		if !strings.Contains(err.Error(), f.Name) || f.About == "" {
			t.Errorf("error %q does not name %+v", err, f)
		}
	}
}
