package bilibili

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

const (
	pathRoomInit = "/room/v1/Room/room_init"
	pathBaseInfo = "/xlive/web-room/v1/index/getRoomBaseInfo"
	pathHistory  = "/xlive/web-room/v1/dM/gethistory"

	// baseInfoBatch keeps the address of a request well below a thousand bytes.
	baseInfoBatch = 40
	// maxLongIDs bounds what is remembered of ids; a long id never changes.
	maxLongIDs = 10_000
)

// longIDs remembers which long id an id stands for.
type longIDs struct {
	mu  sync.Mutex
	ids map[int64]schema.RoomID
}

func (l *longIDs) get(id int64) schema.RoomID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids[id]
}

func (l *longIDs) put(id int64, room schema.RoomID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil || len(l.ids) >= maxLongIDs {
		l.ids = map[int64]schema.RoomID{}
	}
	l.ids[id] = room
}

// Resolve finds the rooms of short or long ids and what is to be told of them, in the
// order of the ids. The second of two ids of one room is left out; ids without a room are
// missing. Where only the facts cannot be had, the rooms come without them.
func (c *Client) Resolve(ctx context.Context, ids []int64) (found []collect.Candidate, missing []int64, err error) {
	place := map[schema.RoomID]int{}
	for _, id := range ids {
		at, err := c.longID(ctx, id)
		if noRoom(err) {
			missing = append(missing, id)
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("resolve room %d: %w", id, err)
		}
		if _, twice := place[at.Room]; !twice {
			place[at.Room] = len(found)
			found = append(found, at)
		}
	}
	rooms := make([]schema.RoomID, len(found))
	for i, k := range found {
		rooms[i] = k.Room
	}
	facts, err := c.Facts(ctx, rooms)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, err
		}
		c.log.Warn("rooms are taken without their facts", "rooms", len(rooms), "error", err)
	}
	for room, f := range facts {
		found[place[room]].Facts = f
	}
	return found, missing, nil
}

// Facts tells what the service knows of the rooms, which must be long ids. Rooms that it
// does not know are left out. What was had before a request failed is returned with the
// error.
func (c *Client) Facts(ctx context.Context, rooms []schema.RoomID) (map[schema.RoomID]schema.RoomFacts, error) {
	all := make(map[schema.RoomID]schema.RoomFacts, len(rooms))
	for batch := range slices.Chunk(rooms, baseInfoBatch) {
		infos, err := c.baseInfo(ctx, batch)
		if err != nil {
			return all, err
		}
		for _, info := range infos {
			if room := schema.RoomID(info.RoomID2); slices.Contains(batch, room) {
				all[room] = info.facts()
			}
		}
	}
	return all, nil
}

// noRoom reports whether the answer is that the id has no room to watch: 60004 where it
// does not exist, other codes above 0 for rooms that are closed or locked. Those below
// are about the request.
func noRoom(err error) bool {
	var answer *APIError
	return errors.As(err, &answer) && answer.HTTPStatus == http.StatusOK && answer.Code > 0
}

// longID asks the service once for each id. One that cannot be asked about, because the
// endpoint is not there, is taken for a long id, as nearly all are.
func (c *Client) longID(ctx context.Context, id int64) (collect.Candidate, error) {
	if room := c.longIDs.get(id); room != 0 {
		return collect.Candidate{Room: room}, nil
	}
	var data struct {
		RoomID     integer `json:"room_id"`
		UID        integer `json:"uid"`
		LiveStatus integer `json:"live_status"`
		LiveTime   moment  `json:"live_time"`
	}
	err := c.get(ctx, request{path: pathRoomInit, params: url.Values{"id": {strconv.FormatInt(id, 10)}}}, &data)
	switch {
	case missing(err):
		return collect.Candidate{Room: schema.RoomID(id)}, nil
	case err != nil:
		return collect.Candidate{}, err
	}
	if data.RoomID <= 0 {
		return collect.Candidate{}, fmt.Errorf("ask %s: the answer holds no room_id", pathRoomInit)
	}
	c.longIDs.put(id, schema.RoomID(data.RoomID))
	return collect.Candidate{Room: schema.RoomID(data.RoomID), Facts: schema.RoomFacts{
		StreamerID: int64(data.UID),
		LiveStatus: int32(min(max(data.LiveStatus, 0), 2)),
		LiveSince:  int64(data.LiveTime),
	}}, nil
}

// baseInfo asks for many rooms at once. The parameter is repeated: a comma list has been
// seen to be refused with -400.
func (c *Client) baseInfo(ctx context.Context, rooms []schema.RoomID) (object[listedRoom], error) {
	params := url.Values{"req_biz": {"web_room_componet"}} // the service's own spelling
	for _, r := range rooms {
		params.Add("room_ids", strconv.FormatInt(int64(r), 10))
	}
	var data struct {
		ByRoomIDs object[listedRoom] `json:"by_room_ids"`
	}
	err := c.get(ctx, request{path: pathBaseInfo, params: params}, &data)
	return data.ByRoomIDs, err
}

// History returns the room's last danmaku, about ten, in the service's order: what a
// reconnected session may have missed.
func (c *Client) History(ctx context.Context, room schema.RoomID) ([]collect.Said, error) {
	var data struct {
		Room list[struct {
			ID       text   `json:"id_str"`
			Timeline moment `json:"timeline"`
		}] `json:"room"`
	}
	err := c.get(ctx, request{path: pathHistory, room: room, params: url.Values{
		"roomid": {strconv.FormatInt(int64(room), 10)}, "room_type": {"0"},
	}}, &data)
	if err != nil {
		return nil, err
	}
	said := make([]collect.Said, 0, len(data.Room))
	for _, s := range data.Room {
		item := collect.Said{ID: string(s.ID)}
		if s.Timeline > 0 {
			item.At = time.UnixMicro(int64(s.Timeline)).UTC()
		}
		said = append(said, item)
	}
	return said, nil
}
