package bilibili

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

// Paths of the room lists, all unsigned. Which of the service's many lists still answer a
// guest is known from wzgrx/pure_live (the first two, 2026-09) and
// lovelyyoshino/Bilibili-Live-API (the third, 2026-06).
const (
	pathTopRooms   = "/room/v1/Area/getListByAreaID"
	pathAreaRooms  = "/room/v1/area/getRoomList"
	pathTopRoomsV3 = "/room/v3/area/getRoomList"
	pathRecommend  = "/room/v1/room/get_user_recommend"
	pathAreas      = "/room/v1/Area/getList"
)

// TopRooms returns a page, from 1, of at most 30 rooms of the whole site by popularity,
// in the service's order, which is only roughly sorted. A page past the end is empty.
func (c *Client) TopRooms(ctx context.Context, page, size int) ([]collect.Candidate, error) {
	var items roomList
	err := c.get(ctx, request{path: pathTopRooms, params: url.Values{
		"areaId": {"0"}, "parent_area_id": {"0"}, "sort": {"online"},
		"pageSize": {strconv.Itoa(size)}, "page": {strconv.Itoa(page)},
	}}, &items)
	return candidates(items), err
}

// TopRoomsV3 is [Client.TopRooms] by another endpoint, for when that one refuses.
func (c *Client) TopRoomsV3(ctx context.Context, page, size int) ([]collect.Candidate, error) {
	var items roomList
	err := c.get(ctx, request{path: pathTopRoomsV3, params: listParams(0, 0, page, size)}, &items)
	return candidates(items), err
}

// Recommended returns a page, from 1, of rooms of the whole site in an order that is much
// like that by popularity; the service ends it with empty pages.
func (c *Client) Recommended(ctx context.Context, page, size int) ([]collect.Candidate, error) {
	var items roomList
	err := c.get(ctx, request{path: pathRecommend, params: url.Values{
		"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(size)},
	}}, &items)
	return candidates(items), err
}

// AreaRooms returns a page, from 1, of at most 30 rooms of one area by popularity. Area 0
// stands for the whole parent area.
func (c *Client) AreaRooms(ctx context.Context, parent, area int64, page, size int) ([]collect.Candidate, error) {
	var items roomList
	err := c.get(ctx, request{path: pathAreaRooms, params: listParams(parent, area, page, size)}, &items)
	return candidates(items), err
}

func listParams(parent, area int64, page, size int) url.Values {
	return url.Values{
		"platform": {"web"}, "sort_type": {"online"},
		"parent_area_id": {strconv.FormatInt(parent, 10)}, "area_id": {strconv.FormatInt(area, 10)},
		"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(size)},
	}
}

// Areas returns all areas; only the area fields of the facts are set.
func (c *Client) Areas(ctx context.Context) ([]schema.RoomFacts, error) {
	var parents list[struct {
		ID   integer `json:"id"`
		Name text    `json:"name"`
		List list[struct {
			ID   integer `json:"id"`
			Name text    `json:"name"`
		}] `json:"list"`
	}]
	if err := c.get(ctx, request{path: pathAreas}, &parents); err != nil {
		return nil, err
	}
	var areas []schema.RoomFacts
	for _, p := range parents {
		for _, a := range p.List {
			areas = append(areas, schema.RoomFacts{
				AreaID: int64(a.ID), AreaName: string(a.Name),
				ParentAreaID: int64(p.ID), ParentAreaName: string(p.Name),
			})
		}
	}
	return areas, nil
}

// roomList takes an array of rooms and an object that holds it as its list: endpoints
// differ in this, and have changed it.
type roomList []listedRoom

// UnmarshalJSON fails where the value can be no list at all.
func (l *roomList) UnmarshalJSON(b []byte) error {
	var rooms list[listedRoom]
	if b[0] == '{' {
		var data struct {
			List json.RawMessage `json:"list"`
		}
		if err := json.Unmarshal(b, &data); err != nil {
			return err
		}
		b = data.List
	}
	err := rooms.UnmarshalJSON(b)
	*l = roomList(rooms)
	return err
}

// listedRoom is a room of a list. The endpoints name the same things differently.
type listedRoom struct {
	RoomID     integer  `json:"roomid"`
	RoomID2    integer  `json:"room_id"`
	UID        integer  `json:"uid"`
	Uname      text     `json:"uname"`
	Title      text     `json:"title"`
	Online     integer  `json:"online"`
	LiveStatus *integer `json:"live_status"`
	LiveTime   moment   `json:"live_time"`
	LiveID     text     `json:"live_id_str"`

	AreaV2ID         integer `json:"area_v2_id"`
	AreaV2Name       text    `json:"area_v2_name"`
	AreaV2ParentID   integer `json:"area_v2_parent_id"`
	AreaV2ParentName text    `json:"area_v2_parent_name"`
	AreaID           integer `json:"area_id"`
	AreaName         text    `json:"area_name"`
	AreaName2        text    `json:"areaName"`
	ParentID         integer `json:"parent_id"`
	ParentName       text    `json:"parent_name"`
	ParentAreaID     integer `json:"parent_area_id"`
	ParentAreaName   text    `json:"parent_area_name"`
}

func (r *listedRoom) facts() schema.RoomFacts {
	f := schema.RoomFacts{
		Title:          string(r.Title),
		AreaID:         int64(first(r.AreaV2ID, r.AreaID)),
		AreaName:       string(first(r.AreaV2Name, r.AreaName, r.AreaName2)),
		ParentAreaID:   int64(first(r.AreaV2ParentID, r.ParentAreaID, r.ParentID)),
		ParentAreaName: string(first(r.AreaV2ParentName, r.ParentAreaName, r.ParentName)),
		StreamerID:     int64(r.UID),
		StreamerName:   string(r.Uname),
		LiveStatus:     1, // lists show live rooms; most do not say so
		LiveSince:      int64(r.LiveTime),
		Popularity:     int64(r.Online),
	}
	if r.LiveStatus != nil {
		f.LiveStatus = int32(min(max(*r.LiveStatus, 0), 2))
	}
	// The same number as the LIVE command's live_key; "0" in rooms that are not live.
	if f.LiveStatus == 1 && r.LiveID != "0" {
		f.LiveKey = string(r.LiveID)
	}
	return f
}

func candidates(items []listedRoom) []collect.Candidate {
	var cs []collect.Candidate
	for i := range items {
		if id := first(items[i].RoomID, items[i].RoomID2); id > 0 {
			cs = append(cs, collect.Candidate{Room: schema.RoomID(id), Facts: items[i].facts()})
		}
	}
	return cs
}
