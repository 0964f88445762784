package archiver

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// Program names the way in which hours are made. It is changed whenever the same journal
// would give other bytes: by a new decoder, sort order or Parquet setting.
const Program = "danmaku-archiver/3"

// stagingPrefix begins the names of the folders in which hours are built.
const stagingPrefix = "build-"

// ErrConflict is what an hour fails with whose committed manifest disagrees with the
// journal. Nothing is changed: a person has to look at both.
var ErrConflict = errors.New("the committed manifest disagrees with the journal")

func recipe(p *schema.Privacy) store.Recipe {
	return store.Recipe{
		Program: Program, SchemaVersion: schema.Version,
		Privacy: p.Mode(), PrivacyKeyID: p.KeyID(), OptOutSHA256: p.OptOutSum(),
	}
}

// staged is a file that is ready to be put.
type staged struct {
	path string
	sum  [32]byte
	info store.ObjectInfo
}

// hour brings the hour into the store, unless it is there already.
func (a *Archiver) hour(ctx context.Context, t task) (r HourReport) {
	r = HourReport{Hour: t.id.hour, JournalID: t.id.journal}
	if a.c.Deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, a.c.Deadline,
			fmt.Errorf("the hour was not built within %s: %w", a.c.Deadline, context.DeadlineExceeded))
		defer cancel()
	}
	b := store.Build{Hour: t.id.hour, Collector: a.c.Collector, JournalID: t.id.journal}
	m, outcome, err := a.attempt(ctx, t, b)
	if err != nil {
		return r.fail(t, b, contextCause(ctx, err))
	}
	r.Outcome = outcome
	if m != nil {
		r.count(m)
	}
	return r
}

// attempt contains what goes wrong with one hour (A7).
func (a *Archiver) attempt(ctx context.Context, t task, b store.Build) (m *store.Manifest, outcome Outcome, err error) {
	defer recovered(&err)
	m, outcome, err = a.committed(ctx, t, b)
	if err != nil || outcome != "" {
		return m, outcome, err
	}
	return a.build(ctx, t, b)
}

// contextCause puts the reason for which a context ended in place of the bare fact.
func contextCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

// committed looks for the hour's manifest. It returns no outcome where there is none.
func (a *Archiver) committed(ctx context.Context, t task, b store.Build) (*store.Manifest, Outcome, error) {
	m, err := store.ReadManifest(ctx, a.c.Store, b)
	if errors.Is(err, store.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	var last, commands, damaged int64
	err = t.tape.read(ctx, b.Hour.WindowStart(), b.Hour.WindowEnd(), func(b block) error {
		last = b.firstSeq + int64(b.records) - 1
		commands += int64(b.commands)
		return nil
	}, func(journal.Damage) error { damaged++; return nil })
	if err != nil {
		return nil, "", err
	}
	if damaged > int64(len(m.Damage)) && last <= m.Sequence.Last && commands <= m.Books.Commands {
		// The journal was damaged since: the archive holds what it lost.
		return m, OutcomeAlready, nil
	}
	if last != m.Sequence.Last || commands != m.Books.Commands {
		return nil, "", fmt.Errorf("%w: %s says last record %d and %d commands, the journal's window ends with record %d and holds %d commands",
			ErrConflict, b.ManifestKey(), m.Sequence.Last, m.Books.Commands, last, commands)
	}
	return m, OutcomeAlready, nil
}

// buildHour makes the hour's files and publishes them.
func (a *Archiver) buildHour(ctx context.Context, t task, b store.Build) (*store.Manifest, Outcome, error) {
	g, err := gather(ctx, t.tape, b.Hour, a.newDecoder(b.Collector, b.JournalID))
	if err != nil {
		return nil, "", err
	}
	if t.edge && g.books.Own() == 0 {
		return nil, OutcomeNothing, nil
	}
	// Before anything is put: an unbalanced hour leaves no trace in the store (A4).
	if err := g.books.Balance(); err != nil {
		return nil, "", err
	}
	dir := filepath.Join(a.c.StagingDir, stagingPrefix+b.Hour.String()+"-"+b.JournalID)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return nil, "", err
	}
	// What stays behind is removed by the next poke.
	defer os.RemoveAll(dir)
	r := recipe(a.c.Privacy)
	files, err := stage(ctx, dir, b, r, &g.rows)
	if err != nil {
		return nil, "", err
	}
	m := manifest(b, r, g, files)
	if err := a.publish(ctx, b, m, files); err != nil {
		return nil, "", err
	}
	a.notices.tell(a.log, b, g.drift, g.samples)
	return m, OutcomeCommitted, nil
}

// stage writes a file for each table with rows and reads it back (A3).
func stage(ctx context.Context, dir string, b store.Build, r store.Recipe, rows *schema.Rows) (files []staged, err error) {
	for _, t := range tables {
		if t.length(rows) == 0 {
			continue
		}
		s, err := stageTable(ctx, dir, b, r, t, rows)
		if err != nil {
			return nil, err
		}
		files = append(files, s)
		t.truncate(rows, 0)
	}
	return files, nil
}

func stageTable(ctx context.Context, dir string, b store.Build, r store.Recipe, t anyTable, rows *schema.Rows) (staged, error) {
	f := &parquetFile{ctx: ctx, path: filepath.Join(dir, string(t.tableName())+".parquet"), metadata: metadata(b, r, t.tableName())}
	want, err := t.write(f, rows, t.order(rows))
	if err != nil {
		return staged{}, err
	}
	got, err := readBack(ctx, f.path)
	if err != nil {
		return staged{}, err
	}
	if what := want.differ(&got); what != "" {
		return staged{}, fmt.Errorf("%s does not hold what was written: %s", f.path, what)
	}
	return staged{path: f.path, sum: f.hash, info: store.ObjectInfo{
		Table: t.tableName(), Key: b.ObjectKey(t.tableName()), Bytes: f.size, Rows: want.rows,
		SHA256: hex.EncodeToString(f.hash[:]), MinTS: store.Time(want.min), MaxTS: store.Time(want.max),
	}}, nil
}

// metadata is what a Parquet file says of itself.
func metadata(b store.Build, r store.Recipe, t schema.Table) map[string]string {
	m := maps.Clone(schema.Metadata(t))
	if m == nil {
		m = map[string]string{}
	}
	m["schema_version"] = strconv.Itoa(r.SchemaVersion)
	m["recipe"] = r.Program + " privacy=" + r.Privacy
	if r.PrivacyKeyID != "" {
		m["recipe"] += " key=" + r.PrivacyKeyID
	}
	if r.OptOutSHA256 != "" {
		m["recipe"] += " opt_out=" + r.OptOutSHA256
	}
	m["collector"] = b.Collector
	m["journal_id"] = b.JournalID
	return m
}

func manifest(b store.Build, r store.Recipe, g *gathered, files []staged) *store.Manifest {
	m := &store.Manifest{
		Format: store.ManifestFormat, Hour: b.Hour.String(), Collector: b.Collector, JournalID: b.JournalID,
		Generation: b.Generation, Recipe: r, Sequence: g.sequence,
		Window:  store.Window{From: store.Time(b.Hour.WindowStart()), To: store.Time(b.Hour.WindowEnd())},
		Objects: []store.ObjectInfo{}, Books: g.books, Coverage: g.coverage, Unmodelled: g.unmodelled, Drift: g.drift,
		Damage: append([]store.Damage{}, g.damage...),
	}
	for _, f := range files {
		m.Objects = append(m.Objects, f.info)
	}
	return m
}

// clearStaging removes what earlier runs left behind.
func clearStaging(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), stagingPrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
