package schema

// personID and the next three are the columns of who did it where the command has no hash of its own.
var personID = text{
	meaning: "The person's uid.",
	source:  "uid; USER_TOAST_MSG_V2: sender_uinfo.uid; _START: sender_uid; SEND_GIFT_V2 and INTERACT_WORD_V2: field 1 of pb; RECALL_DANMU_MSG of type 2: target_id",
	caveats: "Null for guests, who get no person at all, and where no person is meant.",
}

var personHash = text{
	meaning: "CRC-32 (IEEE) of the decimal uid: the key that joins a person's rows.",
	source:  "computed from user_id, never from 0",
	caveats: "Null where user_id is. 32 bits: 0.5 % of 20 million people share one. Trying all uids reverses it: a pseudonym, not anonymity.",
}

var personName = text{
	meaning: "The name as sent.",
	source:  "uname, username, sender_name, user_info.uname or uinfo.base.name; ENTRY_EFFECT else between <% and %> of copy_writing; pb field 2",
	caveats: "Starred where masked: no key.",
}

var personMasked = text{
	meaning: "The service hid who it was (uid 0).",
	source:  "as user_id",
	caveats: "In JSON false where no uid was sent.",
}

var medalName = text{
	meaning: "The fan medal that the person wears.",
	source:  "medal_info, fans_medal or uinfo.medal; SEND_GIFT_V2 pb field 8, INTERACT_WORD_V2 pb field 9",
	caveats: "Null where none is worn; it may be another room's. Guards and red pockets of _START have none.",
}

var paymentsTexts = map[string]text{
	"event_id": {
		meaning: "64-bit hash (xxh3) of the table, the service's own id and the item's index in its command: a gift's tid, a super chat's id, a red pocket's lot_id, a guard's buyer, level and start_time (the pay flow where the buyer is hidden); else msg_id; else of journal id, seq and index.",
		source:  "tid; id; lot_id; uid, guard_level and start_time; payflow_id; msg_id",
		caveats: "Equal event_id in the same room_id: the same purchase. Within an hour it is done; where an hour's border parts a GUARD_BUY from its toast, keep the row whose list_price is false.",
	},
	"ts": {
		meaning: "When it was bought: the service's time if that is within 2 minutes of received_at, else received_at.",
		source:  "timestamp, ts, start_time or current_time; else send_time; else received_at",
		caveats: "Lies in the UTC hour of the file.",
	},
	"user_id": personID, "user_hash": personHash, "user_name": personName, "masked": personMasked,
	"source_id": {meaning: "The service's own id of the purchase.", source: "tid (else rnd), id, payflow_id, lot_id", caveats: "Null for GUARD_BUY."},
	"kind":      {meaning: "gift, super_chat, guard or red_pocket.", source: "the command's name"},
	"operation": {meaning: "Guards: new or renewal.", source: "op_type: 1 new; 2 and 3 renewal", caveats: "Null elsewhere, in GUARD_BUY and where unknown."},
	"item_id":   {meaning: "The gift's id; guards 10001 to 10003, super chats 12000, red pockets 13000.", source: "giftId, gift_id; pb gift_list field 1", caveats: "0 where not sent."},
	"item_name": {meaning: "The item's name; of a blind box what came out of it.", source: "giftName, gift_name, role_name; pb gift_list field 2"},
	"count":     {unit: "items, or units", meaning: "How many; of guards how many of unit.", source: "num; pb gift_list field 3"},
	"unit":      {meaning: "Guards: month, day, week or year; as sent where it is another.", source: "unit", caveats: "Null elsewhere and in GUARD_BUY, which counts months."},
	"unit_price_milli": {
		unit:    "1/1000 CNY",
		meaning: "The price of one; of a blind box that of one of the items that came out; of a toast's guard what was paid divided by count, rounded down.",
		source:  "price (gold: 1000 are 1 CNY; super chats: in CNY; red pockets: battery, 10 are 1 CNY); pb gift_list field 5",
		caveats: "0 where the coin is not gold.",
	},
	"paid_milli": {
		unit:    "1/1000 CNY",
		meaning: "What was paid in all, 0 for what was free.",
		source:  "total_coin, else price times num; toasts: price, which is for all months; GUARD_BUY: price times num; red pockets: price times 100, in _START total_price times 1.25; pb gift_list field 7",
		caveats: "Of a guard with list_price the list's price, without the discount for several months or a renewal.",
	},
	"list_price_milli": {
		unit:    "1/1000 CNY",
		meaning: "Of a blind box the value of what came out, in all.",
		source:  "price times num where blind_gift is sent",
		caveats: "Null elsewhere.",
	},
	"list_price": {
		meaning: "The price is the list's, not what was paid: of a guard only GUARD_BUY was received.",
		source:  "the command's name",
		caveats: "A masked GUARD_BUY cannot be matched with its toast, both are kept: leave rows out that are masked and list_price.",
	},
	"coin":        {meaning: "gold (bought) or silver (free).", source: "coin_type; super chats, guards and red pockets: gold", caveats: "As sent where it is another."},
	"blind_box":   {meaning: "The blind box that the item came out of.", source: "blind_gift.original_gift_name; pb field 9"},
	"receiver_id": {meaning: "The uid of the streamer who got it, in rooms with several.", source: "receive_user_info.uid, receiver_uinfo.uid; pb gift_list field 29"},
	"message":     {meaning: "The super chat's text, as sent.", source: "message", caveats: "Null elsewhere."},
	"duration_s":  {unit: "s", meaning: "How long the super chat is shown.", source: "time", caveats: "Null elsewhere."},
	"guard_level": {
		meaning: "Guards: what was bought; else the buyer's guard: 0 none, 1 governor, 2 admiral, 3 captain.",
		source:  "guard_level, user_info.guard_level; pb field 5",
		caveats: "1 is the dearest. Null for red pockets.",
	},
	"medal_name":      medalName,
	"medal_level":     {meaning: "The medal's level.", source: "as medal_name"},
	"medal_room_id":   {meaning: "The room whose medal it is.", source: "as medal_name", caveats: "Often not sent."},
	"medal_anchor_id": {meaning: "The uid of the streamer whose medal it is.", source: "as medal_name"},
}

