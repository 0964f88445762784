package archiver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

func ptr[T any](v T) *T { return &v }

// someDanmaku makes rows with nulls, repeated and distinct values.
func someDanmaku(n int) schema.Rows {
	var r schema.Rows
	for i := range n {
		row := schema.DanmakuRow{Common: schema.Common{
			EventID: int64(i) * 7, RoomID: int64(i % 5), TS: ten.Start() + int64(i), ReceivedAt: ten.Start(), Seq: int64(i),
			Collector: "c", JournalID: testJournal,
		}, Text: fmt.Sprint("text ", i), Kind: "text"}
		if i%3 == 0 {
			row.Emoticon, row.UserHash = ptr("smile"), ptr(int64(i%11))
		}
		if i%64 == 63 {
			row.LiveKey = ptr("")
		}
		r.Danmaku = append(r.Danmaku, row)
	}
	return r
}

func tableNamed(t testing.TB, name schema.Table) anyTable {
	for _, tab := range tables {
		if tab.tableName() == name {
			return tab
		}
	}
	t.Fatalf("no table %s", name)
	return nil
}

func writeDanmaku(t testing.TB, rows *schema.Rows) (string, columnSums, *parquetFile) {
	t.Helper()
	tab := tableNamed(t, schema.TableDanmaku)
	b := store.Build{Hour: ten, Collector: "c", JournalID: testJournal}
	f := &parquetFile{ctx: t.Context(), path: filepath.Join(t.TempDir(), "danmaku.parquet"), metadata: metadata(b, recipe(nil), schema.TableDanmaku)}
	sums, err := tab.write(f, rows, tab.order(rows))
	if err != nil {
		t.Fatal(err)
	}
	return f.path, sums, f
}

func TestReadBackFindsWhatWasWritten(t *testing.T) {
	rows := someDanmaku(2500)
	path, want, _ := writeDanmaku(t, &rows)
	got, err := readBack(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if what := want.differ(&got); what != "" {
		t.Error(what)
	}
	if got.min != want.min || got.max != want.max || got.min != ten.Start() || got.max != ten.Start()+2499 {
		t.Errorf("times %d to %d, written %d to %d", got.min, got.max, want.min, want.max)
	}
}

// A3: what the file holds is compared with the rows, whatever the library says.
func TestReadBackCatches(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(rows []schema.DanmakuRow) []schema.DanmakuRow
		says  string
	}{
		"a wrong text":     {func(r []schema.DanmakuRow) []schema.DanmakuRow { r[70].Text += "!"; return r }, "column text"},
		"a wrong number":   {func(r []schema.DanmakuRow) []schema.DanmakuRow { r[70].Color++; return r }, "column color"},
		"a wrong flag":     {func(r []schema.DanmakuRow) []schema.DanmakuRow { r[70].Admin = true; return r }, "column admin"},
		"a null filled":    {func(r []schema.DanmakuRow) []schema.DanmakuRow { r[1].Emoticon = ptr(""); return r }, "column emoticon: "},
		"a value lost":     {func(r []schema.DanmakuRow) []schema.DanmakuRow { r[3].UserHash = nil; return r }, "column user_hash: "},
		"a row lost":       {func(r []schema.DanmakuRow) []schema.DanmakuRow { return r[:99] }, "99 rows, 100 were written"},
		"values exchanged": {func(r []schema.DanmakuRow) []schema.DanmakuRow { r[0].Text, r[5].Text = r[5].Text, r[0].Text; return r }, "column text"},
		"nulls exchanged": {func(r []schema.DanmakuRow) []schema.DanmakuRow {
			r[0].Emoticon, r[5].Emoticon = r[5].Emoticon, r[0].Emoticon
			return r
		}, "column emoticon"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := someDanmaku(100)
			_, want, _ := writeDanmaku(t, &rows)
			spoilt := someDanmaku(100)
			spoilt.Danmaku = c.spoil(spoilt.Danmaku)
			path, _, _ := writeDanmaku(t, &spoilt)
			got, err := readBack(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if what := want.differ(&got); !strings.Contains(what, c.says) {
				t.Errorf("the read-back says %q, want %q in it", what, c.says)
			}
		})
	}
}

