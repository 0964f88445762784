package main

import (
	"fmt"
	"time"
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

// check returns what is wrong with the values together.
func (c *config) check() (wrong []string) {
	refuse := func(path, format string, args ...any) {
		wrong = append(wrong, c.byPath[path].where()+": "+fmt.Sprintf(format, args...))
	}
	if !c.loopback() {
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
	for _, path := range notBuilt {
		s := c.byPath[path]
		if v := s.value.text(); v != s.std && !(v == "" && mayBeOff[path]) {
			if s.secret {
				v = "[redacted]"
			}
			refuse(path, "%s is not available in this version; want %s", v, orEmpty(s.std))
		}
	}
	return wrong
}

// notBuilt are keys whose defaults say what this version does; another value would change
// nothing, and is refused rather than passed over in silence.
var notBuilt = []string{
	"privacy", "privacy_key_file", "opt_out_file",
	"bilibili.cookie_file", "bilibili.cookie_rooms",
	"journal.max_size", "journal.warn_free", "journal.shed_free", "journal.stop_free",
	"archive.memory", "archive.raw", "archive.compact", "archive.compact_by_user", "archive.keep_hourly",
	"http.listen", "http.token_file", "notify.url",
}

// mayBeOff are those of them that may be switched off.
var mayBeOff = map[string]bool{"archive.compact": true, "http.listen": true}

func orEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return s
}
