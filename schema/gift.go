package schema

import "unicode/utf8"

// The kinds of payments.
const (
	PaymentGift      = "gift"
	PaymentSuperChat = "super_chat"
	PaymentGuard     = "guard"
	PaymentRedPocket = "red_pocket"
)

// coinGold is what is bought: 1000 are one yuan, so that an amount of it is already in
// thousandths. Every other coin is free.
const coinGold = "gold"

// giftItem is one gift of a SEND_GIFT or SEND_GIFT_V2, in whichever form it came.
type giftItem struct {
	id, count, price int64
	// total is the amount that was paid for all of it; paid is false where it was not sent.
	total int64
	paid  bool
	name  string
	coin  string
}

// payment works out the money, or tells why it cannot.
func (g *giftItem) payment(box *string) (row PaymentsRow, wrong Reason) {
	row = PaymentsRow{Kind: PaymentGift, ItemID: g.id, ItemName: g.name, Count: g.count, Coin: g.coin, BlindBox: box}
	value, ok := times(g.price, g.count)
	switch {
	case !ok || g.total < 0:
		return row, ReasonAmount
	case g.count == 0 || g.id <= 0 && g.name == "":
		return row, ReasonShape
	case g.coin != coinGold:
		return row, ""
	}
	row.UnitPriceMilli, row.PaidMilli = g.price, value
	if g.paid {
		row.PaidMilli = g.total
	}
	return row, ""
}

// readGift takes in SEND_GIFT (SocialSisterYi/bilibili-API-collect): total_coin is what
// was paid, price what one of the gifts that came out is worth.
func (d *Decoder) readGift(data token) bool {
	var uid, name, id, gift, num, price, total, coin, tid, rnd, at, blind, medal, receiver, guard token
	data.pick(want{"uid", &uid}, want{"uname", &name}, want{"giftId", &id}, want{"giftName", &gift},
		want{"num", &num}, want{"price", &price}, want{"total_coin", &total}, want{"coin_type", &coin},
		want{"tid", &tid}, want{"rnd", &rnd}, want{"timestamp", &at}, want{"blind_gift", &blind},
		want{"medal_info", &medal}, want{"receive_user_info", &receiver}, want{"guard_level", &guard})
	g := giftItem{id: id.or(0), name: d.interned(gift), count: num.or(0), price: price.or(0), coin: d.interned(coin)}
	g.total, g.paid = total.int()
	row, wrong := g.payment(d.name(blind.get("original_gift_name")))
	if wrong != "" {
		return d.refuse(wrong)
	}
	if row.BlindBox != nil && g.coin == coinGold {
		row.ListPriceMilli = d.int64s.pointer(g.price * g.count)
	}
	key := d.id(tid)
	if key == nil {
		key = d.id(rnd)
	}
	row.Who = d.person(uid, name)
	row.SourceID = d.ownID(key)
	row.ReceiverID = d.positive(receiver.get("uid"))
	row.GuardLevel = d.int32(guard)
	row.Medal = d.medalOf(medal)
	d.drafts.at = micros(at.or(0))
	d.drafts.payments = append(d.drafts.payments, draft[PaymentsRow]{row: row, id: key})
	return true
}

// ownID is the service's id as a column has it.
func (d *Decoder) ownID(id []byte) *string {
	if len(id) == 0 {
		return nil
	}
	return d.strings.pointer(string(id))
}

// readGiftV2 takes in SEND_GIFT_V2, whose message is told in sjh8130/bili_danmaku: one
// sender, one item or more.
func (d *Decoder) readGiftV2(data token) bool {
	if !d.message(data) {
		return false
	}
	var sender PaymentsRow
	var uid, guard, original int64
	ok := true
	w := wire{b: d.pb}
	for w.next() {
		good := true
		switch w.field {
		case 1:
			uid = w.number
		case 2:
			sender.UserName, good = d.utf8Name(w.bytes)
		case 5:
			guard = w.number
		case 8:
			sender.Medal, good = d.wireMedal(w.bytes, 1, 4, 5, 6)
		case 9:
			sender.BlindBox, good = d.wireText(w.bytes, 3)
			original++
		}
		ok = ok && good
	}
	if !ok || w.bad {
		return d.refuse(ReasonMessage)
	}
	if original == 0 {
		sender.BlindBox = nil
	}
	name := sender.UserName
	sender.Who = d.someone(uid)
	sender.UserName, sender.Masked = name, uid == 0
	if int64(int32(guard)) == guard {
		sender.GuardLevel = d.int32s.pointer(int32(guard))
	}
	for w = (wire{b: d.pb}); w.next(); {
		if w.field == 10 && !d.readGiftItem(w.bytes, &sender) {
			return false
		}
	}
	return len(d.drafts.payments) > 0
}

// readGiftItem takes in one entry of gift_list.
func (d *Decoder) readGiftItem(b []byte, sender *PaymentsRow) bool {
	var g giftItem
	var id []byte
	var at, receiver int64
	ok := true
	w := wire{b: b}
	for w.next() {
		switch w.field {
		case 1:
			g.id = w.number
		case 2:
			g.name, ok = d.names.string(w.bytes), ok && utf8.Valid(w.bytes)
		case 3:
			g.count = w.number
		case 5:
			g.price = w.number
		case 7:
			g.total = w.number
		case 8:
			g.coin, ok = d.names.string(w.bytes), ok && utf8.Valid(w.bytes)
		case 9:
			id, ok = w.bytes, ok && utf8.Valid(w.bytes)
		case 10:
			at = micros(w.number)
		case 29:
			u := wire{b: w.bytes}
			for u.next() {
				if u.field == 2 {
					receiver = u.number
				}
			}
			ok = ok && !u.bad
		}
	}
	if !ok || w.bad {
		return d.refuse(ReasonMessage)
	}
	// A field that is left out is 0: nothing was paid.
	g.paid = true
	row, wrong := g.payment(sender.BlindBox)
	if wrong != "" {
		return d.refuse(wrong)
	}
	if row.BlindBox != nil && g.coin == coinGold {
		row.ListPriceMilli = d.int64s.pointer(g.price * g.count)
	}
	row.Who, row.Medal, row.GuardLevel = sender.Who, sender.Medal, sender.GuardLevel
	if receiver > 0 {
		row.ReceiverID = d.int64s.pointer(receiver)
	}
	x := draft[PaymentsRow]{row: row}
	if len(id) > 0 && string(id) != "0" {
		x.id = d.keepID("", id)
		x.row.SourceID = d.ownID(x.id)
	}
	if d.drafts.at == 0 {
		d.drafts.at = at
	}
	d.drafts.payments = append(d.drafts.payments, x)
	return true
}

// wireMedal reads a medal whose fields have the given numbers.
func (d *Decoder) wireMedal(b []byte, anchorField, roomField, levelField, nameField uint64) (Medal, bool) {
	var anchor, room, level int64
	var name []byte
	w := wire{b: b}
	for w.next() {
		switch w.field {
		case anchorField:
			anchor = w.number
		case roomField:
			room = w.number
		case levelField:
			level = w.number
		case nameField:
			name = w.bytes
		}
	}
	text, ok := d.utf8Name(name)
	return d.medal(text, level, room, anchor), ok && !w.bad
}

// wireText is one text of a message.
func (d *Decoder) wireText(b []byte, field uint64) (*string, bool) {
	var text []byte
	w := wire{b: b}
	for w.next() {
		if w.field == field {
			text = w.bytes
		}
	}
	name, ok := d.utf8Name(text)
	return name, ok && !w.bad
}
