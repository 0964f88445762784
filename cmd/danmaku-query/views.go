//go:build cgo

package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the engine

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/dir"
	"danmaku-archiver/schema"
)

// duckTypes are DuckDB's names of the dictionary's column types.
var duckTypes = map[string]string{
	"INT64": "BIGINT", "INT32": "INTEGER", "STRING": "VARCHAR", "BOOLEAN": "BOOLEAN", "DOUBLE": "DOUBLE",
	"TIMESTAMP": "TIMESTAMPTZ",
}

// openArchive returns an engine in memory that has a view for every table.
func openArchive(ctx context.Context, folder, timezone string) (*sql.DB, error) {
	files, err := currentFiles(ctx, folder)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	// Settings and views belong to a database in memory, which a second connection has not.
	db.SetMaxOpenConns(1)
	statements := []string{"set TimeZone = " + quote(timezone)}
	for _, t := range schema.Tables() {
		statements = append(statements, viewOf(t, files[t.Name]))
	}
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			db.Close()
			return nil, fmt.Errorf("prepare the views of %s: %w", folder, err)
		}
	}
	return db, nil
}

// currentFiles returns the paths of every table's committed objects, newest generation.
func currentFiles(ctx context.Context, folder string) (map[schema.Table][]string, error) {
	st, err := dir.New(folder)
	if err != nil {
		return nil, err
	}
	builds, err := store.Current(ctx, st, 0, 0)
	if err != nil {
		return nil, err
	}
	files := map[schema.Table][]string{}
	for _, b := range builds {
		m, err := store.ReadManifest(ctx, st, b)
		if err != nil {
			return nil, err
		}
		for _, o := range m.Objects {
			files[o.Table] = append(files[o.Table], filepath.Join(st.String(), filepath.FromSlash(o.Key)))
		}
	}
	return files, nil
}

// viewOf is the statement that makes a table's view. union_by_name lets hours of earlier
// schema versions, which lack later columns, stand beside others; a table of the
// dictionary's columns without rows makes the view complete in either case.
func viewOf(t schema.TableDoc, files []string) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = fmt.Sprintf("null::%s as %s", duckTypes[c.Type], c.Name)
	}
	empty := "select " + strings.Join(columns, ", ") + " where false"
	name := quoteName(string(t.Name))
	if len(files) == 0 {
		return fmt.Sprintf("create view %s as %s", name, empty)
	}
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = quote(f)
	}
	return fmt.Sprintf("create view %s as (%s) union all by name from read_parquet([%s], union_by_name = true, hive_partitioning = false)",
		name, empty, strings.Join(quoted, ", "))
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
