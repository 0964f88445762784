package schema

import (
	"strconv"
	"strings"
)

// The operations of guards.
const (
	OperationNew     = "new"
	OperationRenewal = "renewal"
)

// readSuperChat takes in SUPER_CHAT_MESSAGE and its Japanese twin, which has the same id
// (SocialSisterYi/bilibili-API-collect). The price is in yuan.
func (d *Decoder) readSuperChat(data token) bool {
	var id, uid, price, message, seconds, at, start, gift, medal, user, uinfo token
	data.pick(want{"id", &id}, want{"uid", &uid}, want{"price", &price}, want{"message", &message},
		want{"time", &seconds}, want{"ts", &at}, want{"start_time", &start}, want{"gift", &gift},
		want{"medal_info", &medal}, want{"user_info", &user}, want{"uinfo", &uinfo})
	yuan, sent := price.int()
	paid, ok := times(yuan, 1000)
	if !sent {
		return false
	}
	if !ok {
		return d.refuse(ReasonAmount)
	}
	name := user.get("uname")
	if len(name.raw) == 0 {
		name = uinfo.get("base", "name")
	}
	key := d.id(id)
	row := PaymentsRow{
		Who: d.person(uid, name), SourceID: d.ownID(key), Kind: PaymentSuperChat,
		ItemID: gift.get("gift_id").or(0), ItemName: d.interned(gift.get("gift_name")),
		Count: 1, UnitPriceMilli: paid, PaidMilli: paid, Coin: coinGold,
		DurationS: d.int32(seconds), GuardLevel: d.int32(user.get("guard_level")), Medal: d.medalOf(medal),
	}
	if text := d.bytes(message); text != nil {
		row.Message = d.strings.pointer(string(text))
	}
	if d.drafts.at = micros(at.or(0)); d.drafts.at == 0 {
		d.drafts.at = micros(start.or(0))
	}
	d.drafts.payments = append(d.drafts.payments, draft[PaymentsRow]{row: row, id: key})
	return true
}

// guard is one purchase of a guard, in whichever form it came.
type guard struct {
	uid, name, level, count, price, start token
	gift, title, unit, operation, flow    token
	receiver                              token
}

// readGuardBuy takes in GUARD_BUY, which has the list price whatever was paid
// (Akegarasu/blivedm-go issue 7).
func (d *Decoder) readGuardBuy(data token) bool {
	var g guard
	data.pick(want{"uid", &g.uid}, want{"username", &g.name}, want{"guard_level", &g.level}, want{"num", &g.count},
		want{"price", &g.price}, want{"start_time", &g.start}, want{"gift_id", &g.gift}, want{"gift_name", &g.title})
	return d.guardBought(&g, true)
}

func (d *Decoder) readToast(data token) bool {
	var g guard
	data.pick(want{"uid", &g.uid}, want{"username", &g.name}, want{"guard_level", &g.level}, want{"num", &g.count},
		want{"price", &g.price}, want{"start_time", &g.start}, want{"gift_id", &g.gift}, want{"role_name", &g.title},
		want{"unit", &g.unit}, want{"op_type", &g.operation}, want{"payflow_id", &g.flow})
	return d.guardBought(&g, false)
}

func (d *Decoder) readToastV2(data token) bool {
	var g guard
	var sender, receiver, info, pay, gift token
	data.pick(want{"sender_uinfo", &sender}, want{"receiver_uinfo", &receiver}, want{"guard_info", &info},
		want{"pay_info", &pay}, want{"gift_info", &gift})
	info.pick(want{"guard_level", &g.level}, want{"role_name", &g.title}, want{"op_type", &g.operation}, want{"start_time", &g.start})
	pay.pick(want{"payflow_id", &g.flow}, want{"price", &g.price}, want{"num", &g.count}, want{"unit", &g.unit})
	g.uid, g.name = sender.get("uid"), sender.get("base", "name")
	g.receiver, g.gift = receiver.get("uid"), gift.get("gift_id")
	return d.guardBought(&g, false)
}

