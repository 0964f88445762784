package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newDoctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that the daemon depends on, in words",
		Long: `Look at the configuration, the disk, the journal, the store and the service, and say of each
whether it is in order, and if not, what to do. It makes a few requests and joins one room
for a few seconds; in the store it puts a small object and removes it again (a folder that
is not there yet is made). The daemon may run meanwhile. Exits with 1 if there is a problem.

Checks: ` + strings.Join(checkNames(), ", ") + `.`,
		Example: `  danmaku doctor
  danmaku doctor --config danmaku.yaml --json
  danmaku doctor --only store --store s3://bucket/danmaku
  danmaku doctor --join 30s --pin 5050`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags, storeFlags, archiveFlags, serviceFlags, roomFlags, connectFlags)
	only := cmd.Flags().StringSlice("only", nil, "only the `check` of that name (repeatable)")
	join := cmd.Flags().Duration("join", 10*time.Second, "how `long` to listen to a room")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range *only {
			if !slices.Contains(checkNames(), name) {
				return usageError{fmt.Errorf("--only %q: want one of: %s", name, strings.Join(checkNames(), ", "))}
			}
		}
		if *join < time.Second || *join > 10*time.Minute {
			return usageError{fmt.Errorf("--join %s: want between 1s and 10m", *join)}
		}
		c, err := load()
		if err != nil {
			return err
		}
		d := &doctor{c: c, join: *join}
		if d.dir, err = c.dataDir(); err != nil {
			return err
		}
		// What a client would log, the findings say.
		if d.client, err = c.openService(slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		defer d.client.Close()
		all := []finding{}
		problems, err := d.examine(cmd.Context(), *only, func(f finding) {
			all = append(all, f)
			if !*asJSON {
				printFinding(cmd.OutOrStdout(), f)
			}
		})
		if err != nil {
			return err
		}
		if *asJSON {
			if err := printFindings(cmd.OutOrStdout(), all); err != nil {
				return err
			}
		}
		if problems > 0 {
			return errors.New(plural(problems, "problem"))
		}
		return nil
	}
	return cmd
}
