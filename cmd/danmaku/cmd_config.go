package main

import (
	"github.com/spf13/cobra"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the effective configuration as YAML",
		Long: `Print the configuration that flags, environment, file and defaults make together, as a
YAML file that --config can read. Behind each key that is not at its default stands who set
it, behind one that this version makes no use of that it is not available. Secrets are left
out.`,
		Example: `  danmaku config
  danmaku config --config danmaku.yaml
  DANMAKU_ROOMS_TOP=50 danmaku config > danmaku.yaml`,
		Args: noArguments,
	}
	load := useConfig(cmd, dataFlags, logFlags, storeFlags, archiveFlags, scheduleFlags, serviceFlags, roomFlags, connectFlags, displayFlags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		return c.writeYAML(cmd.OutOrStdout())
	}
	return cmd
}
