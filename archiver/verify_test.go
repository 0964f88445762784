package archiver

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

func testBuild(h schema.Hour) store.Build {
	return store.Build{Hour: h, Collector: "c-1", JournalID: testJournal}
}

// archived is the busy journal's archive, made once for the tests that spoil a copy of it.
func archived(t testing.TB) *memStore {
	t.Helper()
	st := newMemStore()
	mustPoke(t, newTestArchiver(t, st, busyTape()))
	return st
}

func mustVerify(t testing.TB, st store.Store, o VerifyOptions) VerifyReport {
	t.Helper()
	r, err := Verify(t.Context(), st, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifySound(t *testing.T) {
	st := archived(t)
	done := 0
	r := mustVerify(t, st, VerifyOptions{Progress: func(n, total int) {
		if n != done+1 || n > total {
			t.Errorf("progress %d of %d after %d", n, total, done)
		}
		done = n
	}})
	if !r.OK() || r.Manifests != 5 || r.Objects != done || done == 0 || len(r.Leftovers) > 0 {
		t.Errorf("%+v", r)
	}
	// 51 in ten, one a silent hour and one beyond each end.
	if r.Rows[schema.TableDanmaku] != 54 {
		t.Errorf("%d danmaku", r.Rows[schema.TableDanmaku])
	}
	if r.Commands != r.Kept+r.Copies+r.SetAside+r.Given {
		t.Errorf("the totals do not balance: %+v", r)
	}
}

// edit changes a manifest in the store.
func edit(t testing.TB, st *memStore, h schema.Hour, change func(m *store.Manifest)) {
	t.Helper()
	m := mustManifest(t, st, h)
	change(m)
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	st.objects[testBuild(h).ManifestKey()] = data
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	sound := archived(t)
	danmakuKey := testBuild(ten).ObjectKey(schema.TableDanmaku)
	manifest := func(h schema.Hour) string { return testBuild(h).ManifestKey() }
	for name, c := range map[string]struct {
		spoil func(st *memStore)
		want  []Problem // What is a part of what is said
	}{
		"one byte differs": {func(st *memStore) {
			data := bytes.Clone(st.objects[danmakuKey])
			data[len(data)/2] ^= 1
			st.objects[danmakuKey] = data
		}, []Problem{{danmakuKey, "SHA-256"}}},
		"cut short": {func(st *memStore) {
			st.objects[danmakuKey] = st.objects[danmakuKey][:100]
		}, []Problem{{danmakuKey, "100 bytes, the manifest says"}}},
		"missing": {func(st *memStore) {
			delete(st.objects, danmakuKey)
		}, []Problem{{danmakuKey, "missing"}}},
		"another number of rows": {func(st *memStore) {
			edit(t, st, ten, func(m *store.Manifest) { m.Objects[2].Rows++; m.Books.Rows[schema.TableDanmaku]++ })
		}, []Problem{{danmakuKey, "51 rows, the manifest says 52"}}},
		"another time": {func(st *memStore) {
			edit(t, st, ten, func(m *store.Manifest) { m.Objects[2].MinTS++ })
		}, []Problem{{danmakuKey, "the manifest says 2026-03-01T10:10:02.000001Z"}}},
		"a time beyond the hour": {func(st *memStore) {
			edit(t, st, ten, func(m *store.Manifest) { m.Objects[2].MaxTS = store.Time((ten + 1).Start()) })
		}, []Problem{{danmakuKey, "do not lie within the hour"}, {danmakuKey, "rows from"}}},
		"books": {func(st *memStore) {
			edit(t, st, ten, func(m *store.Manifest) { m.Books.Commands++ })
		}, []Problem{{manifest(ten), "books do not balance"}}},
		"rows in the books": {func(st *memStore) {
			edit(t, st, ten, func(m *store.Manifest) { m.Books.Rows[schema.TableOther]++ })
		}, []Problem{{manifest(ten), "table other: 4 rows in the books, 3 in the object"}}},
		"given and taken": {func(st *memStore) {
			edit(t, st, ten+1, func(m *store.Manifest) { m.Books.TakenPrevious = 0 })
		}, []Problem{{manifest(ten + 1), "it took 0 commands from the hour before, which gave 1"}}},
		"an hour missing": {func(st *memStore) {
			delete(st.objects, manifest(ten+1))
		}, []Problem{{manifest(ten + 2), "no hour of this journal is committed between"}}},
		"not a manifest": {func(st *memStore) {
			st.objects[manifest(ten)] = []byte("{}")
		}, []Problem{{manifest(ten), "format 0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			st := sound.clone()
			c.spoil(st)
			r := mustVerify(t, st, VerifyOptions{})
			if len(r.Problems) != len(c.want) {
				t.Fatalf("problems %+v", r.Problems)
			}
			for i, p := range r.Problems {
				if p.Key != c.want[i].Key || !strings.Contains(p.What, c.want[i].What) {
					t.Errorf("problem %+v, want %+v", p, c.want[i])
				}
			}
		})
	}
}

func TestVerifyLeftoversAndGenerations(t *testing.T) {
	st := archived(t)
	b := testBuild(ten)
	b.Generation = 1
	leftover := b.ObjectKey(schema.TableDanmaku)
	st.objects[leftover] = []byte("no manifest lists it")
	if r := mustVerify(t, st, VerifyOptions{}); !r.OK() || !cmp.Equal(r.Leftovers, []string{leftover}) {
		t.Errorf("%+v", r)
	}
	// Once the new generation is committed, the old one is what no longer counts.
	edit(t, st, ten, func(m *store.Manifest) {
		m.Generation, m.Objects, m.Books.Rows = 1, nil, nil
		m.Books = store.Books{Commands: 1, GivenNext: 1}
		data, _ := m.Encode()
		st.objects[b.ManifestKey()] = data
		m.Generation = 0
	})
	delete(st.objects, leftover)
	if r := mustVerify(t, st, VerifyOptions{}); !r.OK() || r.Manifests != 5 || len(r.Leftovers) != 5 {
		t.Errorf("%+v", r)
	}
	// What a manifest listed that cannot be read is no leftover.
	st.objects[testBuild(ten+1).ManifestKey()] = []byte("{}")
	if r := mustVerify(t, st, VerifyOptions{}); r.OK() || len(r.Leftovers) != 5 {
		t.Errorf("%+v", r)
	}
}

func TestVerifyRange(t *testing.T) {
	st := archived(t)
	delete(st.objects, testBuild(ten).ObjectKey(schema.TableDanmaku))
	r := mustVerify(t, st, VerifyOptions{From: ten + 1, To: ten + 2})
	if !r.OK() || r.Manifests != 2 || len(r.Leftovers) > 0 {
		t.Errorf("%+v", r)
	}
	if r := mustVerify(t, st, VerifyOptions{From: ten, To: ten}); r.OK() || r.Manifests != 1 {
		t.Errorf("%+v", r)
	}
	if r := mustVerify(t, st, VerifyOptions{From: ten + 4}); !r.OK() || r.Manifests != 1 {
		t.Errorf("%+v", r)
	}
}

func TestVerifyReportIsReadable(t *testing.T) {
	data, err := json.Marshal(mustVerify(t, newMemStore(), VerifyOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"problems":[]`, `"leftovers":[]`, `"manifests":0`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s", data, want)
		}
	}
}
