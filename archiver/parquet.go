package archiver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"danmaku-archiver/schema"
)

// How hourly files are written. The bytes of every object depend on these: whoever
// changes one changes [Program] too.
const (
	rowsPerGroup = 122_880
	pageBytes    = 256 << 10
	bloomBits    = 10
	// writeRows is how many rows a call of Write gets: the bytes depend on it.
	writeRows = 1024
)

// compression keeps its encoders, of some MiB each, from one file to the next.
var compression = &zstd.Codec{Level: zstd.SpeedDefault}

// timeColumns are the columns by whose values a row lies in its hour.
var timeColumns = []string{"ts", "started_at"}

// parquetFile is one table's file in the staging folder.
type parquetFile struct {
	ctx      context.Context
	path     string
	metadata map[string]string
	// hash is the SHA-256 of the bytes that were written, size their number.
	hash [32]byte
	size int64
}

// write writes the rows in the given order, forces them to the disk, and returns what a
// reader must find.
func (t *table[T]) write(f *parquetFile, r *schema.Rows, order []sortKey) (sums columnSums, err error) {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return columnSums{}, err
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	hash := sha256.New()
	out := &countingWriter{w: io.MultiWriter(file, hash)}
	sums, err = t.writeTo(f.ctx, out, f.metadata, *t.rows(r), order)
	if err != nil {
		return columnSums{}, fmt.Errorf("write %s: %w", f.path, err)
	}
	// Parquet's Close does not reach the disk, and a full disk may show no earlier than here.
	if err := file.Sync(); err != nil {
		return columnSums{}, fmt.Errorf("sync %s: %w", f.path, err)
	}
	f.hash, f.size = [32]byte(hash.Sum(nil)), out.n
	return sums, nil
}

func (t *table[T]) writeTo(ctx context.Context, out io.Writer, metadata map[string]string, rows []T, order []sortKey) (columnSums, error) {
	w := parquet.NewGenericWriter[T](out, t.options(metadata)...)
	sums := newStructSums(reflect.TypeFor[T]())
	batch := make([]T, 0, writeRows)
	for chunk := range slices.Chunk(order, writeRows) {
		if err := ctx.Err(); err != nil {
			return columnSums{}, err
		}
		batch = batch[:0]
		for _, k := range chunk {
			batch = append(batch, rows[k.row])
			sums.add(reflect.ValueOf(&rows[k.row]).Elem())
			sums.sums.time(k.ts)
		}
		if n, err := w.Write(batch); err != nil {
			return columnSums{}, err
		} else if n != len(batch) {
			return columnSums{}, fmt.Errorf("%d of %d rows were taken: %w", n, len(batch), io.ErrShortWrite)
		}
	}
	return sums.sums, w.Close()
}

func (t *table[T]) options(metadata map[string]string) []parquet.WriterOption {
	sorting := make([]parquet.SortingColumn, len(t.sorted))
	for i, name := range t.sorted {
		sorting[i] = parquet.Ascending(name)
	}
	options := []parquet.WriterOption{
		parquet.Compression(compression),
		parquet.MaxRowsPerRowGroup(rowsPerGroup),
		parquet.PageBufferSize(pageBytes),
		parquet.DataPageVersion(1),
		parquet.SortingWriterConfig(parquet.SortingColumns(sorting...)),
		parquet.CreatedBy("danmaku-archiver", "1", Program),
	}
	for _, name := range t.bloom {
		options = append(options, parquet.BloomFilters(parquet.SplitBlockFilter(bloomBits, name)))
	}
	for k, v := range metadata {
		options = append(options, parquet.KeyValueMetadata(k, v))
	}
	return options
}

// readBack takes the sums of the file as a reader finds it.
func readBack(ctx context.Context, path string) (sums columnSums, err error) {
	f, err := os.Open(path)
	if err != nil {
		return columnSums{}, err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return columnSums{}, err
	}
	sums, err = readSums(ctx, f, info.Size(), nil)
	if err != nil {
		return columnSums{}, fmt.Errorf("read back %s: %w", path, err)
	}
	return sums, nil
}

// readSums reads the named columns of a Parquet file, nil for all, and takes their sums.
func readSums(ctx context.Context, r io.ReaderAt, size int64, only []string) (sums columnSums, err error) {
	// A damaged file can make the Parquet library panic.
	defer recovered(&err)
	file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return columnSums{}, err
	}
	names := file.Schema().Columns()
	for _, name := range names {
		if len(name) != 1 {
			return columnSums{}, fmt.Errorf("column %s is nested: no file of ours", strings.Join(name, "."))
		}
	}
	sums.rows = file.NumRows()
	for i, name := range names {
		if only != nil && !slices.Contains(only, name[0]) {
			continue
		}
		c := columnSum{name: name[0]}
		values := int64(0)
		for _, group := range file.RowGroups() {
			n, err := sums.column(ctx, &c, group.ColumnChunks()[i])
			if err != nil {
				return columnSums{}, fmt.Errorf("column %s: %w", c.name, err)
			}
			values += n
		}
		if values != sums.rows {
			return columnSums{}, fmt.Errorf("column %s: %d values in %d rows", c.name, values, sums.rows)
		}
		sums.columns = append(sums.columns, c)
	}
	return sums, nil
}

// column reads one chunk of a column and returns how many values it held.
func (s *columnSums) column(ctx context.Context, c *columnSum, chunk parquet.ColumnChunk) (n int64, err error) {
	isTime := slices.Contains(timeColumns, c.name)
	pages := chunk.Pages()
	defer func() {
		if cerr := pages.Close(); err == nil {
			err = cerr
		}
	}()
	buf := make([]parquet.Value, 1024)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		values := page.Values()
		for {
			read, err := values.ReadValues(buf)
			for _, v := range buf[:read] {
				c.value(v)
				if isTime {
					s.time(v.Int64())
				}
			}
			n += int64(read)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return n, err
			}
		}
		parquet.Release(page)
	}
}

func (c *columnSum) value(v parquet.Value) {
	switch {
	case v.IsNull():
		c.null()
	case v.Kind() == parquet.Boolean:
		c.number(boolBits(v.Boolean()))
	case v.Kind() == parquet.Int32:
		c.number(uint64(v.Int32()))
	case v.Kind() == parquet.ByteArray:
		c.bytes(v.ByteArray())
	default:
		// 64-bit integers and doubles both are their bits.
		c.number(v.Uint64())
	}
}

// time widens the range of times by one.
func (s *columnSums) time(t int64) {
	if !s.timed {
		s.timed, s.min, s.max = true, t, t
	}
	s.min, s.max = min(s.min, t), max(s.max, t)
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
