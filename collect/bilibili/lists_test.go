package bilibili

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

func TestTopRooms(t *testing.T) {
	api := newFakeAPI(t)
	api.answer(pathTopRooms, text200(`{"code":0,"data":[
		{"roomid":101,"uid":11,"uname":"ann","title":"t1","online":5000,"area":1,"areaName":"old","area_v2_id":86,"area_v2_name":"a86","area_v2_parent_id":2,"area_v2_parent_name":"p2"},
		{"roomid":"102","uid":"12","online":"4000","live_status":"2","title":7},
		{"roomid":0}, null, 5, "x", {"roomid":[],"room_id":103,"title":null,"uname":{}}
	]}`))
	c := api.client(t)
	got, err := c.TopRooms(t.Context(), 2, 30)
	if err != nil {
		t.Fatal(err)
	}
	want := []collect.Candidate{
		{Room: 101, Facts: schema.RoomFacts{Title: "t1", AreaID: 86, AreaName: "a86", ParentAreaID: 2, ParentAreaName: "p2",
			StreamerID: 11, StreamerName: "ann", LiveStatus: 1, Popularity: 5000}},
		{Room: 102, Facts: schema.RoomFacts{Title: "7", StreamerID: 12, LiveStatus: 2, Popularity: 4000}},
		{Room: 103, Facts: schema.RoomFacts{LiveStatus: 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rooms (-want +got):\n%s", diff)
	}
	q := api.asked(pathTopRooms)[0].URL.Query()
	if q.Get("page") != "2" || q.Get("pageSize") != "30" || q.Get("sort") != "online" || q.Get("areaId") != "0" {
		t.Errorf("query %v", q)
	}
	if q.Has("w_rid") {
		t.Error("an unsigned endpoint was signed")
	}
}

func TestTopRoomsPastTheEnd(t *testing.T) {
	for _, body := range []string{`{"code":0,"data":[]}`, `{"code":0,"data":null}`, `{"code":0,"data":{}}`, `{"code":"0"}`} {
		api := newFakeAPI(t)
		api.answer(pathTopRooms, text200(body))
		if got, err := api.client(t).TopRooms(t.Context(), 9, 30); len(got) != 0 || err != nil {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
}

func TestOtherLists(t *testing.T) {
	api := newFakeAPI(t)
	api.answer(pathTopRoomsV3, text200(`{"code":0,"data":{"count":1,"list":[{"roomid":1,"area_id":86,"area_name":"a","parent_id":2,"parent_name":"p"}]}}`))
	api.answer(pathAreaRooms, text200(`{"code":0,"data":[{"room_id":2,"areaName":"b","parent_area_id":3,"parent_area_name":"q"}]}`))
	api.answer(pathAreas, text200(`{"code":0,"data":[{"id":2,"name":"p","list":[{"id":"86","name":"a"},{"id":87,"name":"b"}]},{"id":"3","name":"q","list":null}]}`))
	c := api.client(t)

	got, err := c.TopRoomsV3(t.Context(), 1, 30)
	want := []collect.Candidate{{Room: 1, Facts: schema.RoomFacts{AreaID: 86, AreaName: "a", ParentAreaID: 2, ParentAreaName: "p", LiveStatus: 1}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("v3 (-want +got):\n%s%v", diff, err)
	}

	got, err = c.AreaRooms(t.Context(), 3, 0, 4, 20)
	want = []collect.Candidate{{Room: 2, Facts: schema.RoomFacts{AreaName: "b", ParentAreaID: 3, ParentAreaName: "q", LiveStatus: 1}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("area (-want +got):\n%s%v", diff, err)
	}
	q := api.asked(pathAreaRooms)[0].URL.Query()
	if q.Get("parent_area_id") != "3" || q.Get("area_id") != "0" || q.Get("page") != "4" || q.Get("page_size") != "20" {
		t.Errorf("query %v", q)
	}

	areas, err := c.Areas(t.Context())
	wantAreas := []schema.RoomFacts{
		{AreaID: 86, AreaName: "a", ParentAreaID: 2, ParentAreaName: "p"},
		{AreaID: 87, AreaName: "b", ParentAreaID: 2, ParentAreaName: "p"},
	}
	if diff := cmp.Diff(wantAreas, areas); diff != "" || err != nil {
		t.Errorf("areas (-want +got):\n%s%v", diff, err)
	}
}

// serveRooms knows room 1001, also by its short id 7, and room 1002.
func serveRooms(api *fakeAPI) {
	api.answer(pathRoomInit, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("id") {
		case "7", "1001":
			_, _ = io.WriteString(w, `{"code":0,"data":{"room_id":1001,"short_id":7,"uid":11,"live_status":1,"live_time":1767225600}}`)
		case "1002":
			_, _ = io.WriteString(w, `{"code":0,"data":{"room_id":1002,"uid":12,"live_status":0,"live_time":-62170012800}}`)
		default:
			_, _ = io.WriteString(w, `{"code":60004,"msg":"no such room","data":[]}`)
		}
	})
	api.answer(pathBaseInfo, text200(`{"code":0,"data":{"by_uids":[],"by_room_ids":{
		"1001":{"room_id":1001,"uid":11,"uname":"ann","title":"t1","area_id":86,"area_name":"a","parent_area_id":2,"parent_area_name":"p","live_status":1,"live_time":"2026-01-01 08:00:00","online":900},
		"1002":{"room_id":1002,"uid":12,"uname":"ben","live_status":0,"live_time":"0000-00-00 00:00:00"},
		"1003":"nonsense"}}}`))
}

func TestResolve(t *testing.T) {
	api := newFakeAPI(t)
	serveRooms(api)
	c := api.client(t)
	newYear := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	want := []collect.Candidate{
		{Room: 1002, Facts: schema.RoomFacts{StreamerID: 12, StreamerName: "ben"}},
		{Room: 1001, Facts: schema.RoomFacts{Title: "t1", AreaID: 86, AreaName: "a", ParentAreaID: 2, ParentAreaName: "p",
			StreamerID: 11, StreamerName: "ann", LiveStatus: 1, LiveSince: newYear, Popularity: 900}},
	}
	for range 2 {
		got, _, err := c.Resolve(t.Context(), []int64{1002, 7, 404, 1001})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("rooms (-want +got):\n%s%v", diff, err)
		}
	}
	if n := len(api.asked(pathRoomInit)); n != 5 {
		t.Errorf("room_init was asked %d times, want 4 and once more for the missing room", n)
	}
	q := api.asked(pathBaseInfo)[0].URL.Query()
	if diff := cmp.Diff([]string{"1002", "1001"}, q["room_ids"]); diff != "" || q.Get("req_biz") == "" {
		t.Errorf("room_ids (-want +got):\n%s%v", diff, q)
	}
}

func TestResolveWithoutFacts(t *testing.T) {
	api := newFakeAPI(t)
	serveRooms(api)
	api.answer(pathBaseInfo, text200(`{"code":-400,"message":"bad request"}`))
	var log strings.Builder
	got, _, err := api.client(t, lines(&log)).Resolve(t.Context(), []int64{7})
	want := []collect.Candidate{{Room: 1001, Facts: schema.RoomFacts{StreamerID: 11, LiveStatus: 1, LiveSince: 1767225600_000000}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("rooms (-want +got):\n%s%v", diff, err)
	}
	if !strings.Contains(log.String(), "without their facts") {
		t.Errorf("log:\n%s", &log)
	}
}

func TestResolveFails(t *testing.T) {
	api := newFakeAPI(t)
	api.answer(pathRoomInit, status(500))
	if got, _, err := api.client(t).Resolve(t.Context(), []int64{7}); err == nil || !strings.Contains(err.Error(), "resolve room 7") {
		t.Errorf("%v, %v", got, err)
	}
	api.answer(pathRoomInit, text200(`{"code":0,"data":{}}`))
	if got, _, err := api.client(t).Resolve(t.Context(), []int64{7}); err == nil || !strings.Contains(err.Error(), "no room_id") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestResolveLeavesOutWhatIsNoRoom(t *testing.T) {
	api := newFakeAPI(t)
	serveRooms(api)
	resolve := api.answers[pathRoomInit]
	api.answer(pathRoomInit, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("id") == "8" {
			_, _ = io.WriteString(w, `{"code":19002005,"message":"locked"}`)
			return
		}
		resolve(w, r)
	})
	got, _, err := api.client(t).Resolve(t.Context(), []int64{8, 7})
	if err != nil || len(got) != 1 || got[0].Room != 1001 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestResolveTakesIDsAsTheyAreWhereNobodyKnowsThem(t *testing.T) {
	api := newFakeAPI(t)
	got, _, err := api.client(t).Resolve(t.Context(), []int64{5050, 21452505})
	want := []collect.Candidate{{Room: 5050}, {Room: 21452505}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("rooms (-want +got):\n%s%v", diff, err)
	}
}

func TestListsComeAsArrayOrObject(t *testing.T) {
	for _, data := range []string{`[{"roomid":"5050"}]`, `{"count":1,"list":[{"room_id":5050}]}`} {
		api := newFakeAPI(t)
		for _, path := range []string{pathTopRooms, pathTopRoomsV3, pathAreaRooms} {
			api.answer(path, text200(`{"code":0,"data":`+data+`}`))
		}
		c := api.client(t)
		one, err1 := c.TopRooms(t.Context(), 1, 30)
		two, err2 := c.TopRoomsV3(t.Context(), 1, 30)
		three, err3 := c.AreaRooms(t.Context(), 2, 0, 1, 30)
		for i, got := range [][]collect.Candidate{one, two, three} {
			if len(got) != 1 || got[0].Room != 5050 {
				t.Errorf("list %d from %s: %v, %v", i, data, got, errors.Join(err1, err2, err3))
			}
		}
	}
}

func TestResolveAsksInBatches(t *testing.T) {
	api := newFakeAPI(t)
	api.answer(pathRoomInit, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"code":0,"data":{"room_id":`+r.URL.Query().Get("id")+`}}`)
	})
	api.answer(pathBaseInfo, text200(`{"code":0,"data":{"by_room_ids":[]}}`))
	ids := make([]int64, 2*baseInfoBatch+1)
	for i := range ids {
		ids[i] = int64(1000 + i)
	}
	got, _, err := api.client(t).Resolve(t.Context(), ids)
	if len(got) != len(ids) || err != nil {
		t.Fatalf("%d rooms, %v", len(got), err)
	}
	var sizes []int
	for _, r := range api.asked(pathBaseInfo) {
		sizes = append(sizes, len(r.URL.Query()["room_ids"]))
	}
	if diff := cmp.Diff([]int{baseInfoBatch, baseInfoBatch, 1}, sizes); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestHistory(t *testing.T) {
	api := newFakeAPI(t)
	api.answer(pathHistory, text200(`{"code":0,"data":{"admin":[],"room":[
		{"text":"hello","uid":0,"nickname":"a***","timeline":"2026-01-01 08:00:01","id_str":"0a1b"},
		{"text":5,"uid":"3","timeline":"","id_str":null}]}}`))
	got, err := api.client(t).History(t.Context(), 1001)
	want := []collect.Said{{ID: "0a1b", At: time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)}, {}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("history (-want +got):\n%s%v", diff, err)
	}
}
