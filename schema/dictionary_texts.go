package schema

import "reflect"

// text is what the struct tags do not tell of a column.
type text struct {
	unit, meaning, source, caveats string
	since                          int // 0: from the first version on
}

// tables are the tables in the order of the dictionary.
var tables = []struct {
	name  Table
	doc   string
	order string
	row   reflect.Type
	texts map[string]text
	since int // the first version that has the table
}{
	{
		TableDanmaku,
		"One row a bullet comment (DANMU_MSG, DANMU_MSG_MIRROR). In busy rooms the service sends a " +
			"sample, about 10 a second at most, and guests may get less than accounts do: counts are " +
			"lower bounds. Before counting behaviour leave out lottery (people are told what to write) " +
			"and, over several rooms, mirrored.",
		"room_id, ts, seq", reflect.TypeFor[DanmakuRow](), danmakuTexts, 1,
	},
	{
		TablePayments,
		"One row a purchase: gifts (SEND_GIFT, SEND_GIFT_V2, a row an item), super chats " +
			"(SUPER_CHAT_MESSAGE, its Japanese twin being the same), guards (GUARD_BUY, USER_TOAST_MSG, " +
			"USER_TOAST_MSG_V2) and red pockets (POPULARITY_RED_POCKET_NEW, _V2_NEW, _START, _V2_START). " +
			"The sum of paid_milli is what viewers spent, before the service's share; the counter rcost in " +
			"other's payloads is none. A red pocket is money given to viewers, not to the streamer: leave " +
			"kind red_pocket out of revenue. The service sends small gifts of busy rooms in part only.",
		"room_id, ts, seq", reflect.TypeFor[PaymentsRow](), paymentsTexts, 2,
	},
	{
		TableAudience,
		"One row a figure of how many were there. The metrics measure different things and are not " +
			"to be added or compared with each other; a figure that the service resent stays.",
		"room_id, ts, seq", reflect.TypeFor[AudienceRow](), audienceTexts, 1,
	},
	{
		TablePresence,
		"One row a person who entered, followed, shared or liked (INTERACT_WORD, INTERACT_WORD_V2, " +
			"LIKE_INFO_V3_CLICK, ENTRY_EFFECT). The service sends a sample in busy rooms, and guests get no " +
			"person at all: count nobody by it. ENTRY_EFFECT comes beside the entry of the same person.",
		"room_id, ts, seq", reflect.TypeFor[PresenceRow](), presenceTexts, 2,
	},
	{
		TableModeration,
		"One row an act upon a room or a person in it: what was recalled, blocked, deleted, warned of, " +
			"cut off, locked or silenced (RECALL_DANMU_MSG, ROOM_BLOCK_MSG, SUPER_CHAT_MESSAGE_DELETE, " +
			"CUT_OFF, CUT_OFF_V2, WARNING, ROOM_LOCK, ROOM_SILENT_ON, ROOM_SILENT_OFF).",
		"room_id, ts, seq", reflect.TypeFor[ModerationRow](), moderationTexts, 2,
	},
	{
		TableOther,
		"One row a command that no other table takes, as the service sent it, and every payload that " +
			"would not decode. What is told alike in every room is kept once, under room 0. " +
			"COMBO_SEND, COMBO_END and LIVE_INTERACTIVE_GAME repeat what other commands said and have no row.",
		"command, room_id, ts, seq", reflect.TypeFor[OtherRow](), otherTexts, 1,
	},
	{
		TableRooms,
		"What a room was at a time: one row an event. The rows listed are the sampling frame: " +
			"every room of the scanned lists, once an hour, chosen or not.",
		"room_id, ts, seq", reflect.TypeFor[RoomsRow](), roomsTexts, 1,
	},
	{
		TableCoverage,
		"What was watched: one row a stretch of a room's time, cut at the hour. Within one journal the " +
			"stretches of a watched room follow each other without hole or overlap; without a row a room " +
			"was not watched. No danmaku in an observing stretch is silence, outside of one it is blindness.",
		"room_id, started_at, seq", reflect.TypeFor[CoverageRow](), coverageTexts, 1,
	},
}

