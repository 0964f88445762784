package archiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// VerifyOptions says what to verify: the hours From to To, both inclusive; a To of 0 sets
// no end.
type VerifyOptions struct {
	From, To schema.Hour
	// Progress, if not nil, is called after each object.
	Progress func(done, total int)
}

// Problem is one thing that is not as a manifest says.
type Problem struct {
	Key  string `json:"key"`
	What string `json:"what"`
}

// VerifyReport is what a verification found. The archive is as its manifests say if there
// are no problems.
type VerifyReport struct {
	Manifests int   `json:"manifests"`
	Objects   int   `json:"objects"`
	Bytes     int64 `json:"bytes"`
	// Rows counts the rows of the objects that were found in order, by table.
	Rows map[schema.Table]int64 `json:"rows"`
	// Commands and their fates are sums over the books; commands that two neighbouring
	// windows hold are counted in both, as given by the one and kept by the other.
	Commands      int64 `json:"commands"`
	Kept          int64 `json:"kept"`
	Copies        int64 `json:"copies"`
	SetAside      int64 `json:"set_aside"`
	Given         int64 `json:"given"`
	LostRecords   int64 `json:"lost_records"`
	LostCommands  int64 `json:"lost_commands"`
	DamagedRanges int64 `json:"damaged_ranges"`
	TornRanges    int64 `json:"torn_ranges"`
	// Shed commands were received but not recorded, for lack of room; at least that many
	// where ShedUncounted is not 0.
	Shed          int64 `json:"shed"`
	ShedUncounted int64 `json:"shed_uncounted"`

	Problems []Problem `json:"problems"`
	// Leftovers are objects that no current manifest lists: a build that never came to its
	// commit, or a superseded generation. They are no part of the archive.
	Leftovers []string `json:"leftovers"`
}

// OK reports whether everything was found as the manifests say.
func (r VerifyReport) OK() bool { return len(r.Problems) == 0 }

// Verify reads every object of every current manifest and compares its bytes, SHA-256,
// rows and times with what the manifest says, and the books with each other. What is not
// in order is in the report; the error is for what keeps it from looking at all.
func Verify(ctx context.Context, st store.Store, o VerifyOptions) (VerifyReport, error) {
	v := verifier{st: st, o: o, listed: map[string]bool{}, unread: map[store.Build]bool{}}
	v.r.Rows = map[schema.Table]int64{}
	v.r.Problems, v.r.Leftovers = []Problem{}, []string{}
	if err := v.manifests(ctx); err != nil {
		return v.r, err
	}
	if err := v.objects(ctx); err != nil {
		return v.r, err
	}
	v.neighbours()
	return v.r, v.leftovers(ctx)
}

type verifier struct {
	st store.Store
	o  VerifyOptions
	r  VerifyReport
	// all are the current manifests, also those of the hours on either side.
	all    []committedHour
	listed map[string]bool
	// unread are the builds whose manifest cannot be read: what it lists is not known.
	unread map[store.Build]bool
}

type committedHour struct {
	store.Build
	m *store.Manifest // nil where it cannot be read
}

func (v *verifier) problem(key, format string, args ...any) {
	v.r.Problems = append(v.r.Problems, Problem{Key: key, What: fmt.Sprintf(format, args...)})
}

func (v *verifier) wanted(h schema.Hour) bool { return store.Within(h, v.o.From, v.o.To) }

func (v *verifier) manifests(ctx context.Context) error {
	to := v.o.To
	if to != 0 {
		to++
	}
	builds, err := store.Current(ctx, v.st, v.o.From-1, to)
	if err != nil {
		return err
	}
	for _, b := range builds {
		m, err := store.ReadManifest(ctx, v.st, b)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.all = append(v.all, committedHour{b, m})
		if !v.wanted(b.Hour) {
			continue
		}
		v.r.Manifests++
		if err != nil {
			v.unread[b] = true
			v.problem(b.ManifestKey(), "%v", err)
			continue
		}
		v.books(b, m)
	}
	return nil
}

// books checks one hour's account and adds it to the totals.
func (v *verifier) books(b store.Build, m *store.Manifest) {
	books := &m.Books
	if err := books.Balance(); err != nil {
		v.problem(b.ManifestKey(), "%v", err)
	}
	rows := map[schema.Table]int64{}
	for _, o := range m.Objects {
		rows[o.Table] += o.Rows
		v.listed[o.Key] = true
		if o.MinTS < store.Time(b.Hour.Start()) || o.MaxTS >= store.Time(b.Hour.End()) {
			v.problem(o.Key, "rows from %s to %s do not lie within the hour", o.MinTS, o.MaxTS)
		}
	}
	for _, t := range sortedKeys(books.Rows, rows) {
		if books.Rows[t] != rows[t] {
			v.problem(b.ManifestKey(), "table %s: %d rows in the books, %d in the object", t, books.Rows[t], rows[t])
		}
	}
	if sum := books.Shed.Sum(); sum != books.Shed.Commands {
		v.problem(b.ManifestKey(), "%d commands were shed, by name %d", books.Shed.Commands, sum)
	}
	v.r.Shed += books.Shed.Commands
	v.r.ShedUncounted += books.Shed.Uncounted
	v.r.TornRanges += books.TornRanges
	v.r.Commands += books.Commands
	v.r.Kept += books.Kept
	v.r.Copies += books.Copies
	v.r.SetAside += books.SetAside
	v.r.Given += books.GivenPrevious + books.GivenNext
	v.r.LostRecords += books.LostRecords
	v.r.LostCommands += books.LostCommands
	v.r.DamagedRanges += books.DamagedRanges
}

