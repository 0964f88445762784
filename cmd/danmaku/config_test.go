package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

func mustConfig(t testing.TB, from sources) *config {
	t.Helper()
	c, err := loadConfig(from)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// configFile writes a file called danmaku.yaml in a folder of its own.
func configFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "danmaku.yaml")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	c := mustConfig(t, sources{})
	got := map[string]any{
		"data_dir": c.DataDir, "timezone": c.Timezone.String(), "top": c.Rooms.Top, "refresh": c.Rooms.Refresh,
		"api": c.Bilibili.APIURL, "main": c.Bilibili.MainURL, "transport": c.Bilibili.Transport,
		"connections": c.Bilibili.MaxConnections, "interval": c.Bilibili.ConnectInterval, "rps": c.Bilibili.RequestsPerSecond,
		"sync": c.Journal.SyncInterval, "segment": c.Journal.SegmentSize, "retain": c.Journal.Retain,
		"schedule": c.Archive.Schedule, "deadline": c.Archive.Deadline, "timeout": c.Archive.S3.Timeout,
		"max": c.Journal.MaxSize, "shed": c.Journal.ShedFree, "memory": c.Archive.Memory,
	}
	want := map[string]any{
		"data_dir": "./danmaku-data", "timezone": "Asia/Shanghai", "top": 100, "refresh": time.Minute,
		"api": "https://api.live.bilibili.com", "main": "https://api.bilibili.com", "transport": "wss",
		"connections": 100, "interval": time.Second, "rps": 1.0,
		"sync": time.Second, "segment": int64(64 << 20), "retain": 168 * time.Hour,
		"schedule": "5 * * * *", "deadline": 30 * time.Minute, "timeout": time.Minute,
		"max": int64(20 << 30), "shed": 5.0, "memory": int64(256 << 20),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("defaults differ (-want +got):\n" + diff)
	}
}

func TestPrecedence(t *testing.T) {
	file := configFile(t, "rooms: {top: 11}\n")
	env := []string{"DANMAKU_ROOMS_TOP=12", "HOME=/nowhere"}
	flags := map[string]flagText{"rooms.top": {"top", "13"}}
	tests := map[string]struct {
		from sources
		want int
	}{
		"default":               {sources{}, 100},
		"file":                  {sources{file: file}, 11},
		"environment":           {sources{environ: env}, 12},
		"environment over file": {sources{file: file, environ: env}, 12},
		"flag":                  {sources{flags: flags}, 13},
		"flag over all":         {sources{file: file, environ: env, flags: flags}, 13},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := mustConfig(t, tc.from).Rooms.Top; got != tc.want {
				t.Errorf("rooms.top = %d, want %d", got, tc.want)
			}
		})
	}
}

func TestFileValues(t *testing.T) {
	c := mustConfig(t, sources{file: configFile(t, `
data_dir: /srv/danmaku
collector: host-1
rooms:
  areas: [371, 86]
  pin:
    - 5050
    - https://live.bilibili.com/76?visit_id=x
  block: 1, 2
journal:
  segment_size: 1.5GiB
  retain:   24h
archive:
  store: s3://bucket/some/prefix
  compact: ""
  s3: {endpoint: "http://127.0.0.1:9000", path_style: true, tags: {team: live, stage: "2"}, timeout: 5s}
http: {listen: ""}
log: {level: debug}
`)})
	type part struct {
		DataDir, Collector string
		Areas, Pin         []int64
		Block              []schema.RoomID
		Segment            int64
		Retain             time.Duration
		S3                 s3Config
		Level              string
	}
	want := part{"/srv/danmaku", "host-1", []int64{371, 86}, []int64{5050, 76}, []schema.RoomID{1, 2},
		3 << 29, 24 * time.Hour, s3Config{Endpoint: "http://127.0.0.1:9000", PathStyle: true, Checksums: "when_supported",
			Tags: map[string]string{"team": "live", "stage": "2"}, Timeout: 5 * time.Second}, "debug"}
	got := part{c.DataDir, c.Collector, c.Rooms.Areas, c.Rooms.Pin, c.Rooms.Block, c.Journal.SegmentSize,
		c.Journal.Retain, c.Archive.S3, c.LogLevel}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("values differ (-want +got):\n" + diff)
	}
}

// TestEnvironmentNamesEveryKey gives every key its default through the environment: each
// has a variable of its own, which reads what `danmaku config` prints.
func TestEnvironmentNamesEveryKey(t *testing.T) {
	var environ []string
	std := newConfig()
	for _, s := range std.settings {
		environ = append(environ, envName(s.path)+"="+s.value.text())
	}
	c := mustConfig(t, sources{environ: environ})
	for _, s := range c.settings {
		if s.origin != envName(s.path) {
			t.Errorf("%s was set by %q, want %s", s.path, s.origin, envName(s.path))
		}
		if got, want := s.value.text(), std.byPath[s.path].value.text(); got != want {
			t.Errorf("%s = %q, want %q", s.path, got, want)
		}
	}
}

