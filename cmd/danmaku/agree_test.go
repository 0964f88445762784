package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// cmdAgree holds the archive against a ledger whose service did things wrong:
//
//   - every danmaku that was delivered is archived once, however often it was pushed,
//     and nothing else is;
//   - of every other command as many were received as were pushed, and the books account
//     for each; commands that are no JSON come on top, for the ledger does not know them;
//   - what is missing is the end of what a connection brought, and coverage says that the
//     room was not observed then; so it does of what a dead connection withheld;
//   - the intervals of a room follow each other without hole or overlap.
func cmdAgree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: agree LEDGER DATA")
	}
	a := &agreement{ts: ts, rows: map[int64]int{}, coverage: map[int64][]interval{},
		pushed: map[string]int64{}, excused: map[string]int64{}}
	shown(ts, args[1], schema.TableDanmaku, func(row map[string]any) { a.rows[row["event_id"].(int64)]++ })
	shown(ts, args[1], schema.TableCoverage, a.addCoverage)
	a.tile()
	lines := 0
	newTail(ts, args[0]).more(func(line []byte) {
		var e entry
		ts.Check(json.Unmarshal(line, &e))
		a.add(e)
		lines++
	})
	for _, name := range slices.Sorted(maps.Keys(a.connections)) {
		a.judge(a.connections[name])
	}
	for id := range a.rows {
		if !a.delivered[id] {
			ts.Fatalf("danmaku with event id %d is in the archive and was not delivered", id)
		}
	}
	if len(a.delivered) == 0 {
		ts.Fatalf("no danmaku was delivered")
	}
	lost, mangled := a.weigh(args[1])
	fmt.Fprintf(ts.Stdout(), "%d lines agree: %d danmaku archived, %d commands lost, %d mangled, %d withheld\n",
		lines, len(a.rows), lost, mangled, a.withheld)
}

type agreement struct {
	ts       *testscript.TestScript
	rows     map[int64]int // of danmaku, by event id
	coverage map[int64][]interval

	connections map[string][]entry // what each brought
	delivered   map[int64]bool     // danmaku, by event id
	pushed      map[string]int64   // commands by name
	excused     map[string]int64   // those among them that may be missing
	withheld    int
}

// interval is a row of coverage.
type interval struct {
	journal    string
	start, end time.Time
	state      schema.State
}

func (a *agreement) addCoverage(row map[string]any) {
	room := row["room_id"].(int64)
	a.coverage[room] = append(a.coverage[room], interval{
		journal: row["journal_id"].(string), start: moment(row["started_at"]), end: moment(row["ended_at"]),
		state: schema.State(row["state"].(string))})
}

func moment(v any) time.Time {
	if t, ok := v.(time.Time); ok {
		return t
	}
	return time.UnixMicro(v.(int64))
}

func (a *agreement) tile() {
	for room, all := range a.coverage {
		slices.SortStableFunc(all, func(x, y interval) int { return x.start.Compare(y.start) })
		for n, i := range all {
			if i.end.Before(i.start) || n > 0 && all[n-1].journal == i.journal && !all[n-1].end.Equal(i.start) {
				a.ts.Fatalf("room %d: the intervals do not tile at %s: %v", room, i.start, all)
			}
		}
	}
}

// observed tells whether coverage claims that the room was observed from well before the
// moment to well after it.
func (a *agreement) observed(room int64, at time.Time) bool {
	gap := func(i interval) bool {
		return i.state != schema.StateObserving && !at.Before(i.start.Add(-busy)) && !at.After(i.end.Add(busy))
	}
	return !slices.ContainsFunc(a.coverage[room], gap)
}

// add takes a line of the ledger. What a dead connection withholds begins with its first
// second: coverage ends with the last packet that came.
func (a *agreement) add(e entry) {
	if e.Withheld != "" {
		a.withheld++
		if e.Withheld == "half_open" && a.observed(e.Room, e.Time) {
			a.ts.Fatalf("%s %s of room %d was withheld on a dead connection at %s, and coverage says that the room was observed",
				e.Command, e.ID, e.Room, e.Time)
		}
		return
	}
	if a.connections == nil {
		a.connections, a.delivered = map[string][]entry{}, map[int64]bool{}
	}
	a.connections[e.Connection] = append(a.connections[e.Connection], e)
	a.pushed[e.Command]++
	if e.Command == "DANMU_MSG" {
		a.delivered[schema.EventID(schema.TableDanmaku, e.ID, 0)] = true
	}
}

// judge finds what of a connection is missing, and whether it may be. Other commands bear
// no ids: behind the last danmaku that was archived they may be missing like it.
func (a *agreement) judge(brought []entry) {
	tail := 0
	for n, e := range brought {
		if e.Command != "DANMU_MSG" {
			continue
		}
		switch rows := a.rows[schema.EventID(schema.TableDanmaku, e.ID, 0)]; rows {
		case 1:
			tail = n + 1
		case 0:
		default:
			a.ts.Fatalf("danmaku %s of room %d is in the archive %d times", e.ID, e.Room, rows)
		}
	}
	last := brought[len(brought)-1].Time
	for n, e := range brought {
		missing := e.Command == "DANMU_MSG" && a.rows[schema.EventID(schema.TableDanmaku, e.ID, 0)] == 0
		mayBe := n >= tail && last.Sub(e.Time) <= busy && !a.observed(e.Room, e.Time)
		if missing && !mayBe {
			a.ts.Fatalf("danmaku %s of room %d, pushed on %s at %s as number %d of %d, is not in the archive, and coverage does not say why: %v",
				e.ID, e.Room, e.Connection, e.Time, n+1, len(brought), a.coverage[e.Room])
		}
		if mayBe {
			a.excused[e.Command]++
		}
	}
}

// weigh compares the journals with the ledger, by name, and the books with the journals.
func (a *agreement) weigh(data string) (lost, mangled int64) {
	received, all := map[string]int64{}, int64(0)
	infos, err := journal.Journals(a.ts.MkAbs(data + "/journal"))
	a.ts.Check(err)
	for _, i := range infos {
		a.ts.Check(i.Blocks(context.Background(), 0, math.MaxInt64, func(b *journal.Block) error {
			return b.Each(func(rec *schema.Record) error {
				switch {
				case rec.Kind != schema.KindCommand:
					return nil
				case !json.Valid(rec.Payload) || !utf8.Valid(rec.Payload):
					mangled++
				default:
					received[schema.CommandName(rec.Payload)]++
				}
				all++
				return nil
			})
		}))
	}
	for name, n := range received {
		if n > a.pushed[name] {
			a.ts.Fatalf("%s: %d received, %d pushed", name, n, a.pushed[name])
		}
	}
	for name, n := range a.pushed {
		if received[name] < n-a.excused[name] {
			a.ts.Fatalf("%s: %d received, %d pushed, of which a connection's end excuses %d", name, received[name], n, a.excused[name])
		}
		lost += n - received[name]
	}
	if booked := a.booked(data); booked != all {
		a.ts.Fatalf("%d commands in the journals, %d in the books", all, booked)
	}
	return lost, mangled
}

func (a *agreement) booked(data string) (n int64) {
	a.ts.Check(filepath.WalkDir(a.ts.MkAbs(data+"/archive/manifest"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m, err := store.ParseManifest(text)
		if err != nil {
			return err
		}
		n += m.Books.Kept + m.Books.Copies + m.Books.SetAside
		return nil
	}))
	return n
}
