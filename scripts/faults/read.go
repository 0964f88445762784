package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// danmaku is the command whose id the journal's payloads show and archived rows bear.
const danmaku = "DANMU_MSG"

// push is a line of the ledger.
type push struct {
	Room       int64     `json:"room_id"`
	Connection string    `json:"connection"`
	Time       time.Time `json:"time"`
	Command    string    `json:"command"`
	ID         string    `json:"id"`
}

// label is what a command is recognised by: its name, and the id of a danmaku.
type label struct{ name, id string }

func (p *push) label() label {
	if p.Command == danmaku {
		return label{p.Command, p.ID}
	}
	return label{name: p.Command}
}

// place is where in the ledger a danmaku stands.
type place struct {
	connection string
	index      int // among what the connection brought
}

type ledger struct {
	connections map[string][]push
	danmaku     map[string]place
}

func readLedger(path string) (*ledger, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := &ledger{connections: map[string][]push{}, danmaku: map[string]place{}}
	for d := json.NewDecoder(bufio.NewReader(f)); ; {
		var p push
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return l, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if p.Command == danmaku {
			l.danmaku[p.ID] = place{p.Connection, len(l.connections[p.Connection])}
		}
		l.connections[p.Connection] = append(l.connections[p.Connection], p)
	}
}

// session is what the journal holds between two connected marks of a room.
type session struct {
	room     int64
	at       time.Time
	commands []label
}

type records struct {
	sessions []session
	commands int64
	problems []string
	doubled  int
	// shed sums up the counts of the shed marks, by name.
	shed map[string]int64
}

// program reads by what the program under test prints.
type program struct{ path, data, store string }

func (p program) lines(take func(line []byte) error, args ...string) (err error) {
	cmd := exec.Command(p.path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for r := bufio.NewReaderSize(out, 1<<20); err == nil; {
		var line []byte
		if line, err = r.ReadBytes('\n'); err == nil {
			err = take(line)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	out.Close()
	if ended := cmd.Wait(); err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("danmaku %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// rawID finds the id in a danmaku's payload without decoding it as the program does.
var rawID = regexp.MustCompile(`\\"id_str\\":\\"([^"\\]+)\\"`)

// entry is a line of journal cat.
type entry struct {
	Journal    string          `json:"journal_id"`
	Seq        int64           `json:"seq"`
	Room       int64           `json:"room_id"`
	ReceivedAt time.Time       `json:"received_at"`
	Kind       string          `json:"kind"`
	Command    string          `json:"command"`
	Payload    json.RawMessage `json:"payload"`
}

func (p program) journal(l *ledger) (*records, error) {
	r := &records{shed: map[string]int64{}}
	present := map[int64]int{}
	seen := map[string]bool{}
	var last entry
	err := p.lines(func(line []byte) error {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if e.Journal == last.Journal && (e.Seq <= last.Seq || e.ReceivedAt.Before(last.ReceivedAt)) {
			r.doubled++
			r.problems = append(r.problems, fmt.Sprintf("journal %s: number %d at %s follows %d at %s", e.Journal, e.Seq, e.ReceivedAt, last.Seq, last.ReceivedAt))
		}
		last = e
		last.Payload = nil
		if e.Kind == "mark" {
			return r.mark(&e, present)
		}
		r.commands++
		c := label{name: e.Command}
		if e.Command == danmaku {
			m := rawID.FindSubmatch(e.Payload)
			if m == nil {
				return fmt.Errorf("no id in danmaku %d", e.Seq)
			}
			c.id = string(m[1])
			if seen[c.id] {
				r.doubled++
				r.problems = append(r.problems, fmt.Sprintf("danmaku %s is in the journal twice, again as number %d", c.id, e.Seq))
				return nil
			}
			seen[c.id] = true
		}
		n, ok := present[e.Room]
		if !ok {
			n = r.begin(e.Room, e.ReceivedAt, present)
		}
		r.sessions[n].commands = append(r.sessions[n].commands, c)
		return nil
	}, "journal", "cat", "--data-dir", p.data, "--marks")
	return r, err
}

func (r *records) begin(room int64, at time.Time, present map[int64]int) int {
	present[room] = len(r.sessions)
	r.sessions = append(r.sessions, session{room: room, at: at})
	return present[room]
}

func (r *records) mark(e *entry, present map[int64]int) error {
	switch schema.MarkName(e.Command) {
	case schema.MarkConnected:
		r.begin(e.Room, e.ReceivedAt, present)
	case schema.MarkShed:
		var m struct {
			Counts map[string]int64 `json:"counts"`
			Value  int64            `json:"value"`
		}
		if err := json.Unmarshal(e.Payload, &m); err != nil {
			return err
		}
		sum := int64(0)
		for name, n := range m.Counts {
			r.shed[name] += n
			sum += n
		}
		if sum != m.Value {
			r.problems = append(r.problems, fmt.Sprintf("shed mark %d counts %d in all and %d by name", e.Seq, m.Value, sum))
		}
	}
	return nil
}

// interval is a row of coverage.
type interval struct {
	Room    int64        `json:"room_id"`
	Start   time.Time    `json:"started_at"`
	End     time.Time    `json:"ended_at"`
	State   schema.State `json:"state"`
	Cause   string       `json:"cause"`
	Journal string       `json:"journal_id"`
}

type archived struct {
	danmaku  map[int64]int // rows by event id
	coverage map[int64][]interval
	commands int64 // that are in the books
}

func (p program) archive() (*archived, error) {
	a := &archived{danmaku: map[int64]int{}, coverage: map[int64][]interval{}}
	err := p.lines(func(line []byte) error {
		var row struct {
			ID int64 `json:"event_id"`
		}
		err := json.Unmarshal(line, &row)
		a.danmaku[row.ID]++
		return err
	}, "show", "danmaku", "--data-dir", p.data, "--store", p.store, "--format", "jsonl", "--columns", "event_id")
	if err != nil {
		return nil, err
	}
	err = p.lines(func(line []byte) error {
		var i interval
		err := json.Unmarshal(line, &i)
		a.coverage[i.Room] = append(a.coverage[i.Room], i)
		return err
	}, "show", "coverage", "--data-dir", p.data, "--store", p.store, "--format", "jsonl")
	if err != nil {
		return nil, err
	}
	return a, filepath.WalkDir(filepath.Join(p.store, "manifest"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var m struct {
			Books struct {
				Kept     int64 `json:"kept"`
				Copies   int64 `json:"copies"`
				SetAside int64 `json:"set_aside"`
			} `json:"books"`
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		a.commands += m.Books.Kept + m.Books.Copies + m.Books.SetAside
		return nil
	})
}
