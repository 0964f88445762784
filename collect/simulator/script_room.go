package simulator

import (
	"encoding/base64"
	"time"
)

func (s *script) likesUpdate(time.Time) command {
	s.likes += 1 + s.r.Int64N(40)
	return alike("LIKE_INFO_V3_UPDATE", "", object{"cmd": "LIKE_INFO_V3_UPDATE", "data": object{"click_count": s.likes}})
}

// mostOnline is where the service stops counting.
const mostOnline = 9999

func (s *script) onlineCount(time.Time) command {
	s.online = min(max(1, s.online+s.r.Int64N(201)-100), mostOnline+200)
	n, text := s.online, decimal(s.online)
	if n > mostOnline {
		n, text = mostOnline, "9999+"
	}
	return alike("ONLINE_RANK_COUNT", "", object{"cmd": "ONLINE_RANK_COUNT", "data": object{
		"count": n, "count_text": text, "online_count": n, "online_count_text": text,
	}})
}

func (s *script) watchedChange(time.Time) command {
	s.watched += 1 + s.r.Int64N(50)
	text := countText(s.watched)
	return alike("WATCHED_CHANGE", "", object{"cmd": "WATCHED_CHANGE", "data": object{
		"num": s.watched, "text_small": text, "text_large": text + "人看过",
	}})
}

// ranked are the seven who gave most, with their scores.
func (s *script) ranked(now time.Time) (people []person, scores []int64) {
	score := int64(5000)
	for range 7 {
		people = append(people, s.someone(now))
		score -= s.r.Int64N(600)
		scores = append(scores, score)
	}
	return people, scores
}

// rank builds a command in both forms.
func (s *script) rank(name string, people []person, build func(people []person) object) command {
	hidden := make([]person, len(people))
	for i, p := range people {
		hidden[i] = p.masked()
	}
	return command{name: name, payload: marshal(build(people)), masked: marshal(build(hidden))}
}

func (s *script) onlineRank(now time.Time) command {
	people, scores := s.ranked(now)
	return s.rank("ONLINE_RANK_V2", people, func(people []person) object {
		var entries list
		for i, p := range people {
			entries = append(entries, object{
				"uid": p.uid, "face": noFace, "score": decimal(scores[i]), "uname": p.name, "rank": i + 1,
				"guard_level": p.guard, "is_mystery": false,
			})
		}
		return object{"cmd": "ONLINE_RANK_V2", "data": object{"online_list": entries, "rank_type": "online_rank"}}
	})
}

// onlineRankV3 carries the message GoldRankBroadcast (sjh8130/bili_danmaku).
func (s *script) onlineRankV3(now time.Time) command {
	people, scores := s.ranked(now)
	return s.rank("ONLINE_RANK_V3", people, func(people []person) object {
		pb := appendText(nil, 1, "online_rank")
		for i, p := range people {
			var entry []byte
			entry = appendNumber(entry, 1, p.uid)
			entry = appendText(entry, 2, noFace)
			entry = appendText(entry, 3, decimal(scores[i]))
			entry = appendText(entry, 4, p.name)
			entry = appendNumber(entry, 5, int64(i+1))
			entry = appendNumber(entry, 6, int64(p.guard))
			pb = appendText(pb, 3, string(entry))
		}
		return object{"cmd": "ONLINE_RANK_V3", "data": object{"pb": base64.StdEncoding.EncodeToString(pb)}}
	})
}

func (s *script) fansUpdate(time.Time) command {
	return alike("ROOM_REAL_TIME_MESSAGE_UPDATE", "", object{"cmd": "ROOM_REAL_TIME_MESSAGE_UPDATE", "data": object{
		"roomid": s.room.id, "fans": s.room.fans + int64(s.number/200), "red_notice": -1, "fans_club": s.room.fans / 40,
	}})
}

func (s *script) banner(now time.Time) command {
	return alike("WIDGET_BANNER", "", object{"cmd": "WIDGET_BANNER", "data": object{
		"timestamp": now.Unix(), "widget_list": object{"308": object{
			"id": 308, "title": "限时任务", "cover": "", "web_cover": "", "tip_text": "限时任务", "stay_time": 5, "site": 1,
			"platform_in": list{"live", "web"}, "type": 1, "band_id": 100_000 + s.r.IntN(1000), "is_add": true,
		}},
	}})
}

