//go:build cgo

package main

import (
	"bufio"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// maxTableRows bounds what a table holds: its columns can be aligned only when all rows
// are known. More rows ask for another format.
const maxTableRows = 10_000

// tablePrinter aligns columns for people; wide characters take two cells.
type tablePrinter struct {
	w    io.Writer
	rows [][]string
	cut  bool
}

func (p *tablePrinter) heading(names []string) error {
	p.rows = append(p.rows, names)
	return nil
}

func (p *tablePrinter) row(values []any) error {
	if len(p.rows) > maxTableRows {
		p.cut = true
		return nil
	}
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = printable(text(v))
	}
	p.rows = append(p.rows, cells)
	return nil
}

func (p *tablePrinter) end() error {
	widths := make([]int, len(p.rows[0]))
	for _, cells := range p.rows {
		for i, c := range cells {
			widths[i] = max(widths[i], columnsOf(c))
		}
	}
	w := bufio.NewWriter(p.w)
	for _, cells := range p.rows {
		var line strings.Builder
		for i, c := range cells {
			line.WriteString(c + strings.Repeat(" ", widths[i]-columnsOf(c)+2))
		}
		w.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if p.cut {
		w.WriteString("… only the first 10,000 rows; take --format csv or jsonl for all\n")
	}
	return w.Flush()
}

// printable replaces what would end the line or move the cursor: what people wrote into a
// chat must not steer a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsGraphic(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// columnsOf is how many cells of a terminal the text takes.
func columnsOf(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
