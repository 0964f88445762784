package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"danmaku-archiver/archiver"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

func TestFirstCommit(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02T15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := map[string]struct{ schedule, now, want string }{
		"next hour":                   {"5 * * * *", "2026-01-02T03:30", "2026-01-02T04:05"},
		"within the grace":            {"1 * * * *", "2026-01-02T03:30", "2026-01-02T05:01"},
		"last minute":                 {"5 * * * *", "2026-01-02T03:59", "2026-01-02T04:05"},
		"before this hour's poke":     {"5 * * * *", "2026-01-02T03:01", "2026-01-02T04:05"},
		"once a day":                  {"30 1 * * *", "2026-01-02T03:30", "2026-01-03T01:30"},
		"a descriptor, at full hours": {"@hourly", "2026-01-02T03:30", "2026-01-02T05:00"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := firstCommit(tc.schedule, at(tc.now)); !got.Equal(at(tc.want)) {
				t.Errorf("first commit at %s, want %s", got, tc.want)
			}
		})
	}
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"/srv/danmaku": "/srv/danmaku", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "弹幕": "'弹幕'",
		"s3://bucket/p": "s3://bucket/p",
	} {
		if got := shellWord(in); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestWantedRoomsInWords(t *testing.T) {
	c := mustConfig(t, sources{environ: []string{"DANMAKU_ROOMS_PIN=1", "DANMAKU_ROOMS_AREAS=2,3", "DANMAKU_ROOMS_TOP=1000"}})
	want := "1 pinned room, then the top rooms of 2 areas, then the 1,000 most popular of the whole site"
	if got := c.wantedRooms(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Keys that only tune and have no effect yet are accepted, and named at the start.
func TestIdleKeys(t *testing.T) {
	c := mustConfig(t, sources{environ: []string{"DANMAKU_ARCHIVE_MEMORY=512MiB", "DANMAKU_ARCHIVE_COMPACT_BY_USER=false", "DANMAKU_JOURNAL_MAX_SIZE=10GiB"}})
	if got := strings.Join(c.idleKeys(), " "); got != "archive.memory archive.compact_by_user" {
		t.Errorf("got %q", got)
	}
	c = mustConfig(t, sources{environ: []string{"DANMAKU_BIN=/usr/bin/danmaku", "DANMAKU_ROOMS_TOP=3"}})
	if got := strings.Join(c.foreign, " "); got != "DANMAKU_BIN" {
		t.Errorf("somebody else's variables: got %q", got)
	}
	file := configFile(t, "http: {listen: \"\"}\n")
	if got := strings.Join(mustConfig(t, sources{file: file}).idleKeys(), " "); got != "http.listen" {
		t.Errorf("switched off: got %q", got)
	}
}

// TestStoreArguments: the lines to copy name the same archive as the configuration does.
func TestStoreArguments(t *testing.T) {
	dir := t.TempDir()
	file := configFile(t, "archive: {store: s3://bucket/prefix}\n")
	tests := map[string]struct {
		from sources
		want string
	}{
		"default": {sources{}, "--data-dir /srv/d"},
		"folder":  {sources{flags: map[string]flagText{"archive.store": {"store", dir}}}, "--store " + dir},
		"bucket":  {sources{file: file}, "--config " + file + " --store s3://bucket/prefix"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(mustConfig(t, tc.from).storeArguments("/srv/d"), " "); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestOpenStore(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	folder := t.TempDir() + "/archive"
	bucket := map[string]flagText{
		"archive.store": {"store", "s3://bucket/prefix"}, "archive.s3.region": {"", "us-east-1"}, "archive.s3.endpoint": {"", "http://127.0.0.1:1"},
	}
	st, err := mustConfig(t, sources{flags: bucket}).openStore(context.Background(), false)
	if err != nil || !strings.HasPrefix(st.String(), "s3://bucket/prefix") {
		t.Errorf("bucket: %v, %v", st, err)
	}
	c := mustConfig(t, sources{flags: map[string]flagText{"archive.store": {"store", folder}}})
	if _, err := c.openStore(context.Background(), false); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("reading from a folder that is not there: %v, want an error that names it", err)
	}
	if st, err = c.openStore(context.Background(), true); err != nil || st.String() != folder {
		t.Errorf("folder: %v, %v", st, err)
	}
}

// A line that wraps is not redrawn but left behind.
func TestProgressFitsTheTerminal(t *testing.T) {
	var out strings.Builder
	p := &progress{w: &out, terminal: true, every: time.Hour, columns: func() int { return 10 }}
	p.show("%s", "弹幕弹幕弹幕")
	if got, want := out.String(), "\r\x1b[K弹幕弹幕…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressWithoutTerminal(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out, time.Hour)
	for i := range 3 {
		p.show("%d", i)
	}
	p.clear()
	if out.String() != "0\n" {
		t.Errorf("got %q, want one line", out.String())
	}
	quiet := newProgress(&out, 0)
	quiet.show("more")
	if out.String() != "0\n" {
		t.Errorf("got %q, want nothing more", out.String())
	}
}

func TestRoomLine(t *testing.T) {
	c := mustConfig(t, sources{})
	const gib = 1 << 30
	tests := map[string]struct {
		p    journal.Pressure
		want string
	}{
		"enough":  {journal.Pressure{Free: 60 * gib, Total: 100 * gib, MaxSize: 20 * gib}, ""},
		"unknown": {journal.Pressure{}, ""},
		"lowered": {journal.Pressure{Free: 15 * gib, Total: 100 * gib, MaxSize: 13 * gib},
			"the journal may grow to 13.0 GiB, not to journal.max_size (20GiB), as the disk has 15.0 GiB free of 100.0 GiB"},
		"scarce disk": {journal.Pressure{Scarce: true, Cause: journal.CauseDiskSpace, Free: 9 * gib, Total: 100 * gib, MaxSize: 20 * gib, Wanted: 2 * gib},
			"scarce, 9.0 GiB of 100.0 GiB on the disk are free: 2.0 GiB must go, archived segments go before journal.retain (168h)"},
		"full journal": {journal.Pressure{Scarce: true, Level: schema.LevelMost, Cause: journal.CauseMaxSize, Free: 50 * gib, Total: 100 * gib, Size: 19 * gib, MaxSize: 20 * gib, Wanted: gib},
			"scarce, the journal has 19.0 GiB of 20.0 GiB: 1.0 GiB must go, archived segments go before journal.retain (168h); only danmaku and payments are recorded until there is room, all else is only counted"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := c.roomLine(tc.p); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestSpaceInWords(t *testing.T) {
	for want, r := range map[string]archiver.Report{
		"room is scarce: 2.0 KiB of the journal had to go; no archived segment is left to retire":                              {Wanted: 2048},
		"room is scarce: 2.0 KiB of the journal had to go; 1.0 KiB went before journal.retain (24h); more is not archived yet": {Wanted: 2048, Early: 1024},
		"room is scarce: 2.0 KiB of the journal had to go; 3.0 KiB went before journal.retain (24h)":                           {Wanted: 2048, Early: 3072},
	} {
		if got := spaceInWords(r, 24*time.Hour); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	c := mustConfig(t, sources{environ: []string{"DANMAKU_JOURNAL_MAX_SIZE=2MiB", "DANMAKU_JOURNAL_STOP_FREE=2.5%"}})
	want := journal.Limits{MaxSize: 2 << 20, WarnFree: 0.1, ShedFree: 0.05, StopFree: 0.025}
	if got := c.limits(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
