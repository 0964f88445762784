package archiver

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// newTestArchiver archives the given journals into the store.
func newTestArchiver(t testing.TB, st store.Store, tapes ...tape) *Archiver {
	t.Helper()
	dir := t.TempDir()
	a, err := New(Config{
		Collector: "c-1", JournalDir: filepath.Join(dir, "journal"), StagingDir: filepath.Join(dir, "staging"),
		LockFile: filepath.Join(dir, "archive.lock"), Store: st,
	})
	if err != nil {
		t.Fatal(err)
	}
	a.list = func() ([]tape, error) { return tapes, nil }
	return a
}

// busyTape is an ended journal of four hours, the second and third of which are silent,
// with rows on both sides of every border.
func busyTape() *memTape {
	m := newTape()
	watchOne(m)
	m.mark("10:10:03", 1, schema.Mark{Name: schema.MarkPopularity, Value: 500})
	m.command("10:10:04", 1, `{"cmd":"SOMETHING_NEW","data":{"a":1}}`)
	m.command("10:10:04", 1, `{"cmd":"SOMETHING_NEW","data":{"a":2}}`)
	m.command("10:10:05", 1, `{"cmd":"COMBO_SEND","data":{}}`)
	m.command("10:10:06", 1, `{"cmd":"DANMU_MSG","info":[`)
	for i := range 50 {
		m.command("10:10:07", 1, danmaku(at("10:10:07")+int64(50-i)*1000, fmt.Sprint(100+i), fmt.Sprint("text ", i)))
	}
	m.command("10:10:08", 1, danmaku(at("10:10:08"), "100", "once more"))
	m.command("10:59:59", 1, danmaku(at("11:00:00"), "201", "ahead"))
	m.watch.Down(at("10:59:59"), schema.CauseKilled)
	m.mark("13:00:00", 0, schema.Mark{Name: schema.MarkStart})
	m.command("13:00:01", 1, danmaku(at("12:59:59"), "202", "behind"))
	m.command("13:59:59", 1, danmaku(at("14:00:00"), "203", "ahead of the end"))
	m.ended = true
	return m
}

