package simulator

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// neverLive is how room_init writes that there is no broadcast.
const neverLive = -62170012800

func (s *Simulator) roomInit(w http.ResponseWriter, r *http.Request) {
	rm := s.resolve(intParam(r, "id", 0))
	if rm == nil {
		respond(w, codeNoSuchRoom, "房间不存在", object{})
		return
	}
	st := rm.state(time.Now())
	if st.status == 0 {
		st.unix = neverLive
	}
	respondOK(w, object{
		"room_id": rm.id, "short_id": rm.short, "uid": rm.streamer, "need_p2p": 0, "is_hidden": false,
		"is_locked": false, "is_portrait": false, "live_status": st.status, "hidden_till": 0, "lock_till": 0,
		"encrypted": false, "pwd_verified": false, "live_time": st.unix, "room_shield": 1, "is_sp": 0,
		"special_type": 0,
	})
}

func (s *Simulator) roomInfo(w http.ResponseWriter, r *http.Request) {
	rm := s.resolve(intParam(r, "room_id", 0))
	if rm == nil {
		respond(w, codeNotFound, "未找到该房间", list{})
		return
	}
	now := time.Now()
	st := rm.state(now)
	respondOK(w, object{
		"uid": rm.streamer, "room_id": rm.id, "short_id": rm.short, "attention": rm.fans,
		"online": rm.shown(now), "is_portrait": false, "description": rm.description,
		"live_status": st.status, "area_id": rm.area.id, "area_name": rm.area.name,
		"parent_area_id": rm.area.parent, "parent_area_name": rm.area.parentName, "old_area_id": rm.area.oldID,
		"title": rm.title, "user_cover": "", "keyframe": "", "background": "", "live_time": st.text,
		"tags": rm.tags, "room_silent_type": "", "room_silent_level": 0, "room_silent_second": 0,
		"hot_words": list{}, "pk_status": 0, "battle_id": 0,
	})
}

// infoByRoom demands a signature, as getDanmuInfo does; short ids will do. Of what the
// service tells it has the room and who streams there.
func (s *Simulator) infoByRoom(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.wellSigned(r); !ok {
		riskControl(w)
		return
	}
	rm := s.resolve(intParam(r, "room_id", 0))
	if rm == nil {
		respond(w, codeNoRoomInfo, "获取初始化数据失败", nil)
		return
	}
	now := time.Now()
	st := rm.state(now)
	key, _ := strconv.ParseInt(st.key, 10, 64) // 0 where there is none
	respond(w, codeOK, "0", object{
		"room_info": object{
			"uid": rm.streamer, "room_id": rm.id, "short_id": rm.short, "title": rm.title, "cover": "",
			"tags": rm.tags, "background": "", "description": rm.description, "live_status": st.status,
			"live_start_time": st.unix, "live_screen_type": 0, "lock_status": 0, "lock_time": 0, "hidden_status": 0,
			"hidden_time": 0, "area_id": rm.area.id, "area_name": rm.area.name, "parent_area_id": rm.area.parent,
			"parent_area_name": rm.area.parentName, "keyframe": "", "special_type": 0, "up_session": st.key,
			"pk_status": 0, "online": rm.shown(now), "live_id": key, "live_id_str": st.key,
		},
		"anchor_info": object{
			"base_info":     object{"uname": rm.streamerName, "face": noFace},
			"relation_info": object{"attention": rm.fans},
		},
		"watched_show": rm.watchedShow(now),
	})
}

// roomBaseInfo takes req_biz and repeated room_ids; ids joined by commas are refused.
func (s *Simulator) roomBaseInfo(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	ids := query["room_ids"]
	if query.Get("req_biz") == "" || len(ids) == 0 {
		respond(w, codeBadRequest, "请求错误", nil)
		return
	}
	rooms := object{}
	now := time.Now()
	for _, text := range ids {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			respond(w, codeBadRequest, "请求错误", nil)
			return
		}
		if rm := s.resolve(id); rm != nil {
			rooms[decimal(int64(rm.id))] = baseInfo(rm, now)
		}
	}
	respondOK(w, object{"by_uids": object{}, "by_room_ids": rooms})
}

func baseInfo(rm *room, now time.Time) object {
	st := rm.state(now)
	key, _ := strconv.ParseInt(st.key, 10, 64) // 0 where there is none
	return object{
		"room_id": rm.id, "uid": rm.streamer, "area_id": rm.area.id, "area_name": rm.area.name,
		"parent_area_id": rm.area.parent, "parent_area_name": rm.area.parentName, "live_status": st.status,
		"live_url": "https://live.bilibili.invalid/" + decimal(int64(rm.id)), "title": rm.title, "live_time": st.text,
		"description": rm.description, "tags": rm.tags, "attention": rm.fans, "online": rm.shown(now),
		"short_id": rm.short, "uname": rm.streamerName, "cover": "", "background": "", "join_slide": 1,
		"live_id": key, "live_id_str": st.key,
	}
}

// statusByUIDs takes uids[] in the query or a JSON body. Streamers without a room are
// absent from the answer.
func (s *Simulator) statusByUIDs(w http.ResponseWriter, r *http.Request) {
	uids := r.URL.Query()["uids[]"]
	if r.Method == http.MethodPost {
		var err error
		if uids, err = decodeUIDs(r); err != nil {
			respond(w, codeBadRequest, "请求错误", nil)
			return
		}
	}
	now := time.Now()
	found := object{}
	for _, uid := range uids {
		uid = strings.TrimSpace(uid)
		if rm := s.byOwner[uid]; rm != nil {
			found[uid] = streamerStatus(rm, now)
		}
	}
	if len(found) == 0 {
		// The service's own language writes an empty map as a list.
		respondOK(w, list{})
		return
	}
	respondOK(w, found)
}

func streamerStatus(rm *room, now time.Time) object {
	st := rm.state(now)
	return object{
		"title": rm.title, "room_id": rm.id, "uid": rm.streamer, "online": rm.shown(now), "live_time": st.unix,
		"live_status": st.status, "short_id": rm.short, "area": rm.area.oldID, "area_name": rm.area.name,
		"area_v2_id": rm.area.id, "area_v2_name": rm.area.name, "area_v2_parent_id": rm.area.parent,
		"area_v2_parent_name": rm.area.parentName, "uname": rm.streamerName, "face": noFace, "tag_name": rm.tags,
		"tags": rm.tags, "cover_from_user": "", "keyframe": "", "lock_till": noClock, "hidden_till": noClock,
		"broadcast_type": 0,
	}
}
