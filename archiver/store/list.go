package store

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"danmaku-archiver/schema"
)

// MaxManifest bounds what is read as a manifest, in bytes: a stray object under its key
// must not fill the memory.
const MaxManifest = 64 << 20

// ReadManifest reads the manifest of the build. ErrNotExist (wrapped) where there is none.
func ReadManifest(ctx context.Context, st Store, b Build) (*Manifest, error) {
	key := b.ManifestKey()
	data, err := readAll(ctx, st, key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	m, err := ParseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if got, _ := m.Build(); got != b {
		return nil, fmt.Errorf("read %s: it is the manifest of %s", key, got)
	}
	return m, nil
}

func readAll(ctx context.Context, st Store, key string) (data []byte, err error) {
	o, err := st.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := o.Close(); err == nil {
			err = cerr
		}
	}()
	if o.Size() > MaxManifest {
		return nil, fmt.Errorf("%d bytes are too many for a manifest", o.Size())
	}
	return io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
}

// Builds lists every committed build from the hour from to the hour to, both inclusive,
// ordered by hour, collector, journal and generation. A to of 0 sets no end.
func Builds(ctx context.Context, st Store, from, to schema.Hour) ([]Build, error) {
	var all []Build
	err := st.List(ctx, ManifestPrefix+sharedDate(from, to), func(i Info) error {
		b, ok := ParseManifestKey(i.Key)
		if ok && Within(b.Hour, from, to) {
			all = append(all, b)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list manifests in %s: %w", st, err)
	}
	slices.SortFunc(all, compareBuilds)
	return all, nil
}

// Current lists what counts (K2): the builds of [Builds] without those that a higher
// generation supersedes.
func Current(ctx context.Context, st Store, from, to schema.Hour) ([]Build, error) {
	all, err := Builds(ctx, st, from, to)
	if err != nil {
		return nil, err
	}
	current := all[:0]
	for i, b := range all {
		if i+1 < len(all) && SameHour(b, all[i+1]) {
			continue
		}
		current = append(current, b)
	}
	return current, nil
}

// SameHour reports whether two builds differ in nothing but the generation.
func SameHour(a, b Build) bool {
	a.Generation, b.Generation = 0, 0
	return a == b
}

// Within reports whether from <= h <= to, where a to of 0 sets no end.
func Within(h, from, to schema.Hour) bool { return h >= from && (to == 0 || h <= to) }

// sharedDate is what the keys of all wanted hours have in common after the prefix, so that
// a look at one day of a long archive does not list the whole.
func sharedDate(from, to schema.Hour) string {
	if to == 0 {
		return ""
	}
	a, b := datePart+from.Date(), datePart+to.Date()
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

func compareBuilds(a, b Build) int {
	return cmp.Or(cmp.Compare(a.Hour, b.Hour), strings.Compare(a.Collector, b.Collector),
		strings.Compare(a.JournalID, b.JournalID), cmp.Compare(a.Generation, b.Generation))
}
