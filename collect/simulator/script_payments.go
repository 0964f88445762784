package simulator

import (
	"fmt"
	"time"
)

func (s *script) gift(now time.Time) command {
	g := gifts[min(s.r.IntN(len(gifts)), s.r.IntN(len(gifts)))]
	num := 1
	if s.r.IntN(4) == 0 {
		num = 1 + s.r.IntN(10)
	}
	// The ids of gifts are times in ns with a random end; these are unique without a clock.
	tid := decimal(int64(hashOf(s.seed, uint64(s.room.id), s.number) >> 1))
	combo := fmt.Sprintf("batch:gift:combo_id:%s", tid)
	paid := g.price * num
	return both("SEND_GIFT", tid, s.someone(now), func(p person) object {
		return object{"cmd": "SEND_GIFT", "data": object{
			"action": "投喂", "batch_combo_id": combo, "beatId": "", "biz_source": "live", "blind_gift": nil,
			"coin_type": g.coin, "combo_stay_time": 5, "combo_total_coin": paid, "demarcation": 1,
			"discount_price": g.price, "dmscore": 8, "draw": 0, "effect": 0, "face": noFace, "giftId": g.id,
			"giftName": g.name, "giftType": 0, "gold": 0, "guard_level": p.guard, "is_first": true,
			"magnification": 1, "medal_info": s.medalObject(p), "name_color": "", "num": num,
			"original_gift_name": "", "price": g.price, "rcost": 1000 + s.number,
			"receive_user_info": object{"uid": s.room.streamer, "uname": s.room.streamerName},
			"remain":            0, "rnd": tid, "silver": 0, "super": 0, "super_batch_gift_num": 1, "super_gift_num": num,
			"switch": true, "tag_image": "", "tid": tid, "timestamp": now.Unix(), "total_coin": paid,
			"uid": p.uid, "uname": p.name, "wealth_level": p.wealth,
		}}
	})
}

// tiers are the prices of super chats in yuan with the seconds that they stay.
var tiers = [][2]int{{30, 60}, {30, 60}, {30, 60}, {50, 120}, {50, 120}, {100, 300}, {500, 1800}}

// superChat is not masked: guests were shown who pays for attention in the last public
// captures of it.
func (s *script) superChat(now time.Time) command {
	tier, p := pick(s.r, tiers), s.someone(now)
	chat := int64(hashOf(s.seed, uint64(s.room.id), s.number)>>30) + 1
	id := s.messageID()
	data := object{
		"id": chat, "uid": p.uid, "price": tier[0], "rate": 1000, "message": s.text(), "message_trans": "",
		"trans_mark": 0, "time": tier[1], "start_time": now.Unix(), "end_time": now.Unix() + int64(tier[1]),
		"ts": now.Unix(), "token": fmt.Sprintf("%08X", uint32(s.number)), "is_ranked": 1, "is_send_audit": 0,
		"gift":       object{"gift_id": 12000, "gift_name": "醒目留言", "num": 1},
		"medal_info": nil, "background_color": "#EDF5FF", "background_bottom_color": "#2A60B2",
		"background_color_start": "#3171D2", "background_color_end": "#405D85", "background_icon": "",
		"background_image": "", "background_price_color": "#7497CD", "message_font_color": "#A3F6FF", "color_point": 0.7, "dmscore": 120,
		"user_info": object{
			"uname": p.name, "face": noFace, "face_frame": "", "guard_level": p.guard, "user_level": p.level,
			"is_vip": 0, "is_svip": 0, "is_main_vip": 0, "level_color": "#969696", "manager": oneIf(p.admin),
			"name_color": "#666666", "title": "0",
		},
	}
	if s.r.IntN(2) == 0 {
		s.follow = append(s.follow, followUp{1, func(time.Time) command { return s.superChatJapanese(chat, data) }})
	}
	if s.r.IntN(superChatsADeletion) == 0 {
		s.follow = append(s.follow, followUp{30 + s.r.IntN(100), func(time.Time) command { return s.superChatDelete(chat) }})
	}
	return alike("SUPER_CHAT_MESSAGE", decimal(chat), object{
		"cmd": "SUPER_CHAT_MESSAGE", "roomid": s.room.id, "msg_id": id, "p_is_ack": true, "p_msg_type": 1,
		"send_time": now.UnixMilli(), "data": data,
	})
}

