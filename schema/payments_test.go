package schema

import (
	"bytes"
	"encoding/base64"
	"os"
	"reflect"
	"testing"
)

// TestMoney: each amount is worked out by hand, in thousandths of a yuan.
func TestMoney(t *testing.T) {
	tests := map[string]struct {
		payload           string
		unit, paid, count int64
		list              int64 // of a blind box, 0: null
	}{
		"two of 0.10":         {`{"cmd":"SEND_GIFT","data":{"giftId":1,"num":2,"price":100,"total_coin":200,"coin_type":"gold"}}`, 100, 200, 2, 0},
		"reduced":             {`{"cmd":"SEND_GIFT","data":{"giftId":1,"num":2,"price":100,"total_coin":150,"coin_type":"gold"}}`, 100, 150, 2, 0},
		"no total":            {`{"cmd":"SEND_GIFT","data":{"giftId":1,"num":3,"price":100,"coin_type":"gold"}}`, 100, 300, 3, 0},
		"free":                {`{"cmd":"SEND_GIFT","data":{"giftId":1,"num":2,"price":100,"total_coin":200,"coin_type":"silver"}}`, 0, 0, 2, 0},
		"15 yuan for 2 of 20": {`{"cmd":"SEND_GIFT","data":{"giftId":1,"num":2,"price":20000,"total_coin":30000,"coin_type":"gold","blind_gift":{"original_gift_name":"box"}}}`, 20000, 30000, 2, 40000},
		"super chat of 30":    {`{"cmd":"SUPER_CHAT_MESSAGE","data":{"id":1,"price":"30","message":""}}`, 30000, 30000, 1, 0},
		"guard of 138":        {`{"cmd":"USER_TOAST_MSG","data":{"uid":5,"guard_level":3,"num":1,"price":138000,"start_time":9}}`, 138000, 138000, 1, 0},
		"three months":        {`{"cmd":"USER_TOAST_MSG","data":{"uid":5,"guard_level":3,"num":3,"unit":"月","price":514000,"start_time":9}}`, 171333, 514000, 3, 0},
		"six months":          {`{"cmd":"USER_TOAST_MSG_V2","data":{"sender_uinfo":{"uid":5},"guard_info":{"guard_level":3,"start_time":9},"pay_info":{"num":6,"price":948000,"unit":"月"}}}`, 158000, 948000, 6, 0},
		"three, by the list":  {`{"cmd":"GUARD_BUY","data":{"uid":5,"guard_level":3,"num":3,"price":198000,"start_time":9}}`, 198000, 594000, 3, 0},
		"seven days":          {`{"cmd":"USER_TOAST_MSG","data":{"uid":5,"guard_level":3,"num":7,"unit":"天","price":49000,"start_time":9}}`, 7000, 49000, 7, 0},
		"no words":            {`{"cmd":"SUPER_CHAT_MESSAGE","data":{"id":1,"price":30,"message":null}}`, 30000, 30000, 1, 0},
		"20 battery":          {`{"cmd":"POPULARITY_RED_POCKET_V2_NEW","data":{"lot_id":1,"price":20}}`, 2000, 2000, 1, 0},
		"four fifths of 2":    {`{"cmd":"POPULARITY_RED_POCKET_START","data":{"lot_id":1,"total_price":1600}}`, 2000, 2000, 1, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rows, _ := command(t, tt.payload, FateKept)
			r := rows.Payments[0]
			list := int64(0)
			if r.ListPriceMilli != nil {
				list = *r.ListPriceMilli
			}
			if r.UnitPriceMilli != tt.unit || r.PaidMilli != tt.paid || r.Count != tt.count || list != tt.list {
				t.Errorf("unit %d, paid %d, count %d, list %d", r.UnitPriceMilli, r.PaidMilli, r.Count, list)
			}
		})
	}
	for name, payload := range map[string]string{
		"too much":      `{"cmd":"SEND_GIFT","data":{"giftId":1,"num":4611686018427387904,"price":4,"coin_type":"gold"}}`,
		"negative":      `{"cmd":"SUPER_CHAT_MESSAGE","data":{"id":1,"price":-30,"message":""}}`,
		"no price":      `{"cmd":"GUARD_BUY","data":{"uid":5,"guard_level":3,"num":1}}`,
		"minus a month": `{"cmd":"USER_TOAST_MSG","data":{"uid":5,"guard_level":3,"num":-1,"price":1}}`,
		"no such one":   `{"cmd":"GUARD_BUY","data":{"uid":5,"guard_level":4,"num":1,"price":1}}`,
	} {
		t.Run(name, func(t *testing.T) { command(t, payload, FateSetAside) })
	}
}

