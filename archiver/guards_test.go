package archiver

import (
	"slices"
	"testing"

	"danmaku-archiver/schema"
)

// A guard's purchase comes as GUARD_BUY and up to two toasts, in any order: one row, at
// the price of the first toast. The books balance, and a replaced command is a copy.
func TestOnePurchaseOneRow(t *testing.T) {
	const (
		buy    = `{"cmd":"GUARD_BUY","data":{"uid":5,"guard_level":3,"num":1,"price":198000,"start_time":1772359800}}`
		toast  = `{"cmd":"USER_TOAST_MSG","data":{"uid":5,"guard_level":3,"num":1,"price":138000,"start_time":1772359800}}`
		toast2 = `{"cmd":"USER_TOAST_MSG_V2","data":{"sender_uinfo":{"uid":5},"guard_info":{"guard_level":3,"start_time":1772359800},"pay_info":{"num":1,"price":168000}}}`
		start  = `{"cmd":"POPULARITY_RED_POCKET_START","data":{"lot_id":9,"total_price":800}}`
		pocket = `{"cmd":"POPULARITY_RED_POCKET_NEW","data":{"lot_id":9,"price":20}}`
	)
	for name, c := range map[string]struct {
		payloads []string
		paid     []int64
	}{
		"toast last":        {[]string{buy, toast, toast2}, []int64{138000}},
		"toast first":       {[]string{toast2, buy, toast}, []int64{168000}},
		"toast between":     {[]string{buy, buy, toast}, []int64{138000}},
		"the list's alone":  {[]string{buy, buy}, []int64{198000}},
		"red pocket":        {[]string{start, pocket}, []int64{2000}},
		"red pocket before": {[]string{pocket, start}, []int64{2000}},
		"started only":      {[]string{start, start}, []int64{1000}},
		"both":              {[]string{buy, start, pocket, toast}, []int64{2000, 138000}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTape()
			for _, p := range c.payloads {
				m.command("10:10:00", 1, p)
			}
			m.ended = true
			g := mustGather(t, m, ten)
			var paid []int64
			for _, r := range g.rows.Payments {
				paid = append(paid, r.PaidMilli)
				if r.ListPrice != (r.PaidMilli == 198000) {
					t.Errorf("list_price %v at %d", r.ListPrice, r.PaidMilli)
				}
			}
			slices.Sort(paid)
			if !slices.Equal(paid, c.paid) {
				t.Errorf("paid %v, want %v", paid, c.paid)
			}
			b := g.books
			if int(b.Kept) != len(c.paid) || int(b.Copies) != len(c.payloads)-len(c.paid) || int(b.RowsDropped) != int(b.Copies) {
				t.Errorf("%d kept, %d copies, %d rows dropped", b.Kept, b.Copies, b.RowsDropped)
			}
			if err := b.Balance(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A CUT_OFF that was delivered twice cuts off once, and its row tells of its room.
func TestCutOff(t *testing.T) {
	m := newTape()
	m.mark("10:00:00", 1, schema.Mark{Name: schema.MarkSelected, Facts: &schema.RoomFacts{Title: "a title"}})
	for range 2 {
		m.command("10:10:00", 1, `{"cmd":"CUT_OFF","msg":"stop","msg_id":"7"}`)
	}
	m.ended = true
	g := mustGather(t, m, ten)
	var cut []schema.RoomsRow
	for _, r := range g.rows.Rooms {
		if r.Event == schema.EventCutOff {
			cut = append(cut, r)
		}
	}
	if len(cut) != 1 || cut[0].Title != "a title" || len(g.rows.Moderation) != 1 || g.books.Copies != 1 {
		t.Errorf("%+v, %d of moderation, %d copies", cut, len(g.rows.Moderation), g.books.Copies)
	}
}
