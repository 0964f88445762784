package schema

import (
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// Version is the version of the tables. A column is only ever added; each addition
// raises it.
const Version = 2

// Fate is what became of a command when it was decoded.
type Fate uint8

const (
	// FateKept: its rows are in the table of its kind, or in other.
	FateKept Fate = iota
	// FateSetAside: it would not decode; it is in other as broken, byte for byte.
	FateSetAside
	// FateRepeat: it repeats what other commands said and makes no row.
	FateRepeat
	// FateOptedOut: all its rows would have shown somebody who opted out ([Privacy]); none
	// was made.
	FateOptedOut
)

// Reason is what was wrong with a command that would not decode.
type Reason string

// The reasons.
const (
	ReasonUTF8 Reason = "not valid UTF-8"
	ReasonJSON Reason = "not valid JSON"
	// ReasonMissing: it has no info, or no data.
	ReasonMissing Reason = "without content"
	// ReasonType: its content is another type of JSON value than ever.
	ReasonType Reason = "content of another type"
	// ReasonShape: a field without which there is no row is missing or of another type.
	ReasonShape Reason = "not of a known shape"
	// ReasonBase64 and ReasonMessage: its pb is not base64, or not a message of protocol
	// buffers with valid texts.
	ReasonBase64  Reason = "pb is not base64"
	ReasonMessage Reason = "pb is not a message"
	// ReasonAmount: a price or a number that is negative, or too large to count with.
	ReasonAmount Reason = "impossible amount"
)

// refuse notes why a command is not understood.
func (d *Decoder) refuse(r Reason) bool {
	d.reason = r
	return false
}

// Decoder makes rows of records. It keeps buffers between calls: it is not safe for
// concurrent use. The rows share nothing with the payloads that they came from; rows of
// one decoder share memory among themselves, so a kept row may keep a few others alive.
type Decoder struct {
	// Collector and JournalID tell who recorded it; they are columns of every row.
	Collector, JournalID string

	names    interner
	int64s   slab[int64]
	int32s   slab[int32]
	strings  slab[string]
	unquoted []byte // an unescaped string, valid until the next one
	extra    []byte // a danmaku's unescaped extra
	hashed   []byte // what an event_id is made of

	// What the present record holds; here, so that it need not be allocated.
	scanner scanner
	origin  origin
	chat    chat
	figures []figure
	drafts  drafts
	ids     []byte // ids of drafts
	pb      []byte // a decoded protocol buffer
	digits  []byte // numbers of dm_v2
	reason  Reason // why the command is not understood, while it is not

	veil *veil // nil: rows are plain
}

// NewDecoder returns a decoder for the records of one journal.
func NewDecoder(collector, journalID string) *Decoder {
	return &Decoder{Collector: collector, JournalID: journalID, names: interner{}}
}

// model decodes one kind of command.
type model struct {
	// key is the top-level key that holds what read needs; empty where it needs all.
	key string
	// read takes in the key's value, all of it, and reports whether it understood it.
	read func(*Decoder, *scanner) bool
	// time is the service's time that read took in, 0 if there is none; nil where the
	// command itself bears none.
	time func(*Decoder) int64
	// rows appends what read took in.
	rows func(*Decoder, *origin, *Rows)
}

// models are the commands that become rows of other tables than other.
var models = map[string]*model{
	"DANMU_MSG":                     {"info", (*Decoder).readDanmaku, (*Decoder).danmakuTime, (*Decoder).danmaku},
	"DANMU_MSG_MIRROR":              {"info", (*Decoder).readDanmaku, (*Decoder).danmakuTime, (*Decoder).mirrored},
	"LIKE_INFO_V3_UPDATE":           {"data", readFigures(likesFigures), nil, (*Decoder).audience},
	"ONLINE_RANK_COUNT":             {"data", readFigures(onlineFigures), nil, (*Decoder).audience},
	"ROOM_REAL_TIME_MESSAGE_UPDATE": {"data", readFigures(fansFigures), nil, (*Decoder).audience},
	"WATCHED_CHANGE":                {"data", readFigures(watchedFigures), nil, (*Decoder).audience},

	"SEND_GIFT":                      drafting("data", (*Decoder).readGift),
	"SEND_GIFT_V2":                   drafting("data", (*Decoder).readGiftV2),
	"SUPER_CHAT_MESSAGE":             drafting("data", (*Decoder).readSuperChat),
	"SUPER_CHAT_MESSAGE_JPN":         drafting("data", (*Decoder).readSuperChat),
	"GUARD_BUY":                      drafting("data", (*Decoder).readGuardBuy),
	"USER_TOAST_MSG":                 drafting("data", (*Decoder).readToast),
	"USER_TOAST_MSG_V2":              drafting("data", (*Decoder).readToastV2),
	"POPULARITY_RED_POCKET_NEW":      drafting("data", (*Decoder).readRedPocket),
	"POPULARITY_RED_POCKET_V2_NEW":   drafting("data", (*Decoder).readRedPocket),
	"POPULARITY_RED_POCKET_START":    drafting("data", (*Decoder).readRedPocketStart),
	"POPULARITY_RED_POCKET_V2_START": drafting("data", (*Decoder).readRedPocketStart),

	"INTERACT_WORD":      drafting("data", (*Decoder).readInteract),
	"INTERACT_WORD_V2":   drafting("data", (*Decoder).readInteractV2),
	"LIKE_INFO_V3_CLICK": drafting("data", (*Decoder).readLike),
	"ENTRY_EFFECT":       drafting("data", (*Decoder).readEntryEffect),

	"RECALL_DANMU_MSG":          drafting("data", (*Decoder).readRecall),
	"ROOM_BLOCK_MSG":            drafting("", (*Decoder).readBlock),
	"SUPER_CHAT_MESSAGE_DELETE": drafting("data", (*Decoder).readSuperChatDelete),
	"CUT_OFF":                   drafting("", (*Decoder).readCutOff),
	"CUT_OFF_V2":                drafting("data", (*Decoder).readCutOffV2),
	"WARNING":                   drafting("", (*Decoder).readWarning),
	"ROOM_LOCK":                 drafting("", (*Decoder).readLock),
	"ROOM_SILENT_ON":            drafting("data", (*Decoder).readSilentOn),
	"ROOM_SILENT_OFF":           drafting("data", (*Decoder).readSilentOff),
}

// origin is what the rows of one record have in common.
type origin struct {
	rec     *Record
	liveKey *string
	ts      int64
	service int64 // the service's time, 0 if none
	msgID   token
}

// envelope is what stands beside a command's content.
type envelope struct {
	msgID      token
	sendTime   int64
	dmV2       token // a danmaku's other form, of 2023
	understood bool
}

// Command decodes one command, appends its rows and returns their time and its fate. A
// command has at least one row unless it is a repeat, and all its rows have the same
// time. liveKey is the room's broadcast, nil if unknown or offline.
//
// What no table takes goes to other as it is. What is not valid JSON or not valid UTF-8,
// and what one of the other tables ought to take but cannot read, goes there as broken.
//
// Where somebody opted out, or people are pseudonymous, the rows follow that: see
// [Decoder.Protect].
func (d *Decoder) Command(rec *Record, liveKey *string, rows *Rows) (ts int64, f Fate) {
	if d.veil == nil {
		return d.command(rec, liveKey, rows)
	}
	d.veil.mark(rows)
	ts, f = d.command(rec, liveKey, rows)
	return ts, d.veil.cover(rows, f)
}

func (d *Decoder) command(rec *Record, liveKey *string, rows *Rows) (ts int64, f Fate) {
	name := CommandName(rec.Payload)
	m := models[name]
	d.origin = origin{rec: rec, liveKey: liveKey, ts: rec.ReceivedAt}
	o := &d.origin
	d.reason = ReasonMissing
	env, sound := d.scan(rec.Payload, m)
	if !sound {
		reason := ReasonJSON
		if !utf8.Valid(rec.Payload) {
			reason = ReasonUTF8
		}
		d.setAside(o, name, reason, rows)
		return o.ts, FateSetAside
	}
	o.msgID, o.service = env.msgID, env.sendTime
	if m != nil && m.key == "info" {
		env.understood = d.fromDmV2(env.dmV2, env.understood)
	}
	if m != nil && m.time != nil && env.understood {
		if t := m.time(d); t > 0 {
			o.service = t
		}
	}
	o.ts = RowTime(rec.ReceivedAt, o.service)
	switch {
	case repeats[name]:
		return o.ts, FateRepeat
	case m == nil:
		d.other(o, name, rows)
	case !env.understood:
		d.setAside(o, name, d.reason, rows)
		return o.ts, FateSetAside
	default:
		m.rows(d, o, rows)
	}
	return o.ts, FateKept
}

// scan reads the payload once, hands the model its value and reports whether the payload
// is sound: valid JSON and valid UTF-8 from end to end.
func (d *Decoder) scan(payload []byte, m *model) (env envelope, sound bool) {
	if !utf8.Valid(payload) {
		return env, false
	}
	d.scanner = scanner{b: payload}
	s := &d.scanner
	if s.peek() != '{' {
		s.pass()
		return env, s.end()
	}
	for more := s.open('{'); more; more = s.more('{') {
		switch key := s.key().name(); {
		case m != nil && m.key != "" && string(key) == m.key:
			env.understood = m.read(d, s)
		case string(key) == "msg_id":
			env.msgID = s.value()
		case string(key) == "dm_v2":
			env.dmV2 = s.value()
		case string(key) == "send_time":
			env.sendTime = micros(s.value().or(0))
		default:
			s.pass()
		}
	}
	if sound = s.end(); sound && m != nil && m.key == "" {
		d.scanner = scanner{b: payload}
		env.understood = m.read(d, &d.scanner)
	}
	return env, sound
}

// micros turns the service's time, which is in seconds in old messages and in
// milliseconds in new ones, into microseconds; 0 where it cannot be a time.
func micros(t int64) int64 {
	const (
		milliseconds = 100_000_000_000     // in seconds the year 5138, in ms 1973
		year10000    = 253_402_300_800_000 // in ms; many readers know no later time
	)
	switch {
	case t <= 0 || t >= year10000:
		return 0
	case t > milliseconds:
		return t * 1000
	default:
		return t * microsPerSecond
	}
}

// common is the beginning of a row. id is what the service sent to tell the row from
// others, nil where it sent nothing.
func (d *Decoder) common(o *origin, table Table, id []byte, item int32) Common {
	c := Common{
		RoomID: int64(o.rec.Room), LiveKey: o.liveKey,
		TS: o.ts, ReceivedAt: o.rec.ReceivedAt,
		Collector: d.Collector, JournalID: d.JournalID, Seq: o.rec.Seq,
		Item: item,
	}
	if o.service != 0 && o.service != o.ts {
		c.ServiceTS = d.int64s.pointer(o.service)
	}
	if c.HasID = len(id) > 0; c.HasID {
		d.hashed = appendEvent(d.hashed[:0], table, id, int(item))
	} else {
		d.hashed = appendUnique(d.hashed[:0], d.JournalID, o.rec.Seq, int(item))
	}
	c.EventID = int64(xxh3.Hash(d.hashed))
	return c
}

// bytes is the text of a string or, as sent, of a number; nil for anything else. It is
// valid until the next call.
func (d *Decoder) bytes(t token) []byte {
	switch {
	case t.kind == '"' && t.escaped:
		d.unquoted = appendUnescaped(d.unquoted[:0], t.raw)
		return d.unquoted
	case t.kind == '"' || t.kind == '0':
		return t.raw
	}
	return nil
}

// name is the interned text of a string, nil where it is empty.
func (d *Decoder) name(t token) *string {
	b := d.bytes(t)
	if len(b) == 0 {
		return nil
	}
	return d.strings.pointer(d.names.string(b))
}
