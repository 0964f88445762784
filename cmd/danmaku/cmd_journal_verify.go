package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"danmaku-archiver/collect/journal"
)

func newJournalVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every byte of the journal",
		Long: `Read every segment of every journal and check its header, blocks and footer, and that no
sequence number is missing. Each damage is listed with file, offset, bytes and what is
lost; numbers are at most those. What a crash leaves within the promises is a note and no
damage. It changes nothing and works while a collector writes. Exits with 1 if anything is
damaged.`,
		Example: `  danmaku journal verify
  danmaku journal verify --data-dir ./danmaku-data --json`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		d, err := c.dataDir()
		if err != nil {
			return err
		}
		p := newProgress(cmd.ErrOrStderr(), 0)
		report, err := journal.Verify(cmd.Context(), d.journal(), func(done, total int64) {
			p.show("journal verify: %s of %s", bytesOf(done), bytesOf(total))
		})
		p.clear()
		if err != nil {
			return err
		}
		if report.Journals == 0 {
			return noJournal(d.journal())
		}
		if err := printJournalReport(cmd.OutOrStdout(), d, report, *asJSON); err != nil {
			return err
		}
		if !report.OK() {
			return errors.New(journalVerdict(report))
		}
		return nil
	}
	return cmd
}

// noJournal says where it was looked for one.
func noJournal(dir string) error {
	return fmt.Errorf("no journal in %s: name the data folder with --data-dir", dir)
}

func printJournalReport(w io.Writer, d dataDir, r journal.VerifyReport, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	file := func(f *journal.Finding) string {
		if path, err := filepath.Rel(d.journal(), f.Path); err == nil {
			return path
		}
		return f.Path
	}
	if len(r.Damage) > 0 {
		t := newTable(w, []string{"FILE", "OFFSET", "BYTES", "NUMBERS", "RECORDS", "COMMANDS", "FROM", "TO", "DAMAGE"},
			"OFFSET", "BYTES", "RECORDS", "COMMANDS")
		for n := range r.Damage {
			f := &r.Damage[n]
			records, commands := "-", "-"
			if f.Counted {
				records, commands = grouped(int64(f.Records)), grouped(int64(f.Commands))
			}
			err := t.row(file(f), grouped(f.Offset), grouped(f.Bytes), numbers(f), records, commands,
				timeOrNone(f.From), timeOrNone(f.To), f.What)
			if err != nil {
				return err
			}
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	for n := range r.Notes {
		f := &r.Notes[n]
		lost := ""
		if f.FirstSeq > 0 {
			lost = ", numbers " + numbers(f)
		}
		fmt.Fprintf(w, "note: %s, offset %s, %s%s: %s\n", file(f), grouped(f.Offset), bytesOf(f.Bytes), lost, f.What)
	}
	_, err := fmt.Fprintf(w, "%s, %s, %s, %s, %s: %s\n", plural(r.Journals, "journal"), plural(r.Segments, "segment"),
		plural(r.Blocks, "block"), plural(r.Records, "record"), bytesOf(r.Bytes), journalVerdict(r))
	return err
}

func journalVerdict(r journal.VerifyReport) string {
	if r.OK() {
		return "no damage"
	}
	return plural(len(r.Damage), "damaged place")
}

// numbers writes a range of sequence numbers, - for none.
func numbers(f *journal.Finding) string {
	switch {
	case f.FirstSeq == 0:
		return "-"
	case f.FirstSeq == f.LastSeq:
		return grouped(f.FirstSeq)
	}
	return grouped(f.FirstSeq) + " to " + grouped(f.LastSeq)
}

// timeOrNone writes a time for people, - for none.
func timeOrNone(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return second(t.UnixMicro())
}
