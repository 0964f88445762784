package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows how far a long work is: one line that is redrawn on a terminal, else a
// plain line now and then. It is used by one goroutine.
type progress struct {
	w        io.Writer
	terminal bool
	columns  func() int
	every    time.Duration
	last     time.Time
	shown    bool
}

// newProgress writes to w; without a terminal at most one line each `plain`, none if 0.
func newProgress(w io.Writer, plain time.Duration) *progress {
	f, ok := w.(*os.File)
	p := &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), every: plain}
	if p.terminal {
		p.every = 100 * time.Millisecond
		p.columns = func() int {
			// A line that wraps could not be redrawn.
			columns, _, err := term.GetSize(int(f.Fd()))
			if err != nil || columns < 1 {
				columns = 80
			}
			return columns
		}
	}
	return p
}

// show replaces the line.
func (p *progress) show(format string, args ...any) {
	if now := time.Now(); p.every == 0 || p.shown && now.Sub(p.last) < p.every {
		return
	} else {
		p.last, p.shown = now, true
	}
	line := fmt.Sprintf(format, args...)
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K"+cut(line, p.columns()-1))
	} else {
		fmt.Fprintln(p.w, line)
	}
}

// clear takes the line away.
func (p *progress) clear() {
	if p.terminal && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