// commonTexts are the columns that mean the same in every table that has them.
var commonTexts = map[string]text{
	"event_id": {
		meaning: "64-bit hash (xxh3) of the table, the service's own id and the item's index in its command; where the service sends no id, of journal id, seq and index, so that no other row has it.",
		source:  "danmaku: info[0][15].extra id_str; else msg_id",
		caveats: "Equal event_id in the same room_id: the same event, recorded twice. Drop those across files; within one it is done.",
	},
	"room_id": {
		meaning: "The room by its long id; 0 is the whole site.",
		source:  "the session that received it",
	},
	"live_key": {
		meaning: "The broadcast.",
		source:  "the last LIVE or what a list said of the room",
		caveats: "Null when unknown or offline.",
	},
	"ts": {
		meaning: "When it happened: the service's time if that is within 2 minutes of received_at, else received_at.",
		source:  "info[0][4], else send_time, else received_at; marks: received_at",
		caveats: "Lies in the UTC hour of the file.",
	},
	"service_ts": {
		meaning: "The service's time where it differs from ts: a wrong clock or a replay.",
		source:  "as ts",
	},
	"received_at": {
		meaning: "When the collector's journal took it.",
		source:  "the journal",
		caveats: "Never goes back within a journal.",
	},
	"collector":  {meaning: "Who recorded it.", source: "the configuration"},
	"journal_id": {meaning: "The journal that holds it, 16 hexadecimal digits.", source: "the journal"},
	"seq": {
		meaning: "The record's number in that journal: where the row comes from.",
		source:  "the journal",
		caveats: "Several rows of one record have the same.",
	},

	"user_id": {
		meaning: "The person's uid.",
		source:  "info[2][0]",
		caveats: "Null where the service hides it from guests, in 2026 from the first second of a connection: count people by user_hash.",
	},
	"user_hash": {
		meaning: "CRC-32 (IEEE) of the decimal uid, as sent even where user_id is hidden: the key that joins a person's rows.",
		source:  "info[0][7]; else extra user_hash; else computed from user_id, never from 0",
		caveats: "32 bits: 0.5 % of 20 million people share one, 2.3 % of 100 million. Trying all uids reverses it: a pseudonym, not anonymity. That it is still the true CRC for guests is not proven.",
	},
	"user_name": {
		meaning: "The name as sent.",
		source:  "info[2][1]",
		caveats: "Starred where masked: no key.",
	},
	"masked": {
		meaning: "The service hid who it was (uid 0).",
		source:  "info[2][0]",
	},
}

