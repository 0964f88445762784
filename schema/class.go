package schema

// Class groups commands by what their loss would cost.
type Class uint8

// The classes, from the dearest to the cheapest.
const (
	// ClassDanmaku: danmaku, and what they are made of.
	ClassDanmaku Class = iota
	// ClassPayment: money that was spent; each command is the only word of it.
	ClassPayment
	// ClassRest: everything else, unknown commands included.
	ClassRest
	// ClassPresence: that somebody entered, followed or liked: frequent, and sampled by the
	// service anyway.
	ClassPresence
)

var classes = map[string]Class{
	"DANMU_MSG":        ClassDanmaku,
	"DANMU_MSG_MIRROR": ClassDanmaku,
	"RECALL_DANMU_MSG": ClassDanmaku,

	"SEND_GIFT":                      ClassPayment,
	"SEND_GIFT_V2":                   ClassPayment,
	"SUPER_CHAT_MESSAGE":             ClassPayment,
	"SUPER_CHAT_MESSAGE_JPN":         ClassPayment,
	"SUPER_CHAT_MESSAGE_DELETE":      ClassPayment,
	"GUARD_BUY":                      ClassPayment,
	"USER_TOAST_MSG":                 ClassPayment,
	"USER_TOAST_MSG_V2":              ClassPayment,
	"POPULARITY_RED_POCKET_NEW":      ClassPayment,
	"POPULARITY_RED_POCKET_V2_NEW":   ClassPayment,
	"POPULARITY_RED_POCKET_START":    ClassPayment,
	"POPULARITY_RED_POCKET_V2_START": ClassPayment,

	"INTERACT_WORD":         ClassPresence,
	"INTERACT_WORD_V2":      ClassPresence,
	"LIKE_INFO_V3_CLICK":    ClassPresence,
	"ENTRY_EFFECT":          ClassPresence,
	"LIVE_INTERACTIVE_GAME": ClassPresence,
}

// ClassOf returns the class of a command by its name, as [CommandName] gives it.
func ClassOf(name string) Class {
	if c, ok := classes[name]; ok {
		return c
	}
	return ClassRest
}

// Level says how much of what is received is not recorded for lack of space.
type Level string

// The levels, each of which sheds what the one before sheds, and more.
const (
	LevelNone Level = ""
	// LevelPresence sheds presence.
	LevelPresence Level = "presence"
	// LevelMost sheds all but danmaku and payments.
	LevelMost Level = "most"
	// LevelAll sheds every command.
	LevelAll Level = "all"
)

// Sheds tells whether commands of the class are not recorded.
func (l Level) Sheds(c Class) bool {
	switch l {
	case LevelNone:
		return false
	case LevelPresence:
		return c == ClassPresence
	case LevelMost:
		return c == ClassPresence || c == ClassRest
	}
	return true
}

// RestOfNames stands in counts by name for all names beyond those that are listed.
const RestOfNames = "(rest)"
