package schema

import "testing"

// Each level sheds what the one before sheds, and danmaku and payments go last.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		name                string
		presence, most, all bool
	}{
		{"DANMU_MSG", false, false, true},
		{"SUPER_CHAT_MESSAGE", false, false, true},
		{"USER_TOAST_MSG_V2", false, false, true},
		{"WATCHED_CHANGE", false, true, true},
		{"A_NAME_OF_TOMORROW", false, true, true},
		{"", false, true, true},
		{"INTERACT_WORD_V2", true, true, true},
	} {
		class := ClassOf(c.name)
		got := [3]bool{LevelPresence.Sheds(class), LevelMost.Sheds(class), LevelAll.Sheds(class)}
		if got != [3]bool{c.presence, c.most, c.all} || LevelNone.Sheds(class) {
			t.Errorf("%q is shed at the three levels: %v", c.name, got)
		}
	}
}
