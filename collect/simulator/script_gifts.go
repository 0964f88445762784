package simulator

import (
	"encoding/base64"
	"time"
)

// box is a gift that turns into another one, worth more or less than was paid.
var box = gift{32649, "心动盲盒", 15_000, "gold"}

// giftV2 is the form in which all gifts come since 2026 (wzgrx/pure_live), the message
// SendGiftBroadcast (sjh8130/bili_danmaku): one sender, one item or more, now and then out
// of a blind box.
func (s *script) giftV2(now time.Time) command {
	items := 1
	if s.r.IntN(12) == 0 {
		items += 1 + s.r.IntN(2)
	}
	boxed := s.r.IntN(15) == 0
	var all []byte
	for i := range items {
		g := gifts[min(s.r.IntN(len(gifts)), s.r.IntN(len(gifts)))]
		num := int64(1)
		if s.r.IntN(4) == 0 {
			num += s.r.Int64N(9)
		}
		paid := int64(g.price) * num
		if boxed {
			g.coin, paid = box.coin, int64(box.price)*num
		}
		all = appendText(all, 10, string(s.giftItem(g, i, num, paid, now)))
	}
	return both("SEND_GIFT_V2", "", s.someone(now), func(p person) object {
		var pb, medal, opened, base, sender []byte
		pb = appendNumber(pb, 1, p.uid)
		pb = appendText(pb, 2, p.name)
		pb = appendText(pb, 3, noFace)
		pb = appendNumber(pb, 5, int64(p.guard))
		if p.medal > 0 {
			medal = appendNumber(medal, 1, s.room.streamer)
			medal = appendText(medal, 3, s.room.streamerName)
			medal = appendNumber(medal, 4, int64(s.room.id))
			medal = appendNumber(medal, 5, int64(p.medal))
			medal = appendText(medal, 6, s.room.medal)
			medal = appendNumber(medal, 11, 1)
			medal = appendNumber(medal, 12, int64(p.guard))
			pb = appendText(pb, 8, string(medal))
		}
		if boxed {
			opened = appendNumber(opened, 1, 51)
			opened = appendNumber(opened, 2, int64(box.id))
			opened = appendText(opened, 3, box.name)
			opened = appendText(opened, 5, "爆出")
			opened = appendNumber(opened, 6, int64(box.price))
			pb = appendText(pb, 9, string(opened))
		}
		pb = append(pb, all...)
		pb = appendNumber(pb, 11, 1)
		pb = appendText(pb, 13, string(appendNumber(nil, 1, int64(p.wealth))))
		base = appendText(base, 1, p.name)
		base = appendText(base, 2, noFace)
		sender = appendNumber(sender, 1, p.uid)
		sender = appendText(sender, 2, string(base))
		pb = appendText(pb, 15, string(sender))
		return object{"cmd": "SEND_GIFT_V2", "danmu": object{"area": 1}, "data": object{
			"dmscore": 462, "pb": base64.StdEncoding.EncodeToString(pb),
		}}
	})
}

// giftItem is an entry of gift_list, the n-th of its command.
func (s *script) giftItem(g gift, n int, num, paid int64, now time.Time) (b []byte) {
	tid := decimal(int64(hashOf(s.seed, uint64(s.room.id), s.number, uint64(n)) >> 1))
	b = appendNumber(b, 1, int64(g.id))
	b = appendText(b, 2, g.name)
	b = appendNumber(b, 3, num)
	b = appendNumber(b, 5, int64(g.price))
	b = appendNumber(b, 6, int64(g.price))
	b = appendNumber(b, 7, paid)
	b = appendText(b, 8, g.coin)
	b = appendText(b, 9, tid)
	b = appendNumber(b, 10, now.Unix())
	b = appendNumber(b, 11, 1)
	b = appendText(b, 12, "batch:gift:combo_id:"+tid)
	b = appendNumber(b, 14, paid)
	b = appendNumber(b, 15, 5)
	b = appendText(b, 18, "投喂")
	receiver := appendText(nil, 1, s.room.streamerName)
	receiver = appendNumber(receiver, 2, s.room.streamer)
	return appendText(b, 29, string(receiver))
}

// pockets are the prices of red pockets in battery, ten of which are one yuan.
var pockets = []int{20, 20, 100, 1000}

// redPocket is a red pocket, its start and who got something of it. Four fifths of the
// price are in it (SocialSisterYi/bilibili-API-collect).
func (s *script) redPocket(now time.Time) command {
	p, price, version := s.someone(now), pick(s.r, pockets), pick(s.r, []string{"", "V2_"})
	lot := 10_000_000 + int64(hashOf(s.seed, uint64(s.room.id), s.number)%30_000_000)
	const lasts = 180
	var winners list
	for range 3 {
		w := s.someone(now)
		winners = append(winners, list{w.uid, w.name, 7_000_000 + s.r.IntN(1_000_000), gifts[0].id})
	}
	name := "POPULARITY_RED_POCKET_" + version
	s.follow = append(s.follow, followUp{1, func(now time.Time) command {
		return alike(name+"START", "", object{"cmd": name + "START", "data": object{
			"lot_id": lot, "sender_uid": p.uid, "sender_name": p.name, "sender_face": noFace, "join_requirement": 1,
			"danmu": "老板大气！点点红包抽礼物", "current_time": now.Unix(), "start_time": now.Unix(),
			"end_time": now.Unix() + lasts, "last_time": lasts, "remove_time": now.Unix() + lasts + 15,
			"replace_time": now.Unix() + lasts + 10, "lot_status": 1, "user_status": 2, "wait_num": 0, "lot_config_id": 3,
			"h5_url": "", "total_price": price * 80,
			"awards": list{object{"gift_id": gifts[0].id, "gift_name": gifts[0].name, "gift_pic": "", "num": 3}},
		}})
	}}, followUp{60, func(time.Time) command {
		return alike(name+"WINNER_LIST", "", object{"cmd": name + "WINNER_LIST", "data": object{
			"lot_id": lot, "total_num": len(winners), "winner_info": winners, "version": 1,
			"awards": object{decimal(gifts[0].id): object{"award_type": 1, "award_name": gifts[0].name, "award_price": gifts[0].price}},
		}})
	}})
	return alike(name+"NEW", "", object{"cmd": name + "NEW", "data": object{
		"lot_id": lot, "start_time": now.Unix(), "current_time": now.Unix(), "wait_num": 0, "uname": p.name, "uid": p.uid,
		"action": "送出", "num": 1, "gift_name": "红包", "gift_id": 13000, "price": price, "name_color": "",
		"medal_info": s.medalObject(p),
	}})
}
