package simulator

import "time"

// recall takes the last danmaku back, rarely all of its sender's or all of the room's.
func (s *script) recall(now time.Time) command {
	if s.said.id == "" {
		return s.danmaku(now)
	}
	kind, target := 1, any(s.said.id)
	switch n := s.r.IntN(20); n {
	case 0:
		kind, target = 2, s.said.from.uid
	case 1:
		kind, target = 3, 0
	}
	return alike("RECALL_DANMU_MSG", "", object{"cmd": "RECALL_DANMU_MSG", "data": object{
		"recall_type": kind, "target_id": target,
	}})
}

// block tells who may no longer write, twice, as the service does.
func (s *script) block(now time.Time) command {
	operator := 1 + s.r.IntN(2)
	return both("ROOM_BLOCK_MSG", "", s.someone(now), func(p person) object {
		return object{"cmd": "ROOM_BLOCK_MSG", "uid": decimal(p.uid), "uname": p.name, "data": object{
			"uid": p.uid, "uname": p.name, "operator": operator, "dmscore": 30,
		}}
	})
}

// silence lets only members write, or those of a level, for a while.
func (s *script) silence(now time.Time) command {
	kind, level, until := pick(s.r, []string{"member", "medal", "level", "wealth"}), 1+s.r.IntN(20), int64(-1)
	if s.r.IntN(2) == 0 {
		until = now.Unix() + 180
	}
	s.follow = append(s.follow, followUp{100, func(time.Time) command {
		return alike("ROOM_SILENT_OFF", "", object{"cmd": "ROOM_SILENT_OFF", "data": object{
			"type": "", "level": 0, "second": 0,
		}})
	}})
	return alike("ROOM_SILENT_ON", "", object{"cmd": "ROOM_SILENT_ON", "data": object{
		"type": kind, "level": level, "second": until,
	}})
}

// warning is the service's to the streamer; one in four times it cuts the broadcast off.
func (s *script) warning(now time.Time) command {
	if s.liveKey == 0 {
		return s.danmaku(now)
	}
	if s.r.IntN(4) == 0 {
		s.follow = append(s.follow,
			followUp{20, func(time.Time) command { return s.told("CUT_OFF", "违反直播规范") }},
			followUp{21, s.preparing})
	}
	return s.told("WARNING", "请立即调整直播内容")
}

func (s *script) told(name, text string) command {
	return alike(name, "", object{"cmd": name, "msg": text, "roomid": s.room.id})
}

// interactiveGame repeats the last danmaku for plug-ins; it is no second one.
func (s *script) interactiveGame(now time.Time) command {
	if s.said.id == "" {
		return s.danmaku(now)
	}
	text := string(s.said.text)
	return both("LIVE_INTERACTIVE_GAME", "", s.said.from, func(p person) object {
		return object{"cmd": "LIVE_INTERACTIVE_GAME", "data": object{
			"type": 2, "uid": p.uid, "uname": p.name, "uface": noFace, "gift_id": 0, "gift_name": "", "gift_num": 0,
			"price": 0, "paid": false, "msg": text, "fans_medal_level": p.medal, "guard_level": p.guard,
			"timestamp": now.Unix(), "anchor_lottery": nil, "pk_info": nil, "anchor_info": nil, "combo_info": nil,
		}}
	})
}
