package archiver

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"danmaku-archiver/archiver/store"
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

// Of each command the hour's first are looked at for new fields, then one in so many.
//
// Part of the recipe: whoever changes them changes [Program] too.
const (
	driftFirst = 100
	driftEvery = 64
	// maxFields bounds what a manifest holds of one command, maxSamples the outlines.
	maxFields  = 64
	maxSamples = 256
)

// drifted gathers what an hour's commands hold that the schema does not know. It depends
// on the commands and their order alone.
type drifted struct {
	looked         map[string]int
	unknowns       map[string]int64
	added, changed map[string]map[string]bool
	undecoded      map[string]map[string]int64
	samples        map[string]string
}

func newDrifted() drifted {
	return drifted{
		looked: map[string]int{}, unknowns: map[string]int64{},
		added: map[string]map[string]bool{}, changed: map[string]map[string]bool{},
		undecoded: map[string]map[string]int64{}, samples: map[string]string{},
	}
}

func (d *drifted) known(name string, payload []byte) {
	n := d.looked[name]
	d.looked[name]++
	if n >= driftFirst && n%driftEvery != 0 {
		return
	}
	added, changed := schema.UnknownFields(name, payload)
	more := note(d.added, name, added)
	if note(d.changed, name, changed) || more {
		d.sample(name, payload)
	}
}

// note adds fields and reports whether there was a new one.
func note(to map[string]map[string]bool, name string, fields []string) (more bool) {
	for _, f := range fields {
		if to[name] == nil {
			to[name] = map[string]bool{}
		}
		if f = shortName(f); !to[name][f] && len(to[name]) < maxFields {
			to[name][f], more = true, true
		}
	}
	return more
}

func (d *drifted) unknown(name string, payload []byte) {
	if _, seen := d.unknowns[name]; !seen && len(d.unknowns) >= maxSeenNames {
		name = schema.RestOfNames
	}
	d.unknowns[name]++
	if d.samples[name] == "" {
		d.sample(name, payload)
	}
}

func (d *drifted) undecodable(name, reason string, payload []byte) {
	if d.undecoded[name] == nil {
		if len(d.undecoded) >= maxNames {
			name = schema.RestOfNames
		}
		if d.undecoded[name] == nil {
			d.undecoded[name] = map[string]int64{}
		}
	}
	d.undecoded[name][reason]++
	if d.samples[name] == "" {
		d.sample(name, payload)
	}
}

// sample keeps the outline of the last payload that had something new.
func (d *drifted) sample(name string, payload []byte) {
	if _, seen := d.samples[name]; seen || len(d.samples) < maxSamples {
		d.samples[name] = schema.Outline(payload)
	}
}

func (d *drifted) sum() (store.Drift, map[string]string) {
	return store.Drift{
		UnknownCommands: frequent(d.unknowns), NewFields: listed(d.added),
		ChangedFields: listed(d.changed), Undecodable: d.undecoded,
	}, d.samples
}

func listed(fields map[string]map[string]bool) map[string][]string {
	all := make(map[string][]string, len(fields))
	for name, set := range fields {
		all[name] = slices.Sorted(maps.Keys(set))
	}
	return all
}

// drift counts a command of the hour that the schema does not model, and looks for what
// the service has changed.
func (g *gatherer) drift(rec *schema.Record, fate schema.Fate) {
	other := g.out.rows.Other
	at := len(other) - 1
	if at < 0 || at < g.otherBefore() {
		if fate == schema.FateKept {
			g.drifted.known(schema.CommandName(rec.Payload), rec.Payload)
		}
		return
	}
	row := &other[at]
	if fate == schema.FateSetAside {
		g.drifted.undecodable(shortName(row.Command), string(row.Reason), rec.Payload)
		return
	}
	if fate != schema.FateKept || row.Broken {
		return
	}
	// The row's name, not the payload's: privacy may have emptied it.
	name := shortName(row.Command)
	if _, seen := g.names[name]; !seen && len(g.names) >= maxSeenNames {
		name = schema.RestOfNames
	}
	g.names[name]++
	if schema.KnownCommand(name) {
		g.drifted.known(name, rec.Payload)
	} else {
		g.drifted.unknown(name, rec.Payload)
	}
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
