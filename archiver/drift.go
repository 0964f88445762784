package archiver

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"danmaku-archiver/schema"
)

// What the service names its commands is out of our hands: a manifest holds so many
// names of such a length, and the rest together.
const (
	maxNames      = 256
	maxNameLength = 64
	// maxSeenNames bounds the memory of one hour's build.
	maxSeenNames = 1 << 16
)

// drift counts a command of the hour that the schema does not model.
func (g *gatherer) drift(fate schema.Fate) {
	other := g.out.rows.Other
	at := len(other) - 1
	if fate != schema.FateKept || at < 0 || at < g.otherBefore() || other[at].Broken {
		return
	}
	name := shortName(other[at].Command)
	if _, seen := g.names[name]; !seen && len(g.names) >= maxSeenNames {
		name = schema.RestOfNames
	}
	g.names[name]++
}

func (g *gatherer) otherBefore() int {
	for i, t := range tables {
		if t.tableName() == schema.TableOther {
			return g.before[i]
		}
	}
	return 0
}

func shortName(s string) string {
	if len(s) <= maxNameLength {
		return s
	}
	s = s[:maxNameLength]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return strings.Clone(s)
}

// frequent keeps the most frequent names and sums up the rest.
func frequent(names map[string]int64) map[string]int64 {
	type count struct {
		name string
		n    int64
	}
	all := make([]count, 0, len(names))
	for name, n := range names {
		all = append(all, count{name, n})
	}
	slices.SortFunc(all, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.name, b.name))
	})
	kept := make(map[string]int64, min(len(all), maxNames))
	for i, c := range all {
		if i < maxNames {
			kept[c.name] += c.n
		} else {
			kept[schema.RestOfNames] += c.n
		}
	}
	return kept
}
