package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// keyFlag is a flag that sets a key of the configuration.
type keyFlag struct {
	name, path, usage string
}

// The flags for what people change, by what a command does.
var (
	dataFlags = []keyFlag{
		{"data-dir", "data_dir", "`folder` of journal, staging and notes"},
	}
	logFlags = []keyFlag{
		{"log-level", "log.level", "`level`: debug, info, warn or error"},
		{"log-format", "log.format", "`format`: text or json"},
	}
	storeFlags = []keyFlag{
		{"store", "archive.store", "the archive: a `place`, folder or s3://bucket/prefix (default: archive in the data folder)"},
	}
	archiveFlags = []keyFlag{
		{"collector", "collector", "`name` in object keys (default: made from the host name)"},
	}
	scheduleFlags = []keyFlag{
		{"schedule", "archive.schedule", "when to archive: cron `expression`, UTC"},
	}
	serviceFlags = []keyFlag{
		{"api-url", "bilibili.api_url", "`address` of the live API"},
		{"main-url", "bilibili.main_url", "`address` of the main site's API"},
		{"requests-per-second", "bilibili.requests_per_second", "`number` of API requests a second"},
	}
	roomFlags = []keyFlag{
		{"top", "rooms.top", "`number` of most popular rooms to watch"},
		{"area", "rooms.areas", "area `id` whose top rooms are watched (repeatable)"},
		{"pin", "rooms.pin", "`room` that is always watched, id or URL (repeatable)"},
		{"block", "rooms.block", "`room` that is never watched, long id (repeatable)"},
		{"max-connections", "bilibili.max_connections", "`number` of rooms at most"},
	}
	connectFlags = []keyFlag{
		{"transport", "bilibili.transport", "`transport`: wss, ws or tcp"},
		{"ca-file", "bilibili.ca_file", "`file` of a further trusted CA, for the simulator's wss"},
		{"connect-interval", "bilibili.connect_interval", "least `time` between two connections"},
	}
	displayFlags = []keyFlag{
		{"timezone", "timezone", "`zone` of the times in tables for people"},
	}
)

// useConfig gives a command flags for keys and returns what reads its configuration. A
// command without flags for the service does not ask it.
func useConfig(cmd *cobra.Command, groups ...[]keyFlag) func() (*config, error) {
	std := newConfig()
	var all []keyFlag
	for _, group := range groups {
		all = append(all, group...)
	}
	cmd.Flags().String("config", "", "configuration `file` (YAML)")
	for _, f := range all {
		s := std.byPath[f.path]
		if _, ok := s.value.(listing); ok {
			cmd.Flags().StringSlice(f.name, nil, f.usage)
		} else {
			text := keyText(s.std)
			cmd.Flags().Var(&text, f.name, f.usage)
		}
	}
	return func() (*config, error) {
		from := sources{flags: map[string]flagText{}, environ: os.Environ(), offline: !asksService(all)}
		from.file, _ = cmd.Flags().GetString("config")
		for _, f := range all {
			flag := cmd.Flags().Lookup(f.name)
			if !flag.Changed {
				continue
			}
			text := flag.Value.String()
			if list, err := cmd.Flags().GetStringSlice(f.name); err == nil {
				text = strings.Join(list, ",")
			}
			from.flags[f.path] = flagText{f.name, text}
		}
		return loadConfig(from)
	}
}

func asksService(flags []keyFlag) bool {
	return slices.ContainsFunc(flags, func(f keyFlag) bool { return strings.HasPrefix(f.path, "bilibili.") })
}

// keyText is the text given for a key, read with all other sources by loadConfig. It is no
// string flag, whose default the help would show in quotes.
type keyText string

func (k *keyText) Set(text string) error { *k = keyText(text); return nil }
func (k *keyText) String() string        { return string(*k) }
func (k *keyText) Type() string          { return "text" }

// flagValue makes a flag of a value: what it refuses is refused in the same words as in the
// configuration.
type flagValue struct{ value }

func (f flagValue) Set(text string) error { return f.set(text) }
func (f flagValue) String() string        { return f.text() }
func (f flagValue) Type() string          { return "value" }
