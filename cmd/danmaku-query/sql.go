//go:build cgo

package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

func readAllStdin() ([]byte, error) { return io.ReadAll(os.Stdin) }

// run answers the query.
func (o *sqlOptions) run(ctx context.Context, query string, stdout io.Writer) (err error) {
	zone, err := time.LoadLocation(o.timezone)
	if err != nil {
		return usageError{fmt.Errorf("--timezone %q: want a name such as Asia/Shanghai or UTC", o.timezone)}
	}
	db, err := openArchive(ctx, o.store, o.timezone)
	if err != nil {
		return err
	}
	defer db.Close()
	if o.format == "parquet" {
		return toParquet(ctx, db, query, o.out)
	}
	out := stdout
	if o.out != "" {
		f, err := os.Create(o.out)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	return quiet(printRows(rows, printerOf(o.format, out), zone))
}

// quiet takes a reader that has seen enough for no error.
func quiet(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// toParquet lets the engine write the file; a query of several statements cannot be copied.
func toParquet(ctx context.Context, db *sql.DB, query, path string) error {
	query = strings.TrimRight(strings.TrimSpace(query), ";")
	copying := fmt.Sprintf("copy (%s) to %s (format parquet, compression zstd)", query, quote(path))
	if _, err := db.ExecContext(ctx, copying); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// printer takes the names of the columns, then every row.
type printer interface {
	heading(names []string) error
	row(values []any) error
	end() error
}

func printerOf(format string, w io.Writer) printer {
	switch format {
	case "csv":
		return &csvPrinter{w: csv.NewWriter(w)}
	case "jsonl":
		return &jsonPrinter{w: bufio.NewWriter(w)}
	default:
		return &tablePrinter{w: w}
	}
}

func printRows(rows *sql.Rows, p printer, zone *time.Location) error {
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	if err := p.heading(names); err != nil {
		return err
	}
	values := make([]any, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("query: %w", err)
		}
		for i, v := range values {
			if t, ok := v.(time.Time); ok {
				values[i] = t.In(zone)
			}
		}
		if err := p.row(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	return p.end()
}

// text is a value as people read it.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		return v.Format("2006-01-02T15:04:05.000000Z07:00")
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

type csvPrinter struct{ w *csv.Writer }

func (p *csvPrinter) heading(names []string) error { return p.w.Write(names) }

func (p *csvPrinter) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = text(v)
	}
	return p.w.Write(cells)
}

func (p *csvPrinter) end() error {
	p.w.Flush()
	return p.w.Error()
}

type jsonPrinter struct {
	w     *bufio.Writer
	names []string
}

func (p *jsonPrinter) heading(names []string) error {
	p.names = names
	return nil
}

// row writes the object by hand: the columns stay in the order of the query.
func (p *jsonPrinter) row(values []any) error {
	for i, v := range values {
		switch v.(type) {
		case nil, bool, int32, int64, float64, string:
		default:
			v = text(v)
		}
		p.w.WriteByte("{,"[min(i, 1)])
		p.w.Write(encoded(p.names[i]))
		p.w.WriteByte(':')
		p.w.Write(encoded(v))
	}
	_, err := p.w.WriteString("}\n")
	return err
}

func (p *jsonPrinter) end() error { return p.w.Flush() }

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// NaN and the infinities have no number in JSON.
		b, _ = json.Marshal(text(v))
	}
	return b
}
