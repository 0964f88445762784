package schema

import (
	"strings"
	"unicode/utf8"
)

// draft is a row that lacks only what all rows of a command have in common.
type draft[T any] struct {
	row T
	// id is what the service sent to tell the row from others, nil for the msg_id.
	id   []byte
	weak bool
	// alone is true of a row that nothing else can be a copy of.
	alone bool
}

// drafts are the rows of the present command and its time, 0 where it bears none.
type drafts struct {
	at         int64
	payments   []draft[PaymentsRow]
	presence   []draft[PresenceRow]
	moderation []draft[ModerationRow]
	cutOff     bool
}

// drafting is a model that reads a command's value as a whole, for commands that are too
// rare for a reader of one pass.
func drafting(key string, read func(*Decoder, token) bool) *model {
	return &model{
		key: key,
		read: func(d *Decoder, s *scanner) bool {
			f := &d.drafts
			*f = drafts{payments: f.payments[:0], presence: f.presence[:0], moderation: f.moderation[:0]}
			d.ids = d.ids[:0]
			t := s.value()
			if t.kind != '{' {
				return d.refuse(ReasonType)
			}
			d.reason = ReasonShape
			return read(d, t)
		},
		time: func(d *Decoder) int64 { return d.drafts.at },
		rows: (*Decoder).drafted,
	}
}

func (d *Decoder) drafted(o *origin, rows *Rows) {
	f := &d.drafts
	for i := range f.payments {
		x := &f.payments[i]
		x.row.Common = d.draftCommon(o, TablePayments, x.id, x.alone, i)
		x.row.Weak = x.weak
		rows.Payments = append(rows.Payments, x.row)
	}
	for i := range f.presence {
		x := &f.presence[i]
		x.row.Common = d.draftCommon(o, TablePresence, x.id, x.alone, i)
		rows.Presence = append(rows.Presence, x.row)
	}
	for i := range f.moderation {
		x := &f.moderation[i]
		x.row.Common = d.draftCommon(o, TableModeration, x.id, x.alone, i)
		rows.Moderation = append(rows.Moderation, x.row)
	}
	if f.cutOff {
		rows.Rooms = append(rows.Rooms, RoomsRow{
			RoomID: int64(o.rec.Room), TS: o.ts, Event: EventCutOff, LiveKey: o.liveKey,
			Collector: d.Collector, JournalID: d.JournalID, Seq: o.rec.Seq,
		})
	}
}

func (d *Decoder) draftCommon(o *origin, table Table, id []byte, alone bool, item int) Common {
	if id == nil && !alone {
		id = d.bytes(o.msgID)
	}
	return d.common(o, table, id, int32(item))
}

// want is an entry of an object and where its value goes.
type want struct {
	name string
	to   *token
}

// pick reads the wanted entries of an object, once; of any other value there are none.
func (t token) pick(wants ...want) {
	if t.kind != '{' {
		return
	}
	s := scanner{b: t.raw}
	for more := s.open('{'); more; more = s.more('{') {
		key := s.key().name()
		v := s.value()
		for i := range wants {
			if string(key) == wants[i].name {
				*wants[i].to = v
				break
			}
		}
	}
}

// get is the value at the end of a path through objects, no value where there is none.
func (t token) get(path ...string) token {
	for _, name := range path {
		s := scanner{b: t.raw}
		if t.kind != '{' {
			return token{}
		}
		t = s.field(name)
	}
	return t
}

// each calls f with every entry of an array; any other value has none.
func (t token) each(f func(token)) {
	if t.kind != '[' {
		return
	}
	s := scanner{b: t.raw}
	for more := s.open('['); more; more = s.more('[') {
		f(s.value())
	}
}

// id keeps what the service sent to tell a row from others; nil where it is none: the
// service writes "" and 0.
func (d *Decoder) id(t token) []byte {
	b := d.bytes(t)
	if len(b) == 0 || string(b) == "0" {
		return nil
	}
	return d.keepID("", b)
}

// keepID copies an id for as long as the command is being decoded. Growing leaves the
// earlier ids where they are.
func (d *Decoder) keepID(prefix string, b []byte) []byte {
	from := len(d.ids)
	d.ids = append(append(d.ids, prefix...), b...)
	return d.ids[from:len(d.ids):len(d.ids)]
}

// person tells who did it where the command has no hash of its own: it hides a person by
// the uid 0.
func (d *Decoder) person(uid, name token) (w Who) {
	n, known := uid.int()
	w = d.someone(n)
	w.Masked = known && n == 0
	w.UserName = d.name(name)
	return w
}

// someone is the person of a uid, nobody for 0.
func (d *Decoder) someone(uid int64) (w Who) {
	if uid > 0 {
		w.UserID = d.int64s.pointer(uid)
		w.UserHash = d.int64s.pointer(userHash(uid))
	}
	return w
}

// medalOf reads the service's medal_info or fans_medal.
func (d *Decoder) medalOf(t token) Medal {
	var name, level, room, anchor token
	t.pick(want{"medal_name", &name}, want{"medal_level", &level},
		want{"anchor_roomid", &room}, want{"target_id", &anchor})
	return d.medal(d.name(name), level.or(0), room.or(0), anchor.or(0))
}

// medal leaves everything out where no medal is worn.
func (d *Decoder) medal(name *string, level, room, anchor int64) (m Medal) {
	if name == nil {
		return m
	}
	m.MedalName = name
	if int64(int32(level)) == level {
		m.MedalLevel = d.int32s.pointer(int32(level))
	}
	if room > 0 {
		m.MedalRoomID = d.int64s.pointer(room)
	}
	if anchor > 0 {
		m.MedalAnchorID = d.int64s.pointer(anchor)
	}
	return m
}

// string is a text of its own, empty where there is none.
func (d *Decoder) string(t token) string { return string(d.bytes(t)) }

// interned is a text that comes again and again.
func (d *Decoder) interned(t token) string { return d.names.string(d.bytes(t)) }

// utf8Name is the interned text of a protocol buffer, nil where it is empty; ok is false
// where it is not valid UTF-8.
func (d *Decoder) utf8Name(b []byte) (name *string, ok bool) {
	if !utf8.Valid(b) {
		return nil, false
	}
	if len(b) == 0 {
		return nil, true
	}
	return d.strings.pointer(d.names.string(b)), true
}

// between is what stands between two texts, empty where they are not there.
func between(s, begin, end string) string {
	_, s, ok := strings.Cut(s, begin)
	if !ok {
		return ""
	}
	if s, _, ok = strings.Cut(s, end); !ok {
		return ""
	}
	return s
}

// nanos turns a time in nanoseconds into microseconds, 0 where it cannot be one.
func nanos(t int64) int64 {
	const year1973 = 100_000_000_000_000_000
	if t < year1973 {
		return 0
	}
	return t / 1000
}

// times multiplies amounts; ok is false where one is negative or the product too large.
func times(a, b int64) (n int64, ok bool) {
	if a < 0 || b < 0 {
		return 0, false
	}
	if n = a * b; a != 0 && (n/a != b || n < 0) {
		return 0, false
	}
	return n, true
}
