package simulator

import (
	"strings"
	"testing"
	"time"

	"danmaku-archiver/schema"
)

// decoded are the rows of one form of a command; a command that would not decode fails.
func decoded(t *testing.T, d *schema.Decoder, payload []byte) (rows schema.Rows) {
	t.Helper()
	at := time.Date(2026, 1, 9, 4, 0, 0, 0, time.UTC).UnixMicro()
	rec := &schema.Record{Seq: 1, Room: 1, ReceivedAt: at, Kind: schema.KindCommand, Payload: payload}
	if _, fate := d.Command(rec, nil, &rows); fate == schema.FateSetAside {
		t.Fatalf("set aside: %s", payload)
	}
	return rows
}

// perform makes n commands of a room of 25 a second.
func perform(n int) (all []command) {
	now := time.Date(2026, 1, 9, 4, 0, 0, 0, time.UTC)
	s := newScript(1, newRoom(scriptedRooms(1, 1, now)[0]))
	for i := range n {
		all = append(all, s.next(now.Add(time.Duration(i)*40*time.Millisecond)))
	}
	return all
}

// What the archive makes of the script's commands: each in its table, for accounts and
// for guests, and with no field that the service does not send.
func TestScriptFillsTables(t *testing.T) {
	d := schema.NewDecoder("test", "00000000")
	kinds := make(map[string]int)
	seen := make(map[string]int)
	for _, c := range perform(50_000) {
		if seen[c.name]++; seen[c.name] > 500 {
			continue // Enough of its kind have been looked at.
		}
		if c.name != "LANTERN_RIDDLE_UPDATE" && seen[c.name] < 20 {
			added, changed := schema.UnknownFields(c.name, c.payload)
			if len(added)+len(changed) > 0 {
				t.Errorf("%s: fields %v are not the service's, %v are of another type", c.name, added, changed)
			}
		}
		for _, masked := range []bool{false, true} {
			rows := decoded(t, d, c.bytes(masked))
			form := map[bool]string{true: "guest ", false: ""}[masked]
			for _, p := range rows.Payments {
				kinds[form+p.Kind]++
				if p.Count > 0 && len(rows.Payments) > 1 {
					kinds[form+"several"]++
				}
				if p.BlindBox != nil {
					kinds[form+"blind box"]++
				}
				hides := masked && strings.HasPrefix(c.name, "SEND_GIFT")
				if p.Masked != hides || (p.UserID == nil) != hides && !strings.Contains(c.name, "RED_POCKET_") {
					t.Fatalf("%s of %q: masked %t, uid %v", c.name, form, p.Masked, p.UserID)
				}
			}
			for _, p := range rows.Presence {
				kinds[form+p.Kind]++
				if p.Masked != masked {
					t.Fatalf("%s of %q: masked %t", c.name, form, p.Masked)
				}
			}
			for _, m := range rows.Moderation {
				kinds[form+m.Kind]++
			}
			kinds[form+"danmaku"] += len(rows.Danmaku)
			kinds[form+"audience"] += len(rows.Audience)
			kinds[form+"other"] += len(rows.Other)
		}
	}
	for _, kind := range []string{
		schema.PaymentGift, schema.PaymentSuperChat, schema.PaymentGuard, schema.PaymentRedPocket, "several", "blind box",
		schema.PresenceEnter, schema.PresenceFollow, schema.PresenceShare, schema.PresenceLike, schema.PresenceEntryEffect,
		schema.ModerationRecallDanmaku, schema.ModerationRecallUser, schema.ModerationRecallAll, schema.ModerationBlock,
		schema.ModerationSuperChatDelete, schema.ModerationSilentOn, schema.ModerationSilentOff, schema.ModerationWarning,
		schema.ModerationCutOff, "danmaku", "audience", "other",
	} {
		if kinds[kind] == 0 || kinds["guest "+kind] == 0 {
			t.Errorf("%s: %d rows, %d of guests", kind, kinds[kind], kinds["guest "+kind])
		}
	}
}

// The commands that tell of one thing make rows that are copies of each other.
func TestScriptTellsOneThingOften(t *testing.T) {
	d := schema.NewDecoder("test", "00000000")
	told := make(map[string]map[int64]int) // by kind and event
	said := make(map[int64]bool)
	missing := 0
	for _, c := range perform(25_000) {
		rows := decoded(t, d, c.payload)
		for _, p := range rows.Payments {
			if told[p.Kind] == nil {
				told[p.Kind] = make(map[int64]int)
			}
			told[p.Kind][p.EventID]++
		}
		for _, s := range rows.Danmaku {
			said[s.EventID] = true
		}
		for _, m := range rows.Moderation {
			if m.Kind == schema.ModerationRecallDanmaku && !said[*m.TargetEventID] {
				missing++
			}
			if m.Kind == schema.ModerationSuperChatDelete && told[schema.PaymentSuperChat][*m.TargetEventID] == 0 {
				missing++
			}
		}
	}
	if missing > 0 {
		t.Errorf("%d recalls and deletions of what was not said", missing)
	}
	for kind, want := range map[string][2]int{
		schema.PaymentGift:      {1, 1},
		schema.PaymentSuperChat: {1, 2},
		schema.PaymentGuard:     {3, 3},
		schema.PaymentRedPocket: {2, 2},
	} {
		short := 0
		for event, n := range told[kind] {
			if n > want[1] {
				t.Errorf("%s %d is told %d times, want at most %d", kind, event, n, want[1])
			}
			if n < want[0] {
				short++
			}
		}
		// What begins at the end of the play is told less often.
		if short > 2 || len(told[kind]) == 0 {
			t.Errorf("%d of %d %s are told less than %d times", short, len(told[kind]), kind, want[0])
		}
	}
}
