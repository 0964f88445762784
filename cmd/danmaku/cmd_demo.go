package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
)

func newDemo() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Collect and archive made-up rooms, without network, in a minute",
		Long: `Run the simulator, the collector and the archiver together: no network, no configuration.
Made-up rooms push made-up danmaku for a minute; they are journaled, archived and verified,
and what was pushed is compared with what is in the archive. Everything lies in a new
folder. Interrupt it to see the result earlier.`,
		Example: `  danmaku demo
  danmaku demo --rooms 20 --for 10s --dir /tmp/danmaku-demo`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.IntVar(&o.rooms, "rooms", 100, "`number` of rooms")
	f.DurationVar(&o.duration, "for", time.Minute, "`time` to collect")
	f.StringVar(&o.dir, "dir", "", "new or empty `folder` (default: danmaku-demo- and the time)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.rooms < 1 || o.rooms > 5000 || o.duration <= 0 {
			return usageError{errors.New("--rooms must be from 1 to 5000, --for above 0")}
		}
		if o.dir == "" {
			o.dir = "danmaku-demo-" + time.Now().Format("20060102-150405")
		}
		return demo(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}
