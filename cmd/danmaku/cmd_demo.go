package main

import (
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
	o.rooms, o.duration = 100, time.Minute
	f.Var(flagValue{whole(&o.rooms, 1, 5000, 100)}, "rooms", "`number` of rooms")
	f.Var(flagValue{duration(&o.duration, 10*time.Millisecond)}, "for", "`time` to collect")
	f.StringVar(&o.dir, "dir", "", "new or empty `folder` (default: danmaku-demo- and the time)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.dir == "" {
			o.dir = "danmaku-demo-" + time.Now().Format("20060102-150405")
		}
		return demo(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}
