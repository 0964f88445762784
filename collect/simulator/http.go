package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"danmaku-archiver/schema"
)

// Codes of the web API's envelope (SocialSisterYi/bilibili-API-collect).
const (
	codeOK           = 0
	codeNotFound     = 1 // get_info
	codeNotLoggedIn  = -101
	codeBadRequest   = -400
	codeRiskControl  = -352
	codeNoSuchRoom   = 60004    // room_init
	codeBadRoomToken = 1002002  // getDanmuInfo
	codeNoRoomInfo   = 19002000 // getInfoByRoom
)

// api serves the paths of both of the service's API hosts.
func (s *Simulator) api() http.Handler {
	mux := http.NewServeMux()
	for group, endpoints := range map[string]map[string]http.HandlerFunc{
		groupLists: {
			"GET /room/v1/Area/getListByAreaID":    s.listByAreaID,
			"GET /room/v1/area/getRoomList":        s.roomListV1,
			"GET /room/v1/Area/getRoomList":        s.roomListV1,
			"GET /room/v3/area/getRoomList":        s.roomListV3,
			"GET /room/v1/room/get_user_recommend": s.userRecommend,
			"GET /room/v1/Area/getList":            s.areaList,
		},
		groupRooms: {
			"GET /room/v1/Room/room_init":                  s.roomInit,
			"GET /room/v1/Room/mobileRoomInit":             s.roomInit,
			"GET /xlive/web-room/v1/index/getInfoByRoom":   s.infoByRoom,
			"GET /room/v1/Room/get_info":                   s.roomInfo,
			"GET /xlive/web-room/v1/index/getRoomBaseInfo": s.roomBaseInfo,
			"/room/v1/Room/get_status_info_by_uids":        s.statusByUIDs,
		},
		groupIdentity: {
			"GET /x/web-interface/nav":   s.nav,
			"GET /x/frontend/finger/spi": s.fingerSPI,
		},
		groupToken:   {"GET /xlive/web-room/v1/index/getDanmuInfo": s.danmuInfo},
		groupHistory: {"GET /xlive/web-room/v1/dM/gethistory": s.history},
		groupSigned: {
			"GET /xlive/web-interface/v1/second/getList":       s.secondList,
			"GET /xlive/web-interface/v1/second/getListByArea": s.secondList,
		},
	} {
		for pattern, handler := range endpoints {
			mux.HandleFunc(pattern, s.guarded(group, handler))
		}
	}
	return mux
}

// respond writes the envelope. Errors of the API come with status 200; that the client
// is gone concerns nobody.
func respond(w http.ResponseWriter, code int, message string, data any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Bili-Status-Code", strconv.Itoa(code))
	_, _ = w.Write(marshal(object{"code": code, "msg": message, "message": message, "ttl": 1, "data": data}))
}

func respondOK(w http.ResponseWriter, data any) { respond(w, codeOK, "success", data) }

// intParam reads a number of the query, or the fallback where it is missing or none.
func intParam(r *http.Request, name string, fallback int64) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil {
		return fallback
	}
	return n
}

// resolve finds a room by its long or short id.
func (s *Simulator) resolve(id int64) *room {
	if rm := s.byID[schema.RoomID(id)]; rm != nil {
		return rm
	}
	return s.byShort[id]
}

// clock is a time as the API writes it, in UTC+8.
func clock(t time.Time) string { return t.In(recorderZone).Format(time.DateTime) }

// noClock stands where there is no time.
const noClock = "0000-00-00 00:00:00"

// state is what the API tells of a room's broadcast.
type state struct {
	status int // 0 offline, 1 live
	since  time.Time
	key    string
	// text and unix are the start in the two forms in use.
	text string
	unix int64
}

func (rm *room) state(now time.Time) state {
	live, key, since := rm.broadcast(now)
	if !live {
		return state{text: noClock}
	}
	return state{status: 1, since: since, key: decimal(key), text: clock(since), unix: since.Unix()}
}

// decodeUIDs reads the body {"uids":[…]}, numbers or strings.
func decodeUIDs(r *http.Request) ([]string, error) {
	var body struct {
		UIDs []json.RawMessage `json:"uids"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, clientMessage)).Decode(&body); err != nil {
		return nil, err
	}
	var uids []string
	for _, raw := range body.UIDs {
		uids = append(uids, scalar(raw))
	}
	return uids, nil
}
