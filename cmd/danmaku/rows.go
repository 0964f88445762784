package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// rowPrinter prints rows of a table. A value is nil (null), bool, an integer, a float, a
// string or a time.
type rowPrinter interface {
	row(values []any) error
	flush() error
}

func newRowPrinter(format string, w io.Writer, columns []string, zone *time.Location) (rowPrinter, error) {
	switch format {
	case "table":
		return &tableRows{newTable(w, columns, numberColumns...), zone}, nil
	case "csv":
		c := csv.NewWriter(w)
		return csvRows{c}, c.Write(columns)
	case "jsonl":
		return &jsonRows{w: bufio.NewWriter(w), columns: columns}, nil
	}
	return nil, usageError{fmt.Errorf("--format: %q: want table, csv or jsonl", format)}
}

// numberColumns stand to the right in a table.
var numberColumns = []string{"medal_level", "value", "rank", "commands", "bytes", "seq",
	"user_level", "wealth_level", "popularity"}

const (
	microsUTC   = "2006-01-02T15:04:05.000000Z"
	peopleTime  = "2006-01-02 15:04:05"
	payloadCell = 120
)

// tableRows prints for people: null as a dash, times in their zone, long texts cut.
type tableRows struct {
	*table
	zone *time.Location
}

func (t *tableRows) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
			cells[i] = "-"
		case time.Time:
			cells[i] = v.In(t.zone).Format(peopleTime)
		case string:
			cells[i] = cut(printable(v), payloadCell)
		default:
			cells[i] = fmt.Sprint(v)
		}
	}
	return t.table.row(cells...)
}

// cut shortens a text to a number of terminal columns.
func cut(s string, columns int) string {
	if width(s) <= columns {
		return s
	}
	n := 0
	for i, r := range s {
		if n += width(string(r)); n >= columns {
			return s[:i] + "…"
		}
	}
	return s
}

// csvRows prints null as nothing at all.
type csvRows struct{ w *csv.Writer }

func (c csvRows) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
		case time.Time:
			cells[i] = v.UTC().Format(microsUTC)
		default:
			cells[i] = fmt.Sprint(v)
		}
	}
	return c.w.Write(cells)
}

func (c csvRows) flush() error {
	c.w.Flush()
	return c.w.Error()
}

// jsonRows prints one object a line, its fields in the order of the columns.
type jsonRows struct {
	w       *bufio.Writer
	columns []string
	line    bytes.Buffer
}

func (j *jsonRows) row(values []any) error {
	j.line.Reset()
	enc := json.NewEncoder(&j.line)
	enc.SetEscapeHTML(false)
	for i, v := range values {
		if i == 0 {
			j.line.WriteByte('{')
		} else {
			j.line.WriteByte(',')
		}
		fmt.Fprintf(&j.line, "%q:", j.columns[i])
		if t, ok := v.(time.Time); ok {
			v = t.UTC().Format(microsUTC)
		}
		if err := enc.Encode(v); err != nil {
			return err
		}
		// Encode ends with a line feed.
		j.line.Truncate(j.line.Len() - 1)
	}
	j.line.WriteString("}\n")
	_, err := j.w.Write(j.line.Bytes())
	return err
}

func (j *jsonRows) flush() error { return j.w.Flush() }
