package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"danmaku-archiver/schema"
)

var start = time.Date(2026, 3, 4, 5, 10, 0, 0, time.UTC)

func at(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }

// account is what one room's connection brought, one command a second, and what was kept.
// A word is a danmaku with that id if it begins in lower case, else a command's name.
type account struct {
	pushed, journal, archive string
	coverage                 []interval
	shed                     map[string]int64
	kills                    []time.Time
}

func (c account) judge() verdict {
	l := &ledger{connections: map[string][]push{}, danmaku: map[string]place{}}
	for n, word := range strings.Fields(c.pushed) {
		p := push{Room: 7, Connection: "c1", Time: at(n), Command: word}
		if strings.ToLower(word) == word {
			p.Command, p.ID = danmaku, word
			l.danmaku[word] = place{"c1", n}
		}
		l.connections["c1"] = append(l.connections["c1"], p)
	}
	r := &records{shed: c.shed}
	s := session{room: 7, at: at(0)}
	for _, word := range strings.Fields(c.journal) {
		r.commands++
		k := label{name: word}
		if strings.ToLower(word) == word {
			k = label{danmaku, word}
		}
		s.commands = append(s.commands, k)
	}
	r.sessions = []session{s}
	a := &archived{danmaku: map[int64]int{}, coverage: map[int64][]interval{7: c.coverage}, commands: r.commands}
	for _, word := range strings.Fields(c.archive) {
		a.danmaku[schema.EventID(schema.TableDanmaku, word, 0)]++
	}
	return judge(l, r, a, c.kills)
}

func TestJudge(t *testing.T) {
	during := func(from, to int, state schema.State, cause string) interval {
		return interval{Room: 7, Start: at(from), End: at(to), State: state, Cause: cause}
	}
	down := []interval{during(0, 3, schema.StateObserving, ""), during(3, 9, schema.StateDown, "killed")}
	presence := []interval{during(0, 9, schema.StateShed, string(schema.LevelPresence))}
	ending := []interval{during(0, 1, schema.StateObserving, ""), during(1, 3, schema.StateShed, string(schema.LevelAll)), during(3, 9, schema.StateDown, "stopped")}
	for name, c := range map[string]struct {
		account
		// archived, in gaps, shed, doubled, unexplained
		want string
	}{
		"all is there":              {account{pushed: "a GIFT b", journal: "a GIFT b", archive: "a b"}, "3 0 0 0 0"},
		"the end in a gap":          {account{pushed: "a b X c d", journal: "a b X", archive: "a b", coverage: down}, "3 2 0 0 0"},
		"the end without a gap":     {account{pushed: "a b X", journal: "a b", archive: "a b"}, "2 0 0 0 1"},
		"the middle in a gap":       {account{pushed: "a b c d e f", journal: "a b c f", archive: "a b c f", coverage: down}, "4 0 0 0 2"},
		"the middle, without ids":   {account{pushed: "a X Y b", journal: "a Y b", archive: "a b"}, "3 0 0 0 1"},
		"out of order":              {account{pushed: "a b c", journal: "b a c", archive: "a b c"}, "2 0 0 0 2"},
		"once more":                 {account{pushed: "a X b", journal: "a X X b", archive: "a b"}, "3 0 0 0 1"},
		"never pushed":              {account{pushed: "a b", journal: "a Z b", archive: "a b"}, "2 0 0 0 1"},
		"twice in the archive":      {account{pushed: "a b", journal: "a b", archive: "a b b"}, "2 0 0 1 0"},
		"not in the archive":        {account{pushed: "a b", journal: "a b", archive: "a"}, "2 0 0 0 1"},
		"in the archive only":       {account{pushed: "a b", journal: "a b", archive: "a b c"}, "2 0 0 0 1"},
		"shed and counted":          {account{pushed: "a INTERACT_WORD b", journal: "a b", archive: "a b", coverage: presence, shed: map[string]int64{"INTERACT_WORD": 1}}, "2 0 1 0 0"},
		"shed, counted as rest":     {account{pushed: "a INTERACT_WORD b", journal: "a b", archive: "a b", coverage: presence, shed: map[string]int64{schema.RestOfNames: 1}}, "2 0 1 0 0"},
		"shed and not counted":      {account{pushed: "a INTERACT_WORD b", journal: "a b", archive: "a b", coverage: presence}, "2 0 1 0 1"},
		"counted and not shed":      {account{pushed: "a INTERACT_WORD b", journal: "a INTERACT_WORD b", archive: "a b", coverage: presence, shed: map[string]int64{"INTERACT_WORD": 1}}, "3 0 0 0 1"},
		"a class that is not shed":  {account{pushed: "a SEND_GIFT b", journal: "a b", archive: "a b", coverage: presence, shed: map[string]int64{}}, "2 0 0 0 1"},
		"shed before the end":       {account{pushed: "a b X Y", journal: "a b", archive: "a b", coverage: ending, shed: map[string]int64{"X": 1, "Y": 1}}, "2 0 2 0 0"},
		"shed, then in the gap":     {account{pushed: "a b X Y", journal: "a b", archive: "a b", coverage: ending, shed: map[string]int64{"X": 1}}, "2 1 1 0 0"},
		"rest shed before the end":  {account{pushed: "a b X Y", journal: "a b", archive: "a b", coverage: ending, shed: map[string]int64{schema.RestOfNames: 1}}, "2 1 1 0 0"},
		"shed more than the end":    {account{pushed: "a b X", journal: "a b", archive: "a b", coverage: ending, shed: map[string]int64{"X": 3}}, "2 0 1 0 2"},
		"coverage with a hole":      {account{pushed: "a", journal: "a", archive: "a", coverage: []interval{down[0], during(4, 9, schema.StateDown, "killed")}}, "1 0 0 0 1"},
		"a kill within the promise": {account{pushed: "a b X c", journal: "a b X", archive: "a b", coverage: down, kills: []time.Time{at(3).Add(promised)}}, "3 1 0 0 0"},
		"a kill that cost too much": {account{pushed: "a b X c", journal: "a b X", archive: "a b", coverage: down, kills: []time.Time{at(6)}}, "3 1 0 0 1"},
		"commands without an id":    {account{pushed: "X Y", journal: "X Y"}, "2 0 0 0 0"},
	} {
		t.Run(name, func(t *testing.T) {
			v := c.judge()
			var got []string
			for _, n := range []int64{v.archived, v.gaps, v.shed, v.doubled, v.unexplained} {
				got = append(got, strconv.FormatInt(n, 10))
			}
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("archived, in gaps, shed, doubled, unexplained: %s, want %s\n%s", got, c.want, strings.Join(v.problems, "\n"))
			}
		})
	}
}