var presenceTexts = map[string]text{
	"event_id": messageID,
	"ts": {
		meaning: "When it happened: the service's time if that is within 2 minutes of received_at, else received_at.",
		source:  "trigger_time (ns), else timestamp, else send_time, else received_at",
		caveats: "Lies in the UTC hour of the file.",
	},
	"user_id": personID, "user_hash": personHash, "user_name": personName, "masked": personMasked,
	"kind": {
		meaning: "enter, follow, share, special_follow, mutual_follow, like, entry_effect, other (a msg_type that is not known, or none).",
		source:  "INTERACT_WORD msg_type, INTERACT_WORD_V2 pb field 5, the command's name",
		caveats: "Guests have been sent messages with nothing in them: other.",
	},
	"medal_name":      medalName,
	"medal_level":     {meaning: "The medal's level.", source: "as medal_name"},
	"medal_room_id":   {meaning: "The room whose medal it is.", source: "as medal_name", caveats: "Often not sent."},
	"medal_anchor_id": {meaning: "The uid of the streamer whose medal it is.", source: "as medal_name"},
	"guard_level": {
		meaning: "The person's guard in this room: 0 none, 1 governor, 2 admiral, 3 captain.",
		source:  "privilege_type, else identities (6 captain, 7 admiral, 8 governor); pb fields 16 and 4",
		caveats: "1 is the dearest. 0 where not sent.",
	},
}

var moderationTexts = map[string]text{
	"event_id": messageID,
	"ts": {
		meaning: "When the service sent it, if that is within 2 minutes of received_at, else received_at.",
		source:  "CUT_OFF_V2 timestamp, else send_time, else received_at",
		caveats: "Lies in the UTC hour of the file.",
	},
	"user_id": personID, "user_hash": personHash, "user_name": personName, "masked": personMasked,
	"kind": {
		meaning: "recall_danmaku, recall_user (all of a person's), recall_all, block (a person may not write), super_chat_delete, cut_off, warning, lock, silent_on, silent_off.",
		source:  "the command's name; RECALL_DANMU_MSG recall_type",
		caveats: "CUT_OFF and CUT_OFF_V2 may both tell of one.",
	},
	"target": {
		meaning: "The service's id of what was removed; of silent_on who is silenced: member, medal, level or wealth.",
		source:  "target_id, ids, type",
		caveats: "Null where a person is meant: see user_id.",
	},
	"target_event_id": {
		meaning: "event_id of what was removed, in danmaku or payments.",
		source:  "computed from target",
		caveats: "Null where nothing was removed, or all.",
	},
	"message": {
		meaning: "The service's words to the streamer; of block by whom; of silent_on level and end (seconds since 1970, -1 never); of lock its end (UTC+8).",
		source:  "msg, cut_off_data, operator, level and second, expire",
	},
}

var messageID = text{
	meaning: "64-bit hash (xxh3) of the table, the service's msg_id and the item's index in its command; where there is no msg_id, of journal id, seq and index, so that no other row has it.",
	source:  "msg_id",
	caveats: "Equal event_id in the same room_id: the same event, recorded twice.",
}
