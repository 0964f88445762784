package archiver

import (
	"errors"
	"slices"
	"testing"
	"time"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

type shown struct {
	columns []string
	rows    [][]any
}

func (s *shown) take(columns []string, values []any) error {
	s.columns = slices.Clone(columns)
	s.rows = append(s.rows, slices.Clone(values))
	return nil
}

func (s *shown) value(row int, column string) any {
	return s.rows[row][slices.Index(s.columns, column)]
}

func mustShow(t testing.TB, st store.Store, o ShowOptions) shown {
	t.Helper()
	var s shown
	if err := Show(t.Context(), st, o, s.take); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShow(t *testing.T) {
	st := archived(t)
	all := mustShow(t, st, ShowOptions{Table: schema.TableDanmaku})
	if len(all.rows) != 54 {
		t.Fatalf("%d rows", len(all.rows))
	}
	if all.columns[0] != "event_id" || all.columns[1] != "room_id" || slices.Contains(all.columns, "Item") {
		t.Errorf("columns %v", all.columns)
	}
	var before time.Time
	for i := range all.rows {
		ts, ok := all.value(i, "ts").(time.Time)
		if !ok || ts.Location() != time.UTC || ts.Before(before) {
			t.Errorf("row %d: ts %v after %v", i, all.value(i, "ts"), before)
		}
		before = ts
	}
	if v := all.value(0, "text"); v != "one" {
		t.Errorf("text %v", v)
	}
	if v := all.value(0, "emoticon"); v != nil {
		t.Errorf("emoticon %v, want nil", v)
	}
	if v := all.value(0, "live_key"); v != "k" {
		t.Errorf("live_key %v", v)
	}
	if v := all.value(0, "mode"); v != int32(1) {
		t.Errorf("mode %v (%T)", v, v)
	}
	if v := all.value(0, "mirrored"); v != false {
		t.Errorf("mirrored %v", v)
	}
}

func TestShowFewer(t *testing.T) {
	st := archived(t)
	hour := ten + 4
	for name, c := range map[string]struct {
		o    ShowOptions
		want int
	}{
		"limit":         {ShowOptions{Table: schema.TableDanmaku, Limit: 7}, 7},
		"limit of more": {ShowOptions{Table: schema.TableDanmaku, Limit: 1000}, 54},
		"hour":          {ShowOptions{Table: schema.TableDanmaku, Hour: &hour}, 1},
		"room":          {ShowOptions{Table: schema.TableDanmaku, Room: 1}, 54},
		"another room":  {ShowOptions{Table: schema.TableDanmaku, Room: 2}, 0},
		"whole site":    {ShowOptions{Table: schema.TableDanmaku, Room: RoomSite}, 0},
		"coverage":      {ShowOptions{Table: schema.TableCoverage, Room: 1, Limit: 2}, 2},
	} {
		if got := mustShow(t, st, c.o); len(got.rows) != c.want {
			t.Errorf("%s: %d rows, want %d", name, len(got.rows), c.want)
		}
	}
}

func TestShowErrors(t *testing.T) {
	st := archived(t)
	nothing := func([]string, []any) error { return nil }
	if err := Show(t.Context(), st, ShowOptions{Table: "chat"}, nothing); err == nil {
		t.Error("it showed a table that is none")
	}
	stop := errors.New("the pipe is broken")
	if err := Show(t.Context(), st, ShowOptions{Table: schema.TableDanmaku}, func([]string, []any) error { return stop }); err != stop {
		t.Errorf("got %v, want the function's own error", err)
	}
	key := testBuild(ten).ObjectKey(schema.TableDanmaku)
	st.objects[key] = slices.Repeat([]byte("PAR1"), 10)
	if err := Show(t.Context(), st, ShowOptions{Table: schema.TableDanmaku}, nothing); err == nil {
		t.Error("it showed what is no Parquet file")
	}
}
