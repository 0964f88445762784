package schema

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

func TestEveryColumnHasAText(t *testing.T) {
	docs := Tables()
	if len(docs) != 8 {
		t.Fatalf("%d tables", len(docs))
	}
	used := map[string]bool{}
	for _, table := range docs {
		if table.Doc == "" || table.Order == "" {
			t.Errorf("%s has no text or no order", table.Name)
		}
		for _, c := range table.Columns {
			used[c.Name] = true
			if c.Meaning == "" || c.Source == "" {
				t.Errorf("%s.%s has no meaning or no source", table.Name, c.Name)
			}
			for _, text := range []string{c.Meaning, c.Source, c.Caveats, c.Unit, table.Doc} {
				if strings.ContainsAny(text, "\n|") {
					t.Errorf("%s.%s: %q breaks a table row", table.Name, c.Name, text)
				}
			}
			for _, sentence := range []string{c.Meaning, c.Caveats} {
				if sentence != "" && !strings.HasSuffix(sentence, ".") {
					t.Errorf("%s.%s: %q has no full stop", table.Name, c.Name, sentence)
				}
			}
			if c.Since < 1 || c.Since > Version {
				t.Errorf("%s.%s is there since version %d, this is %d", table.Name, c.Name, c.Since, Version)
			}
		}
	}
	for name := range commonTexts {
		if !used[name] {
			t.Errorf("a text for %s, which no table has", name)
		}
	}
}

func TestEveryTextHasAColumn(t *testing.T) {
	for _, table := range tables {
		var names []string
		for _, c := range columns(table.row, table.texts, table.since) {
			names = append(names, c.Name)
		}
		for name := range table.texts {
			if !slices.Contains(names, name) {
				t.Errorf("%s has a text for %s, but no such column", table.name, name)
			}
		}
	}
}

// TestColumns fixes the columns: one is only ever added.
func TestColumns(t *testing.T) {
	var b strings.Builder
	for _, table := range Tables() {
		for _, c := range table.Columns {
			null := ""
			if c.Nullable {
				null = "?"
			}
			fmt.Fprintf(&b, "%s.%s %s%s since %d\n", table.Name, c.Name, c.Type, null, c.Since)
		}
	}
	golden(t, "testdata/columns.golden", b.String())
}

// TestDictionaryAgreesWithParquet compares with what the library that writes the files
// makes of the structs.
func TestDictionaryAgreesWithParquet(t *testing.T) {
	rows := map[Table]any{TableDanmaku: DanmakuRow{}, TablePayments: PaymentsRow{}, TableAudience: AudienceRow{}, TablePresence: PresenceRow{}, TableModeration: ModerationRow{}, TableOther: OtherRow{}, TableRooms: RoomsRow{}, TableCoverage: CoverageRow{}}
	for _, table := range Tables() {
		var want, got []string
		for _, f := range parquet.SchemaOf(rows[table.Name]).Fields() {
			want = append(want, fmt.Sprintf("%s %s %v", f.Name(), libraryType(f.Type()), f.Optional()))
		}
		for _, c := range table.Columns {
			got = append(got, fmt.Sprintf("%s %s %v", c.Name, c.Type, c.Nullable))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-library +dictionary):\n%s", table.Name, diff)
		}
	}
}

func libraryType(t parquet.Type) string {
	l := t.LogicalType()
	if l == nil {
		return t.Kind().String()
	}
	names := map[string]string{"TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)": "TIMESTAMP", "INT(64,true)": "INT64", "INT(32,true)": "INT32"}
	if name, ok := names[l.String()]; ok {
		return name
	}
	return l.String()
}

// TestNullableColumnsArePointers: parquet-go v0.32 writes some nulls of optional values
// as "" or 0.
func TestNullableColumnsArePointers(t *testing.T) {
	var check func(row reflect.Type)
	check = func(row reflect.Type) {
		for i := range row.NumField() {
			f := row.Field(i)
			if f.Anonymous {
				check(f.Type)
				continue
			}
			optional := slices.Contains(strings.Split(f.Tag.Get("parquet"), ","), "optional")
			if pointer := f.Type.Kind() == reflect.Pointer; pointer != optional {
				t.Errorf("%s.%s: pointer %v, optional %v", row.Name(), f.Name, pointer, optional)
			}
			if f.Tag.Get("parquet") == "" {
				t.Errorf("%s.%s has no tag", row.Name(), f.Name)
			}
		}
	}
	for _, table := range tables {
		check(table.row)
	}
}

func TestMetadata(t *testing.T) {
	m := Metadata(TableDanmaku)
	if m["schema_version"] != "2" || m["table"] != "danmaku" {
		t.Errorf("%v", m)
	}
	if got, want := m["column:color"], "Colour of the text; also a sign of rank. [0xRRGGBB as a number] 0 where not sent."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, table := range Tables() {
		if got, want := len(Metadata(table.Name)), 2+len(table.Columns); got != want {
			t.Errorf("%s: %d entries, want %d", table.Name, got, want)
		}
	}
}

// TestREADME keeps the page in step with the code: go test ./schema -update writes it.
func TestREADME(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, readmeHead, Version)
	for _, table := range Tables() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nSorted by %s.\n\n", table.Name, table.Doc, table.Order)
		b.WriteString("| column | type | meaning | from | since |\n|---|---|---|---|---|\n")
		for _, c := range table.Columns {
			null := ""
			if c.Nullable {
				null = "?"
			}
			fmt.Fprintf(&b, "| `%s` | %s%s | %s | %s | %d |\n", c.Name, c.Type, null, c.describe(), c.Source, c.Since)
		}
	}
	card, err := os.ReadFile("testdata/card.md")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(card)
	golden(t, "README.md", b.String())
}

const readmeHead = "# The tables\n\n" +
	"The data dictionary of the archive, schema version %d. This page is made from the code (`go test ./schema -update`); " +
	"the same texts are in every Parquet file's metadata, as `column:NAME`.\n\n" +
	"`?` marks a column that may be null. TIMESTAMP is in microseconds, UTC. All integers are signed. A column is only ever added; a changed meaning is a new column. " +
	"`info` and `data` are the service's commands as SocialSisterYi/bilibili-API-collect describes them, `extra` is the JSON in `info[0][15].extra`.\n\n" +
	"Before counting, look into `coverage`: where a room was not observed, no rows mean nothing.\n"
