package simulator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"time"

	"danmaku-archiver/schema"
)

// ledger counts what was pushed and, where it has a writer, writes one line for each
// command: {"room_id","connection","time","command","id"}, and "withheld" with the fault's
// name where it was left out (S5).
type ledger struct {
	mu     sync.Mutex
	out    io.Writer // nil for none
	lines  bytes.Buffer
	err    error // the first one of out
	pushed map[string]int64
	total  int64
}

const (
	ledgerInterval = 100 * time.Millisecond
	ledgerBuffer   = 256 << 10
	ledgerTime     = "2006-01-02T15:04:05.000000Z"
)

func newLedger(out io.Writer) *ledger {
	return &ledger{out: out, pushed: make(map[string]int64)}
}

// record enters the commands of one write, or those that a fault withheld.
func (l *ledger) record(room schema.RoomID, connection string, commands []command, of []int, withheld string) {
	now := time.Now().UTC().Format(ledgerTime)
	because := ""
	if withheld != "" {
		because = fmt.Sprintf(`,"withheld":%q`, withheld)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range of {
		c := &commands[i]
		if withheld == "" {
			l.pushed[c.name]++
			l.total++
		}
		if l.out != nil {
			fmt.Fprintf(&l.lines, `{"room_id":%d,"connection":%q,"time":%q,"command":%s,"id":%s%s}`+"\n",
				room, connection, now, validJSON(c.name), validJSON(c.id), because)
		}
	}
	if l.lines.Len() > ledgerBuffer {
		l.write()
	}
}

// validJSON writes a name of a recording as a JSON string that any reader takes.
func validJSON(s string) []byte {
	return marshal(strings.ToValidUTF8(s, "\ufffd"))
}

// write passes whole lines on. The caller holds mu.
func (l *ledger) write() {
	if l.lines.Len() == 0 || l.err != nil {
		l.lines.Reset()
		return
	}
	if _, err := l.out.Write(l.lines.Bytes()); err != nil {
		l.err = fmt.Errorf("write the ledger: %w", err)
	}
	l.lines.Reset()
}

// flush writes what is gathered and returns the first error of all writes.
func (l *ledger) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
	return l.err
}

// run flushes regularly until ctx ends.
func (l *ledger) run(ctx context.Context) error {
	ticker := time.NewTicker(ledgerInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
}

func (l *ledger) counts() (total int64, pushed map[string]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total, maps.Clone(l.pushed)
}
