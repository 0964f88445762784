package archiver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	good := Config{Collector: "c", JournalDir: "j", StagingDir: "s", LockFile: "l", Store: newMemStore()}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"collector":        func(c *Config) { c.Collector = "Upper" },
		"collector \"\"":   func(c *Config) { c.Collector = "" },
		"journal folder":   func(c *Config) { c.JournalDir = "" },
		"staging folder":   func(c *Config) { c.StagingDir = "" },
		"lock file":        func(c *Config) { c.LockFile = "" },
		"no store":         func(c *Config) { c.Store = nil },
		"negative":         func(c *Config) { c.Retain = -1 },
		"always in UTC":    func(c *Config) { c.Schedule = "CRON_TZ=Asia/Shanghai 5 * * * *" },
		"leave TZ= out":    func(c *Config) { c.Schedule = "CRON_TZ=UTC" },
		"UTC, leave":       func(c *Config) { c.Schedule = "TZ=UTC 5 * * * *" },
		"want five fields": func(c *Config) { c.Schedule = "* * *" },
		"schedule \"61 *":  func(c *Config) { c.Schedule = "61 * * * *" },
		"never comes":      func(c *Config) { c.Schedule = "0 0 31 2 *" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	for _, s := range []string{"", "5 * * * *", "@hourly", "@every 10m", "*/5 * * * *"} {
		c := good
		c.Schedule = s
		if _, err := New(c); err != nil {
			t.Errorf("schedule %q: %v", s, err)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"5 * * * *", "@hourly", "@every 1h", "CRON_TZ=UTC", "*/0 * * * *", "1-2/3,4 * ? JAN MON"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if schedule, err := ParseSchedule(s); (schedule == nil) != (err != nil) {
			t.Errorf("%q: %v, %v", s, schedule, err)
		}
	})
}

func TestLockNamesTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "archive.lock")
	unlock, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lock(path)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("held by process %d", os.Getpid())) {
		t.Errorf("second lock: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}

func TestPokeWhileLocked(t *testing.T) {
	a := newTestArchiver(t, newMemStore(), busyTape())
	unlock, err := lock(a.c.LockFile)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := a.Poke(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
}
