package store

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

func someManifest(t testing.TB) *Manifest {
	b := Build{Hour: mustHour(t, "2026-03-01T09"), Collector: "home", JournalID: "0123456789abcdef"}
	return &Manifest{
		Format: ManifestFormat, Hour: b.Hour.String(), Collector: b.Collector, JournalID: b.JournalID,
		Recipe:   Recipe{Program: "p/1", SchemaVersion: 1, Privacy: "plain"},
		Sequence: Sequence{First: 5, Last: 9}, Window: Window{From: Time(b.Hour.WindowStart()), To: Time(b.Hour.WindowEnd())},
		Objects: []ObjectInfo{{Table: schema.TableOther, Key: b.ObjectKey(schema.TableOther), Bytes: 4, Rows: 3,
			SHA256: strings.Repeat("0f", 32), MinTS: Time(b.Hour.Start()), MaxTS: Time(b.Hour.End() - 1)}},
		Books:      Books{Commands: 3, Kept: 3, Rows: map[schema.Table]int64{schema.TableOther: 3}},
		Unmodelled: map[string]int64{"A<B": 3}, Damage: []Damage{},
	}
}

func TestManifestRoundTrip(t *testing.T) {
	m := someManifest(t)
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Error(diff)
	}
	if !bytes.Contains(data, []byte(`"from": "2026-03-01T08:58:00.000000Z"`)) || !bytes.Contains(data, []byte(`"A<B"`)) {
		t.Errorf("%s", data)
	}
	if sum := got.Objects[0].Sum(); sum[0] != 0x0f || sum[31] != 0x0f {
		t.Errorf("sum %x", sum)
	}
	if sum := (ObjectInfo{SHA256: "zz"}).Sum(); sum != [32]byte{} {
		t.Errorf("sum of nothing %x", sum)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	data, err := someManifest(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string][2]string{
		"format 2":        {`"format": 1`, `"format": 2`},
		"hour":            {`"hour": "2026-03-01T09"`, `"hour": "2026-03-01"`},
		"name no build":   {`"collector": "home"`, `"collector": "Home"`},
		"object key":      {"utc_hour=09/home", "utc_hour=10/home"},
		"decode manifest": {`"books": {`, `"books": [`},
		"time":            {"2026-03-01T09:00:00.000000Z", "2026-03-01T09:00:00+08:00"},
	} {
		if !bytes.Contains(data, []byte(change[0])) {
			t.Fatalf("%s is not in the manifest", change[0])
		}
		if _, err := ParseManifest(sealAnew(data, change[0], change[1])); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if _, err := ParseManifest(sealAnew(data, `"format": 1`, `"format": 1, "of_a_later_version": {}`)); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
}

// sealAnew makes a manifest that was written with the change in it.
func sealAnew(data []byte, from, to string) []byte {
	at := bytes.LastIndex(data, []byte(`"sha256": "`))
	changed := strings.Replace(string(data[:at]), from, to, 1)
	return seal([]byte(changed + `"sha256": ""` + "\n}\n"))
}

// Nothing but the seal vouches for the figures of a manifest: a changed byte anywhere is
// noticed, in the seal too.
func TestEveryChangedByteOfAManifest(t *testing.T) {
	data, err := someManifest(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for at := range data {
		for _, bit := range []byte{1, 0x20} {
			spoilt := bytes.Clone(data)
			spoilt[at] ^= bit
			if _, err := ParseManifest(spoilt); err == nil {
				t.Errorf("byte %d: %q became %q", at, data[max(0, at-20):at+1], spoilt[at])
			}
		}
	}
}

func TestBalance(t *testing.T) {
	for name, c := range map[string]struct {
		books Books
		says  string
	}{
		"nothing": {Books{}, ""},
		"even": {Books{Commands: 15, Kept: 1, Copies: 2, SetAside: 3, GivenPrevious: 4, GivenNext: 5, TakenNext: 6,
			Rows: map[schema.Table]int64{"other": 5}, RowsFromMarks: map[schema.Table]int64{"other": 1}}, ""},
		"one lost":       {Books{Commands: 2, Kept: 1, Rows: map[schema.Table]int64{"other": 1}}, "2 commands"},
		"one too many":   {Books{Commands: 1, Kept: 2, Rows: map[schema.Table]int64{"other": 2}}, "1 commands"},
		"kept, no row":   {Books{Commands: 1, Kept: 1}, "only 0 rows"},
		"taken too many": {Books{Commands: 1, Copies: 1, TakenNext: 2}, "taken"},
		"rows of marks":  {Books{RowsFromMarks: map[schema.Table]int64{"rooms": 1}, Rows: map[schema.Table]int64{"rooms": 0}}, "of marks alone"},
	} {
		err := c.books.Balance()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	data, err := someManifest(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			return
		}
		if _, err := m.Build(); err != nil {
			t.Errorf("it was read, but names no build: %v", err)
		}
	})
}
