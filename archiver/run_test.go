package archiver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// runFor runs the archiver for a while of the bubble's time and returns what it logged.
func runFor(t *testing.T, a *Archiver, d time.Duration) string {
	t.Helper()
	var log bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		t.Errorf("run: %v", err)
	}
	return log.String()
}

func TestRunPokesOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestArchiver(t, newMemStore())
		var pokes []string
		a.list = func() ([]tape, error) {
			pokes = append(pokes, time.Now().UTC().Format("15:04:05"))
			return nil, nil
		}
		time.Sleep(3*time.Minute + 30*time.Second)
		runFor(t, a, 3*time.Hour)
		// At once, and then five minutes past each hour.
		if diff := cmp.Diff([]string{"00:03:30", "00:05:00", "01:05:00", "02:05:00"}, pokes); diff != "" {
			t.Error(diff)
		}
	})
}

// fakeBuild commits hours without files: the Parquet library keeps decoders that must not
// pass from one bubble to another.
func fakeBuild(st store.Store) func(context.Context, task, store.Build) (*store.Manifest, Outcome, error) {
	return func(ctx context.Context, t task, b store.Build) (*store.Manifest, Outcome, error) {
		g, err := gather(ctx, t.tape, b.Hour, schema.NewDecoder(b.Collector, b.JournalID))
		if err != nil {
			return nil, "", err
		}
		data, err := manifest(b, recipe(nil), g, nil).Encode()
		if err != nil {
			return nil, "", err
		}
		err = st.Put(ctx, b.ManifestKey(), bytes.NewReader(data), store.PutOptions{Size: int64(len(data)), SHA256: sha256.Sum256(data), IfAbsent: true})
		return nil, OutcomeCommitted, err
	}
}

// Hours that were missed while the program was down are made at the first poke; later
// pokes do not look at them again.
func TestRunCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newMemStore()
		a := newTestArchiver(t, st, busyTape())
		a.build = fakeBuild(st)
		log := runFor(t, a, 4*time.Minute)
		if n := strings.Count(log, "hour committed"); n != 5 {
			t.Errorf("%d hours committed:\n%s", n, log)
		}
		before := len(st.log)
		runFor(t, a, 4*time.Minute)
		once := len(st.log) - before
		runFor(t, a, 10*time.Hour)
		if again := len(st.log) - before - once; again != once || once == 0 {
			t.Errorf("%d operations in ten hours, one poke takes %d", again, once)
		}
	})
}

// A7: an hour that fails is tried again with growing pauses, is told of once, and the
// others are committed meanwhile.
func TestRunRetriesAFailingHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newMemStore()
		a := newTestArchiver(t, st, busyTape())
		start, build := time.Now(), fakeBuild(st)
		var tried []time.Duration
		a.build = func(ctx context.Context, t task, b store.Build) (*store.Manifest, Outcome, error) {
			if since := time.Since(start); b.Hour == ten+1 && since < 100*time.Minute {
				tried = append(tried, since)
				return nil, "", errors.New("the disk is full")
			}
			return build(ctx, t, b)
		}
		log := runFor(t, a, 30*time.Second)
		if n := strings.Count(log, "hour committed"); n != 4 {
			t.Errorf("%d hours were committed beside the failing one:\n%s", n, log)
		}
		start, tried = time.Now(), nil
		log = runFor(t, a, 5*time.Hour)
		if n := strings.Count(log, "hour not committed"); n != 1 {
			t.Errorf("told %d times:\n%s", n, log)
		}
		if !strings.Contains(log, "pinned_bytes=1000") || !strings.Contains(log, "the disk is full") {
			t.Errorf("log:\n%s", log)
		}
		m := time.Minute
		if diff := cmp.Diff([]time.Duration{0, 1 * m, 3 * m, 7 * m, 15 * m, 31 * m, 61 * m, 91 * m}, tried); diff != "" {
			t.Error(diff)
		}
		mustManifest(t, st, ten+1)
	})
}

func TestRunTellsOfTroubleOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestArchiver(t, newMemStore())
		pokes := 0
		a.list = func() ([]tape, error) {
			pokes++
			return nil, errors.New("the folder is gone")
		}
		log := runFor(t, a, time.Hour)
		if n := strings.Count(log, "archiving failed"); n != 1 || pokes < 3 {
			t.Errorf("told %d times of %d pokes:\n%s", n, pokes, log)
		}
	})
}

// The made-up journal lies in the past: with a short retention all of it is old enough.
func TestRetire(t *testing.T) {
	for name, c := range map[string]struct {
		retain time.Duration
		spoil  func(*memStore)
		want   []string
	}{
		"all hours committed": {time.Hour, nil, []string{"2026-03-01T15"}},
		"retained":            {100 * 365 * 24 * time.Hour, nil, nil},
		"an hour not committed": {time.Hour, func(st *memStore) {
			st.objects[testBuild(ten+2).ManifestKey()] = []byte("spoilt")
		}, []string{"2026-03-01T12"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := newMemStore()
			m := busyTape()
			if c.spoil != nil {
				c.spoil(st)
			}
			a := newTestArchiver(t, st, m)
			a.c.Retain = c.retain
			r, err := a.Poke(t.Context())
			if (err != nil) != (c.spoil != nil) {
				t.Error(err)
			}
			var got []string
			for _, h := range m.retired {
				got = append(got, h.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if (r.Retired > 0) != (c.want != nil) {
				t.Errorf("%d bytes retired", r.Retired)
			}
		})
	}
}

// A6: what is remembered as committed does not count, the manifest in the store does.
func TestRetireReadsTheManifestAgain(t *testing.T) {
	st := newMemStore()
	m := busyTape()
	a := newTestArchiver(t, st, m)
	settled := map[hourID]Outcome{}
	p := poke{a: a, settled: settled, done: func(HourReport) {}}
	a.c.Retain = 100 * 365 * 24 * time.Hour
	if _, err := p.run(t.Context()); err != nil || len(settled) != 5 {
		t.Fatalf("%v, %d hours settled", err, len(settled))
	}
	a.c.Retain = time.Hour
	delete(st.objects, testBuild(ten).ManifestKey())
	if _, err := p.run(t.Context()); err == nil || !strings.Contains(err.Error(), "manifest is gone") || len(m.retired) > 0 {
		t.Errorf("error %v, retired %v", err, m.retired)
	}
	// The hour is made again, and then the journal may go.
	if r, err := p.run(t.Context()); err != nil || r.Count(OutcomeCommitted) != 1 || len(m.retired) != 1 {
		t.Errorf("error %v, %v, retired %v", err, outcomesOf(r), m.retired)
	}
}
