package store

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"danmaku-archiver/schema"
)

func mustHour(t testing.TB, s string) schema.Hour {
	t.Helper()
	h, err := schema.ParseHour(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestKeys(t *testing.T) {
	b := Build{Hour: mustHour(t, "2026-03-01T09"), Collector: "home-2", JournalID: "0123456789abcdef", Generation: 12}
	object, manifest := b.ObjectKey(schema.TableDanmaku), b.ManifestKey()
	if want := "hourly/danmaku/utc_date=2026-03-01/utc_hour=09/home-2-0123456789abcdef-12.parquet"; object != want {
		t.Errorf("object key %s, want %s", object, want)
	}
	if want := "manifest/utc_date=2026-03-01/utc_hour=09/home-2-0123456789abcdef-12.json"; manifest != want {
		t.Errorf("manifest key %s, want %s", manifest, want)
	}
}

func TestKeysRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Build{
			Hour:       schema.Hour(rapid.Int64Range(0, 24*365*200).Draw(t, "hour")),
			Collector:  rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,62}`).Draw(t, "collector"),
			JournalID:  rapid.StringMatching(`[0-9a-f]{16}`).Draw(t, "journal"),
			Generation: rapid.IntRange(0, 999_999_999).Draw(t, "generation"),
		}
		if got, ok := ParseManifestKey(b.ManifestKey()); !ok || got != b {
			t.Errorf("manifest key of %+v reads %+v %v", b, got, ok)
		}
		if table, got, ok := ParseObjectKey(b.ObjectKey("rooms")); !ok || got != b || table != schema.TableRooms {
			t.Errorf("object key of %+v reads %s %+v %v", b, table, got, ok)
		}
	})
}

func TestKeysOfOthers(t *testing.T) {
	const good = "manifest/utc_date=2026-03-01/utc_hour=09/home-0123456789abcdef-0.json"
	if _, ok := ParseManifestKey(good); !ok {
		t.Fatal("the good one is refused")
	}
	for name, key := range map[string]string{
		"a day's manifest":   "manifest/utc_date=2026-03-01/home-0.json",
		"no prefix":          strings.TrimPrefix(good, "manifest/"),
		"another suffix":     strings.Replace(good, ".json", ".json.tmp", 1),
		"hour 24":            strings.Replace(good, "=09", "=24", 1),
		"one digit":          strings.Replace(good, "=09", "=9", 1),
		"no such day":        strings.Replace(good, "03-01", "02-30", 1),
		"leading zero":       strings.Replace(good, "-0.json", "-00.json", 1),
		"negative":           strings.Replace(good, "-0.json", "--1.json", 1),
		"a sign":             strings.Replace(good, "-0.json", "-+1.json", 1),
		"too large":          strings.Replace(good, "-0.json", "-99999999999999999999.json", 1),
		"no generation":      strings.Replace(good, "-0.json", ".json", 1),
		"upper-case journal": strings.Replace(good, "abcdef", "ABCDEF", 1),
		"short journal":      strings.Replace(good, "0123", "012", 1),
		"no collector":       strings.Replace(good, "home-", "", 1),
		"collector -":        strings.Replace(good, "home-", "--", 1),
		"deeper":             strings.Replace(good, "/home", "/x/home", 1),
		"empty":              "",
	} {
		if b, ok := ParseManifestKey(key); ok {
			t.Errorf("%s: %s reads %+v", name, key, b)
		}
	}
	for _, key := range []string{good, "hourly/Bad/utc_date=2026-03-01/utc_hour=09/home-0123456789abcdef-0.parquet", "hourly/"} {
		if _, b, ok := ParseObjectKey(key); ok {
			t.Errorf("%s reads %+v", key, b)
		}
	}
}

func TestCheckCollector(t *testing.T) {
	for _, good := range []string{"a", "0", "home-2", strings.Repeat("a", 63), "a-"} {
		if err := CheckCollector(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "-a", "A", "a_b", "a/b", strings.Repeat("a", 64), "名"} {
		if CheckCollector(bad) == nil {
			t.Errorf("%q is allowed", bad)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add("manifest/utc_date=2026-03-01/utc_hour=09/home-0123456789abcdef-0.json")
	f.Add("hourly/danmaku/utc_date=2026-03-01/utc_hour=09/home-0123456789abcdef-0.parquet")
	f.Fuzz(func(t *testing.T, key string) {
		if b, ok := ParseManifestKey(key); ok && b.ManifestKey() != key {
			t.Errorf("%q reads %+v, which is %q", key, b, b.ManifestKey())
		}
		if table, b, ok := ParseObjectKey(key); ok && b.ObjectKey(table) != key {
			t.Errorf("%q reads %+v, which is %q", key, b, b.ObjectKey(table))
		}
	})
}