func (s *script) notice(time.Time) command {
	text := "恭喜主播<%" + s.room.streamerName + "%>荣获上小时人气榜第<%1%>名！"
	id := s.messageID()
	return alike("NOTICE_MSG", id, object{
		"cmd": "NOTICE_MSG", "msg_id": id, "id": 804, "name": "人气榜第一名", "roomid": s.room.id, "real_roomid": s.room.id,
		"msg_common": text, "msg_self": text, "link_url": "", "msg_type": 1, "shield_uid": -1,
		"business_id": "", "scatter": object{"min": 0, "max": 0}, "marquee_id": "", "notice_type": 0,
	})
}

// unknown is a command that no client has heard of yet.
func (s *script) unknown(time.Time) command {
	id := s.messageID()
	return alike("LANTERN_RIDDLE_UPDATE", id, object{
		"cmd": "LANTERN_RIDDLE_UPDATE", "msg_id": id,
		"data": object{"riddle": s.r.IntN(1000), "hint": pick(s.r, subjects), "solved": s.r.IntN(2) == 0},
	})
}

func (s *script) roomChange(time.Time) command { return s.change(s.messageID()) }

func (s *script) change(id string) command {
	return alike("ROOM_CHANGE", id, object{"cmd": "ROOM_CHANGE", "msg_id": id, "data": object{
		"title": s.room.title, "area_id": s.room.area.id, "area_name": s.room.area.name,
		"parent_area_id": s.room.area.parent, "parent_area_name": s.room.area.parentName,
		"live_key": decimal(s.liveKey), "sub_session_key": decimal(s.liveKey) + "sub_time:" + decimal(s.room.since.Unix()),
	}})
}

// offlineCommands is how many commands a room pushes between a broadcast's end and the
// next one's start.
const offlineCommands = 20

// preparing ends the broadcast; the next one follows, announced twice as the service does
// (only the first announcement has live_time).
func (s *script) preparing(now time.Time) command {
	if s.liveKey == 0 || s.scheduled {
		return s.danmaku(now)
	}
	s.liveKey = 0
	s.room.setLive(false, 0, now)
	next := firstKey + s.r.Int64N(mostKeys)
	s.follow = append(s.follow,
		followUp{offlineCommands, func(now time.Time) command { return s.begin(next, now) }},
		followUp{offlineCommands + 1, func(now time.Time) command { return s.live(now, false) }})
	return s.ends(s.messageID(), now)
}

// begin is the first announcement of a broadcast.
func (s *script) begin(key int64, now time.Time) command {
	if s.scheduled {
		return s.danmaku(now)
	}
	s.liveKey = key
	s.room.setLive(true, key, now)
	return s.live(now, true)
}

func (s *script) ends(id string, now time.Time) command {
	return alike("PREPARING", id, object{
		"cmd": "PREPARING", "msg_id": id, "p_is_ack": true, "p_msg_type": 1,
		"roomid": decimal(int64(s.room.id)), "send_time": now.UnixMilli(),
	})
}

// air follows the schedule, where there is one, and returns what the room says of it.
func (s *script) air(now time.Time) []command {
	a, on := s.room.flux.at(s.room.id, now)
	was, known := s.aired, s.scheduled
	s.aired, s.scheduled = a, on
	if !on {
		// From here on the room goes on by chance, and only a live one does.
		if known && s.liveKey == 0 {
			return []command{s.begin(was.key, now)}
		}
		return nil
	}
	s.room.setLive(a.live, a.key, a.since)
	if s.liveKey = 0; a.live {
		s.liveKey = a.key
	}
	switch {
	case !known || a.live == was.live && a.key == was.key:
	case a.live:
		return []command{s.live(now, true), s.live(now, false), s.change(airID(a.key, 0))}
	case was.live && was.announced:
		return []command{s.ends(airID(a.key, 1), now)}
	}
	return nil
}

// airID is the msg_id of what the schedule brings about. The script's own would shift by
// the clock (S3).
func airID(key int64, n uint64) string {
	return decimal(int64(hashOf(uint64(key), n)>>9)) + ":1000:1000"
}

func (s *script) live(now time.Time, first bool) command {
	key := decimal(s.liveKey)
	o := object{
		"cmd": "LIVE", "live_key": key, "voice_background": "", "live_platform": "pc", "live_model": 0,
		"sub_session_key": key + "sub_time:" + decimal(now.Unix()), "roomid": s.room.id,
	}
	if first {
		o["live_time"] = now.Unix()
	}
	return alike("LIVE", "", o)
}
