//go:build cgo

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/dir"
	"danmaku-archiver/schema"
)

// hour is 2026-03-01T16 UTC: the second of March in Shanghai.
const hour = schema.Hour(492_328)

// archive makes a folder with two hours, the first of them in two generations, and an
// object that no manifest names. Each danmaku says in its text which one it is of.
func archive(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	commit(t, folder, store.Build{Hour: hour, Collector: "c", JournalID: "00000000000000aa"}, "first", "first")
	commit(t, folder, store.Build{Hour: hour, Collector: "c", JournalID: "00000000000000aa", Generation: 1}, "second", "二次")
	next := store.Build{Hour: hour + 1, Collector: "c", JournalID: "00000000000000aa"}
	commit(t, folder, next, "later\x1b[31m")
	stray := store.Build{Hour: hour + 1, Collector: "c", JournalID: "00000000000000bb"}
	put(t, folder, stray, "uncommitted")
	return folder
}

func put(t *testing.T, folder string, b store.Build, texts ...string) store.ObjectInfo {
	t.Helper()
	var rows []schema.DanmakuRow
	for i, text := range texts {
		rows = append(rows, schema.DanmakuRow{Text: text, Common: schema.Common{RoomID: 7, TS: b.Hour.Start() + int64(i)}})
	}
	var buf bytes.Buffer
	if err := parquet.Write(&buf, rows); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	o := store.ObjectInfo{Table: schema.TableDanmaku, Key: b.ObjectKey(schema.TableDanmaku), Bytes: int64(buf.Len()),
		Rows: int64(len(rows)), SHA256: hex.EncodeToString(sum[:]), MinTS: store.Time(rows[0].TS), MaxTS: store.Time(rows[len(rows)-1].TS)}
	putBytes(t, folder, o.Key, buf.Bytes())
	return o
}

func putBytes(t *testing.T, folder, key string, content []byte) {
	t.Helper()
	st, err := dir.New(folder)
	if err != nil {
		t.Fatal(err)
	}
	o := store.PutOptions{Size: int64(len(content)), SHA256: sha256.Sum256(content)}
	if err := st.Put(t.Context(), key, bytes.NewReader(content), o); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, folder string, b store.Build, texts ...string) {
	t.Helper()
	m := store.Manifest{Format: store.ManifestFormat, Hour: b.Hour.String(), Collector: b.Collector, JournalID: b.JournalID,
		Generation: b.Generation, Objects: []store.ObjectInfo{put(t, folder, b, texts...)}}
	encoded, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	putBytes(t, folder, b.ManifestKey(), encoded)
}

// ask runs danmaku-query sql and returns what it printed.
func ask(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(append([]string{"sql"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestFormats(t *testing.T) {
	folder := archive(t)
	const query = "select text, ts, live_key, room_id from danmaku order by ts, text"
	for format, want := range map[string]string{
		"table": `text        ts                                live_key  room_id
second      2026-03-02T00:00:00.000000+08:00            7
二次        2026-03-02T00:00:00.000001+08:00            7
later�[31m  2026-03-02T01:00:00.000000+08:00            7
`,
		"csv": "text,ts,live_key,room_id\nsecond,2026-03-02T00:00:00.000000+08:00,,7\n" +
			"二次,2026-03-02T00:00:00.000001+08:00,,7\nlater\x1b[31m,2026-03-02T01:00:00.000000+08:00,,7\n",
		"jsonl": `{"text":"second","ts":"2026-03-02T00:00:00.000000+08:00","live_key":null,"room_id":7}
{"text":"二次","ts":"2026-03-02T00:00:00.000001+08:00","live_key":null,"room_id":7}
{"text":"later\u001b[31m","ts":"2026-03-02T01:00:00.000000+08:00","live_key":null,"room_id":7}
`,
	} {
		got, err := ask(t, "--store", folder, "--format", format, query)
		if err != nil || got != want {
			t.Errorf("%s: %v\n got %q\nwant %q", format, err, got, want)
		}
	}
}

func TestTimezone(t *testing.T) {
	folder := archive(t)
	for zone, want := range map[string]string{"UTC": "2026-03-01,3\n", "Asia/Shanghai": "2026-03-02,3\n"} {
		got, err := ask(t, "--store", folder, "--timezone", zone, "--format", "csv", "select ts::date::varchar d, count(*) n from danmaku group by d")
		if err != nil || got != "d,n\n"+want {
			t.Errorf("%s: %q, %v", zone, got, err)
		}
	}
}

// Every table is there with all its columns, also in an archive that holds nothing.
func TestEmptyTables(t *testing.T) {
	for _, table := range schema.Tables() {
		got, err := ask(t, "--store", t.TempDir(), "--format", "csv", "describe "+string(table.Name))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(got), "\n")[1:]
		if len(lines) != len(table.Columns) {
			t.Fatalf("%s has %d columns, want %d", table.Name, len(lines), len(table.Columns))
		}
		for i, c := range table.Columns {
			if !strings.HasPrefix(lines[i], c.Name+",") {
				t.Errorf("%s: column %d is %q, want %s", table.Name, i, lines[i], c.Name)
			}
		}
	}
}

func TestParquetOut(t *testing.T) {
	out := filepath.Join(t.TempDir(), "o'ut.parquet")
	if _, err := ask(t, "--store", archive(t), "--format", "parquet", "--out", out, "select text from danmaku;"); err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.ReadFile[struct {
		Text string `parquet:"text"`
	}](out)
	if err != nil || len(rows) != 3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestQueryFromFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "q.sql")
	if err := os.WriteFile(file, []byte("create table n as select count(*) n from danmaku;\nfrom n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t, "--store", archive(t), "--format", "csv", "-f", file); err != nil || got != "n\n3\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	folder := archive(t)
	for _, c := range []struct{ args, want string }{
		{"", "want one query"},
		{"--store|" + folder + "|--format|xml|select 1", `--format "xml": want table, csv, jsonl or parquet`},
		{"--store|" + folder + "|--format|parquet|select 1", "needs --out"},
		{"--store|" + folder + "/nowhere|select 1", "there is no such folder"},
		{"--store|s3://b/p|select 1", "only folders can be read"},
		{"--store|" + folder + "|--timezone|Mars/Olympus|select 1", `--timezone "Mars/Olympus"`},
		{"--store|" + folder + "|select nothing from danmaku", "query: "},
		{"--stroe|x|select 1", "unknown flag"},
	} {
		args := strings.Split(c.args, "|")
		if c.args == "" {
			args = nil
		}
		_, err := ask(t, args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", fmt.Sprint(args), err, c.want)
		}
	}
}