// TestPaymentIDs: GUARD_BUY and both toasts of one purchase share an id; hidden buyers
// have the pay flow, or nothing.
func TestPaymentIDs(t *testing.T) {
	one := func(payload string) Common {
		rows, _ := command(t, payload, FateKept)
		return rows.Payments[0].Common
	}
	buy := one(`{"cmd":"GUARD_BUY","data":{"uid":5,"guard_level":3,"num":1,"price":1,"start_time":9}}`)
	toast := one(`{"cmd":"USER_TOAST_MSG","data":{"uid":5,"guard_level":3,"num":1,"price":1,"start_time":9,"payflow_id":"7"}}`)
	toast2 := one(`{"cmd":"USER_TOAST_MSG_V2","data":{"sender_uinfo":{"uid":5},"guard_info":{"guard_level":3,"start_time":9},"pay_info":{"num":1,"price":1,"payflow_id":"7"}}}`)
	later := one(`{"cmd":"GUARD_BUY","data":{"uid":5,"guard_level":3,"num":1,"price":1,"start_time":10}}`)
	hidden := one(`{"cmd":"USER_TOAST_MSG","data":{"uid":0,"guard_level":3,"num":1,"price":1,"start_time":9,"payflow_id":"7"}}`)
	alone := one(`{"cmd":"GUARD_BUY","msg_id":"m","data":{"uid":0,"guard_level":3,"num":1,"price":1,"start_time":9}}`)
	if buy.EventID != toast.EventID || buy.EventID != toast2.EventID || !buy.HasID {
		t.Error("one purchase has several ids")
	}
	if !buy.Weak || toast.Weak || toast2.Weak {
		t.Error("only GUARD_BUY is weak")
	}
	if later.EventID == buy.EventID || hidden.EventID == buy.EventID || hidden.EventID != EventID(TablePayments, "payflow:7", 0) || alone.HasID {
		t.Error("purchases that are not the same have one id")
	}
	if one(`{"cmd":"SUPER_CHAT_MESSAGE","data":{"id":6,"price":1,"message":""}}`).EventID !=
		one(`{"cmd":"SUPER_CHAT_MESSAGE_JPN","data":{"id":"6","price":1,"message":""}}`).EventID {
		t.Error("the Japanese twin has another id")
	}
	if one(`{"cmd":"POPULARITY_RED_POCKET_NEW","data":{"lot_id":6,"price":1}}`).EventID ==
		one(`{"cmd":"SUPER_CHAT_MESSAGE","data":{"id":6,"price":1,"message":""}}`).EventID {
		t.Error("a red pocket has a super chat's id")
	}
}

// FuzzProtobuf mutates what stands in pb: whatever it is, the command is kept or set aside.
func FuzzProtobuf(f *testing.F) {
	commands, err := os.ReadFile("testdata/commands.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range bytes.Split(commands, []byte("\n")) {
		if _, pb, ok := bytes.Cut(c, []byte(`"pb":"`)); ok {
			pb, _, _ = bytes.Cut(pb, []byte(`"`))
			if b, err := base64.StdEncoding.DecodeString(string(pb)); err == nil {
				f.Add(b)
			}
		}
	}
	dm, err := base64.StdEncoding.DecodeString(dmV2(bytesField(23, varintField(2, 55))))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(dm)
	f.Fuzz(func(t *testing.T, pb []byte) {
		for _, before := range []string{`"SEND_GIFT_V2","data":{"pb":`, `"INTERACT_WORD_V2","data":{"pb":`, `"DANMU_MSG","data":{},"dm_v2":`} {
			payload := []byte(`{"cmd":` + before + `"` + b64(pb) + `"`)
			if bytes.Contains(payload, []byte(`{"pb"`)) {
				payload = append(payload, '}')
			}
			payload = append(payload, '}')
			var rows Rows
			_, fate := NewDecoder("test", "aa").Command(&Record{Seq: 1, Room: 21, ReceivedAt: received, Payload: payload}, nil, &rows)
			made := len(rows.Payments) + len(rows.Presence) + len(rows.Danmaku)
			if (fate == FateKept) != (made > 0) || made == 0 && len(rows.Other) != 1 {
				t.Fatalf("fate %d with %d rows, %d in other", fate, made, len(rows.Other))
			}
			for _, row := range flatten(rows) {
				checkStrings(t, reflect.ValueOf(row))
			}
		}
	})
}
