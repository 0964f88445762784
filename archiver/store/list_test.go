package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shelf is a store that can only be read.
type shelf map[string][]byte

type book struct{ *bytes.Reader }

func (book) Close() error  { return nil }
func (b book) Size() int64 { return b.Reader.Size() }

func (s shelf) Open(ctx context.Context, key string) (Object, error) {
	if data, ok := s[key]; ok {
		return book{bytes.NewReader(data)}, nil
	}
	return nil, fmt.Errorf("open %s: %w", key, ErrNotExist)
}

func (s shelf) List(ctx context.Context, prefix string, fn func(Info) error) error {
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if strings.HasPrefix(key, prefix) {
			if err := fn(Info{Key: key}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s shelf) Put(context.Context, string, io.ReadSeeker, PutOptions) error {
	return errors.ErrUnsupported
}
func (s shelf) Stat(context.Context, string) (Info, error) { return Info{}, errors.ErrUnsupported }
func (s shelf) Delete(context.Context, string) error       { return errors.ErrUnsupported }
func (s shelf) String() string                             { return "shelf" }

func TestCurrent(t *testing.T) {
	s := shelf{"manifest/utc_date=2026-03-01/home-0.json": nil, "manifest/stray": nil}
	ids := []string{"00000000000000aa", "00000000000000bb"}
	var want []string
	for _, hour := range []string{"2026-02-28T23", "2026-03-01T00", "2026-03-01T01"} {
		for _, id := range ids {
			b := Build{Hour: mustHour(t, hour), Collector: "home", JournalID: id}
			generations := []int{0}
			if hour == "2026-03-01T00" {
				// Ten comes after nine, though not in the order of keys.
				generations = []int{0, 9, 10}
			}
			for _, g := range generations {
				b.Generation = g
				s[b.ManifestKey()] = nil
			}
			want = append(want, b.String())
		}
	}
	list := func(from, to string) (all []string) {
		var f, l = mustHour(t, from), mustHour(t, to)
		builds, err := Current(t.Context(), s, f, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range builds {
			all = append(all, b.String())
		}
		return all
	}
	if diff := cmp.Diff(want, list("2026-01-01T00", "2027-01-01T00")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[2:4], list("2026-03-01T00", "2026-03-01T00")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:4], list("2026-02-28T00", "2026-03-01T00")); diff != "" {
		t.Error(diff)
	}
	all, err := Builds(t.Context(), s, 0, 0)
	if err != nil || len(all) != 2+6+2 {
		t.Errorf("%d builds, %v", len(all), err)
	}
}

func TestReadManifest(t *testing.T) {
	m := someManifest(t)
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Build()
	if err != nil {
		t.Fatal(err)
	}
	other := b
	other.Generation = 1
	s := shelf{b.ManifestKey(): data, other.ManifestKey(): data}
	got, err := ReadManifest(t.Context(), s, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ReadManifest(t.Context(), s, other); err == nil || !strings.Contains(err.Error(), "it is the manifest of") {
		t.Errorf("a manifest under another's key: %v", err)
	}
	other.Generation = 2
	if _, err := ReadManifest(t.Context(), s, other); !errors.Is(err, ErrNotExist) {
		t.Errorf("no manifest: %v", err)
	}
}
