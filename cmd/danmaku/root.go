package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const rootLong = `danmaku watches the most popular live rooms of Bilibili, keeps everything that the
service pushes in a local journal, and archives it as hourly Parquet files in a folder or an
S3 bucket.

Try it without the service first: danmaku demo

Every key of the configuration can be given in the file named by --config (YAML), or as an
environment variable (DANMAKU_ROOMS_TOP for rooms.top; lists by comma); what people change
most has a flag too. A flag counts before the environment, that before the file. See them
all with: danmaku config

Exit codes: 0 done, 1 failed, 2 wrong usage. Data goes to stdout, all else to stderr.`

// newRoot returns the whole command line.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "danmaku",
		Short: "Archive the danmaku of the most popular live rooms",
		Long:  rootLong,
		Example: `  danmaku demo
  danmaku run --data-dir ./danmaku-data
  danmaku show danmaku --limit 20`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newRun(), newCollect(), newArchive(), newDemo(), newSimulate(), newShow(), newVerify(),
		newRooms(), newDoctor(), newJournal(), newConfigCommand(), newVersion(),
	)
	root.InitDefaultHelpCmd()
	for _, sub := range root.Commands() {
		if sub.Name() == "help" {
			sub.Args = helpTopic
		}
	}
	return root
}

// helpTopic refuses help on a word that names no command.
func helpTopic(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil {
		return usageError{err}
	}
	return noCommand(found, rest)
}

// noCommand refuses a word that names no command, with the one that was probably meant.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usageError{fmt.Errorf("unknown command %q%s", args[0], didYouMean(nearest(args[0], names)))}
}

// noArguments refuses any argument.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, not even %q", cmd.CommandPath(), args[0])}
	}
	return nil
}
