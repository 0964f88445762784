package archiver

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"danmaku-archiver/archiver/store"
)

// DriftNotice tells of one change of the service's protocol that was seen since the
// program began.
type DriftNotice struct {
	// Kind is unknown command, new field, changed field or undecodable.
	Kind string
	// Command is the command's name, Detail the field or what is wrong.
	Command, Detail string
	// Hour is the first hour in which it was seen.
	Hour string
	// Sample is what such a command looks like: keys and types, no values.
	Sample string
}

// maxNotices bounds what a program that runs for years remembers.
const maxNotices = 4096

// notices tells each change once.
type notices struct {
	mu   sync.Mutex
	seen map[[3]string]DriftNotice
}

// Drift returns what of the service's protocol was new in the hours that this Archiver
// committed, in the order of commands. It may be called at any time.
func (a *Archiver) Drift() []DriftNotice {
	a.notices.mu.Lock()
	defer a.notices.mu.Unlock()
	return slices.SortedFunc(maps.Values(a.notices.seen), func(x, y DriftNotice) int {
		return cmp.Or(strings.Compare(x.Command, y.Command), strings.Compare(x.Kind, y.Kind), strings.Compare(x.Detail, y.Detail))
	})
}

// tell logs what was not told before, one line a command and kind, with a sample.
func (n *notices) tell(log *slog.Logger, b store.Build, d store.Drift, samples map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(d.UnknownCommands)) {
		n.tellOne(log, b, "unknown command", name, []string{""}, samples)
	}
	for _, name := range slices.Sorted(maps.Keys(d.NewFields)) {
		n.tellOne(log, b, "new field", name, d.NewFields[name], samples)
	}
	for _, name := range slices.Sorted(maps.Keys(d.ChangedFields)) {
		n.tellOne(log, b, "changed field", name, d.ChangedFields[name], samples)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Undecodable)) {
		n.tellOne(log, b, "undecodable", name, slices.Sorted(maps.Keys(d.Undecodable[name])), samples)
	}
}

func (n *notices) tellOne(log *slog.Logger, b store.Build, kind, name string, details []string, samples map[string]string) {
	var untold []string
	n.mu.Lock()
	for _, detail := range details {
		key := [3]string{kind, name, detail}
		if _, told := n.seen[key]; told || len(n.seen) >= maxNotices {
			continue
		}
		if n.seen == nil {
			n.seen = map[[3]string]DriftNotice{}
		}
		n.seen[key] = DriftNotice{kind, name, detail, b.Hour.String(), samples[name]}
		untold = append(untold, detail)
	}
	n.mu.Unlock()
	if len(untold) > 0 {
		log.Warn("the service's protocol has changed: "+kind, "command", name,
			"what", strings.Join(untold, ", "), "hour", b.Hour.String(), "sample", samples[name])
	}
}
