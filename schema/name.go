package schema

import (
	"bytes"
	"strings"
)

// maxName bounds a command's name, in bytes: names become labels and dictionary entries.
const maxName = 128

// CommandName returns the command's name: the value of the top-level key cmd, wherever it
// stands, cut at its first colon; empty if there is none. It reads no further than the
// name, so it also names a payload that breaks off or goes wrong behind it. Always valid
// UTF-8, at most 128 bytes. The well-known names cost no allocation.
//
// The service appends parameters to the name, DANMU_MSG:4:0:2:2:2:0 (xfgryujk/blivedm).
func CommandName(payload []byte) string {
	s := scanner{b: payload}
	for more := s.open('{'); more; more = s.more('{') {
		if !s.key().is("cmd") {
			s.pass()
			continue
		}
		if s.peek() != '"' {
			return ""
		}
		return commandName(s.value())
	}
	return ""
}

func commandName(t token) string {
	b := t.raw
	if t.escaped {
		b = appendUnescaped(nil, b)
	}
	if i := bytes.IndexByte(b, ':'); i >= 0 {
		b = b[:i]
	}
	b = b[:min(len(b), maxName)]
	if s, ok := knownNames[string(b)]; ok {
		return s
	}
	return strings.ToValidUTF8(string(b), "")
}

// SiteWide reports whether the command is one that the service sends alike into every
// room: the rooms whose broadcasts ended, and banners about gifts and events elsewhere
// (SocialSisterYi/bilibili-API-collect, lovelyyoshino/Bilibili-Live-API). The archive
// keeps one of those that are equal byte for byte.
func SiteWide(command string) bool { return siteWide[command] }

var siteWide = map[string]bool{
	"NOTICE_MSG":          true,
	"STOP_LIVE_ROOM_LIST": true,
	"SYS_GIFT":            true,
	"SYS_MSG":             true,
}

// repeats are the commands that say again what others said: a chat line once more for
// game plug-ins, a sum of gifts already sent. They make no row.
var repeats = map[string]bool{
	"COMBO_END":             true,
	"COMBO_SEND":            true,
	"LIVE_INTERACTIVE_GAME": true,
}

// knownNames are interned: the commands that busy rooms see every minute.
var knownNames = func() map[string]string {
	m := map[string]string{}
	for name := range models {
		m[name] = name
	}
	for name := range repeats {
		m[name] = name
	}
	for name := range siteWide {
		m[name] = name
	}
	for _, name := range strings.Fields(`
		AREA_RANK_CHANGED COMMON_NOTICE_DANMAKU DM_INTERACTION ENTRY_EFFECT
		ENTRY_EFFECT_MUST_RECEIVE GUARD_BUY HOT_ROOM_NOTIFY INTERACT_WORD INTERACT_WORD_V2
		LIKE_INFO_V3_CLICK LIVE LOG_IN_NOTICE ONLINE_RANK_TOP3 ONLINE_RANK_V2
		ONLINE_RANK_V3 PK_BATTLE_PROCESS_NEW PK_INFO POPULARITY_RED_POCKET_NEW
		POPULARITY_RED_POCKET_START POPULARITY_RED_POCKET_V2_NEW
		POPULARITY_RED_POCKET_WINNER_LIST POPULAR_RANK_CHANGED PREPARING RANK_CHANGED_V2
		RECALL_DANMU_MSG ROOM_BLOCK_MSG ROOM_CHANGE SEND_GIFT SEND_GIFT_V2
		SUPER_CHAT_MESSAGE SUPER_CHAT_MESSAGE_DELETE SUPER_CHAT_MESSAGE_JPN
		USER_TOAST_MSG USER_TOAST_MSG_V2 WIDGET_BANNER WIDGET_GIFT_STAR_PROCESS`) {
		m[name] = name
	}
	return m
}()
