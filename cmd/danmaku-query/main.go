//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	_ "time/tzdata" // a machine without zone files must show times too

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// usageError is the user's mistake: flags or arguments.
type usageError struct{ error }

// run is the program: it returns the exit code, 0 done, 1 failed, 2 wrong usage.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "danmaku-query: %v\ndanmaku-query: see danmaku-query sql --help\n", err)
		return 2
	}
	fmt.Fprintln(os.Stderr, "danmaku-query:", err)
	return 1
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "danmaku-query",
		Short:         "SQL over an archive of danmaku",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newSQL())
	return root
}

func newSQL() *cobra.Command {
	var o sqlOptions
	cmd := &cobra.Command{
		Use:   "sql [flags] [QUERY]",
		Short: "Run a query over the tables of the archive",
		Long: `Runs one or more SQL statements (DuckDB's dialect) and prints the rows of the last.

The tables of the archive are views: danmaku, audience, rooms, coverage, other. They hold
what is committed; what the journal has not archived yet is not in them.`,
		Example: `  danmaku-query sql "select room_id, count(*) n from danmaku group by all order by n desc limit 10"
  danmaku-query sql --format csv "from audience where metric = 'watched'" > watched.csv
  danmaku-query sql --format parquet --out day.parquet -f day.sql
  danmaku-query sql --store ./danmaku-demo/archive "select min(ts), max(ts) from danmaku"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := o.query(args)
			if err != nil {
				return usageError{err}
			}
			if err := o.check(); err != nil {
				return usageError{err}
			}
			return o.run(cmd.Context(), query, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.store, "store", "", "`folder` of the archive (default: archive in the data folder)")
	f.StringVar(&o.dataDir, "data-dir", "./danmaku-data", "data `folder` of the collector")
	f.StringVarP(&o.file, "file", "f", "", "read the query from `file`, - for standard input")
	f.StringVar(&o.format, "format", "table", "`format`: table, csv, jsonl or parquet")
	f.StringVarP(&o.out, "out", "o", "", "`file` to write, needed for parquet (default: standard output)")
	f.StringVar(&o.timezone, "timezone", "Asia/Shanghai", "`zone` in which times are shown and dates are meant")
	return cmd
}

// sqlOptions are the flags of danmaku-query sql.
type sqlOptions struct {
	store, dataDir, file, format, out, timezone string
}

func (o *sqlOptions) query(args []string) (string, error) {
	switch {
	case len(args) == 1 && o.file == "":
		return args[0], nil
	case len(args) == 0 && o.file == "-":
		b, err := readAllStdin()
		return string(b), err
	case len(args) == 0 && o.file != "":
		b, err := os.ReadFile(o.file)
		return string(b), err
	}
	return "", errors.New("want one query, as the argument or by --file")
}

func (o *sqlOptions) check() error {
	switch o.format {
	case "table", "csv", "jsonl":
	case "parquet":
		if o.out == "" {
			return errors.New("--format parquet needs --out FILE")
		}
	default:
		return fmt.Errorf("--format %q: want table, csv, jsonl or parquet", o.format)
	}
	if o.store == "" {
		o.store = filepath.Join(o.dataDir, "archive")
	}
	if strings.Contains(o.store, "://") {
		return fmt.Errorf("--store %s: only folders can be read; copy the days of interest to one", o.store)
	}
	if info, err := os.Stat(o.store); err != nil || !info.IsDir() {
		return fmt.Errorf("--store %s: there is no such folder", o.store)
	}
	return nil
}
