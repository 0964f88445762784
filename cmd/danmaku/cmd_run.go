package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

func newRun() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Collect and archive, until stopped",
		Long: `Watch the wanted rooms, keep everything that the service pushes in the journal, and archive
every hour when it is complete. Runs until SIGINT or SIGTERM, which stop it in order; what
was not archived by then is archived after the next start.`,
		Example: `  danmaku run
  danmaku run --config danmaku.yaml
  danmaku run --top 50 --pin 5050 --store s3://bucket/danmaku`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags, logFlags, storeFlags, archiveFlags, scheduleFlags, serviceFlags, roomFlags, connectFlags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		return runStation(cmd.Context(), c, true, cmd.ErrOrStderr())
	}
	return cmd
}

func newCollect() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "collect",
		Short: "Collect only, until stopped",
		Long: `Watch the wanted rooms and keep everything that the service pushes in the journal, without
archiving it. Run danmaku archive now and then, or danmaku run later; until then the journal
grows.`,
		Example: `  danmaku collect --data-dir ./danmaku-data
  danmaku archive --data-dir ./danmaku-data`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags, logFlags, archiveFlags, serviceFlags, roomFlags, connectFlags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		return runStation(cmd.Context(), c, false, cmd.ErrOrStderr())
	}
	return cmd
}

// runStation wires the station, greets and runs it.
func runStation(ctx context.Context, c *config, archive bool, stderr io.Writer) error {
	log := c.logger(stderr)
	s, err := newStation(ctx, c, stationOptions{archive: archive, log: log})
	if err != nil {
		return err
	}
	s.greet(stderr)
	return s.run(ctx)
}
