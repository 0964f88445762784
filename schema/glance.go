package schema

import "github.com/zeebo/xxh3"

// Glance is the little of a danmaku that a collector needs while it records: enough to
// find it again in the room's history.
type Glance struct {
	// ID is the danmaku's own id, hashed by [HashID].
	ID uint64
	// SentAt is the service's time, in microseconds since the Unix epoch, 0 if unknown.
	SentAt int64
}

// HashID makes 64 bits of an id of the service. It is not kept anywhere.
func HashID(id []byte) uint64 { return xxh3.Hash(id) }

// Glancer reads glances. It keeps a buffer between calls and is not safe for concurrent use.
type Glancer struct{ extra []byte }

// Danmaku reads a DANMU_MSG up to where its id stands (info[0][15].extra, as in
// xfgryujk/blivedm) and no further; ok is false where there is none.
func (g *Glancer) Danmaku(payload []byte) (found Glance, ok bool) {
	s := scanner{b: payload}
	for more := s.open('{'); more; more = s.more('{') {
		if !s.key().is("info") || s.peek() != '[' {
			s.value()
			continue
		}
		if s.open('[') && s.peek() == '[' {
			found, ok = g.first(&s)
		}
		break
	}
	return found, ok && !s.bad
}

// first reads info's first entry.
func (g *Glancer) first(s *scanner) (found Glance, ok bool) {
	var extra token
	for i, more := 0, s.open('['); more && i < 16; i, more = i+1, s.more('[') {
		switch {
		case i == 4:
			found.SentAt = micros(s.value().or(0))
		case i == 15 && s.peek() == '{':
			for more := s.open('{'); more; more = s.more('{') {
				if s.key().is("extra") {
					extra = s.value()
				} else {
					s.value()
				}
			}
		default:
			s.value()
		}
	}
	if s.bad || extra.kind != '"' {
		return found, false
	}
	g.extra = appendUnescaped(g.extra[:0], extra.raw)
	inner := scanner{b: g.extra}
	for more := inner.open('{'); more; more = inner.more('{') {
		if inner.key().is("id_str") {
			id := inner.value()
			found.ID = HashID(id.raw)
			return found, !inner.bad && id.kind == '"' && len(id.raw) > 0 && !id.escaped
		}
		inner.value()
	}
	return found, false
}
