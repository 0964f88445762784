package schema

import (
	"strconv"
	"unicode/utf8"
)

// A danmaku of 2023 came twice in one command: as info, and as a protocol buffer in
// dm_v2, whose message is told in sjh8130/bili_danmaku. The two agreed, but for a
// millisecond here and there and for the level of a medal that nobody wears.

// fromDmV2 takes from dm_v2 what info lacks and reports whether there is a danmaku. Info
// comes first; where it was not understood, everything is dm_v2's. A dm_v2 that is not
// sound is as good as none.
func (d *Decoder) fromDmV2(t token, understood bool) bool {
	c := &d.chat
	if t.kind != '"' || len(t.raw) == 0 || understood && c.complete() || !d.decodePB(t) {
		return understood
	}
	d.digits = d.digits[:0]
	r := dmV2Reader{d: d}
	r.read(d.pb)
	switch {
	case r.bad:
		return understood
	case !understood:
		*c = r.chat
		return c.text.kind != 0
	}
	c.fill(&r.chat)
	return true
}

// complete reports whether there is nothing that only dm_v2 could tell: of the other
// fields an empty one is an answer.
func (c *chat) complete() bool {
	return len(c.id.raw) > 0 && len(c.hash.raw) > 0 && len(c.userName.raw) > 0 &&
		c.uid.or(0) != 0 && c.sent.or(0) != 0 && c.wealth.kind != 0
}

func (c *chat) fill(other *chat) {
	if c.uid.or(0) == 0 && other.uid.or(0) != 0 {
		// The name beside a hidden uid is starred.
		c.uid, c.userName = other.uid, token{}
	}
	for _, f := range [][2]*token{
		{&c.id, &other.id}, {&c.hash, &other.hash}, {&c.userName, &other.userName},
		{&c.medalName, &other.medalName}, {&c.sticker, &other.sticker},
	} {
		if len(f[0].raw) == 0 || f[0].kind != '"' && f[0].kind != '0' {
			*f[0] = *f[1]
		}
	}
	for _, f := range [][2]*token{
		{&c.uid, &other.uid}, {&c.mode, &other.mode}, {&c.fontSize, &other.fontSize}, {&c.color, &other.color},
		{&c.sent, &other.sent}, {&c.entered, &other.entered}, {&c.special, &other.special}, {&c.kind, &other.kind},
		{&c.activity, &other.activity}, {&c.admin, &other.admin}, {&c.level, &other.level}, {&c.guard, &other.guard},
		{&c.wealth, &other.wealth}, {&c.medalLevel, &other.medalLevel}, {&c.medalAnchor, &other.medalAnchor},
		{&c.replyTo, &other.replyTo},
	} {
		if _, sent := f[0].int(); !sent {
			*f[0] = *f[1]
		}
	}
}

// dmV2Reader reads the message as if it had been info. Its texts are the message's own
// bytes.
type dmV2Reader struct {
	d *Decoder
	chat
	picked token
	bad    bool
}

func (r *dmV2Reader) text(t *token, b []byte) {
	r.bad = r.bad || !utf8.Valid(b)
	*t = token{kind: '"', raw: b}
}

func (r *dmV2Reader) number(t *token, n int64) {
	from := len(r.d.digits)
	r.d.digits = strconv.AppendInt(r.d.digits, n, 10)
	*t = token{kind: '0', raw: r.d.digits[from:len(r.d.digits):len(r.d.digits)]}
}

// each calls fn with the fields of a message.
func (r *dmV2Reader) each(b []byte, fn func(*wire)) {
	w := wire{b: b}
	for w.next() {
		fn(&w)
	}
	r.bad = r.bad || w.bad
}

// field reads one number of a message.
func (r *dmV2Reader) field(b []byte, field uint64, to *token) {
	r.each(b, func(w *wire) {
		if w.field == field {
			r.number(to, w.number)
		}
	})
}

func (r *dmV2Reader) read(b []byte) {
	// What is 0 is left out.
	for _, t := range []*token{&r.mode, &r.special, &r.kind, &r.admin, &r.guard} {
		r.number(t, 0)
	}
	r.each(b, r.danmaku)
	// A text has the pictures within it where a sticker has its own.
	if r.kind.or(0) == 1 {
		r.sticker = r.picked
	}
}

func (r *dmV2Reader) danmaku(w *wire) {
	switch w.field {
	case 1:
		r.text(&r.id, w.bytes)
	case 2:
		r.number(&r.mode, w.number)
	case 3:
		r.number(&r.fontSize, w.number)
	case 4:
		r.number(&r.color, w.number)
	case 5:
		r.text(&r.hash, w.bytes)
	case 6:
		r.text(&r.chat.text, w.bytes)
	case 7:
		r.number(&r.sent, w.number)
	case 9:
		r.number(&r.entered, w.number)
	case 11:
		if w.number == 1 {
			r.number(&r.special, 2) // a lottery; info has another number for it
		}
	case 13:
		r.number(&r.kind, w.number)
	case 14:
		r.each(w.bytes, r.picture)
	case 17:
		r.field(w.bytes, 2, &r.activity)
	case 20:
		for _, t := range []*token{&r.uid, &r.level, &r.wealth} {
			if t.kind == 0 {
				r.number(t, 0)
			}
		}
		r.each(w.bytes, r.user)
	case 21:
		r.field(w.bytes, 1, &r.medalAnchor)
	case 23:
		r.field(w.bytes, 2, &r.replyTo)
	}
}

// picture takes in a field of one entry of the map of pictures.
func (r *dmV2Reader) picture(entry *wire) {
	if entry.field != 2 {
		return
	}
	r.each(entry.bytes, func(w *wire) {
		if w.field == 1 {
			r.text(&r.picked, w.bytes)
		}
	})
}

func (r *dmV2Reader) user(w *wire) {
	switch w.field {
	case 1:
		r.number(&r.uid, w.number)
	case 2:
		r.text(&r.userName, w.bytes)
	case 10:
		r.number(&r.admin, w.number)
	case 11:
		r.each(w.bytes, r.medal)
	case 12:
		r.field(w.bytes, 1, &r.level)
	case 15:
		r.field(w.bytes, 1, &r.wealth)
	}
}

func (r *dmV2Reader) medal(w *wire) {
	switch w.field {
	case 1:
		r.number(&r.medalLevel, w.number)
	case 2:
		r.text(&r.medalName, w.bytes)
	case 9:
		r.number(&r.guard, w.number)
	}
}
