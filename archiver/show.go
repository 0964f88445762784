package archiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// RoomSite asks [Show] for rows that belong to the whole site.
const RoomSite = -1

// ShowOptions says which rows to show.
type ShowOptions struct {
	Table schema.Table
	// Room limits the rows to one room; 0 shows all, [RoomSite] those of the whole site.
	Room int64
	// Hour limits the rows to one hour; nil shows all.
	Hour *schema.Hour
	// Limit is how many rows to show at most; 0 sets no limit.
	Limit int
}

// errEnough ends the reading once the limit is reached.
var errEnough = errors.New("enough rows")

// Show calls fn with rows of the current objects in the order of hours, each hour's in
// the order of its file. Columns are those of the file; the slices are reused, values are
// bool, int32, int64, float64, string, [time.Time] in UTC, or nil for null. An error of fn
// ends it and is returned.
func Show(ctx context.Context, st store.Store, o ShowOptions, fn func(columns []string, values []any) error) error {
	if !slices.ContainsFunc(tables, func(t anyTable) bool { return t.tableName() == o.Table }) {
		return fmt.Errorf("there is no table %q; there are %v", o.Table, tableNames())
	}
	var from, to schema.Hour
	if o.Hour != nil {
		from, to = *o.Hour, *o.Hour
	}
	builds, err := store.Current(ctx, st, from, to)
	if err != nil {
		return err
	}
	s := shower{o: o, fn: fn}
	for _, b := range builds {
		m, err := store.ReadManifest(ctx, st, b)
		if err != nil {
			return err
		}
		for _, object := range m.Objects {
			if object.Table != o.Table {
				continue
			}
			if err := s.object(ctx, st, object.Key); errors.Is(err, errEnough) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

func tableNames() (names []schema.Table) {
	for _, t := range tables {
		names = append(names, t.tableName())
	}
	return names
}

type shower struct {
	o     ShowOptions
	fn    func(columns []string, values []any) error
	shown int
}

func (s *shower) object(ctx context.Context, st store.Store, key string) (err error) {
	o, err := st.Open(ctx, key)
	if err != nil {
		return fmt.Errorf("open %s: %w", key, err)
	}
	defer func() {
		if cerr := o.Close(); err == nil {
			err = cerr
		}
	}()
	var called error
	fn := s.fn
	// What fn says is handed on as it is: only trouble with the object bears its key.
	err = s.file(ctx, o, o.Size(), func(columns []string, values []any) error {
		called = fn(columns, values)
		return called
	})
	if err != nil && called == nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return err
}

func (s *shower) file(ctx context.Context, r io.ReaderAt, size int64, fn func([]string, []any) error) error {
	file, columns, err := openColumns(r, size)
	if err != nil {
		return err
	}
	names := make([]string, len(columns))
	room := -1
	for i, c := range columns {
		names[i] = c.name
		if c.name == "room_id" {
			room = i
		}
	}
	values := make([]any, len(columns))
	for _, group := range file.RowGroups() {
		err := eachRow(ctx, group, func(row parquet.Row) error {
			if len(row) != len(columns) {
				return fmt.Errorf("a row of %d values in %d columns", len(row), len(columns))
			}
			if room >= 0 && !s.inRoom(row[room].Int64()) {
				return nil
			}
			if s.o.Limit > 0 && s.shown >= s.o.Limit {
				return errEnough
			}
			s.shown++
			for i, c := range columns {
				values[i] = c.value(row[i])
			}
			return fn(names, values)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *shower) inRoom(room int64) bool {
	switch s.o.Room {
	case 0:
		return true
	case RoomSite:
		return room == 0
	}
	return room == s.o.Room
}

// eachRow lends fn the rows of the group.
func eachRow(ctx context.Context, group parquet.RowGroup, fn func(parquet.Row) error) (err error) {
	rows := group.Rows()
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = cerr
		}
	}()
	buf := make([]parquet.Row, 256)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := readRows(rows, buf)
		for _, row := range buf[:n] {
			if err := fn(row); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readRows reads on. A damaged file can make the library panic.
func readRows(rows parquet.Rows, buf []parquet.Row) (n int, err error) {
	defer recovered(&err)
	return rows.ReadRows(buf)
}

// shownColumn knows how a column's values are to be shown.
type shownColumn struct {
	name string
	// time: the values are microseconds since the Unix epoch.
	time bool
}

// openColumns opens a Parquet file of ours. A damaged one can make the library panic.
func openColumns(r io.ReaderAt, size int64) (file *parquet.File, columns []shownColumn, err error) {
	defer recovered(&err)
	file, err = parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, nil, err
	}
	for _, field := range file.Schema().Fields() {
		if !field.Leaf() {
			return nil, nil, fmt.Errorf("column %s is nested: no file of ours", field.Name())
		}
		c := shownColumn{name: field.Name()}
		if l := field.Type().LogicalType(); l != nil {
			_, c.time = l.Value.(*format.TimestampType)
		}
		columns = append(columns, c)
	}
	return file, columns, nil
}

func (c shownColumn) value(v parquet.Value) any {
	switch {
	case v.IsNull():
		return nil
	case c.time:
		return time.UnixMicro(v.Int64()).UTC()
	}
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return v.Int32()
	case parquet.Int64:
		return v.Int64()
	case parquet.Double:
		return v.Double()
	}
	return string(v.ByteArray())
}