var danmakuTexts = map[string]text{
	"text": {
		meaning: "What was written, byte for byte.",
		source:  "info[1]; else field 6 of dm_v2, which in 2023 stood in for every column that info lacked",
		caveats: "For a sticker its name. Half a surrogate pair is U+FFFD.",
	},
	"kind":      {meaning: "text, emoticon (a sticker), voice or other.", source: "info[0][12]"},
	"mode":      {meaning: "How it moves: 1 scrolls, 4 bottom, 5 top, 7 special.", source: "info[0][1]", caveats: "0 where not sent."},
	"font_size": {unit: "px", meaning: "Font size, 25 as a rule.", source: "info[0][2]", caveats: "0 where not sent."},
	"color":     {unit: "0xRRGGBB as a number", meaning: "Colour of the text; also a sign of rank.", source: "info[0][3]", caveats: "0 where not sent."},
	"emoticon":  {meaning: "The sticker's unique name.", source: "info[0][13].emoticon_unique; else extra emoticon_unique"},
	"reply_to_user_id": {
		meaning: "The uid that it answers.",
		source:  "extra reply_mid",
		caveats: "Null where it answers nobody.",
	},
	"lottery": {
		meaning: "Written to take part in a lottery or red pocket.",
		source:  "info[0][9] is 2, or info[0][16].activity_source is not 0",
	},
	"mirrored": {
		meaning: "A copy from a linked room, sent as DANMU_MSG_MIRROR.",
		source:  "the command's name",
		caveats: "Counted over several rooms it is the same comment twice.",
	},
	"admin":         {meaning: "The sender moderates the room.", source: "info[2][2]"},
	"user_level":    {meaning: "The sender's level (UL).", source: "info[4][0]"},
	"wealth_level":  {meaning: "The sender's wealth level, a measure of spending.", source: "info[16][0]", caveats: "Not sent before 2023."},
	"guard_level":   {meaning: "The sender's guard in this room: 0 none, 1 governor, 2 admiral, 3 captain.", source: "info[7]", caveats: "1 is the dearest."},
	"medal_name":    {meaning: "The fan medal that the sender wears.", source: "info[3][1]", caveats: "Null where none is worn; it may be another room's."},
	"medal_level":   {meaning: "The medal's level.", source: "info[3][0]"},
	"medal_room_id": {meaning: "The room whose medal it is.", source: "info[3][3]"},
	"medal_anchor_id": {
		meaning: "The uid of the streamer whose medal it is.",
		source:  "info[3][12]",
		caveats: "Not sent in old messages.",
	},
	"entered_at": {
		unit:    "whole seconds",
		meaning: "When the sender entered the room.",
		source:  "info[0][5]",
		caveats: "Web senders only: apps send a random number there, which by chance may pass for a time. Null unless within a day before ts.",
	},
}

var audienceTexts = map[string]text{
	"event_id": {
		meaning: "64-bit hash (xxh3) of the table, the service's msg_id and the figure's index in its command; where there is no msg_id, of journal id, seq and index.",
		source:  "msg_id",
		caveats: "Figures are never dropped as copies.",
	},
	"metric": {
		meaning: "What is counted: popularity (the heartbeat's figure), list_popularity (the lists' figure, once a refresh), " +
			"watched (distinct viewers of the broadcast so far), online (people there now), rank_count (people on the contribution list), " +
			"likes (of the broadcast so far), fans (followers), fans_club (members of the fan club).",
		source: "the heartbeat's reply; lists; WATCHED_CHANGE num; ONLINE_RANK_COUNT online_count and count; LIKE_INFO_V3_UPDATE click_count; ROOM_REAL_TIME_MESSAGE_UPDATE fans and fans_club",
		caveats: "popularity is no number of people and since 2022 the constant 1 in ordinary rooms; list_popularity is no number of people either. " +
			"online was sent with every second message in 2023; in 2026 it equals rank_count.",
	},
	"value": {
		unit:    "see metric",
		meaning: "The figure. popularity: where it differs from the last row or that is a minute old.",
		source:  "see metric",
	},
	"capped": {
		meaning: "The service shows no more than this: its text for people ends in + or says 万+.",
		source:  "count_text, online_count_text, text_small, text_large",
		caveats: "Not sent before 2023: false then means unknown.",
	},
}

var otherTexts = map[string]text{
	"event_id": {
		meaning: "64-bit hash (xxh3) of the table, the service's msg_id and 0; where there is no msg_id, of journal id, seq and 0, so that no other row has it.",
		source:  "msg_id",
		caveats: "Equal event_id in the same room_id: the same event, recorded twice.",
	},
	"ts": {
		meaning: "When the service sent it, if that is within 2 minutes of received_at, else received_at.",
		source:  "send_time, else received_at",
		caveats: "Lies in the UTC hour of the file. Times within the payload are not looked at.",
	},
	"command": {
		meaning: "The command's name, cut at its first colon.",
		source:  "cmd",
		caveats: "Empty where none could be read; at most 128 bytes.",
	},
	"payload": {
		meaning: "The command as received: JSON; where broken, base64 of the bytes.",
		source:  "the whole command",
	},
	"broken": {
		meaning: "It is not valid JSON or not valid UTF-8, or not of a shape that is known of its command.",
		source:  "the decoder",
	},
}

