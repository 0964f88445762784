package main

import (
	"fmt"
	"time"

	"danmaku-archiver/schema"
)

// Limits of what the live service bears from one address; they are lifted for a simulator
// on this machine. The service has closed more than 150 connections of one address, and
// answers quicker askers with a refusal.
const (
	maxConnections       = 150
	minConnectInterval   = 200 * time.Millisecond
	maxRequestsPerSecond = 5
)

// loopback tells that the API is a simulator on this machine. The connections are then
// kept to this machine too.
func (c *config) loopback() bool {
	return isLoopback(c.Bilibili.APIURL) && isLoopback(c.Bilibili.MainURL)
}

// check returns what is wrong with the values together; the service's limits count only
// for a command that asks the service.
func (c *config) check(asks bool) (wrong []string) {
	refuse := func(path, format string, args ...any) {
		wrong = append(wrong, c.byPath[path].where()+": "+fmt.Sprintf(format, args...))
	}
	if asks && !c.loopback() {
		const only = "; only a simulator on this machine (api_url and main_url on loopback) may be used harder"
		if n := c.Bilibili.MaxConnections; n > maxConnections {
			refuse("bilibili.max_connections", "%d: the service closes more than %d connections; want at most that%s", n, maxConnections, only)
		}
		if d := c.Bilibili.ConnectInterval; d < minConnectInterval {
			refuse("bilibili.connect_interval", "%s: want %s or more%s", shortDuration(d), minConnectInterval, only)
		}
		if r := c.Bilibili.RequestsPerSecond; r > maxRequestsPerSecond {
			refuse("bilibili.requests_per_second", "%g: want %d or less%s", r, maxRequestsPerSecond, only)
		}
	}
	if j := c.Journal; j.ShedFree >= j.WarnFree {
		refuse("journal.shed_free", "%g%%: want less than journal.warn_free, which is %g%%: archived segments are retired before anything is shed", j.ShedFree, j.WarnFree)
	}
	if j := c.Journal; j.StopFree >= j.ShedFree {
		refuse("journal.stop_free", "%g%%: want less than journal.shed_free, which is %g%%: presence is shed before writing stops", j.StopFree, j.ShedFree)
	}
	private := c.Privacy.Mode != schema.PrivacyPlain || c.Privacy.OptOutFile != ""
	if c.Archive.Raw && private {
		refuse("archive.raw", "true: raw segments show everybody as the service sent them, which privacy and opt_out_file are to prevent; want false")
	}
	for _, path := range refused {
		s := c.byPath[path]
		if path == "archive.raw" && private {
			continue
		}
		if v := s.value.text(); v != s.std {
			if s.secret {
				v = "[redacted]"
			}
			refuse(path, "%s is not available in this version; want %s", v, orEmpty(s.std))
		}
	}
	return wrong
}

// refused are keys without effect yet that somebody relies on who sets them: what they ask
// for is refused rather than passed over.
var refused = []string{
	"archive.raw", "http.token_file", "notify.url",
}

// idle are keys without effect yet that only bound, tune or tidy: what they ask for is said
// at the start to have none.
var idle = []string{
	"archive.memory", "archive.compact", "archive.compact_by_user", "archive.keep_hourly",
	"http.listen",
}

// idleKeys returns those of the idle keys that somebody set to something else than their
// default.
func (c *config) idleKeys() (set []string) {
	for _, path := range idle {
		if s := c.byPath[path]; s.value.text() != s.std {
			set = append(set, path)
		}
	}
	return set
}

func orEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return s
}
