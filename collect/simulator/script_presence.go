package simulator

import (
	"encoding/base64"
	"time"
)

// both makes a command in the form for an account and in the one for a guest.
func both(name, id string, p person, build func(p person) object) command {
	return command{name: name, id: id, payload: marshal(build(p)), masked: marshal(build(p.masked()))}
}

// alike makes a command that guests and accounts receive alike.
func alike(name, id string, o object) command {
	return command{name: name, id: id, payload: marshal(o)}
}

// interactKind draws enter, follow, share, special follow or mutual follow.
func (s *script) interactKind() int {
	switch n := s.r.IntN(100); {
	case n < 90:
		return 1
	case n < 96:
		return 2
	case n < 98:
		return 3
	case n < 99:
		return 4
	}
	return 5
}

func (s *script) interact(now time.Time) command {
	kind := s.interactKind()
	return both("INTERACT_WORD", "", s.someone(now), func(p person) object {
		return object{"cmd": "INTERACT_WORD", "data": object{
			"contribution": object{"grade": 0}, "core_user_type": 0, "dmscore": 4,
			"fans_medal": s.medalObject(p), "identities": list{1}, "is_spread": 0, "msg_type": kind,
			"privilege_type": p.guard, "roomid": s.room.id, "score": now.UnixMilli(), "spread_desc": "",
			"spread_info": "", "tail_icon": 0, "timestamp": now.Unix(), "trigger_time": now.UnixNano(),
			"uid": p.uid, "uname": p.name, "uname_color": "",
		}}
	})
}

func (s *script) medalObject(p person) object {
	o := object{
		"anchor_roomid": 0, "guard_level": 0, "icon_id": 0, "is_lighted": 0, "medal_color": 0,
		"medal_color_border": 12632256, "medal_color_end": 12632256, "medal_color_start": 12632256,
		"medal_level": 0, "medal_name": "", "score": 0, "special": "", "target_id": 0,
	}
	if p.medal > 0 {
		o["anchor_roomid"], o["guard_level"], o["is_lighted"] = s.room.id, p.guard, 1
		o["medal_level"], o["medal_name"], o["target_id"] = p.medal, s.room.medal, s.room.streamer
	}
	return o
}

// interactV2 carries the InteractWord message of live.xuserreward.v1
// (sjh8130/bili_danmaku) as base64.
func (s *script) interactV2(now time.Time) command {
	kind := s.interactKind()
	return both("INTERACT_WORD_V2", "", s.someone(now), func(p person) object {
		var pb []byte
		pb = appendNumber(pb, 1, p.uid)
		pb = appendText(pb, 2, p.name)
		pb = appendText(pb, 4, "\x01")
		pb = appendNumber(pb, 5, int64(kind))
		pb = appendNumber(pb, 6, int64(s.room.id))
		pb = appendNumber(pb, 7, now.Unix())
		pb = appendNumber(pb, 8, now.UnixMilli())
		if p.medal > 0 {
			var m []byte
			m = appendNumber(m, 1, s.room.streamer)
			m = appendNumber(m, 2, int64(p.medal))
			m = appendText(m, 3, s.room.medal)
			m = appendNumber(m, 8, 1)
			m = appendNumber(m, 9, int64(p.guard))
			m = appendNumber(m, 12, int64(s.room.id))
			pb = appendText(pb, 9, string(m))
		}
		pb = appendNumber(pb, 15, now.UnixNano())
		pb = appendNumber(pb, 16, int64(p.guard))
		return object{"cmd": "INTERACT_WORD_V2", "data": object{
			"dmscore": 3, "pb": base64.StdEncoding.EncodeToString(pb),
		}}
	})
}

func (s *script) like(now time.Time) command {
	return both("LIKE_INFO_V3_CLICK", "", s.someone(now), func(p person) object {
		return object{"cmd": "LIKE_INFO_V3_CLICK", "data": object{
			"show_area": 0, "msg_type": 6, "like_icon": "", "uid": p.uid, "like_text": "为主播点赞了",
			"uname": p.name, "uname_color": "", "identities": list{1}, "fans_medal": s.medalObject(p),
			"contribution_info": object{"grade": 0}, "dmscore": 20,
		}}
	})
}

func (s *script) entryEffect(now time.Time) command {
	return both("ENTRY_EFFECT", "", s.someone(now), func(p person) object {
		return object{"cmd": "ENTRY_EFFECT", "data": object{
			"id": 4, "uid": p.uid, "target_id": s.room.streamer, "mock_effect": 0, "face": noFace,
			"privilege_type": p.guard, "copy_writing": "<%" + p.name + "%> 来了", "copy_color": "#F7F7F7",
			"highlight_color": "#FFFFFF", "priority": 1, "business": 6, "copy_writing_v2": "<%" + p.name + "%> 来了",
			"trigger_time": now.UnixNano(), "identities": 1, "max_delay_time": 7, "is_mystery": false,
			"wealthy_info": object{"uid": 0, "level": p.wealth, "dm_icon_key": ""},
			"uinfo":        object{"uid": p.uid, "base": object{"name": p.name, "face": noFace, "is_mystery": false}},
		}}
	})
}
