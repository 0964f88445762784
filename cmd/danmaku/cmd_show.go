package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"danmaku-archiver/archiver"
	"danmaku-archiver/schema"
)

// terminalRows is how many rows a table shows unless --limit says otherwise.
const terminalRows = 20

func newShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show TABLE",
		Short: "Print rows of the archive",
		Long: `Print rows of a table of the archive, hour by hour. Tables: ` + strings.Join(tableNames(), ", ") + `.

The formats: table, aligned for people, a choice of columns, times in the configured time
zone, 20 rows unless --limit says otherwise; csv and jsonl, all columns and all rows, times
in UTC with microseconds.`,
		Example: `  danmaku show danmaku --limit 20
  danmaku show danmaku --room 5050 --hour 2026-01-02T03 --format csv > hour.csv
  danmaku show coverage --columns room_id,started_at,ended_at,state,cause
  danmaku show other --format jsonl --limit 1`,
		Args:      tableArgument,
		ValidArgs: tableNames(),
	}
	load := useConfig(cmd, dataFlags, storeFlags, displayFlags)
	var o showOptions
	f := cmd.Flags()
	f.Var(flagValue{shownRoom(&o.room)}, "room", "only this `room`, long id (0: the whole site)")
	f.StringVar(&o.hour, "hour", "", "only this `hour`, YYYY-MM-DDTHH in UTC")
	f.Var(flagValue{count(&o.limit)}, "limit", "at most this `number` of rows (0: 20 in a table, else all)")
	f.StringVar(&o.format, "format", "table", "`format`: table, csv or jsonl")
	f.StringSliceVar(&o.columns, "columns", nil, "only these `columns`, in this order")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		o.table = schema.Table(args[0])
		return show(cmd, c, o)
	}
	return cmd
}

type showOptions struct {
	table   schema.Table
	room    int64
	hour    string
	limit   int
	format  string
	columns []string
}

func tableNames() []string {
	var names []string
	for _, t := range schema.Tables() {
		names = append(names, string(t.Name))
	}
	return names
}

func tableArgument(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("show takes one table: %s", orList(tableNames()))}
	}
	if !slices.Contains(tableNames(), args[0]) {
		return usageError{fmt.Errorf("unknown table %q (there are %s)%s",
			args[0], strings.Join(tableNames(), ", "), didYouMean(nearest(args[0], tableNames())))}
	}
	return nil
}

func show(cmd *cobra.Command, c *config, o showOptions) error {
	columns, err := showColumns(o)
	if err != nil {
		return err
	}
	options := archiver.ShowOptions{Table: o.table, Room: o.room, Limit: o.limit}
	if o.hour != "" {
		hour, err := hourFlag("hour", o.hour)
		if err != nil {
			return err
		}
		options.Hour = &hour
	}
	if o.format == "table" && o.limit == 0 {
		options.Limit = terminalRows
	}
	out, err := newRowPrinter(o.format, cmd.OutOrStdout(), columns, c.Timezone)
	if err != nil {
		return err
	}
	st, err := c.openStore(cmd.Context(), false)
	if err != nil {
		return err
	}
	rows := 0
	var picked []any
	err = archiver.Show(cmd.Context(), st, options, func(names []string, values []any) error {
		rows++
		picked = picked[:0]
		for _, name := range columns {
			var v any
			if i := slices.Index(names, name); i >= 0 {
				v = values[i]
			}
			picked = append(picked, v)
		}
		return out.row(picked)
	})
	if flushed := out.flush(); err == nil {
		err = flushed
	}
	if err == nil && rows == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "no such row of %s in %s\n", o.table, st)
	}
	return err
}

// shownRoom is a room to show, [archiver.RoomSite] for 0; none is given at first.
func shownRoom(to *int64) value {
	return scalar[int64]{to, func(s string) (int64, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil || n < 0:
			return 0, errors.New("want a long room id, such as 5050, or 0 for the whole site")
		case n == 0:
			return archiver.RoomSite, nil
		}
		return n, nil
	}, func(int64) string { return "" }}
}

func count(to *int) value {
	return scalar[int]{to, func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return 0, errors.New("want a whole number, 0 or more")
		}
		return n, nil
	}, strconv.Itoa}
}

// handy are the columns that a table for people shows: a whole row is too wide.
var handy = map[schema.Table][]string{
	schema.TableDanmaku:    {"ts", "room_id", "user_name", "medal_name", "medal_level", "text"},
	schema.TablePayments:   {"ts", "room_id", "kind", "user_name", "item_name", "count", "paid_milli", "message"},
	schema.TableAudience:   {"ts", "room_id", "metric", "value", "capped"},
	schema.TablePresence:   {"ts", "room_id", "kind", "user_name", "medal_name", "medal_level", "guard_level"},
	schema.TableModeration: {"ts", "room_id", "kind", "user_name", "target", "message"},
	schema.TableOther:      {"ts", "room_id", "command", "payload"},
	schema.TableRooms:      {"ts", "room_id", "event", "rank", "reason", "live_status", "streamer_name", "area_name", "title"},
	schema.TableCoverage:   {"room_id", "started_at", "ended_at", "state", "cause", "identity", "masked", "commands", "bytes"},
}

func showColumns(o showOptions) ([]string, error) {
	var all []string
	for _, t := range schema.Tables() {
		if t.Name == o.table {
			for _, column := range t.Columns {
				all = append(all, column.Name)
			}
		}
	}
	for _, name := range o.columns {
		if !slices.Contains(all, name) {
			return nil, usageError{fmt.Errorf("--columns: %s has no %q (it has %s)%s",
				o.table, name, strings.Join(all, ", "), didYouMean(nearest(name, all)))}
		}
	}
	switch {
	case len(o.columns) > 0:
		return o.columns, nil
	case o.format == "table" && handy[o.table] != nil:
		return handy[o.table], nil
	}
	return all, nil
}
