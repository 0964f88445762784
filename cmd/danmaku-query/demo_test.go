//go:build cgo

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/dir"
	"danmaku-archiver/schema"
)

// DuckDB reads what the program wrote: every table has as many rows as the manifests say,
// and the books of rows and ledger hold for what SQL can see of them.
func TestArchiveOfDemo(t *testing.T) {
	work := t.TempDir()
	program, data := filepath.Join(work, "danmaku"), filepath.Join(work, "demo")
	for _, command := range [][]string{
		{"go", "build", "-o", program, "danmaku-archiver/cmd/danmaku"},
		{program, "demo", "--rooms", "5", "--for", "2s", "--dir", data},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	st, err := dir.New(filepath.Join(data, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	builds, err := store.Current(t.Context(), st, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[schema.Table]int64{}
	for _, b := range builds {
		m, err := store.ReadManifest(t.Context(), st, b)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range m.Objects {
			want[o.Table] += o.Rows
		}
	}
	if want[schema.TableDanmaku] == 0 || want[schema.TableCoverage] == 0 {
		t.Fatalf("the manifests tell of %v: too little to compare", want)
	}
	for _, table := range schema.Tables() {
		got, err := ask(t, "--data-dir", data, "--format", "csv", "select count(*) n from "+string(table.Name))
		if err != nil || got != fmt.Sprintf("n\n%d\n", want[table.Name]) {
			t.Errorf("%s: %q, %v; the manifests say %d", table.Name, got, err, want[table.Name])
		}
	}
	for claim, query := range map[string]string{
		"each danmaku once":        "select count(*) = count(distinct (room_id, event_id)) from danmaku",
		"rows lie in their hour":   "select bool_and(abs(epoch(ts - received_at)) <= 120) from danmaku",
		"rooms were observed":      "select count(distinct room_id) = 5 from coverage where state = 'observing'",
		"intervals do not overlap": "select count(*) = 0 from (select started_at < lag(ended_at) over (partition by room_id order by started_at, seq) o from coverage) where o",
	} {
		if got, err := ask(t, "--data-dir", data, "--format", "csv", "select ("+query+") as holds"); err != nil || got != "holds\ntrue\n" {
			t.Errorf("%s: %q, %v", claim, got, err)
		}
	}
}