func sortedKeys(maps ...map[schema.Table]int64) (all []schema.Table) {
	for _, m := range maps {
		for t := range m {
			all = append(all, t)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (v *verifier) objects(ctx context.Context) error {
	var all []store.ObjectInfo
	for _, h := range v.all {
		if h.m != nil && v.wanted(h.Hour) {
			all = append(all, h.m.Objects...)
		}
	}
	for i, o := range all {
		err := v.object(ctx, o)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.r.Objects++
		if err != nil {
			v.problem(o.Key, "%v", err)
		} else {
			v.r.Bytes += o.Bytes
			v.r.Rows[o.Table] += o.Rows
		}
		if v.o.Progress != nil {
			v.o.Progress(i+1, len(all))
		}
	}
	return nil
}

func (v *verifier) object(ctx context.Context, want store.ObjectInfo) (err error) {
	o, err := v.st.Open(ctx, want.Key)
	if errors.Is(err, store.ErrNotExist) {
		return errors.New("the object is missing")
	}
	if err != nil {
		return err
	}
	defer func() {
		if cerr := o.Close(); err == nil {
			err = cerr
		}
	}()
	if o.Size() != want.Bytes {
		return fmt.Errorf("%d bytes, the manifest says %d", o.Size(), want.Bytes)
	}
	sum, err := hashReader(ctx, o, want.Key, o.Size())
	if err != nil {
		return err
	}
	if sum != want.Sum() {
		return fmt.Errorf("its SHA-256 is %x, the manifest says %s", sum, want.SHA256)
	}
	got, err := readSums(ctx, o, o.Size(), timeColumns)
	if err != nil {
		return err
	}
	if got.rows != want.Rows {
		return fmt.Errorf("%d rows, the manifest says %d", got.rows, want.Rows)
	}
	if store.Time(got.min) != want.MinTS || store.Time(got.max) != want.MaxTS {
		return fmt.Errorf("rows from %s to %s, the manifest says %s to %s",
			store.Time(got.min), store.Time(got.max), want.MinTS, want.MaxTS)
	}
	return nil
}

// neighbours compares what hours gave each other (A5), and finds hours that are missing
// between others of the same journal.
func (v *verifier) neighbours() {
	byJournal := slices.Clone(v.all)
	slices.SortFunc(byJournal, func(a, b committedHour) int {
		return cmp.Or(strings.Compare(a.Collector, b.Collector), strings.Compare(a.JournalID, b.JournalID),
			cmp.Compare(a.Hour, b.Hour))
	})
	for i, b := range byJournal {
		if i == 0 || byJournal[i-1].Collector != b.Collector || byJournal[i-1].JournalID != b.JournalID {
			v.first(b)
			continue
		}
		v.pair(byJournal[i-1], b)
	}
}

// first checks a journal's first hour. What it gave to an hour before it has nobody who
// took it.
func (v *verifier) first(b committedHour) {
	if b.m != nil && v.wanted(b.Hour) && b.m.Books.GivenPrevious > 0 {
		v.problem(b.ManifestKey(), "%d commands belong to the hour before, which is not committed", b.m.Books.GivenPrevious)
	}
}

func (v *verifier) pair(a, b committedHour) {
	if !v.wanted(a.Hour) && !v.wanted(b.Hour) {
		return
	}
	if b.Hour != a.Hour+1 {
		v.problem(b.ManifestKey(), "no hour of this journal is committed between %s and %s", a.Hour, b.Hour)
		return
	}
	if a.m == nil || b.m == nil {
		return
	}
	v.shed(a, b)
	if gave, took := a.m.Books.GivenNext, b.m.Books.TakenPrevious; gave != took {
		v.problem(b.ManifestKey(), "it took %d commands from the hour before, which gave %d", took, gave)
	}
	if gave, took := b.m.Books.GivenPrevious, a.m.Books.TakenNext; gave != took {
		v.problem(a.ManifestKey(), "it took %d commands from the hour after, which gave %d", took, gave)
	}
}

// shed compares what b counted as shed with its coverage: an hour in which all rooms were
// observed all the time can only have been told what the hour before it shed at its end.
func (v *verifier) shed(a, b committedHour) {
	c := b.m.Coverage
	_, observed := c.Seconds[schema.StateObserving]
	if b.m.Books.Shed.Commands > 0 && len(c.Seconds) == 1 && observed && len(a.m.Coverage.ShedSeconds) == 0 {
		v.problem(b.ManifestKey(), "%d commands were shed, but by its coverage all were recorded", b.m.Books.Shed.Commands)
	}
}

func (v *verifier) leftovers(ctx context.Context) error {
	err := v.st.List(ctx, store.HourlyPrefix, func(i store.Info) error {
		_, b, ok := store.ParseObjectKey(i.Key)
		if (!ok || v.wanted(b.Hour)) && !v.listed[i.Key] && !v.unread[b] {
			v.r.Leftovers = append(v.r.Leftovers, i.Key)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list objects in %s: %w", v.st, err)
	}
	return nil
}
