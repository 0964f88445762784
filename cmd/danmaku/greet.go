package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// greet says in a few lines what was started and how to look at it.
func (s *station) greet(w io.Writer) {
	c := s.config
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-9s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("data", "%s (collector %s)", s.dir, s.name)
	if s.store != nil {
		line("archive", "%s", s.store)
	}
	line("rooms", "%s; at most %d at once, chosen anew every %s",
		c.wantedRooms(), c.Bilibili.MaxConnections, shortDuration(c.Rooms.Refresh))
	line("service", "%s by %s, %s", c.Bilibili.APIURL, c.Bilibili.Transport, asWhom(s.account, c.Bilibili.CookieRooms))
	if s.store != nil {
		at := time.Now().UTC()
		line("first", "hour %s UTC will be in the archive at %s UTC",
			schema.HourOf(at.UnixMicro()), firstCommit(c.Archive.Schedule, at).Format("2006-01-02T15:04"))
	}
	if said := c.privacyLine(s.dir, s.privacy); said != "" {
		line("privacy", "%s", said)
	}
	if said := c.roomLine(s.space); said != "" {
		line("room", "%s", said)
	}
	if idle := c.idleKeys(); len(idle) > 0 {
		line("no effect", "%s: not available in this version", strings.Join(idle, ", "))
	}
	if len(c.foreign) > 0 {
		line("no effect", "%s: no key of the configuration", strings.Join(c.foreign, ", "))
	}
	line("look now", "%s journal cat --data-dir %s --command DANMU_MSG --follow", programName(), shellWord(string(s.dir)))
	if s.store != nil {
		line("later", "%s show danmaku %s", programName(), strings.Join(c.storeArguments(s.dir), " "))
	}
}

// roomLine says what little room there is, nothing where there is enough.
func (c *config) roomLine(p journal.Pressure) string {
	var said []string
	if most := c.Journal.MaxSize; p.Total > 0 && p.MaxSize < most {
		said = append(said, fmt.Sprintf("the journal may grow to %s, not to journal.max_size (%s), as the disk has %s free of %s",
			bytesOf(p.MaxSize), shortSize(most), bytesOf(p.Free), bytesOf(p.Total)))
	}
	if p.Scarce {
		where := fmt.Sprintf("%s of %s on the disk are free", bytesOf(p.Free), bytesOf(p.Total))
		if p.Cause == journal.CauseMaxSize {
			where = fmt.Sprintf("the journal has %s of %s", bytesOf(p.Size), bytesOf(p.MaxSize))
		}
		said = append(said, fmt.Sprintf("scarce, %s: %s must go, archived segments go before journal.retain (%s)",
			where, bytesOf(p.Wanted), shortDuration(c.Journal.Retain)))
	}
	if what := shedInWords[p.Level]; what != "" {
		said = append(said, what)
	}
	return strings.Join(said, "; ")
}

var shedInWords = map[schema.Level]string{
	schema.LevelPresence: "who enters, follows or likes is not recorded until there is room, only counted",
	schema.LevelMost:     "only danmaku and payments are recorded until there is room, all else is only counted",
	schema.LevelAll:      "no command is recorded until there is room, all are only counted",
}

// asWhom says as whom rooms are watched, and what that means for the data.
func asWhom(a bilibili.AccountState, rooms int) string {
	const guest = "the service stars names and hides uids; user_hash still tells users apart"
	switch {
	case !a.Configured:
		return "as guest: " + guest
	case !a.LoggedIn:
		return fmt.Sprintf("as guest: %s. The account cannot be used: %s", guest, a.Problem)
	}
	until := ""
	if !a.Expires.IsZero() {
		until = " (the cookie ends on " + a.Expires.Format(time.DateOnly) + ")"
	}
	return fmt.Sprintf("as account in the first %s%s: names and uids are whole there; elsewhere as guest: %s",
		plural(rooms, "room"), until, guest)
}

// wantedRooms says in words which rooms are wanted.
func (c *config) wantedRooms() string {
	var all []string
	if n := len(c.Rooms.Pin); n > 0 {
		all = append(all, plural(n, "pinned room"))
	}
	if n := len(c.Rooms.Areas); n > 0 {
		all = append(all, "the top rooms of "+plural(n, "area"))
	}
	if c.Rooms.Top > 0 {
		all = append(all, fmt.Sprintf("the %s most popular of the whole site", grouped(int64(c.Rooms.Top))))
	}
	return strings.Join(all, ", then ")
}

// firstCommit is when the hour that holds at will be archived: at the first poke after a
// record can no longer belong to it.
func firstCommit(schedule string, at time.Time) time.Time {
	complete := time.UnixMicro(schema.HourOf(at.UnixMicro()).WindowEnd()).UTC()
	s, err := cron.ParseStandard(schedule)
	if err != nil {
		return complete
	}
	return s.Next(complete)
}

// storeArguments are the flags that name the same archive to another command.
func (c *config) storeArguments(d dataDir) []string {
	var arguments []string
	if c.file != "" {
		arguments = []string{"--config", shellWord(c.file)}
	}
	if c.Archive.Store == "" {
		return append(arguments, "--data-dir", shellWord(string(d)))
	}
	place := c.Archive.Store
	if !strings.HasPrefix(place, "s3://") {
		if abs, err := filepath.Abs(place); err == nil {
			place = abs
		}
	}
	return append(arguments, "--store", shellWord(place))
}

// programName is what the user typed to start this program, so that lines to copy work.
func programName() string {
	if strings.Contains(filepath.ToSlash(os.Args[0]), "/go-build") {
		return "go run ./cmd/danmaku"
	}
	return shellWord(os.Args[0])
}

// shellWord quotes a word for a shell where it needs that.
func shellWord(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=+@%,", r))
	}) < 0
	if plain && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