func mustPoke(t testing.TB, a *Archiver) Report {
	t.Helper()
	r, err := a.Poke(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func outcomesOf(r Report) (all []string) {
	for _, h := range r.Hours {
		all = append(all, h.Hour.Clock()+" "+string(h.Outcome))
	}
	return all
}

func mustManifest(t testing.TB, st store.Store, h schema.Hour) *store.Manifest {
	t.Helper()
	m, err := store.ReadManifest(context.Background(), st, store.Build{Hour: h, Collector: "c-1", JournalID: testJournal})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPokePublishesEveryHour(t *testing.T) {
	st := newMemStore()
	a := newTestArchiver(t, st, busyTape())
	r := mustPoke(t, a)
	// 14 holds no record, but a row; 09 would hold neither.
	want := []string{"10 committed", "11 committed", "12 committed", "13 committed", "14 committed"}
	if diff := cmp.Diff(want, outcomesOf(r)); diff != "" {
		t.Fatal(diff)
	}
	if r.Rows() == 0 || r.Bytes() == 0 || r.Count(OutcomeCommitted) != 5 {
		t.Errorf("%d rows, %d bytes", r.Rows(), r.Bytes())
	}
	silent := mustManifest(t, st, ten+1)
	if silent.Sequence.Last == 0 || silent.Coverage.ObservedSeconds != 0 || silent.Coverage.Rooms != 1 || silent.Books.Rows[schema.TableDanmaku] != 1 {
		t.Errorf("eleven: %+v", silent)
	}
	if m := mustManifest(t, st, ten); m.Books.Own() != 56 || m.Books.Copies != 2 || m.Books.SetAside != 1 || m.Books.GivenNext != 1 {
		t.Errorf("books of ten: %+v", m.Books)
	}
	v, err := Verify(t.Context(), st, VerifyOptions{})
	if err != nil || !v.OK() || len(v.Leftovers) > 0 {
		t.Errorf("verify: %v %+v", err, v)
	}
}

func TestPokeIsIdempotent(t *testing.T) {
	st := newMemStore()
	tape := busyTape()
	mustPoke(t, newTestArchiver(t, st, tape))
	before := st.clone()
	r := mustPoke(t, newTestArchiver(t, st, tape))
	if r.Count(OutcomeAlready) != 5 || len(r.Hours) != 5 {
		t.Errorf("the second poke: %v", outcomesOf(r))
	}
	if diff := cmp.Diff(before.objects, st.objects); diff != "" {
		t.Error("the second poke changed the store")
	}
	for _, op := range st.log[len(st.log)-10:] {
		if strings.HasPrefix(op, "put") || strings.HasPrefix(op, "delete") {
			t.Errorf("the second poke did %s", op)
		}
	}
}

// An hour of a journal that goes on is left alone until it is complete, and hours beside
// the journal's ends that nothing falls into are never published.
func TestOnlyCompleteHours(t *testing.T) {
	m := newTape()
	m.command("10:00:30", 1, danmaku(at("10:00:30"), "", "x"))
	m.command("11:01:59", 1, danmaku(at("11:01:59"), "", "x"))
	st := newMemStore()
	if r := mustPoke(t, newTestArchiver(t, st, m)); len(r.Hours) != 0 || len(st.keys()) != 0 {
		t.Errorf("before the grace is over: %v", outcomesOf(r))
	}
	m.command("11:02:00", 1, danmaku(at("11:02:00"), "", "x"))
	a := newTestArchiver(t, st, m)
	if diff := cmp.Diff([]string{"10 committed"}, outcomesOf(mustPoke(t, a))); diff != "" {
		t.Error(diff)
	}
	m.ended = true
	if diff := cmp.Diff([]string{"10 already", "11 committed"}, outcomesOf(mustPoke(t, a))); diff != "" {
		t.Error(diff)
	}
}

func TestHoursBeforeTheFloorAreNeverBuilt(t *testing.T) {
	m := busyTape()
	m.floor = ten + 2
	r := mustPoke(t, newTestArchiver(t, newMemStore(), m))
	if diff := cmp.Diff([]string{"12 committed", "13 committed", "14 committed"}, outcomesOf(r)); diff != "" {
		t.Error(diff)
	}
}

// The crash table: the store fails from its n-th operation on, for every n, with the
// operation done or not. What is there then is sound, and the next poke completes it to
// the very bytes of a run without trouble.
func TestCrashAfterEveryStep(t *testing.T) {
	for name, c := range map[string]struct{ noHash, late bool }{
		"not done": {}, "answer lost": {late: true}, "a store without hashes": {noHash: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tape := newTape()
			watchOne(tape)
			tape.command("10:59:59", 1, danmaku(at("11:00:00"), "201", "ahead"))
			tape.ended = true
			reference := newMemStore()
			reference.noHash = c.noHash
			mustPoke(t, newTestArchiver(t, reference, tape))
			for n := 1; n <= reference.ops; n++ {
				st := newMemStore()
				st.noHash, st.cut, st.late = c.noHash, n, c.late
				if _, err := newTestArchiver(t, st, tape).Poke(t.Context()); !errors.Is(err, errCut) {
					t.Fatalf("cut at operation %d of %d: %v", n, reference.ops, err)
				}
				st.cut = 0
				checkSound(t, st, n)
				mustPoke(t, newTestArchiver(t, st, tape))
				if !maps.EqualFunc(st.objects, reference.objects, bytes.Equal) {
					t.Fatalf("cut at operation %d: %v, want %v", n, st.keys(), reference.keys())
				}
			}
		})
	}
}

// checkSound: whatever a manifest names is there (A1).
func checkSound(t *testing.T, st *memStore, n int) {
	t.Helper()
	v, err := Verify(t.Context(), st, VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Problems {
		// Hours that are not committed yet may be missing; nothing else.
		if !strings.Contains(p.What, "is committed between") && !strings.Contains(p.What, "which is not committed") {
			t.Errorf("cut at operation %d: %s: %s", n, p.Key, p.What)
		}
	}
}

func TestManifestComesLast(t *testing.T) {
	st := newMemStore()
	mustPoke(t, newTestArchiver(t, st, busyTape()))
	var puts []string
	for _, op := range st.log {
		if key, ok := strings.CutPrefix(op, "put "); ok && strings.Contains(key, "utc_hour=10") {
			puts = append(puts, key)
		}
	}
	if len(puts) < 4 || !strings.HasPrefix(puts[len(puts)-1], store.ManifestPrefix) {
		t.Fatalf("puts of hour ten: %v", puts)
	}
	for _, key := range puts[:len(puts)-1] {
		if !strings.HasPrefix(key, store.HourlyPrefix) {
			t.Errorf("%s was put before the last", key)
		}
	}
}

// A2: neither the number of processors nor the day changes a byte.
func TestPurity(t *testing.T) {
	var first *memStore
	for _, procs := range []int{1, 8, 1, 8} {
		st := newMemStore()
		func() {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			mustPoke(t, newTestArchiver(t, st, busyTape()))
		}()
		if first == nil {
			first = st
		} else if !maps.EqualFunc(first.objects, st.objects, bytes.Equal) {
			t.Errorf("other bytes with %d processors", procs)
		}
	}
}

// Leftovers of another recipe are replaced, also those of tables without rows now.
func TestLeftoversAreReplaced(t *testing.T) {
	reference := newMemStore()
	mustPoke(t, newTestArchiver(t, reference, busyTape()))
	st := newMemStore()
	b := store.Build{Hour: ten + 1, Collector: "c-1", JournalID: testJournal}
	for _, table := range tables {
		st.objects[b.ObjectKey(table.tableName())] = []byte("of an earlier attempt")
	}
	a := newTestArchiver(t, st, busyTape())
	stale := filepath.Join(a.c.StagingDir, stagingPrefix+"2026-02-01T00-"+testJournal)
	if err := os.MkdirAll(stale, 0o755); err != nil {
		t.Fatal(err)
	}
	mustPoke(t, a)
	if !maps.EqualFunc(st.objects, reference.objects, bytes.Equal) {
		t.Errorf("got %v, want %v", st.keys(), reference.keys())
	}
	if left, err := os.ReadDir(a.c.StagingDir); err != nil || len(left) > 0 {
		t.Errorf("in the staging folder: %v %v", left, err)
	}
}

// A manifest that disagrees with the journal is shown and kept; the others go on.
func TestConflict(t *testing.T) {
	st := newMemStore()
	mustPoke(t, newTestArchiver(t, st, busyTape()))
	key := store.Build{Hour: ten + 3, Collector: "c-1", JournalID: testJournal}.ManifestKey()
	delete(st.objects, store.Build{Hour: ten + 4, Collector: "c-1", JournalID: testJournal}.ManifestKey())
	before := st.objects[key]
	other := busyTape()
	other.ended = false
	other.command("13:59:59.5", 1, danmaku(at("13:59:59"), "", "a command that the manifest does not know"))
	other.ended = true
	r, err := newTestArchiver(t, st, other).Poke(t.Context())
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), key) {
		t.Errorf("error %v", err)
	}
	want := []string{"10 already", "11 already", "12 already", "13 conflict", "14 conflict"}
	want[4] = "14 committed"
	if diff := cmp.Diff(want, outcomesOf(r)); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(before, st.objects[key]) {
		t.Error("the manifest was changed")
	}
	if r.Hours[3].Pinned == 0 {
		t.Error("the report does not tell what the hour pins")
	}
}

// An hour stays committed where the journal loses records of it afterwards.
func TestDamageAfterTheCommit(t *testing.T) {
	st, tape := newMemStore(), busyTape()
	mustPoke(t, newTestArchiver(t, st, tape))
	before := st.clone()
	tape.lose(20, 22)
	if r := mustPoke(t, newTestArchiver(t, st, tape)); r.Count(OutcomeAlready) != 5 {
		t.Errorf("after the damage: %v", outcomesOf(r))
	}
	if diff := cmp.Diff(before.objects, st.objects); diff != "" {
		t.Error("the store was changed")
	}
}

// A7: a panic is an error of its hour.
func TestPanicIsOneHoursTrouble(t *testing.T) {
	st := newMemStore()
	a := newTestArchiver(t, st, busyTape())
	made := a.newDecoder
	a.newDecoder = func(c, id string) decoder { return panickyDecoder{made(c, id), "behind"} }
	r, err := a.Poke(t.Context())
	if err == nil || !strings.Contains(err.Error(), "panic in archiver.panickyDecoder.Command") {
		t.Errorf("error %v", err)
	}
	// The command lies in the windows of two hours.
	want := []string{"10 committed", "11 committed", "12 failed", "13 failed", "14 committed"}
	if diff := cmp.Diff(want, outcomesOf(r)); diff != "" {
		t.Error(diff)
	}
	a.newDecoder = made
	if r := mustPoke(t, a); r.Count(OutcomeCommitted) != 2 {
		t.Errorf("afterwards: %v", outcomesOf(r))
	}
}

type panickyDecoder struct {
	decoder
	at string
}

func (d panickyDecoder) Command(rec *schema.Record, liveKey *string, rows *schema.Rows) (int64, schema.Fate) {
	if bytes.Contains(rec.Payload, []byte(d.at)) {
		panic("not decodable")
	}
	return d.decoder.Command(rec, liveKey, rows)
}

func TestGoldenManifest(t *testing.T) {
	st := newMemStore()
	m := busyTape()
	m.lose(20, 22)
	mustPoke(t, newTestArchiver(t, st, m))
	got := mustManifest(t, st, ten)
	raw := st.objects[store.Build{Hour: ten, Collector: "c-1", JournalID: testJournal}.ManifestKey()]
	if encoded, err := got.Encode(); err != nil || !bytes.Equal(encoded, raw) {
		t.Errorf("reading and writing it gives other bytes (%v)", err)
	}
	for i := range got.Objects {
		// These change with every description of a column.
		got.Objects[i].Bytes, got.Objects[i].SHA256 = 0, strings.Repeat("0", 64)
	}
	data, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "manifest.golden.json")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(golden, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Two journals in one hour are two objects.
func TestTwoJournalsInOneHour(t *testing.T) {
	one, two := busyTape(), busyTape()
	two.id = "00000000000000bb"
	st := newMemStore()
	r := mustPoke(t, newTestArchiver(t, st, one, two))
	hours := outcomesOf(r)
	if len(hours) != 10 || !slices.IsSorted(hours) {
		t.Errorf("hours of both journals, oldest first: %v", hours)
	}
	v, err := Verify(t.Context(), st, VerifyOptions{})
	if err != nil || !v.OK() || v.Manifests != 10 {
		t.Errorf("verify: %v %+v", err, v)
	}
}

func TestDeadline(t *testing.T) {
	a := newTestArchiver(t, newMemStore(), busyTape())
	a.c.Deadline = 1
	_, err := a.Poke(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "was not built within 1ns") {
		t.Errorf("error %v", err)
	}
}

func TestPokeStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	st := newMemStore()
	if _, err := newTestArchiver(t, st, busyTape()).Poke(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(st.keys()) > 0 {
		t.Errorf("it put %v", st.keys())
	}
}

func TestProgress(t *testing.T) {
	a := newTestArchiver(t, newMemStore(), busyTape())
	var seen []string
	a.c.Progress = func(e Event) { seen = append(seen, fmt.Sprintf("%s %d/%d", e.Hour.Clock(), e.Done, e.Total)) }
	mustPoke(t, a)
	if diff := cmp.Diff([]string{"10 1/5", "11 2/5", "12 3/5", "13 4/5", "14 5/5"}, seen); diff != "" {
		t.Error(diff)
	}
}