func TestEnvironmentLists(t *testing.T) {
	c := mustConfig(t, sources{environ: []string{"DANMAKU_ROOMS_AREAS=1, 2,3", "DANMAKU_ARCHIVE_S3_TAGS=a=b, c = d", "DANMAKU_ROOMS_PIN="}})
	if diff := cmp.Diff([]int64{1, 2, 3}, c.Rooms.Areas); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "b", "c": "d"}, c.Archive.S3.Tags); diff != "" {
		t.Error(diff)
	}
	if len(c.Rooms.Pin) != 0 {
		t.Errorf("pins = %v, want none", c.Rooms.Pin)
	}
}

// TestRefused holds every refusal: P2.
func TestRefused(t *testing.T) {
	tests := map[string]struct {
		file    string
		environ []string
		flags   map[string]flagText
		want    string
	}{
		"unknown key": {
			file: "data_dir: x\nrooms:\n  tpo: 5\n",
			want: "FILE:3: rooms.tpo: unknown key; did you mean rooms.top?"},
		"key at the wrong place": {
			file: "segment_size: 64MiB\n",
			want: "FILE:1: segment_size: unknown key; did you mean journal.segment_size?"},
		"unknown section": {
			file: "jurnal:\n  retain: 1h\n",
			want: "FILE:1: jurnal: unknown key; did you mean journal?"},
		"nothing near": {
			file: "completely_else: 1\n",
			want: "FILE:1: completely_else: unknown key"},
		"twice": {
			file: "rooms:\n  top: 5\n  top: 6\n",
			want: "FILE:3: rooms.top: given twice, first in line 2"},
		"no number": {
			file: "rooms:\n  top: many\n",
			want: `FILE:2: rooms.top: "many": want a whole number from 0 to 10000, such as 100`},
		"no value": {
			file: "rooms:\n  top:\n",
			want: `FILE:2: rooms.top: "": want a whole number from 0 to 10000, such as 100`},
		"list for a value": {
			file: "data_dir: [a]\n",
			want: "FILE:1: data_dir: want one value, not a list or a section"},
		"section for a list": {
			file: "rooms:\n  areas: {a: 1}\n",
			want: "FILE:2: rooms.areas: want a list, such as [1, 2]"},
		"value for a section": {
			file: "rooms: 5\n",
			want: "FILE:1: rooms: want keys and values, such as data_dir: ./danmaku-data"},
		"list in a list": {
			file: "rooms: {areas: [[1]]}\n",
			want: "FILE:1: rooms.areas: want plain values in the list"},
		"item of a list": {
			file: "rooms:\n  areas:\n    - 1\n    - music\n",
			want: `FILE:4: rooms.areas: "music": want area ids, such as 371`},
		"pin": {
			file: "rooms: {pin: [https://example.org/5]}\n",
			want: `FILE:1: rooms.pin: "https://example.org/5": want room ids or addresses, such as 5050 or https://live.bilibili.com/5050`},
		"block": {
			file: "rooms: {block: [-1]}\n",
			want: `FILE:1: rooms.block: "-1": want long room ids, such as 5050`},
		"no YAML": {
			file: "rooms: {top: 5\nlog: x\n",
			want: "FILE:1: did not find expected ',' or '}'"},
		"two documents": {
			file: "log: {level: info}\n---\nlog: {level: info}\n",
			want: "FILE:2: a second document begins here; want one"},
		"a list as file": {
			file: "- a\n",
			want: "FILE:1: want keys and values, such as data_dir: ./danmaku-data"},
		"shed before warned": {
			file: "journal:\n  shed_free: 10%\n",
			want: "FILE:2: journal.shed_free: 10%: want less than journal.warn_free, which is 10%: archived segments are retired before anything is shed"},
		"stopped before shed": {
			environ: []string{"DANMAKU_JOURNAL_STOP_FREE=7.5%"},
			want:    "DANMAKU_JOURNAL_STOP_FREE: 7.5%: want less than journal.shed_free, which is 5%: presence is shed before writing stops"},
		"never stopped": {
			environ: []string{"DANMAKU_JOURNAL_STOP_FREE=0%"},
			want:    `DANMAKU_JOURNAL_STOP_FREE: "0%": want a share between 0% and 100%, such as 5%`},
		"duration without unit": {
			environ: []string{"DANMAKU_JOURNAL_RETAIN=7"},
			want:    `DANMAKU_JOURNAL_RETAIN: "7": want a time with its unit, such as 200ms, 30s, 5m or 168h`},
		"negative duration": {
			environ: []string{"DANMAKU_JOURNAL_RETAIN=-7h"},
			want:    `DANMAKU_JOURNAL_RETAIN: "-7h": want a time with its unit, such as 200ms, 30s, 5m or 168h`},
		"too short": {
			environ: []string{"DANMAKU_ROOMS_REFRESH=10ms"},
			want:    `DANMAKU_ROOMS_REFRESH: "10ms": want 1s or more`},
		"size without unit": {
			environ: []string{"DANMAKU_JOURNAL_SEGMENT_SIZE=1000"},
			want:    `DANMAKU_JOURNAL_SEGMENT_SIZE: "1000": want a size with its unit, such as 64MiB or 20GiB`},
		"too small": {
			environ: []string{"DANMAKU_JOURNAL_SEGMENT_SIZE=1KiB"},
			want:    `DANMAKU_JOURNAL_SEGMENT_SIZE: "1KiB": want 1MiB or more`},
		"share": {
			environ: []string{"DANMAKU_JOURNAL_WARN_FREE=0.1"},
			want:    `DANMAKU_JOURNAL_WARN_FREE: "0.1": want a share between 0% and 100%, such as 5%`},
		"no boolean": {
			environ: []string{"DANMAKU_ARCHIVE_S3_PATH_STYLE=yes"},
			want:    `DANMAKU_ARCHIVE_S3_PATH_STYLE: "yes": want true or false`},
		"no zone": {
			environ: []string{"DANMAKU_TIMEZONE=Mars/Base"},
			want:    `DANMAKU_TIMEZONE: "Mars/Base": want the name of a time zone, such as Asia/Shanghai or UTC`},
		"no tags": {
			environ: []string{"DANMAKU_ARCHIVE_S3_TAGS=live"},
			want:    `DANMAKU_ARCHIVE_S3_TAGS: "live": want name=value pairs, such as team=live,stage=prod`},
		"unknown variable": {
			environ: []string{"DANMAKU_ROOM_TOP=5"},
			want:    "DANMAKU_ROOM_TOP: unknown environment variable; did you mean DANMAKU_ROOMS_TOP?"},
		"transport": {
			flags: map[string]flagText{"bilibili.transport": {"transport", "quic"}},
			want:  `--transport: "quic": want wss, ws or tcp`},
		"collector": {
			flags: map[string]flagText{"collector": {"collector", "Host_1"}},
			want:  `--collector: "Host_1": want 1 to 63 of a-z, 0-9 and -, not beginning with -, such as host-1`},
		"empty data folder": {
			flags: map[string]flagText{"data_dir": {"data-dir", ""}},
			want:  `--data-dir: "": want a folder`},
		"address with a path": {
			flags: map[string]flagText{"bilibili.api_url": {"api-url", "https://example.org/api"}},
			want:  `--api-url: "https://example.org/api": want scheme and host only, such as https://api.live.bilibili.com`},
		"schedule": {
			file: "archive: {schedule: hourly}\n",
			want: `FILE:1: archive.schedule: "hourly": want minute, hour, day, month and weekday, such as 5 * * * * (expected exactly 5 fields, found 1: [hourly])`},
		"schedule in another zone": {
			file: "archive: {schedule: \"CRON_TZ=UTC\"}\n",
			want: `FILE:1: archive.schedule: "CRON_TZ=UTC": want a schedule without a time zone: it counts in UTC`},
		"no schedule": {
			file: "archive: {schedule: \"\"}\n",
			want: `FILE:1: archive.schedule: "": want minute, hour, day, month and weekday, such as 5 * * * * (empty spec string)`},
		"store": {
			flags: map[string]flagText{"archive.store": {"store", "gs://bucket"}},
			want:  `--store: "gs://bucket": want a folder or s3://bucket/prefix`},
		"many connections": {
			file: "bilibili: {max_connections: 200}\n",
			want: "FILE:1: bilibili.max_connections: 200: the service closes more than 150 connections; want at most that; only a simulator on this machine (api_url and main_url on loopback) may be used harder"},
		"quick connections": {
			environ: []string{"DANMAKU_BILIBILI_CONNECT_INTERVAL=100ms"},
			want:    "DANMAKU_BILIBILI_CONNECT_INTERVAL: 100ms: want 200ms or more; only a simulator on this machine (api_url and main_url on loopback) may be used harder"},
		"many requests": {
			flags: map[string]flagText{"bilibili.requests_per_second": {"requests-per-second", "6"}},
			want:  "--requests-per-second: 6: want 5 or less; only a simulator on this machine (api_url and main_url on loopback) may be used harder"},
		"only one address is loopback": {
			file: "bilibili:\n  api_url: http://127.0.0.1:1\n  max_connections: 151\n",
			want: "FILE:3: bilibili.max_connections: 151: the service closes more than 150 connections; want at most that; only a simulator on this machine (api_url and main_url on loopback) may be used harder"},
		"not built: raw": {
			file: "archive:\n  raw: true\n",
			want: "FILE:2: archive.raw: true is not available in this version; want false"},
		"raw, but pseudonymous": {
			file:    "archive:\n  raw: true\n",
			environ: []string{"DANMAKU_PRIVACY=pseudonymous"},
			want:    "FILE:2: archive.raw: true: raw segments show everybody as the service sent them, which privacy and opt_out_file are to prevent; want false"},
		"raw, but somebody opted out": {
			file: "opt_out_file: list\narchive:\n  raw: true\n",
			want: "FILE:3: archive.raw: true: raw segments show everybody as the service sent them, which privacy and opt_out_file are to prevent; want false"},
		"privacy": {
			environ: []string{"DANMAKU_PRIVACY=secret"},
			want:    `DANMAKU_PRIVACY: "secret": want plain or pseudonymous`},
		"not built: notify, a secret": {
			file: "notify: {url: \"https://example.org/hook?key=hunter2\"}\n",
			want: `FILE:1: notify.url: [redacted] is not available in this version; want ""`},
		"all at once": {
			file: "rooms: {top: a}\nlog: {level: loud}\n", environ: []string{"DANMAKU_BILIBILI_SOMETHING_ELSE=1"},
			want: "FILE:1: rooms.top: \"a\": want a whole number from 0 to 10000, such as 100\n" +
				"FILE:2: log.level: \"loud\": want debug, info, warn or error\n" +
				"DANMAKU_BILIBILI_SOMETHING_ELSE: unknown environment variable"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			from := sources{environ: tc.environ, flags: tc.flags}
			if tc.file != "" {
				from.file = configFile(t, tc.file)
			}
			_, err := loadConfig(from)
			var usage usageError
			if !errors.As(err, &usage) {
				t.Fatalf("got %v, want a usage error", err)
			}
			got := err.Error()
			if from.file != "" {
				got = strings.ReplaceAll(got, from.file+":", "FILE:")
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestUnreadableFile(t *testing.T) {
	for name, path := range map[string]string{
		"missing": filepath.Join(t.TempDir(), "none.yaml"), "folder": t.TempDir(),
		"too large": configFile(t, strings.Repeat("# a long comment\n", 1<<16)),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := loadConfig(sources{file: path}); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names the file", err)
			}
		})
	}
}

func TestSimulatorMayBeUsedHarder(t *testing.T) {
	for _, host := range []string{"http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"} {
		c := mustConfig(t, sources{file: configFile(t, `
bilibili: {api_url: "`+host+`", main_url: "`+host+`", max_connections: 1000, connect_interval: 0s, requests_per_second: 1000}
`)})
		if !c.loopback() {
			t.Errorf("%s is not taken as loopback", host)
		}
	}
	for _, host := range []string{"http://127.0.0.1.example.org", "https://api.live.bilibili.com", "http://10.0.0.1"} {
		if isLoopback(host) {
			t.Errorf("%s is taken as loopback", host)
		}
	}
}

// TestPrintedConfigReadsBack: what `danmaku config` prints makes the same configuration.
func TestPrintedConfigReadsBack(t *testing.T) {
	first := mustConfig(t, sources{
		environ: []string{"DANMAKU_ROOMS_PIN=5050,https://live.bilibili.com/76", "DANMAKU_ARCHIVE_S3_TAGS=a=b: c,d=null"},
		flags:   map[string]flagText{"data_dir": {"data-dir", "/a b/#c: 'd'"}, "archive.s3.region": {"x", "~"}},
	})
	var out strings.Builder
	if err := first.writeYAML(&out); err != nil {
		t.Fatal(err)
	}
	second := mustConfig(t, sources{file: configFile(t, out.String())})
	for _, s := range first.settings {
		if got, want := second.byPath[s.path].value.text(), s.value.text(); got != want {
			t.Errorf("%s: %q became %q in\n%s", s.path, want, got, out.String())
		}
	}
	if !strings.Contains(out.String(), "# DANMAKU_ROOMS_PIN") {
		t.Errorf("who set rooms.pin is not told:\n%s", out.String())
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := newConfig()
	if err := c.byPath["notify.url"].value.set("https://example.org/?key=hunter2"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.writeYAML(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "[redacted]") {
		t.Errorf("the secret is printed:\n%s", out.String())
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add("rooms: {top: 5, pin: [1]}\n")
	f.Add("a: &a {b: *a}\nrooms: *a\n")
	f.Add("archive: {s3: {tags: {a: b}}}\n")
	f.Fuzz(func(t *testing.T, content string) {
		path := configFile(t, content)
		c, err := loadConfig(sources{file: path})
		if err == nil && c == nil || err != nil && err.Error() == "" {
			t.Errorf("got %v, %v", c, err)
		}
	})
}