const superChatsADeletion = 12

// superChatJapanese is the same super chat once more, with its numbers as texts.
func (s *script) superChatJapanese(chat int64, data object) command {
	again := object{"message_jpn": "", "id": decimal(chat), "uid": fmt.Sprint(data["uid"])}
	for _, key := range []string{
		"price", "rate", "message", "time", "start_time", "end_time", "ts", "token", "is_ranked", "gift", "medal_info",
		"background_color", "background_bottom_color", "background_icon", "background_image", "background_price_color",
		"user_info",
	} {
		again[key] = data[key]
	}
	return alike("SUPER_CHAT_MESSAGE_JPN", decimal(chat), object{
		"cmd": "SUPER_CHAT_MESSAGE_JPN", "roomid": decimal(int64(s.room.id)), "data": again,
	})
}

func (s *script) superChatDelete(chat int64) command {
	id := s.messageID()
	return alike("SUPER_CHAT_MESSAGE_DELETE", id, object{
		"cmd": "SUPER_CHAT_MESSAGE_DELETE", "msg_id": id, "roomid": s.room.id, "data": object{"ids": list{chat}},
	})
}

// guard is GUARD_BUY with the list price, followed by both forms of USER_TOAST_MSG with
// what was paid; start_time is the same in all three.
func (s *script) guard(now time.Time) command {
	p := s.someone(now)
	p.guard = 3
	s.guards++
	list, paid, count := 198_000, 138_000, s.guards
	operation := 1 + s.r.IntN(2)
	if operation == 2 {
		paid = 168_000
	}
	flow := decimal(int64(hashOf(s.seed, uint64(s.room.id), s.number) >> 1))
	start := now.Unix()
	s.follow = append(s.follow, followUp{1, func(time.Time) command {
		return alike("USER_TOAST_MSG", "", object{"cmd": "USER_TOAST_MSG", "data": object{
			"anchor_show": true, "color": "#00D1F1", "dmscore": 90, "effect_id": 397, "end_time": start, "gift_id": 10003,
			"guard_level": p.guard, "is_group": 0, "is_show": 0, "num": 1, "op_type": operation, "payflow_id": flow,
			"price": paid, "role_name": "舰长", "start_time": start, "svga_block": 0, "target_guard_count": count,
			"toast_msg": "<%" + p.name + "%> 在主播" + s.room.streamerName + "的直播间开通了舰长",
			"uid":       p.uid, "unit": "月", "user_show": true, "username": p.name,
		}})
	}}, followUp{2, func(time.Time) command {
		return alike("USER_TOAST_MSG_V2", "", object{"cmd": "USER_TOAST_MSG_V2", "data": object{
			"sender_uinfo":   object{"uid": p.uid, "base": object{"name": p.name, "face": noFace}},
			"receiver_uinfo": object{"uid": s.room.streamer, "base": object{"name": s.room.streamerName, "face": noFace}},
			"guard_info": object{"guard_level": p.guard, "role_name": "舰长", "room_guard_count": count, "op_type": operation,
				"start_time": start, "end_time": start},
			"pay_info":    object{"payflow_id": flow, "price": paid, "num": 1, "unit": "月"},
			"gift_info":   object{"gift_id": 10003},
			"effect_info": object{"effect_id": 397},
			"option": object{"anchor_show": true, "user_show": true, "is_group": 0, "is_show": 0, "source": 0,
				"svga_block": 0, "color": "#00D1F1"},
			"toast_msg": "<%" + p.name + "%> 在主播" + s.room.streamerName + "的直播间开通了舰长",
		}})
	}})
	return alike("GUARD_BUY", "", object{"cmd": "GUARD_BUY", "data": object{
		"uid": p.uid, "username": p.name, "guard_level": p.guard, "num": 1, "price": list, "gift_id": 10003,
		"gift_name": "舰长", "start_time": start, "end_time": start,
	}})
}
