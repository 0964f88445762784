package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"danmaku-archiver/archiver"
	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/dir"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// entry is a line of a simulator's ledger.
type entry struct {
	Room       int64     `json:"room_id"`
	Connection string    `json:"connection"`
	Time       time.Time `json:"time"`
	Command    string    `json:"command"`
	ID         string    `json:"id"`
	Withheld   string    `json:"withheld"`
}

// tail reads the whole lines of a file that grows, each once.
type tail struct {
	ts   *testscript.TestScript
	path string
	at   int64
}

func newTail(ts *testscript.TestScript, file string) *tail {
	return &tail{ts: ts, path: ts.MkAbs(file)}
}

// more calls fn with the lines that came since the last call.
func (t *tail) more(fn func(line []byte)) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	t.ts.Check(err)
	defer f.Close()
	_, err = f.Seek(t.at, io.SeekStart)
	t.ts.Check(err)
	data, err := io.ReadAll(f)
	t.ts.Check(err)
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	t.at += int64(len(data))
	for line := range bytes.Lines(data) {
		fn(line)
	}
}

// entries calls fn with what a ledger says was pushed since the last call.
func (t *tail) entries(fn func(entry)) {
	t.more(func(line []byte) {
		var e entry
		t.ts.Check(json.Unmarshal(line, &e))
		if e.Withheld == "" {
			fn(e)
		}
	})
}

func cmdPushed(ts *testscript.TestScript, neg bool, args []string) {
	var more int
	if _, err := fmt.Sscan(args[2], &more); err != nil || neg {
		ts.Fatalf("usage: pushed LEDGER COMMAND MORE")
	}
	ledger := newTail(ts, args[0])
	ledger.entries(func(entry) {})
	until(ts, fmt.Sprintf("%d more %s in %s", more, args[1], args[0]), func() bool {
		ledger.entries(func(e entry) {
			if e.Command == args[1] {
				more--
			}
		})
		return more <= 0
	})
}

func cmdJournaled(ts *testscript.TestScript, neg bool, args []string) {
	var want int
	if _, err := fmt.Sscan(args[2], &want); err != nil || neg {
		ts.Fatalf("usage: journaled DATA COMMAND N")
	}
	until(ts, fmt.Sprintf("%d %s in the journals of %s", want, args[1], args[0]), func() bool {
		n := 0
		infos, err := journal.Journals(ts.MkAbs(args[0] + "/journal"))
		ts.Check(err)
		for _, i := range infos {
			ts.Check(i.Blocks(context.Background(), 0, math.MaxInt64, func(b *journal.Block) error {
				return b.Each(func(rec *schema.Record) error {
					if nameOf(rec) == args[1] {
						n++
					}
					return nil
				})
			}))
		}
		return n >= want
	})
}

// nameOf is the name of the command, or of the mark.
func nameOf(rec *schema.Record) string {
	if rec.Kind == schema.KindCommand {
		return schema.CommandName(rec.Payload)
	}
	m, err := schema.ParseMark(rec.Payload)
	if err != nil {
		return ""
	}
	return string(m.Name)
}

// shown calls fn for every row of a table in the archive below a data folder.
func shown(ts *testscript.TestScript, data string, table schema.Table, fn func(row map[string]any)) {
	st, err := dir.New(ts.MkAbs(data + "/archive"))
	ts.Check(err)
	ts.Check(archiver.Show(context.Background(), st, archiver.ShowOptions{Table: table},
		func(columns []string, values []any) error {
			row := make(map[string]any, len(columns))
			for i, c := range columns {
				row[c] = values[i]
			}
			fn(row)
			return nil
		}))
}

func cmdCompare(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: compare LEDGER DATA")
	}
	rows := map[int64]int{}
	shown(ts, args[1], schema.TableDanmaku, func(row map[string]any) { rows[row["event_id"].(int64)]++ })
	pushed, lost := 0, 0
	connections := map[string]*connection{}
	newTail(ts, args[0]).entries(func(e entry) {
		c := connections[e.Connection]
		if c == nil {
			c = &connection{first: e.Time}
			connections[e.Connection] = c
		}
		if e.Command != "DANMU_MSG" {
			return
		}
		pushed++
		id := schema.EventID(schema.TableDanmaku, e.ID, 0)
		switch n := rows[id]; {
		case n == 1 && !c.lost:
		case n == 0 && worldOf(ts).excuses(c, e.Time):
			c.lost = true
			lost++
		default:
			ts.Fatalf("danmaku %s of room %d, pushed at %s, is there %d times (others of its connection are lost: %t); crashes: %v",
				e.ID, e.Room, e.Time, n, c.lost, worldOf(ts).crashes)
		}
		delete(rows, id)
	})
	if pushed == 0 || len(rows) > 0 {
		ts.Fatalf("%d danmaku were pushed; %d in the archive are not among them", pushed, len(rows))
	}
	fmt.Fprintf(ts.Stdout(), "%d danmaku pushed, %d lost in %d crashes\n", pushed, lost, len(worldOf(ts).crashes))
}

// connection is one of the ledger's.
type connection struct {
	first time.Time
	// lost is true once one of its danmaku is lost: a crash costs the end of what a
	// connection brought and nothing in the middle.
	lost bool
}

// busy is how much later than the ledger says a danmaku may be received, and a simulator
// may notice that its client is gone, on a machine that has much else to do. The promise
// counts from when it was received.
const busy = time.Second

// excuses tells whether a crash may have cost what was pushed on the connection then.
func (w *world) excuses(c *connection, at time.Time) bool {
	for _, crash := range w.crashes {
		if c.first.Before(crash.next) && !at.Before(crash.killed.Add(-lossBeforeCrash-busy)) {
			return true
		}
	}
	return false
}

func cmdShed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shed LEDGER DATA")
	}
	missing := map[string]int64{} // by name
	newTail(ts, args[0]).entries(func(e entry) { missing[e.Command]++ })
	st, err := dir.New(ts.MkAbs(args[1] + "/archive"))
	ts.Check(err)
	builds, err := store.Current(context.Background(), st, 0, 0)
	ts.Check(err)
	shed, archived := int64(0), int64(0)
	for _, b := range builds {
		m, err := store.ReadManifest(context.Background(), st, b)
		ts.Check(err)
		if m.Books.Shed.Uncounted != 0 || m.Coverage.Seconds[schema.StateShed] == 0 && m.Books.Shed.Commands > 0 {
			ts.Fatalf("hour %s: %+v with coverage %+v", b, m.Books.Shed, m.Coverage)
		}
		shed += m.Books.Shed.Commands
		archived += m.Books.Own()
		for name, n := range m.Books.Shed.ByName {
			missing[name] -= n
		}
	}
	left := -archived
	for _, n := range missing {
		left += n
	}
	shown(ts, args[1], schema.TableDanmaku, func(map[string]any) { missing["DANMU_MSG"]-- })
	if missing["DANMU_MSG"] != 0 || left != 0 || shed == 0 {
		ts.Fatalf("%d commands archived, %d shed; %d danmaku and %d in all are neither", archived, shed, missing["DANMU_MSG"], left)
	}
	fmt.Fprintf(ts.Stdout(), "%d archived, %d shed\n", archived, shed)
}