// guardBought makes the row. GUARD_BUY has the list price of one unit; a toast has what
// was paid in all: sjh8130/bili_danmaku records captains for 3 months at 514 yuan and for
// 6 at 948, and 12 months of an admiral at 19176.
func (d *Decoder) guardBought(g *guard, list bool) bool {
	unit, sent := g.price.int()
	level, count := g.level.or(0), g.count.or(0)
	if !sent || count == 0 || level < 1 || level > 3 {
		return false
	}
	paid, ok := times(unit, count)
	if !ok {
		return d.refuse(ReasonAmount)
	}
	if !list {
		unit, paid = unit/count, unit
	}
	flow := d.id(g.flow)
	row := PaymentsRow{
		Who: d.person(g.uid, g.name), SourceID: d.ownID(flow), Kind: PaymentGuard,
		ItemID: g.gift.or(0), ItemName: d.interned(g.title), Count: count,
		Operation: d.operation(g.operation), Unit: d.guardUnit(g.unit),
		UnitPriceMilli: unit, PaidMilli: paid, ListPrice: list, Coin: coinGold,
		ReceiverID: d.positive(g.receiver), GuardLevel: d.int32s.pointer(int32(level)),
	}
	start := g.start.or(0)
	d.drafts.at = micros(start)
	x := draft[PaymentsRow]{row: row, weak: list}
	x.id, x.alone = d.guardID(row.UserID, level, start, flow)
	d.drafts.payments = append(d.drafts.payments, x)
	return true
}

// guardID is what GUARD_BUY and both toasts of one purchase share: who bought which guard
// and when it starts; the pay flow where the buyer is hidden. A purchase with neither is
// alone. Part of the format; do not change.
func (d *Decoder) guardID(uid *int64, level, start int64, flow []byte) (id []byte, alone bool) {
	switch {
	case uid != nil && start > 0:
		b := strconv.AppendInt(nil, *uid, 10)
		b = strconv.AppendInt(append(b, ':'), level, 10)
		b = strconv.AppendInt(append(b, ':'), start, 10)
		return d.keepID("guard:", b), false
	case len(flow) > 0:
		return d.keepID("payflow:", flow), false
	}
	return nil, true
}

// operation: the service also counts 3, an automatic renewal.
func (d *Decoder) operation(t token) *string {
	switch t.or(0) {
	case 1:
		return d.text(OperationNew)
	case 2, 3:
		return d.text(OperationRenewal)
	}
	return nil
}

// guardUnit is what the count counts, in English where it is known.
func (d *Decoder) guardUnit(t token) *string {
	sent := d.name(t)
	if sent == nil {
		return nil
	}
	for _, unit := range [][2]string{{"月", "month"}, {"天", "day"}, {"年", "year"}, {"周", "week"}} {
		if strings.Contains(*sent, unit[0]) {
			return d.text(unit[1])
		}
	}
	return sent
}

// readRedPocket takes in POPULARITY_RED_POCKET_NEW and _V2_NEW: the price is in battery,
// ten of which are one yuan.
func (d *Decoder) readRedPocket(data token) bool {
	var lot, uid, name, num, gift, id, price, now, start, medal token
	data.pick(want{"lot_id", &lot}, want{"uid", &uid}, want{"uname", &name}, want{"num", &num},
		want{"gift_name", &gift}, want{"gift_id", &id}, want{"price", &price},
		want{"current_time", &now}, want{"start_time", &start}, want{"medal_info", &medal})
	battery, sent := price.int()
	paid, ok := times(battery, 100)
	switch {
	case !sent:
		return false
	case !ok:
		return d.refuse(ReasonAmount)
	}
	return d.redPocket(lot, now, start, false, PaymentsRow{
		Who: d.person(uid, name), ItemID: id.or(0), ItemName: d.interned(gift),
		Count: max(num.or(1), 1), UnitPriceMilli: paid, PaidMilli: paid, Medal: d.medalOf(medal),
	})
}

// readRedPocketStart takes in _START and _V2_START: total_price is what is in the pocket,
// in thousandths of a yuan, four fifths of what was paid.
func (d *Decoder) readRedPocketStart(data token) bool {
	var lot, uid, name, total, now, start token
	data.pick(want{"lot_id", &lot}, want{"sender_uid", &uid}, want{"sender_name", &name},
		want{"total_price", &total}, want{"current_time", &now}, want{"start_time", &start})
	inside, sent := total.int()
	five, ok := times(inside, 5)
	paid := five / 4
	switch {
	case !sent:
		return false
	case !ok:
		return d.refuse(ReasonAmount)
	}
	return d.redPocket(lot, now, start, true, PaymentsRow{
		Who: d.person(uid, name), ItemName: "红包", Count: 1, UnitPriceMilli: paid, PaidMilli: paid,
	})
}

func (d *Decoder) redPocket(lot, now, start token, weak bool, row PaymentsRow) bool {
	id := d.id(lot)
	if id == nil {
		return false
	}
	row.Kind, row.Coin, row.SourceID = PaymentRedPocket, coinGold, d.ownID(id)
	if d.drafts.at = micros(now.or(0)); d.drafts.at == 0 {
		d.drafts.at = micros(start.or(0))
	}
	// Super chats have small numbers for ids, too.
	d.drafts.payments = append(d.drafts.payments, draft[PaymentsRow]{row: row, id: d.keepID("red_pocket:", id), weak: weak})
	return true
}
