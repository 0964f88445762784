package schema

import "strings"

// The kinds of moderation.
const (
	ModerationRecallDanmaku   = "recall_danmaku"
	ModerationRecallUser      = "recall_user"
	ModerationRecallAll       = "recall_all"
	ModerationBlock           = "block"
	ModerationSuperChatDelete = "super_chat_delete"
	ModerationCutOff          = "cut_off"
	ModerationWarning         = "warning"
	ModerationLock            = "lock"
	ModerationSilentOn        = "silent_on"
	ModerationSilentOff       = "silent_off"
)

func (d *Decoder) moderate(row ModerationRow) bool {
	d.drafts.moderation = append(d.drafts.moderation, draft[ModerationRow]{row: row})
	return true
}

// readRecall takes in RECALL_DANMU_MSG: the target is a danmaku's id, or the uid of a
// person all of whose danmaku go.
func (d *Decoder) readRecall(data token) bool {
	var kind, target token
	data.pick(want{"recall_type", &kind}, want{"target_id", &target})
	switch kind.or(0) {
	case 1:
		id := d.id(target)
		if id == nil {
			return false
		}
		return d.moderate(ModerationRow{Kind: ModerationRecallDanmaku, Target: d.ownID(id),
			TargetEventID: d.int64s.pointer(EventID(TableDanmaku, string(id), 0))})
	case 2:
		return d.moderate(ModerationRow{Kind: ModerationRecallUser, Who: d.person(target, token{})})
	case 3:
		return d.moderate(ModerationRow{Kind: ModerationRecallAll})
	}
	return false
}

// readBlock takes in ROOM_BLOCK_MSG, which has sent the person within data and beside it.
func (d *Decoder) readBlock(command token) bool {
	var data, uid, name token
	command.pick(want{"data", &data}, want{"uid", &uid}, want{"uname", &name})
	var operator token
	data.pick(want{"uid", &uid}, want{"uname", &name}, want{"operator", &operator})
	if _, ok := uid.int(); !ok && len(name.raw) == 0 {
		return false
	}
	row := ModerationRow{Kind: ModerationBlock, Who: d.person(uid, name)}
	switch operator.or(0) {
	case 1:
		row.Message = d.text("by a moderator")
	case 2:
		row.Message = d.text("by the streamer")
	}
	return d.moderate(row)
}

func (d *Decoder) readSuperChatDelete(data token) bool {
	data.get("ids").each(func(t token) {
		if id := d.id(t); id != nil {
			d.moderate(ModerationRow{Kind: ModerationSuperChatDelete, Target: d.ownID(id),
				TargetEventID: d.int64s.pointer(EventID(TablePayments, string(id), 0))})
		}
	})
	return len(d.drafts.moderation) > 0
}

func (d *Decoder) readCutOff(command token) bool {
	d.drafts.cutOff = true
	return d.moderate(ModerationRow{Kind: ModerationCutOff, Message: d.text(d.string(command.get("msg")))})
}

// readCutOffV2 puts the lines of the notice into one text.
func (d *Decoder) readCutOffV2(data token) bool {
	var lines []string
	data.get("cut_off_data", "cut_off_message_list").each(func(t token) {
		line := d.string(t.get("content"))
		if label := d.string(t.get("label")); label != "" {
			line = label + ": " + line
		}
		lines = append(lines, line)
	})
	d.drafts.cutOff = true
	d.drafts.at = micros(data.get("timestamp").or(0))
	return d.moderate(ModerationRow{Kind: ModerationCutOff, Message: d.text(strings.Join(lines, "\n"))})
}

func (d *Decoder) readWarning(command token) bool {
	return d.moderate(ModerationRow{Kind: ModerationWarning, Message: d.text(d.string(command.get("msg")))})
}

func (d *Decoder) readLock(command token) bool {
	return d.moderate(ModerationRow{Kind: ModerationLock, Message: d.text(d.string(command.get("expire")))})
}

// readSilentOn takes in ROOM_SILENT_ON: who may no longer write, below which level, and
// until when in seconds, -1 for good.
func (d *Decoder) readSilentOn(data token) bool {
	var kind, level, second token
	data.pick(want{"type", &kind}, want{"level", &level}, want{"second", &second})
	message := "level " + d.string(level) + ", until " + d.string(second)
	return d.moderate(ModerationRow{Kind: ModerationSilentOn, Target: d.text(d.string(kind)), Message: d.text(message)})
}

func (d *Decoder) readSilentOff(data token) bool {
	return d.moderate(ModerationRow{Kind: ModerationSilentOff})
}
