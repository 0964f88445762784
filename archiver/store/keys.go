package store

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// Where keys begin. Part of the format; do not change.
const (
	HourlyPrefix   = "hourly/"
	ManifestPrefix = "manifest/"
)

const (
	datePart       = "utc_date="
	hourPart       = "utc_hour="
	objectSuffix   = ".parquet"
	manifestSuffix = ".json"

	// maxGenerationDigits keeps a generation from outside within an int.
	maxGenerationDigits = 9
)

var (
	collectorPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	journalIDPattern = regexp.MustCompile(`^[0-9a-f]{16}$`)
	tablePattern     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// CheckCollector returns an error that says what is allowed, unless name can stand in
// keys as a collector.
func CheckCollector(name string) error {
	if !collectorPattern.MatchString(name) {
		return fmt.Errorf("collector %q: want 1 to 63 of a-z, 0-9 and -, not beginning with -", name)
	}
	return nil
}

// Build is one generation of one hour of one journal.
type Build struct {
	Hour       schema.Hour
	Collector  string
	JournalID  string
	Generation int
}

// ObjectKey is where the build's object of the table lies.
func (b Build) ObjectKey(t schema.Table) string {
	return HourlyPrefix + string(t) + "/" + b.path() + objectSuffix
}

// ManifestKey is where the build's manifest lies.
func (b Build) ManifestKey() string { return ManifestPrefix + b.path() + manifestSuffix }

// String names the build for people: hour, collector, journal and generation.
func (b Build) String() string {
	return fmt.Sprintf("%s %s-%s-%d", b.Hour, b.Collector, b.JournalID, b.Generation)
}

func (b Build) path() string {
	return fmt.Sprintf("%s%s/%s%s/%s-%s-%d", datePart, b.Hour.Date(), hourPart, b.Hour.Clock(),
		b.Collector, b.JournalID, b.Generation)
}

// ParseObjectKey reads a key that [Build.ObjectKey] made; ok is false for any other.
func ParseObjectKey(key string) (t schema.Table, b Build, ok bool) {
	rest, ok := strings.CutPrefix(key, HourlyPrefix)
	if !ok {
		return "", Build{}, false
	}
	table, rest, ok := strings.Cut(rest, "/")
	if !ok || !tablePattern.MatchString(table) {
		return "", Build{}, false
	}
	b, ok = parsePath(rest, objectSuffix)
	return schema.Table(table), b, ok
}

// ParseManifestKey reads a key that [Build.ManifestKey] made; ok is false for any other,
// a day's manifest among them.
func ParseManifestKey(key string) (b Build, ok bool) {
	rest, ok := strings.CutPrefix(key, ManifestPrefix)
	if !ok {
		return Build{}, false
	}
	return parsePath(rest, manifestSuffix)
}

func parsePath(path, suffix string) (b Build, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 3 {
		return Build{}, false
	}
	date, okDate := strings.CutPrefix(parts[0], datePart)
	clock, okClock := strings.CutPrefix(parts[1], hourPart)
	name, okName := strings.CutSuffix(parts[2], suffix)
	if !okDate || !okClock || !okName {
		return Build{}, false
	}
	t, err := time.Parse("2006-01-02T15", date+"T"+clock)
	if err != nil {
		return Build{}, false
	}
	b.Hour = schema.HourOf(t.UnixMicro())
	// The round trip refuses other spellings of the same hour, such as utc_hour=3.
	if b.Hour.Date() != date || b.Hour.Clock() != clock {
		return Build{}, false
	}
	return b, b.parseName(name)
}

func (b *Build) parseName(name string) bool {
	head, generation, ok := cutLast(name)
	if !ok || len(generation) > maxGenerationDigits {
		return false
	}
	n, err := strconv.Atoi(generation)
	if err != nil || n < 0 || strconv.Itoa(n) != generation {
		return false
	}
	collector, id, ok := cutLast(head)
	if !ok || !collectorPattern.MatchString(collector) || !journalIDPattern.MatchString(id) {
		return false
	}
	b.Collector, b.JournalID, b.Generation = collector, id, n
	return true
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
