package schema

import (
	"reflect"
	"strconv"
	"strings"
)

// TableDoc describes a table of the archive.
type TableDoc struct {
	Name Table
	Doc  string
	// Order is what its rows are sorted by.
	Order   string
	Columns []ColumnDoc
}

// ColumnDoc describes a column.
type ColumnDoc struct {
	Name string
	// Type is the Parquet type: INT64, INT32, STRING, BOOLEAN, DOUBLE or TIMESTAMP (in
	// microseconds, UTC).
	Type     string
	Nullable bool
	// Unit is what a number counts, empty where it counts nothing.
	Unit    string
	Meaning string
	// Source is where the value comes from: a path in the service's commands, or ours.
	Source string
	// Since is the schema version that has the column first.
	Since int
	// Caveats is what an analyst must know before trusting it, empty where there is nothing.
	Caveats string
	// Pseudonymous is what becomes of it in a pseudonymous archive ([Privacy]), empty where
	// nothing does.
	Pseudonymous string
}

// Tables returns the data dictionary: every table, every column in its order. The result
// is the caller's own.
func Tables() []TableDoc {
	docs := make([]TableDoc, 0, len(tables))
	for _, t := range tables {
		docs = append(docs, TableDoc{Name: t.name, Doc: t.doc, Order: t.order, Columns: columns(t.row, t.texts, t.since)})
	}
	return docs
}

// Metadata returns what a Parquet file of the table says of itself: schema_version, table
// and, as column:NAME, what each column means.
func Metadata(t Table) map[string]string {
	m := map[string]string{"schema_version": strconv.Itoa(Version), "table": string(t)}
	for _, doc := range Tables() {
		if doc.Name != t {
			continue
		}
		for _, c := range doc.Columns {
			m["column:"+c.Name] = c.describe()
		}
	}
	return m
}

// describe is the column's description in one line.
func (c ColumnDoc) describe() string {
	s := c.Meaning
	if c.Unit != "" {
		s += " [" + c.Unit + "]"
	}
	if c.Caveats != "" {
		s += " " + c.Caveats
	}
	if c.Pseudonymous != "" {
		s += " In a pseudonymous archive: " + c.Pseudonymous + "."
	}
	return s
}

// columns reads a row struct's tags and puts the texts beside them.
func columns(row reflect.Type, texts map[string]text, since int) []ColumnDoc {
	var all []ColumnDoc
	for i := range row.NumField() {
		f := row.Field(i)
		if f.Anonymous {
			all = append(all, columns(f.Type, texts, since)...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		if name == "-" {
			continue
		}
		t, own := texts[name]
		if !own {
			t = commonTexts[name]
		}
		all = append(all, ColumnDoc{
			Name: name, Type: parquetType(f.Type, options), Nullable: f.Type.Kind() == reflect.Pointer,
			Unit: t.unit, Meaning: t.meaning, Source: t.source, Since: max(t.since, since, 1), Caveats: t.caveats,
			Pseudonymous: columnClasses[name].String(),
		})
	}
	return all
}

func parquetType(t reflect.Type, options string) string {
	if strings.Contains(options, "timestamp") {
		return "TIMESTAMP"
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int64:
		return "INT64"
	case reflect.Int32:
		return "INT32"
	case reflect.Bool:
		return "BOOLEAN"
	case reflect.Float64:
		return "DOUBLE"
	}
	return "STRING"
}
