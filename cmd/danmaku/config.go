package main

import (
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// config is the effective configuration: what flags, environment, file and defaults say
// together. Durations, sizes (bytes) and shares (percent) are typed here; their text forms
// are read and written in values.go.
type config struct {
	DataDir   string
	Collector string
	Timezone  *time.Location
	Privacy   privacyConfig
	Rooms     roomsConfig
	Bilibili  bilibiliConfig
	Journal   journalConfig
	Archive   archiveConfig
	HTTP      httpConfig
	NotifyURL string
	LogLevel  string
	LogFormat string

	// file is where it was read from, empty for none.
	file string
	// foreign are DANMAKU_ variables that name no key.
	foreign  []string
	settings []*setting
	byPath   map[string]*setting
}

type privacyConfig struct {
	Mode       string
	KeyFile    string
	OptOutFile string
}

type roomsConfig struct {
	Top     int
	Areas   []int64
	Pin     []int64
	Block   []schema.RoomID
	Refresh time.Duration
}

type bilibiliConfig struct {
	APIURL            string
	MainURL           string
	Transport         string
	CookieFile        string
	CookieRooms       int
	UserAgent         string
	MaxConnections    int
	CAFile            string
	ConnectInterval   time.Duration
	RequestsPerSecond float64
}

type journalConfig struct {
	SyncInterval time.Duration
	SegmentSize  int64
	Retain       time.Duration
	MaxSize      int64
	WarnFree     float64
	ShedFree     float64
	StopFree     float64
}

type archiveConfig struct {
	Schedule      string
	Memory        int64
	Deadline      time.Duration
	Store         string
	S3            s3Config
	Raw           bool
	Compact       string
	CompactByUser bool
	KeepHourly    time.Duration
}

type s3Config struct {
	Endpoint     string
	Region       string
	Profile      string
	PathStyle    bool
	Checksums    string
	StorageClass string
	SSE          string
	KMSKey       string
	Tags         map[string]string
	Timeout      time.Duration
}

type httpConfig struct {
	Listen    string
	TokenFile string
}

// setting is one key of the configuration: its path in the file, how its text becomes a
// value of the config that it belongs to, and who set it.
type setting struct {
	path  string
	value value
	// origin says who set it: file:line, an environment variable or a flag; empty while
	// the default stands.
	origin string
	// secret values are never printed.
	secret bool
	// std is the default's text.
	std string
}

// where names the key in an error: whoever reads it must find the place to change.
func (s *setting) where() string {
	switch {
	case s.origin == "":
		return s.path
	case s.origin == envName(s.path) || strings.HasPrefix(s.origin, "--"):
		return s.origin
	}
	return s.origin + ": " + s.path
}

// newConfig returns the defaults. The order of the keys here is the order in which
// `danmaku config` prints them.
func newConfig() *config {
	c := &config{Timezone: time.UTC}
	c.settings = []*setting{
		{path: "data_dir", std: "./danmaku-data", value: required(&c.DataDir, "a folder")},
		{path: "collector", value: collectorName(&c.Collector)},
		{path: "timezone", std: "Asia/Shanghai", value: zone(&c.Timezone)},
		{path: "privacy", std: "plain", value: choice(&c.Privacy.Mode, "plain", "pseudonymous")},
		{path: "privacy_key_file", value: text(&c.Privacy.KeyFile)},
		{path: "opt_out_file", value: text(&c.Privacy.OptOutFile)},

		{path: "rooms.top", std: "100", value: whole(&c.Rooms.Top, 0, 10_000, 100)},
		{path: "rooms.areas", value: list(&c.Rooms.Areas, areaID)},
		{path: "rooms.pin", value: list(&c.Rooms.Pin, pin)},
		{path: "rooms.block", value: list(&c.Rooms.Block, blockedRoom)},
		{path: "rooms.refresh", std: "1m", value: duration(&c.Rooms.Refresh, time.Second)},

		{path: "bilibili.api_url", std: "https://api.live.bilibili.com", value: webURL(&c.Bilibili.APIURL)},
		{path: "bilibili.main_url", std: "https://api.bilibili.com", value: webURL(&c.Bilibili.MainURL)},
		{path: "bilibili.transport", std: "wss", value: choice(&c.Bilibili.Transport, "wss", "ws", "tcp")},
		{path: "bilibili.cookie_file", value: text(&c.Bilibili.CookieFile)},
		{path: "bilibili.cookie_rooms", std: "5", value: whole(&c.Bilibili.CookieRooms, 0, 1000, 5)},
		{path: "bilibili.user_agent", value: text(&c.Bilibili.UserAgent)},
		{path: "bilibili.max_connections", std: "100", value: whole(&c.Bilibili.MaxConnections, 1, 10_000, 100)},
		{path: "bilibili.ca_file", value: text(&c.Bilibili.CAFile)},
		{path: "bilibili.connect_interval", std: "1s", value: duration(&c.Bilibili.ConnectInterval, 0)},
		{path: "bilibili.requests_per_second", std: "1", value: positive(&c.Bilibili.RequestsPerSecond)},

		{path: "journal.sync_interval", std: "1s", value: duration(&c.Journal.SyncInterval, 10*time.Millisecond)},
		{path: "journal.segment_size", std: "64MiB", value: size(&c.Journal.SegmentSize, 1<<20)},
		{path: "journal.retain", std: "168h", value: duration(&c.Journal.Retain, 0)},
		{path: "journal.max_size", std: "20GiB", value: size(&c.Journal.MaxSize, 1<<20)},
		{path: "journal.warn_free", std: "10%", value: percent(&c.Journal.WarnFree)},
		{path: "journal.shed_free", std: "5%", value: percent(&c.Journal.ShedFree)},
		{path: "journal.stop_free", std: "2%", value: percent(&c.Journal.StopFree)},

		{path: "archive.schedule", std: "5 * * * *", value: schedule(&c.Archive.Schedule, false)},
		{path: "archive.memory", std: "256MiB", value: size(&c.Archive.Memory, 16<<20)},
		{path: "archive.deadline", std: "30m", value: duration(&c.Archive.Deadline, time.Minute)},
		{path: "archive.store", value: storePlace(&c.Archive.Store)},
		{path: "archive.s3.endpoint", value: optionalURL(&c.Archive.S3.Endpoint)},
		{path: "archive.s3.region", value: text(&c.Archive.S3.Region)},
		{path: "archive.s3.profile", value: text(&c.Archive.S3.Profile)},
		{path: "archive.s3.path_style", std: "false", value: boolean(&c.Archive.S3.PathStyle)},
		{path: "archive.s3.checksums", std: "when_supported", value: choice(&c.Archive.S3.Checksums, "when_supported", "when_required")},
		{path: "archive.s3.storage_class", value: text(&c.Archive.S3.StorageClass)},
		{path: "archive.s3.sse", value: text(&c.Archive.S3.SSE)},
		{path: "archive.s3.kms_key", value: text(&c.Archive.S3.KMSKey)},
		{path: "archive.s3.tags", value: tags(&c.Archive.S3.Tags)},
		{path: "archive.s3.timeout", std: "60s", value: duration(&c.Archive.S3.Timeout, time.Second)},
		{path: "archive.raw", std: "false", value: boolean(&c.Archive.Raw)},
		{path: "archive.compact", std: "30 1 * * *", value: schedule(&c.Archive.Compact, true)},
		{path: "archive.compact_by_user", std: "true", value: boolean(&c.Archive.CompactByUser)},
		{path: "archive.keep_hourly", std: "168h", value: duration(&c.Archive.KeepHourly, 0)},

		{path: "http.listen", std: "127.0.0.1:8788", value: text(&c.HTTP.Listen)},
		{path: "http.token_file", value: text(&c.HTTP.TokenFile)},
		{path: "notify.url", value: text(&c.NotifyURL), secret: true},
		{path: "log.level", std: "info", value: choice(&c.LogLevel, "debug", "info", "warn", "error")},
		{path: "log.format", std: "text", value: choice(&c.LogFormat, "text", "json")},
	}
	c.byPath = make(map[string]*setting, len(c.settings))
	for _, s := range c.settings {
		c.byPath[s.path] = s
		if err := s.value.set(s.std); err != nil && s.std != "" {
			panic("default of " + s.path + ": " + err.Error())
		}
	}
	return c
}
