package simulator

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// play makes n commands of the first room at a fixed time.
func play(t *testing.T, seed uint64, n int) (all []command) {
	t.Helper()
	now := time.Date(2026, 1, 9, 4, 0, 0, 0, time.UTC)
	s := newScript(seed, newRoom(scriptedRooms(seed, 1, now)[0]))
	for range n {
		all = append(all, s.next(now))
	}
	return all
}

// S3: same seed, same traffic; other seed, other traffic.
func TestScriptIsPure(t *testing.T) {
	text := func(all []command) (payloads []string) {
		for _, c := range all {
			payloads = append(payloads, string(c.payload), string(c.masked))
		}
		return payloads
	}
	one := text(play(t, 5, 1500))
	if diff := cmp.Diff(one, text(play(t, 5, 1500))); diff != "" {
		t.Errorf("same seed (-first +second):\n%.2000s", diff)
	}
	if slices.Equal(one, text(play(t, 6, 1500))) {
		t.Error("another seed makes the same traffic")
	}
}

// The clock enters nothing but times: ids and names are the same an hour later.
func TestScriptIgnoresClock(t *testing.T) {
	start := time.Date(2026, 1, 9, 4, 0, 0, 0, time.UTC)
	a := newScript(5, newRoom(scriptedRooms(5, 1, start)[0]))
	b := newScript(5, newRoom(scriptedRooms(5, 1, start)[0]))
	for i := range 2000 {
		one, two := a.next(start), b.next(start.Add(time.Duration(i)*time.Second))
		if one.name != two.name || one.id != two.id {
			t.Fatalf("command %d: %s %s, an hour later %s %s", i, one.name, one.id, two.name, two.id)
		}
	}
}

func TestScriptMixture(t *testing.T) {
	count := make(map[string]int)
	ids := make(map[string]bool)
	for i, c := range play(t, 1, 15_000) {
		if count[c.name]++; i%8 != 0 && count[c.name] > 20 {
			continue // Enough of its kind have been looked at.
		}
		for _, payload := range [][]byte{c.payload, c.masked} {
			if payload == nil {
				continue
			}
			if !json.Valid(payload) {
				t.Fatalf("%s is no JSON: %s", c.name, payload)
			}
			e, err := recorded(payload)
			if err != nil {
				t.Fatal(err)
			}
			// A ledger made from what is on the wire has the same ids.
			if got := e.command(0); got.name != c.name || got.id != c.id {
				t.Fatalf("%s has id %q, on the wire %q", c.name, c.id, got.id)
			}
		}
		if c.id != "" && ids[c.name+c.id] {
			t.Fatalf("id %s of %s appears twice", c.id, c.name)
		}
		ids[c.name+c.id] = true
	}
	for _, name := range []string{
		"DANMU_MSG", "SEND_GIFT", "INTERACT_WORD", "INTERACT_WORD_V2", "ONLINE_RANK_COUNT", "WATCHED_CHANGE",
		"LIKE_INFO_V3_UPDATE", "LIKE_INFO_V3_CLICK", "ENTRY_EFFECT", "ROOM_REAL_TIME_MESSAGE_UPDATE", "ONLINE_RANK_V2",
		"SUPER_CHAT_MESSAGE", "GUARD_BUY", "USER_TOAST_MSG", "NOTICE_MSG", "WIDGET_BANNER", "LIVE", "PREPARING",
		"ROOM_CHANGE", "LANTERN_RIDDLE_UPDATE",
	} {
		if count[name] == 0 {
			t.Errorf("no %s among 15,000 commands", name)
		}
	}
	if count["GUARD_BUY"] != count["USER_TOAST_MSG"] || count["LIVE"] < 2*count["PREPARING"]-2 {
		t.Errorf("guards %d and toasts %d, LIVE %d and PREPARING %d", count["GUARD_BUY"], count["USER_TOAST_MSG"],
			count["LIVE"], count["PREPARING"])
	}
	if n := count["DANMU_MSG"]; n < 6000 || n > 9000 {
		t.Errorf("%d danmaku among 15,000 commands, want about half", n)
	}
}

func TestSiteBroadcastIsAlikeEverywhere(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	rooms := scriptedRooms(1, 2, start)
	var got [2][]command
	for i, f := range rooms {
		s := newScripted(1, newRoom(f), 0)
		s.resume(start)
		for tick := range 60 {
			commands, err := s.take(start.Add(time.Duration(tick) * time.Second))
			if err != nil {
				t.Fatal(err)
			}
			got[i] = append(got[i], commands...)
		}
	}
	if len(got[0]) != 1 || got[0][0].name != "STOP_LIVE_ROOM_LIST" {
		t.Fatalf("in a minute: %v, want one STOP_LIVE_ROOM_LIST", got[0])
	}
	if string(got[0][0].payload) != string(got[1][0].payload) {
		t.Error("the broadcast differs between rooms")
	}
}
