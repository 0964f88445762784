package archiver

import (
	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// shedding is what the hour's books learn of commands that were not recorded.
type shedding struct {
	names map[string]int64
	level schema.Level // in force, as far as the records tell
}

// shedMark takes note of a mark, of the hour or beside it, before the fold does. A mark
// counts in the hour in which it was received; an end of shedding that no mark tells of
// belongs to the last record before.
func (g *gatherer) shedMark(rec *schema.Record, m *schema.Mark) {
	switch m.Name {
	case schema.MarkShed:
		g.shedCounts(rec, m)
	case schema.MarkShedding:
		g.shed.level = m.Level
	case schema.MarkStart, schema.MarkStop:
		// The level in force is told again after a start, what was counted before a farewell.
		g.shed.level = schema.LevelNone
	case schema.MarkSnapshot:
		g.shedEnds(m.Level)
	}
}

// shedCounts adds what a mark counted. Counts of names that do not make up the mark's sum
// are of names that it left out.
func (g *gatherer) shedCounts(rec *schema.Record, m *schema.Mark) {
	if schema.HourOf(rec.ReceivedAt) != g.hour {
		return
	}
	named := int64(0)
	for name, n := range m.Counts {
		if n <= 0 {
			continue
		}
		g.shedName(shortName(name), n)
		named += n
	}
	if rest := m.Value - named; rest > 0 {
		g.shedName(schema.RestOfNames, rest)
		named = m.Value
	}
	g.out.books.Shed.Commands += named
}

func (g *gatherer) shedName(name string, n int64) {
	if _, seen := g.shed.names[name]; !seen && len(g.shed.names) >= maxSeenNames {
		name = schema.RestOfNames
	}
	addTo(&g.shed.names, name, n)
}

// shedEnds takes over the level of which no shedding mark told: the run that shed was
// killed, or the mark is lost, and with it what was counted last.
func (g *gatherer) shedEnds(level schema.Level) {
	if last := g.watch.Last(); last != 0 && level != g.shed.level && schema.HourOf(last) == g.hour {
		g.out.books.Shed.Uncounted++
	}
	g.shed.level = level
}

// shedLost takes note of a lost range: while commands are shed it may have held counts.
func (g *gatherer) shedLost(d journal.Damage) {
	if g.shed.level != schema.LevelNone && d.From < g.hour.End() && d.To >= g.hour.Start() {
		g.out.books.Shed.Uncounted++
	}
}
