package main

import (
	"context"
	"strings"
	"testing"
	"time"
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
	c := mustConfig(t, sources{environ: []string{"DANMAKU_ARCHIVE_MEMORY=512MiB", "DANMAKU_ARCHIVE_COMPACT_BY_USER=false", "DANMAKU_JOURNAL_MAX_SIZE=20GiB"}})
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
