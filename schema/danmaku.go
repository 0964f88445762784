package schema

// The kinds of danmaku.
const (
	DanmakuText     = "text"
	DanmakuEmoticon = "emoticon"
	DanmakuVoice    = "voice"
	DanmakuOther    = "other"
)

// chat is what one DANMU_MSG holds, as it stands in the payload. Where each field stands
// is told in SocialSisterYi/bilibili-API-collect and, for the messages of 2026, in
// wzgrx/pure_live; what is missing has no kind.
type chat struct {
	// info[0]
	mode, fontSize, color token
	sent                  token // [4]: s until 2019, ms since
	entered               token // [5]
	hash                  token // [7]: CRC-32 of the uid, hexadecimal
	special               token // [9]: 2 is a lottery
	kind                  token // [12]
	sticker               token // [13].emoticon_unique
	activity              token // [16].activity_source

	text token // info[1]

	// info[2]
	uid, userName, admin token

	// info[3]: 0 level, 1 name, 3 room, 12 anchor
	medalLevel, medalName, medalRoom, medalAnchor token

	level  token // info[4][0]
	guard  token // info[7]
	wealth token // info[16][0]

	// info[0][15].extra
	id, decimalHash, emoticon, replyTo token
}

// readDanmaku takes in info. It understands every array whose second entry is a text:
// the service has sent from 6 to 18 entries, and null, [] or {} for what it left out.
func (d *Decoder) readDanmaku(s *scanner) bool {
	c := &d.chat
	*c = chat{}
	if s.peek() != '[' {
		s.pass()
		return d.refuse(ReasonType)
	}
	d.reason = ReasonShape
	for i, more := 0, s.open('['); more; i, more = i+1, s.more('[') {
		switch i {
		case 0:
			d.readAttributes(s)
		case 1:
			c.text = s.value()
		case 2:
			s.list(&c.uid, &c.userName, &c.admin)
		case 3:
			s.list(&c.medalLevel, &c.medalName, nil, &c.medalRoom, nil, nil, nil, nil, nil, nil, nil, nil, &c.medalAnchor)
		case 4:
			s.list(&c.level)
		case 7:
			c.guard = s.value()
		case 16:
			s.list(&c.wealth)
		default:
			s.pass()
		}
	}
	return c.text.kind == '"' || c.text.kind == '0'
}

// readAttributes takes in info[0].
func (d *Decoder) readAttributes(s *scanner) {
	c := &d.chat
	if s.peek() != '[' {
		s.pass()
		return
	}
	for i, more := 0, s.open('['); more; i, more = i+1, s.more('[') {
		switch i {
		case 1:
			c.mode = s.value()
		case 2:
			c.fontSize = s.value()
		case 3:
			c.color = s.value()
		case 4:
			c.sent = s.value()
		case 5:
			c.entered = s.value()
		case 7:
			c.hash = s.value()
		case 9:
			c.special = s.value()
		case 12:
			c.kind = s.value()
		case 13:
			c.sticker = s.field("emoticon_unique")
		case 15:
			d.readExtra(s.field("extra"))
		case 16:
			c.activity = s.field("activity_source")
		default:
			s.pass()
		}
	}
}

// readExtra takes in the JSON that info[0][15] holds as a string. Its tokens live in a
// buffer of their own. An extra that is not sound is as good as none.
func (d *Decoder) readExtra(extra token) {
	b := extra.raw
	if extra.escaped {
		d.extra = appendUnescaped(d.extra[:0], b)
		b = d.extra
	}
	s := scanner{b: b}
	if s.peek() != '{' {
		return
	}
	var id, hash, emoticon, replyTo token
	for more := s.open('{'); more; more = s.more('{') {
		switch string(s.key().name()) {
		case "id_str":
			id = s.value()
		case "user_hash":
			hash = s.value()
		case "emoticon_unique":
			emoticon = s.value()
		case "reply_mid":
			replyTo = s.value()
		default:
			s.pass()
		}
	}
	if s.end() {
		c := &d.chat
		c.id, c.decimalHash, c.emoticon, c.replyTo = id, hash, emoticon, replyTo
	}
}

// list reads an array's first entries into the tokens, nil for one that is not wanted;
// any other value is read and left.
func (s *scanner) list(to ...*token) {
	if s.peek() != '[' {
		s.pass()
		return
	}
	for i, more := 0, s.open('['); more; i, more = i+1, s.more('[') {
		if i < len(to) && to[i] != nil {
			*to[i] = s.value()
		} else {
			s.pass()
		}
	}
}

