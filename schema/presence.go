package schema

import "encoding/binary"

// The kinds of presence.
const (
	PresenceEnter         = "enter"
	PresenceFollow        = "follow"
	PresenceShare         = "share"
	PresenceSpecialFollow = "special_follow"
	PresenceMutualFollow  = "mutual_follow"
	PresenceLike          = "like"
	PresenceEntryEffect   = "entry_effect"
	PresenceOther         = "other"
)

// interactKind is the meaning of INTERACT_WORD's msg_type.
func interactKind(n int64) string {
	switch n {
	case 1:
		return PresenceEnter
	case 2:
		return PresenceFollow
	case 3:
		return PresenceShare
	case 4:
		return PresenceSpecialFollow
	case 5:
		return PresenceMutualFollow
	}
	return PresenceOther
}

// guardLevelOf is the guard in one of the service's identities: 6 captain, 7 admiral,
// 8 governor (SocialSisterYi/bilibili-API-collect).
func guardLevelOf(identity int64) int32 {
	if identity >= 6 && identity <= 8 {
		return int32(9 - identity)
	}
	return 0
}

// guardLevel is the guard that the command tells directly, else by the identities.
func guardLevel(privilege int64, identities token) int32 {
	if privilege >= 1 && privilege <= 3 {
		return int32(privilege)
	}
	level := guardLevelOf(identities.or(0))
	identities.each(func(t token) { level = max(level, guardLevelOf(t.or(0))) })
	return level
}

// readInteract takes in INTERACT_WORD (SocialSisterYi/bilibili-API-collect).
func (d *Decoder) readInteract(data token) bool {
	var uid, name, kind, at, trigger, privilege, identities, medal token
	data.pick(want{"uid", &uid}, want{"uname", &name}, want{"msg_type", &kind}, want{"timestamp", &at},
		want{"trigger_time", &trigger}, want{"privilege_type", &privilege}, want{"identities", &identities},
		want{"fans_medal", &medal})
	if _, ok := kind.int(); !ok {
		return false
	}
	if d.drafts.at = nanos(trigger.or(0)); d.drafts.at == 0 {
		d.drafts.at = micros(at.or(0))
	}
	d.drafts.presence = append(d.drafts.presence, draft[PresenceRow]{row: PresenceRow{
		Who: d.person(uid, name), Kind: interactKind(kind.or(0)),
		Medal: d.medalOf(medal), GuardLevel: guardLevel(privilege.or(0), identities),
	}})
	return true
}

// readInteractV2 takes in INTERACT_WORD_V2, whose message live.xuserreward.v1.InteractWord
// is told in sjh8130/bili_danmaku. A message without a single field is one, too: guests
// have been sent it.
func (d *Decoder) readInteractV2(data token) bool {
	if !d.message(data) {
		return false
	}
	var row PresenceRow
	var uid, kind, at, trigger, privilege int64
	ok := true
	w := wire{b: d.pb}
	for w.next() {
		good := true
		switch w.field {
		case 1:
			uid = w.number
		case 2:
			row.UserName, good = d.utf8Name(w.bytes)
		case 4:
			row.GuardLevel = max(row.GuardLevel, wireGuard(&w))
		case 5:
			kind = w.number
		case 7:
			at = w.number
		case 9:
			row.Medal, good = d.wireMedal(w.bytes, 1, 12, 2, 3)
		case 15:
			trigger = w.number
		case 16:
			privilege = w.number
		}
		ok = ok && good
	}
	if !ok || w.bad {
		return d.refuse(ReasonMessage)
	}
	name := row.UserName
	row.Who = d.someone(uid)
	row.UserName, row.Masked = name, uid == 0
	row.Kind = interactKind(kind)
	if privilege >= 1 && privilege <= 3 {
		row.GuardLevel = int32(privilege)
	}
	if d.drafts.at = nanos(trigger); d.drafts.at == 0 {
		d.drafts.at = micros(at)
	}
	d.drafts.presence = append(d.drafts.presence, draft[PresenceRow]{row: row})
	return true
}

// wireGuard is the guard in identities, which are packed or come one by one.
func wireGuard(w *wire) (level int32) {
	if !w.text {
		return guardLevelOf(w.number)
	}
	for b := w.bytes; len(b) > 0; {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			w.bad = true
			return level
		}
		level = max(level, guardLevelOf(int64(v)))
		b = b[n:]
	}
	return level
}

func (d *Decoder) readLike(data token) bool {
	var uid, name, identities, medal token
	data.pick(want{"uid", &uid}, want{"uname", &name}, want{"identities", &identities}, want{"fans_medal", &medal})
	if _, ok := uid.int(); !ok && len(name.raw) == 0 {
		return false
	}
	d.drafts.presence = append(d.drafts.presence, draft[PresenceRow]{row: PresenceRow{
		Who: d.person(uid, name), Kind: PresenceLike, Medal: d.medalOf(medal), GuardLevel: guardLevel(0, identities),
	}})
	return true
}

// readEntryEffect takes in ENTRY_EFFECT. Old ones name the person only in what they show:
// "<%name%> 来了".
func (d *Decoder) readEntryEffect(data token) bool {
	var uid, privilege, identities, writing, trigger, uinfo token
	data.pick(want{"uid", &uid}, want{"privilege_type", &privilege}, want{"identities", &identities},
		want{"copy_writing", &writing}, want{"trigger_time", &trigger}, want{"uinfo", &uinfo})
	if _, ok := uid.int(); !ok {
		return false
	}
	var base, medal token
	uinfo.pick(want{"base", &base}, want{"medal", &medal})
	row := PresenceRow{Who: d.person(uid, base.get("name")), Kind: PresenceEntryEffect,
		GuardLevel: guardLevel(privilege.or(0), identities)}
	if row.UserName == nil {
		row.UserName = d.text(between(d.string(writing), "<%", "%>"))
	}
	var name, level, anchor token
	medal.pick(want{"name", &name}, want{"level", &level}, want{"ruid", &anchor})
	row.Medal = d.medal(d.name(name), level.or(0), 0, anchor.or(0))
	d.drafts.at = nanos(trigger.or(0))
	d.drafts.presence = append(d.drafts.presence, draft[PresenceRow]{row: row})
	return true
}
