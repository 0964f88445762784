package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"danmaku-archiver/archiver"
	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

// demoAccount is what the archive says about the demo.
type demoAccount struct {
	books   store.Books
	rooms   int
	objects int64
	bytes   int64
	gaps    int
	verify  archiver.VerifyReport
}

// conclude archives what is not archived yet, verifies it and prints the result.
func (d *demoRun) conclude(ctx context.Context, stdout, stderr io.Writer) error {
	p := newProgress(stderr, time.Second)
	p.show("archiving")
	report, err := d.station.archiver.Drain(ctx)
	p.clear()
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := report.Err(); err != nil {
		return err
	}
	a, err := d.account(ctx)
	if err != nil {
		return err
	}
	if err := d.print(stdout, a); err != nil {
		return err
	}
	return d.judge(a)
}

func (d *demoRun) account(ctx context.Context) (*demoAccount, error) {
	a := &demoAccount{books: store.Books{Rows: map[schema.Table]int64{}}}
	builds, err := store.Current(ctx, d.station.store, 0, 0)
	if err != nil {
		return nil, err
	}
	for _, b := range builds {
		m, err := store.ReadManifest(ctx, d.station.store, b)
		if err != nil {
			return nil, err
		}
		a.add(m)
	}
	if err := d.coverage(ctx, a); err != nil {
		return nil, err
	}
	a.verify, err = archiver.Verify(ctx, d.station.store, archiver.VerifyOptions{})
	return a, err
}

// add sums the books up: a command that one hour's window gave to the next is counted
// where it was taken.
func (a *demoAccount) add(m *store.Manifest) {
	a.books.Commands += m.Books.Own()
	a.books.Kept += m.Books.Kept
	a.books.Copies += m.Books.Copies
	a.books.SetAside += m.Books.SetAside
	for table, n := range m.Books.Rows {
		a.books.Rows[table] += n
	}
	for _, o := range m.Objects {
		a.objects++
		a.bytes += o.Bytes
	}
}

// coverage counts the rooms that were observed, and the gaps: intervals between two
// observations of a room, and rooms that were lost when the simulator ended. How a room's
// observation ends with the simulator is no gap.
func (d *demoRun) coverage(ctx context.Context, a *demoAccount) error {
	observed, missed := map[any]bool{}, map[any]int{}
	err := archiver.Show(ctx, d.station.store, archiver.ShowOptions{Table: schema.TableCoverage},
		func(columns []string, values []any) error {
			room := values[slices.Index(columns, "room_id")]
			switch state := values[slices.Index(columns, "state")]; {
			case state == string(schema.StateObserving):
				observed[room] = true
				a.gaps += missed[room]
				missed[room] = 0
			case observed[room]:
				missed[room]++
			}
			return nil
		})
	a.rooms = len(observed)
	a.gaps += max(0, a.rooms-d.observing)
	return err
}

func (d *demoRun) print(w io.Writer, a *demoAccount) error {
	st := d.station.collector.Status()
	var out strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&out, "%-10s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("rooms", "%d of %d observed%s", a.rooms, d.rooms, joinedAfter(d.joined))
	line("commands", "%s, %s", grouped(st.Commands), bytesOf(st.Bytes))
	var rows []string
	for _, t := range schema.Tables() {
		rows = append(rows, fmt.Sprintf("%s %s", t.Name, grouped(a.books.Rows[t.Name])))
	}
	line("rows", "%s", strings.Join(rows, "   "))
	line("archive", "%s, %s", plural(a.objects, "object"), bytesOf(a.bytes))
	line("gaps", "%s", grouped(int64(a.gaps)))
	line("books", "%s commands = %s kept + %s copies + %s set aside: %s", grouped(a.books.Commands),
		grouped(a.books.Kept), grouped(a.books.Copies), grouped(a.books.SetAside), agree(d.booksAgree(a)))
	line("ledger", "%s danmaku pushed, %s rows of danmaku: %s", grouped(d.danmakuPushed()),
		grouped(a.books.Rows[schema.TableDanmaku]), agree(d.ledgerAgrees(a)))
	line("verify", "%s", verdict(a.verify))
	dir := shellWord(string(d.station.dir))
	glob := filepath.Join(d.station.dir.archive(), "hourly/danmaku/**/*.parquet")
	fmt.Fprintf(&out, `
look further:
  %[1]s show danmaku --limit 20 --data-dir %[2]s
  %[1]s show coverage --data-dir %[2]s
  %[1]s verify --data-dir %[2]s
  %[1]s journal cat --data-dir %[2]s --command DANMU_MSG
  duckdb -c "select room_id, count(*) as danmaku, count(distinct user_hash) as users from read_parquet('%[3]s', hive_partitioning=true) group by room_id order by danmaku desc limit 10"
`, programName(), dir, glob)
	_, err := io.WriteString(w, out.String())
	return err
}

func joinedAfter(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(", all at once after %.1f s", d.Seconds())
}

func agree(ok bool) string {
	if ok {
		return "they agree"
	}
	return "THEY DIFFER"
}

func (d *demoRun) danmakuPushed() int64 { return d.sim.Stats().Pushed["DANMU_MSG"] }

func (d *demoRun) booksAgree(a *demoAccount) bool {
	return a.books.Commands == d.station.collector.Status().Commands
}

func (d *demoRun) ledgerAgrees(a *demoAccount) bool {
	return d.danmakuPushed() == a.books.Rows[schema.TableDanmaku]
}

// judge is an error unless everything came out.
func (d *demoRun) judge(a *demoAccount) error {
	var wrong []error
	for _, p := range a.verify.Problems {
		wrong = append(wrong, fmt.Errorf("%s: %s", p.Key, p.What))
	}
	if a.rooms == 0 {
		wrong = append(wrong, errors.New("no room was ever observed: demo.log in the folder tells why"))
	}
	if !d.booksAgree(a) {
		wrong = append(wrong, errors.New("the archive does not hold every command that was collected"))
	}
	if !d.ledgerAgrees(a) {
		wrong = append(wrong, errors.New("the archive does not hold every danmaku that was pushed"))
	}
	return errors.Join(wrong...)
}
