package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"danmaku-archiver/archiver"
	"danmaku-archiver/schema"
)

func newVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the archive with its manifests",
		Long: `Read every object of the archive and compare it with its manifest: bytes, SHA-256, rows,
times; then check that the books of every hour balance, and that what one hour gave to its
neighbour is what the neighbour took. Exits with 1 and names each object with a problem.`,
		Example: `  danmaku verify
  danmaku verify --store s3://bucket/danmaku --from 2026-01-02T00 --to 2026-01-02T23
  danmaku verify --json`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags, storeFlags)
	from := cmd.Flags().String("from", "", "first `hour`, YYYY-MM-DDTHH in UTC (default: the first there is)")
	to := cmd.Flags().String("to", "", "last `hour` (default: the last there is)")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		o := archiver.VerifyOptions{}
		if o.From, err = hourFlag("from", *from); err != nil {
			return err
		}
		if o.To, err = hourFlag("to", *to); err != nil {
			return err
		}
		if o.To != 0 && o.From > o.To {
			return usageError{fmt.Errorf("--from %s is after --to %s", o.From, o.To)}
		}
		st, err := c.openStore(cmd.Context(), false)
		if err != nil {
			return err
		}
		p := newProgress(cmd.ErrOrStderr(), 0)
		o.Progress = func(done, total int) { p.show("verify: %d of %d objects", done, total) }
		report, err := archiver.Verify(cmd.Context(), st, o)
		p.clear()
		if err != nil {
			return err
		}
		return printVerify(cmd.OutOrStdout(), report, *asJSON)
	}
	return cmd
}

// hourFlag reads an hour given on the command line, 0 where none was.
func hourFlag(name, text string) (schema.Hour, error) {
	if text == "" {
		return 0, nil
	}
	h, err := schema.ParseHour(text)
	if err != nil {
		return 0, usageError{fmt.Errorf("--%s: %w", name, err)}
	}
	return h, nil
}

func printVerify(w io.Writer, r archiver.VerifyReport, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else {
		for _, p := range r.Problems {
			fmt.Fprintf(w, "%s: %s\n", p.Key, p.What)
		}
		for _, key := range r.Leftovers {
			fmt.Fprintf(w, "%s: no manifest names it (left over from a build that was cut off; no error)\n", key)
		}
		if r.Shed > 0 || r.ShedUncounted > 0 {
			fmt.Fprintln(w, shedLine(r))
		}
		var rows int64
		for _, n := range r.Rows {
			rows += n
		}
		_, err := fmt.Fprintf(w, "%s, %s, %s, %s: %s\n", plural(r.Manifests, "manifest"), plural(r.Objects, "object"),
			plural(rows, "row"), bytesOf(r.Bytes), verdict(r))
		if err != nil {
			return err
		}
	}
	if !r.OK() {
		return errors.New(verdict(r))
	}
	return nil
}

// shedLine says what was received and not recorded. It is no error of the archive.
func shedLine(r archiver.VerifyReport) string {
	if r.ShedUncounted == 0 {
		return plural(r.Shed, "command") + " shed for lack of room, see state shed in coverage"
	}
	return fmt.Sprintf("at least %s shed for lack of room, see state shed in coverage; how many more is unknown, as counts are missing %s",
		plural(r.Shed, "command"), plural(r.ShedUncounted, "time"))
}

func verdict(r archiver.VerifyReport) string {
	switch {
	case !r.OK():
		return plural(len(r.Problems), "problem")
	case r.Manifests == 0:
		return "no archived hour found, nothing to verify"
	}
	return "all agree, the books balance"
}