// field reads an object and returns the value of one of its keys; any other value is
// read and left.
func (s *scanner) field(name string) (found token) {
	if s.peek() != '{' {
		s.pass()
		return token{}
	}
	for more := s.open('{'); more; more = s.more('{') {
		if s.key().is(name) {
			found = s.value()
		} else {
			s.pass()
		}
	}
	return found
}

func (d *Decoder) danmakuTime() int64 { return micros(d.chat.sent.or(0)) }

func (d *Decoder) mirrored(o *origin, rows *Rows) {
	d.danmaku(o, rows)
	rows.Danmaku[len(rows.Danmaku)-1].Mirrored = true
}

func (d *Decoder) danmaku(o *origin, rows *Rows) {
	c := &d.chat
	id := d.bytes(c.id)
	if len(id) == 0 {
		id = d.bytes(o.msgID)
	}
	row := DanmakuRow{
		Common:        d.common(o, TableDanmaku, id, 0),
		Who:           d.sender(),
		Kind:          danmakuKind(c.kind.or(0)),
		Mode:          int32Of(c.mode),
		FontSize:      int32Of(c.fontSize),
		Color:         int32Of(c.color),
		ReplyToUserID: d.positive(c.replyTo),
		Lottery:       c.special.or(0) == 2 || c.activity.or(0) != 0,
		Admin:         c.admin.or(0) == 1,
		UserLevel:     d.int32(c.level),
		WealthLevel:   d.int32(c.wealth),
		GuardLevel:    int32Of(c.guard),
	}
	row.Text = string(d.bytes(c.text))
	if row.Emoticon = d.name(c.sticker); row.Emoticon == nil {
		row.Emoticon = d.name(c.emoticon)
	}
	if row.MedalName = d.name(c.medalName); row.MedalName != nil {
		row.MedalLevel = d.int32(c.medalLevel)
		row.MedalRoomID = d.positive(c.medalRoom)
		row.MedalAnchorID = d.positive(c.medalAnchor)
	}
	// Apps send a random number in its place.
	at := c.entered.or(0)
	if at > 0 && at <= o.ts/microsPerSecond && at*microsPerSecond >= o.ts-24*microsPerHour {
		row.EnteredAt = d.int64s.pointer(at * microsPerSecond)
	}
	rows.Danmaku = append(rows.Danmaku, row)
}

// sender tells who wrote it. The hash that the service sends with it survives masking.
func (d *Decoder) sender() (w Who) {
	c := &d.chat
	uid, known := c.uid.int()
	w.Masked = known && uid == 0
	w.UserID = d.positive(c.uid)
	w.UserName = d.name(c.userName)
	hash, ok := parseUserHash(c.hash, 16)
	if !ok {
		hash, ok = parseUserHash(c.decimalHash, 10)
	}
	if !ok && w.UserID != nil {
		hash, ok = userHash(uid), true
	}
	if ok {
		w.UserHash = d.int64s.pointer(hash)
	}
	return w
}

func danmakuKind(n int64) string {
	switch n {
	case 0:
		return DanmakuText
	case 1:
		return DanmakuEmoticon
	case 2:
		return DanmakuVoice
	}
	return DanmakuOther
}

// MaskedDanmaku tells, of a DANMU_MSG, whether the service hid its sender; ok is false
// for any other command and where the sender cannot be read.
func MaskedDanmaku(payload []byte) (masked, ok bool) {
	if CommandName(payload) != "DANMU_MSG" {
		return false, false
	}
	s := scanner{b: payload}
	var uid token
	for more := s.open('{'); more; more = s.more('{') {
		if !s.key().is("info") || s.peek() != '[' {
			s.pass()
			continue
		}
		for i, more := 0, s.open('['); more; i, more = i+1, s.more('[') {
			if i == 2 {
				s.list(&uid)
			} else {
				s.pass()
			}
		}
	}
	n, ok := uid.int()
	return ok && n == 0, ok
}

// int32Of is the token as a number, 0 where it is none or does not fit.
func int32Of(t token) int32 {
	n, _ := t.int()
	if int64(int32(n)) != n {
		return 0
	}
	return int32(n)
}

// int32 is the token as a nullable number.
func (d *Decoder) int32(t token) *int32 {
	n, ok := t.int()
	if !ok || int64(int32(n)) != n {
		return nil
	}
	return d.int32s.pointer(int32(n))
}

// positive is the token as an id, nil where it is none: the service writes 0.
func (d *Decoder) positive(t token) *int64 {
	n, ok := t.int()
	if !ok || n <= 0 {
		return nil
	}
	return d.int64s.pointer(n)
}