// Releases of the Parquet library write some nulls of `optional` value fields as values.
// Our rows have pointers instead; should the like come back, the read-back notices.
func TestReadBackCatchesNullsThatTheLibraryLoses(t *testing.T) {
	type good struct {
		A *string `parquet:"a,optional"`
	}
	type bad struct {
		A string `parquet:"a,optional"`
	}
	sums := newStructSums(reflect.TypeFor[good]())
	var rows []bad
	for i := range 64 {
		g, b := good{}, bad{}
		// A run of values as long as what stands before it, then only nulls.
		if i == 1 {
			g.A, b.A = ptr("x"), "x"
		}
		sums.add(reflect.ValueOf(&g).Elem())
		rows = append(rows, b)
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[bad](&out)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := readSums(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.columns[0].nulls == 63 {
		t.Skip("this release of the Parquet library keeps the nulls: there is nothing to catch")
	}
	if what := sums.sums.differ(&got); !strings.Contains(what, "nulls") {
		t.Errorf("%d of 63 nulls were kept and the read-back says %q", got.columns[0].nulls, what)
	}
}

// A damaged file is an error or a difference, never a panic.
func TestReadBackOfDamagedFile(t *testing.T) {
	rows := someDanmaku(200)
	path, want, _ := writeDanmaku(t, &rows)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	noticed, flips := 0, 0
	for i := 0; i < len(data); i += 41 {
		spoilt := bytes.Clone(data)
		spoilt[i] ^= 0x41
		flips++
		got, err := readSums(t.Context(), bytes.NewReader(spoilt), int64(len(spoilt)), nil)
		if err != nil || want.differ(&got) != "" {
			noticed++
		}
	}
	// What is not noticed lies in statistics, bloom filters and descriptions.
	if noticed < flips/4 {
		t.Errorf("%d of %d flipped bytes were noticed", noticed, flips)
	}
	for _, n := range []int{0, 3, 4, 11, len(data) / 2, len(data) - 1} {
		if _, err := readSums(t.Context(), bytes.NewReader(data[:n]), int64(n), nil); err == nil {
			t.Errorf("a file cut to %d bytes was read", n)
		}
	}
}

func TestReadBackAnyRows(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		var rows schema.Rows
		n := rapid.IntRange(1, 300).Draw(rt, "rows")
		for i := range n {
			rows.Coverage = append(rows.Coverage, schema.CoverageRow{
				RoomID: rapid.Int64Range(0, 3).Draw(rt, "room"), StartedAt: int64(i),
				State:     rapid.SampledFrom([]string{"observing", "down", ""}).Draw(rt, "state"),
				Cause:     rapid.Ptr(rapid.SampledFrom([]string{"", "killed", "\x00"}), true).Draw(rt, "cause"),
				Recall:    rapid.Ptr(rapid.Float64(), true).Draw(rt, "recall"),
				Masked:    rapid.Bool().Draw(rt, "masked"),
				Commands:  rapid.Int64().Draw(rt, "commands"),
				Transport: rapid.Ptr(rapid.String(), true).Draw(rt, "transport"),
			})
		}
		tab := tableNamed(t, schema.TableCoverage)
		f := &parquetFile{ctx: t.Context(), path: filepath.Join(dir, "coverage.parquet")}
		want, err := tab.write(f, &rows, tab.order(&rows))
		if err != nil {
			rt.Fatal(err)
		}
		got, err := readBack(t.Context(), f.path)
		if err != nil {
			rt.Fatal(err)
		}
		if what := want.differ(&got); what != "" {
			rt.Fatal(what)
		}
	})
}

