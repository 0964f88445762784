package main

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

func newJournal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Look into the journal",
		Example: `  danmaku journal ls
  danmaku journal cat --room 5050 --command DANMU_MSG --follow
  danmaku journal verify`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newJournalLs(), newJournalCat(), newJournalVerify())
	return cmd
}

func newJournalLs() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the journals and their segments",
		Long: `List the journals, oldest first, and their segments. Times are UTC. It works while a
collector writes. A segment is open, sealed, or quarantined because a crash left it without
a readable header; what is called sealed and has neither a readable header nor a block is
unreadable.`,
		Example: `  danmaku journal ls
  danmaku journal ls --data-dir ./danmaku-data --json`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		infos, err := c.journals()
		if err != nil {
			return err
		}
		if *asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(journalsForPrograms(infos))
		}
		return listSegments(cmd.OutOrStdout(), infos)
	}
	return cmd
}

// journals lists the journals of the data folder; none is an error that says where it looked.
func (c *config) journals() ([]journal.Info, error) {
	d, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	infos, err := journal.Journals(d.journal())
	if err == nil && len(infos) == 0 {
		err = noJournal(d.journal())
	}
	return infos, err
}

func listSegments(w io.Writer, infos []journal.Info) error {
	t := newTable(w, []string{"JOURNAL", "SEGMENT", "STATE", "BYTES", "RECORDS", "COMMANDS", "FIRST", "LAST"},
		"BYTES", "RECORDS", "COMMANDS")
	for _, i := range infos {
		id := i.ID
		if i.Ended {
			id += " (ended)"
		}
		for _, s := range i.Segments {
			err := t.row(id, filepath.Base(s.Path), segmentState(&s), grouped(s.Bytes),
				grouped(int64(s.Records)), grouped(int64(s.Commands)), second(s.First), second(s.Last))
			if err != nil {
				return err
			}
		}
	}
	return t.flush()
}

// segmentState is what a segment is: the name of a file alone makes none.
func segmentState(s *journal.SegmentInfo) string {
	if s.State == journal.StateSealed && s.Unreadable() {
		return "unreadable"
	}
	return string(s.State)
}

// second writes a time for people, - for none.
func second(micros int64) string {
	if micros == 0 {
		return "-"
	}
	return time.UnixMicro(micros).UTC().Format(peopleTime)
}

func newJournalCat() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cat",
		Short: "Print the journal's records as JSON lines",
		Long: `Print the commands in the journal, oldest first, as JSON lines: journal_id, seq, room_id,
received_at, kind (command or mark), command (its name, or the mark's) and payload, as JSON
if it is valid, else payload_base64. With --room it is the view of one room. It works while
a collector writes.

Marks, what the collector and the journal noted themselves (connected, alive, snapshot,
shed, …), are printed with --marks, or where --command names one.

What is damaged is left out and told on stderr; the exit code is 1 then.`,
		Example: `  danmaku journal cat --room 5050 --command DANMU_MSG | head
  danmaku journal cat --hour 2026-01-02T03 > hour.jsonl
  danmaku journal cat --command SEND_GIFT | jq .payload.data.giftName
  danmaku journal cat --command connected --follow`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags)
	var o catOptions
	f := cmd.Flags()
	room := f.Int64("room", 0, "only this `room`, long id (0: records of no single room)")
	hour := f.String("hour", "", "only records received in this `hour`, YYYY-MM-DDTHH in UTC")
	f.StringVar(&o.command, "command", "", "only commands, or marks, of this `name`")
	f.BoolVar(&o.marks, "marks", false, "print marks too")
	f.BoolVar(&o.follow, "follow", false, "when all is printed go on with what is written, until stopped")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		d, err := c.dataDir()
		if err != nil {
			return err
		}
		o.dir = d.journal()
		if cmd.Flags().Changed("room") {
			id := schema.RoomID(*room)
			o.room = &id
		}
		if *hour != "" {
			h, err := hourFlag("hour", *hour)
			if err != nil {
				return err
			}
			o.hour = &h
		}
		if o.hour != nil && o.follow {
			return usageError{errors.New("--hour and --follow exclude each other")}
		}
		return catJournals(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}
