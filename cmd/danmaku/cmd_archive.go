package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"danmaku-archiver/archiver"
)

func newArchive() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "Archive what is complete now",
		Long: `Archive every complete hour of the journal that is not in the archive yet, oldest first,
and remove the segments of the journal that are older than journal.retain and archived.
Where room is scarce (journal.warn_free) archived segments go earlier, the oldest first.

With --drain it also archives the hours that are not complete: it ends the journal, so that
nothing more can come; the next start makes a new one. It is refused while a collector runs.`,
		Example: `  danmaku archive
  danmaku archive --drain --data-dir ./danmaku-data
  danmaku archive --store s3://bucket/danmaku --json`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags, logFlags, storeFlags, archiveFlags)
	drain := cmd.Flags().Bool("drain", false, "end the journal of a stopped collector and archive all of it")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		report, err := archiveNow(cmd.Context(), c, *drain, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if err := printReport(cmd.OutOrStdout(), report, c.Journal.Retain, *drain, *asJSON); err != nil {
			return err
		}
		return report.Err()
	}
	return cmd
}

func archiveNow(ctx context.Context, c *config, drain bool, stderr io.Writer) (archiver.Report, error) {
	d, err := c.dataDir()
	if err != nil {
		return archiver.Report{}, err
	}
	if _, err := os.Stat(d.journal()); err != nil {
		return archiver.Report{}, fmt.Errorf("no journal in %s: name the data folder with --data-dir", d)
	}
	name, err := d.collector(c.Collector)
	if err != nil {
		return archiver.Report{}, err
	}
	privacy, err := c.protection(d)
	if err != nil {
		return archiver.Report{}, err
	}
	st, err := c.openStore(ctx, true)
	if err != nil {
		return archiver.Report{}, err
	}
	p := newProgress(stderr, time.Second)
	a, err := newArchiver(c, d, name, st, privacy, c.logger(stderr), func(e archiver.Event) {
		p.show("archive: %d of %d hours", e.Done, e.Total)
	})
	if err != nil {
		return archiver.Report{}, err
	}
	defer p.clear()
	if drain {
		return a.Drain(ctx)
	}
	return a.Poke(ctx)
}

// archivedHour is an hour's report as JSON.
type archivedHour struct {
	Hour      string           `json:"hour"`
	JournalID string           `json:"journal_id"`
	Outcome   archiver.Outcome `json:"outcome"`
	Rows      int64            `json:"rows"`
	Bytes     int64            `json:"bytes"`
	Pinned    int64            `json:"pinned_bytes,omitempty"`
	Error     string           `json:"error,omitempty"`
}

func printReport(w io.Writer, r archiver.Report, retain time.Duration, drained, asJSON bool) error {
	hours := []archivedHour{}
	for _, h := range r.Hours {
		if h.Outcome == archiver.OutcomeNothing {
			continue
		}
		a := archivedHour{Hour: h.Hour.String(), JournalID: h.JournalID, Outcome: h.Outcome, Rows: h.Rows, Bytes: h.Bytes, Pinned: h.Pinned}
		if h.Err != nil {
			a.Error = h.Err.Error()
		}
		hours = append(hours, a)
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Hours   []archivedHour `json:"hours"`
			Retired int64          `json:"retired_bytes"`
			Early   int64          `json:"retired_early_bytes"`
			Wanted  int64          `json:"wanted_bytes"`
		}{hours, r.Retired, r.Early, r.Wanted})
	}
	if err := printHours(w, r, hours, drained); err != nil || r.Wanted == 0 {
		return err
	}
	_, err := fmt.Fprintln(w, spaceInWords(r, retain))
	return err
}

// spaceInWords says what lack of room made of the retention.
func spaceInWords(r archiver.Report, retain time.Duration) string {
	said := fmt.Sprintf("room is scarce: %s of the journal had to go; ", bytesOf(r.Wanted))
	if r.Early == 0 {
		return said + "no archived segment is left to retire"
	}
	said += fmt.Sprintf("%s went before journal.retain (%s)", bytesOf(r.Early), shortDuration(retain))
	if r.Early < r.Wanted {
		said += "; more is not archived yet"
	}
	return said
}

func printHours(w io.Writer, r archiver.Report, hours []archivedHour, drained bool) error {
	if len(hours) == 0 {
		what := "no hour is complete and not archived; --drain archives the last hours of a stopped collector"
		if drained {
			what = "the journal holds nothing to archive"
		}
		_, err := fmt.Fprintln(w, what)
		return err
	}
	t := newTable(w, []string{"HOUR", "JOURNAL", "OUTCOME", "ROWS", "BYTES"}, "ROWS", "BYTES")
	for _, h := range hours {
		if err := t.row(h.Hour, h.JournalID, string(h.Outcome), grouped(h.Rows), grouped(h.Bytes)); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s archived now with %s, %s; %s of the journal retired\n",
		plural(r.Count(archiver.OutcomeCommitted), "hour"), plural(r.Rows(), "row"), bytesOf(r.Bytes()), bytesOf(r.Retired))
	return err
}