func TestParquetSettings(t *testing.T) {
	rows := someDanmaku(1000)
	path, _, written := writeDanmaku(t, &rows)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != written.size {
		t.Errorf("%d bytes were counted, the file has %d", written.size, info.Size())
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	groups := file.RowGroups()
	var sorted []string
	for _, c := range groups[0].SortingColumns() {
		sorted = append(sorted, strings.Join(c.Path(), "."))
	}
	if got := strings.Join(sorted, ","); got != "room_id,ts,seq" {
		t.Errorf("declared order %s", got)
	}
	for key, want := range map[string]string{"collector": "c", "journal_id": testJournal, "schema_version": fmt.Sprint(schema.Version), "recipe": Program + " privacy=plain"} {
		if got, _ := file.Lookup(key); got != want {
			t.Errorf("metadata %s is %q, want %q", key, got, want)
		}
	}
	blooms := 0
	for i, c := range file.Metadata().RowGroups[0].Columns {
		if c.MetaData.Codec != format.Zstd {
			t.Errorf("column %v is compressed with %s", c.MetaData.PathInSchema, c.MetaData.Codec)
		}
		for _, s := range c.MetaData.EncodingStats {
			if s.PageType == format.DataPageV2 {
				t.Errorf("column %v has data pages v2", c.MetaData.PathInSchema)
			}
		}
		if groups[0].ColumnChunks()[i].BloomFilter() != nil {
			blooms++
			if c.MetaData.PathInSchema[0] != "user_hash" {
				t.Errorf("bloom filter on %v", c.MetaData.PathInSchema)
			}
		}
	}
	if blooms != 1 {
		t.Errorf("%d bloom filters, want 1", blooms)
	}
}

func TestRowGroups(t *testing.T) {
	rows := schema.Rows{Rooms: make([]schema.RoomsRow, rowsPerGroup+1)}
	tab := tableNamed(t, schema.TableRooms)
	f := &parquetFile{ctx: t.Context(), path: filepath.Join(t.TempDir(), "rooms.parquet")}
	want, err := tab.write(f, &rows, tab.order(&rows))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	groups := file.RowGroups()
	if len(groups) != 2 || groups[0].NumRows() != rowsPerGroup || groups[1].NumRows() != 1 {
		t.Errorf("%d row groups", len(groups))
	}
	got, err := readBack(t.Context(), f.path)
	if err != nil {
		t.Fatal(err)
	}
	if what := want.differ(&got); what != "" {
		t.Error(what)
	}
}

// Non-columns of the row structs stay out, embedded structs are laid flat.
func TestColumnsOfEveryTable(t *testing.T) {
	for _, tab := range tables {
		rows := schema.Rows{
			Danmaku: make([]schema.DanmakuRow, 1), Payments: make([]schema.PaymentsRow, 1), Presence: make([]schema.PresenceRow, 1), Moderation: make([]schema.ModerationRow, 1), Audience: make([]schema.AudienceRow, 1), Other: make([]schema.OtherRow, 1),
			Rooms: make([]schema.RoomsRow, 1), Coverage: make([]schema.CoverageRow, 1),
		}
		f := &parquetFile{ctx: t.Context(), path: filepath.Join(t.TempDir(), "x.parquet")}
		want, err := tab.write(f, &rows, tab.order(&rows))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readBack(t.Context(), f.path)
		if err != nil {
			t.Fatal(err)
		}
		if what := want.differ(&got); what != "" {
			t.Errorf("table %s: %s", tab.tableName(), what)
		}
		for _, c := range got.columns {
			if c.name != strings.ToLower(c.name) {
				t.Errorf("table %s has a column %s", tab.tableName(), c.name)
			}
		}
	}
}

func TestWriteStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rows := someDanmaku(10)
	tab := tableNamed(t, schema.TableDanmaku)
	f := &parquetFile{ctx: ctx, path: filepath.Join(t.TempDir(), "x.parquet")}
	if _, err := tab.write(f, &rows, tab.order(&rows)); err == nil {
		t.Error("it was written")
	}
}

func BenchmarkWriteAndReadBack(b *testing.B) {
	rows := someDanmaku(100_000)
	b.ReportAllocs()
	for b.Loop() {
		path, want, _ := writeDanmaku(b, &rows)
		got, err := readBack(b.Context(), path)
		if err != nil || want.differ(&got) != "" {
			b.Fatal(err, want.differ(&got))
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "rows/s")
}