var roomsTexts = map[string]text{
	"ts": {meaning: "When the collector learned it.", source: "received_at of the mark", caveats: "Lies in the UTC hour of the file."},
	"event": {
		meaning: "listed (on a scanned list), selected (watched from now on), dropped (no longer), snapshot (every watched room at the hour's beginning), live (the broadcast began), preparing (it ended), changed (title, area or others), cut_off (the service ended the broadcast; CUT_OFF and CUT_OFF_V2 may both tell of it).",
		source:  "the collector",
		caveats: "A broadcast that began unwatched has no live: see live_since.",
	},
	"rank":        {meaning: "The room's place in the list that offered it, from 1.", source: "the list's order"},
	"reason":      {meaning: "Why it is watched: top, area:ID or pin.", source: "the collector", caveats: "Null at a listed room that was not chosen."},
	"live_status": {meaning: "0 offline, 1 live, 2 a loop of recorded videos.", source: "live_status of lists, LIVE, PREPARING"},
	"live_since":  {meaning: "When the broadcast began.", source: "live_time of lists and LIVE"},
	"title":       {meaning: "The room's title.", source: "lists, ROOM_CHANGE", caveats: "Empty when unknown, as the other names are; ids are 0."},
	"area_id":     {meaning: "The area's id.", source: "lists, ROOM_CHANGE"},
	"area_name":   {meaning: "The area's name.", source: "lists, ROOM_CHANGE"},
	"parent_area_id": {
		meaning: "The id of the area's section.",
		source:  "lists, ROOM_CHANGE",
	},
	"parent_area_name": {meaning: "The name of the area's section.", source: "lists, ROOM_CHANGE"},
	"streamer_id":      {meaning: "The uid of the room's owner.", source: "lists"},
	"streamer_name":    {meaning: "The name of the room's owner.", source: "lists"},
	"popularity":       {meaning: "The list's figure at that time.", source: "online of lists", caveats: "No number of people."},
}

var coverageTexts = map[string]text{
	"started_at": {meaning: "When the stretch began, or the hour.", source: "the journal's marks"},
	"ended_at": {
		meaning: "The first moment after it, or the hour's end.",
		source:  "the journal's marks",
		caveats: "An observing stretch ends with the last packet received, not when the loss was noticed.",
	},
	"state": {
		meaning: "observing; connecting; refused (by the service); down (the program did not run or could not record); shed (it was listened to, but for lack of room not all was recorded); not_selected; imported.",
		source:  "the journal's marks",
		caveats: "Only observing was watched and recorded whole.",
	},
	"cause":     {meaning: "Why the state began: selected, blind (no record for 5 s), killed, stopped, journal_damage, or what ended the connection. Of shed what was not recorded: presence, most (all but danmaku and payments) or all.", source: "the journal's marks"},
	"identity":  {meaning: "As whom it was watched: guest or account.", source: "the session", caveats: "Empty unless observing."},
	"masked":    {meaning: "The service hid who wrote.", source: "uid 0 in DANMU_MSG"},
	"thinned":   {meaning: "The service is known to have sent less than everything.", source: "the collector", caveats: "False means not known."},
	"recall":    {meaning: "Share of a sampled history that the archive holds, 0 to 1.", source: "the collector", caveats: "Null where none was sampled."},
	"host":      {meaning: "The chat server, host:port.", source: "the session"},
	"transport": {meaning: "tcp, ws or wss.", source: "the session"},
	"commands":  {unit: "commands", meaning: "What was received within the stretch, by received_at.", source: "the journal"},
	"bytes":     {unit: "bytes", meaning: "The size of those commands, unframed and decompressed.", source: "the journal"},
	"seq":       {meaning: "The number of the record that began the state.", source: "the journal"},
}
