package schema

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testKey is a key of tests: the bytes 0 to 31.
var testKey = func() []byte {
	k := make([]byte, PrivacyKeySize)
	for i := range k {
		k[i] = byte(i)
	}
	return k
}()

func mustPrivacy(t testing.TB, mode string, optOut ...int64) *Privacy {
	t.Helper()
	p, err := NewPrivacy(mode, testKey, optOut)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// protected decodes a payload under p.
func protected(p *Privacy, payload string) (Rows, Fate) {
	var rows Rows
	d := NewDecoder("test", "00000000000000aa")
	d.Protect(p)
	_, fate := d.Command(&Record{Seq: 7, Room: 21, ReceivedAt: received, Kind: KindCommand, Payload: []byte(payload)}, nil, &rows)
	return rows, fate
}

// TestEveryColumnHasAClass: somebody has thought about whom each column shows.
func TestEveryColumnHasAClass(t *testing.T) {
	for _, table := range Tables() {
		for _, c := range table.Columns {
			if columnClasses[c.Name] == 0 {
				t.Errorf("%s.%s has no class: say in columnClasses what it shows of people", table.Name, c.Name)
			}
		}
	}
	rows := reflect.TypeFor[Rows]()
	for i := range rows.NumField() {
		for _, p := range personals[i] {
			f := rows.Field(i).Type.Elem().FieldByIndex(p.index)
			var ok bool
			switch p.class {
			case classPerson, classAddressed, classPersonHash:
				ok = f.Type == reflect.TypeFor[*int64]()
			case classEvent:
				ok = f.Type == reflect.TypeFor[*int64]() || f.Type == reflect.TypeFor[int64]()
			case className, classServiceID:
				ok = f.Type == reflect.TypeFor[*string]()
			case classCommand, classPayload:
				ok = f.Type == reflect.TypeFor[string]()
			}
			if !ok {
				t.Errorf("%s.%s is a %s: its class cannot be covered", rows.Field(i).Name, f.Name, f.Type)
			}
		}
	}
	for name, want := range map[string]int{"Danmaku": 5, "Audience": 1, "Other": 3, "Rooms": 0} {
		f, _ := rows.FieldByName(name)
		if got := len(personals[f.Index[0]]); got != want {
			t.Errorf("%s has %d personal columns, want %d", name, got, want)
		}
	}
}

// TestPseudonyms fixes what a key makes of a person: archives of one key join for ever.
func TestPseudonyms(t *testing.T) {
	p := mustPrivacy(t, PrivacyPseudonymous)
	rows, fate := protected(p, line(t, func(info, attributes []any, extra map[string]any) []any {
		extra["reply_mid"] = 5005
		return info
	}))
	plain, _ := command(t, line(t, nil), FateKept)
	r, was := rows.Danmaku[0], plain.Danmaku[0]
	if fate != FateKept || r.Text != was.Text || r.UserName != nil || *r.MedalAnchorID != 9001 || r.TS != was.TS {
		t.Errorf("row %+v", r)
	}
	got := []int64{*r.UserID, *r.UserHash, *r.ReplyToUserID, r.EventID}
	// HMAC-SHA-256 of "uid\x004004", "user hash\x002224330556", "uid\x005005" and
	// "event\x00-7321159624536747126" under testKey, worked out with Python's hmac.
	if diff := cmp.Diff([]int64{5496295499665519432, 8981077789277339575, 6516236896119709935, -5405422302758994803}, got); diff != "" {
		t.Errorf("pseudonyms (-want +got):\n%s", diff)
	}
	again, _ := protected(p, line(t, func(info, attributes []any, extra map[string]any) []any {
		attributes[7] = ""
		extra["user_hash"], extra["id_str"] = nil, "another"
		return info
	}))
	if a := again.Danmaku[0]; *a.UserID != *r.UserID || *a.UserHash != *r.UserHash || a.EventID == r.EventID {
		t.Errorf("the same person is another one: %d %d", *a.UserID, *a.UserHash)
	}
	other, err := NewPrivacy(PrivacyPseudonymous, append([]byte{1}, testKey...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := protected(other, line(t, nil)); *o.Danmaku[0].UserID == *r.UserID || other.KeyID() == p.KeyID() {
		t.Error("another key makes the same pseudonyms, or has the same id")
	}
	// The name tells people apart no more than the key's does: it is a hash of neither.
	if id := p.KeyID(); len(id) != 16 || strings.Contains(string(testKey), id) {
		t.Errorf("key id %q", id)
	}
}

func TestPseudonymousOther(t *testing.T) {
	p := mustPrivacy(t, PrivacyPseudonymous)
	for payload, want := range map[string]string{
		`{"cmd":"NEW","data":{"uid":40044004,"uname":"someone","list":[1,2,"x",{"a":null}],"40044004":true,"某人":1}}`: `{"cmd":"string","data":{"uid":"number","uname":"string","list":["number","string",{"a":"null"}],"*":"bool"}}`,
		`[]`:                                   `[]`,
		` "text" `:                             `"string"`,
		`{"a":{}}`:                             `{"a":{}}`,
		`{"cmd":"X`:                            `{"bytes":9,"reason":"not valid JSON"}`,
		"{\"\xff\":":                           `{"bytes":5,"reason":"not valid UTF-8"}`,
		`{"cmd":"DANMU_MSG","info":[[],null]}`: `{"bytes":36,"reason":"not of a known shape"}`,
		"":                                     `{"bytes":0,"reason":"not valid JSON"}`,
	} {
		rows, _ := protected(p, payload)
		if got := rows.Other[0].Payload; got != want {
			t.Errorf("%s\n got %s\nwant %s", payload, got, want)
		}
	}
	for name, want := range map[string]string{
		"SEND_GIFT_V3": "SEND_GIFT_V3", "room_admin_entrance": "room_admin_entrance", "": "",
		"USER_40044004_CAME": "", "某人": "", "some one": "", "7": "", strings.Repeat("A", 65): "",
	} {
		rows, _ := protected(p, string(mustJSON(t, map[string]any{"cmd": name})))
		if got := rows.Other[0].Command; got != want {
			t.Errorf("command %q is %q, want %q", name, got, want)
		}
	}
}

func TestOutlineIsBounded(t *testing.T) {
	wide := map[string]int{}
	for i := range 5000 {
		wide["k"+strconv.Itoa(i)] = i
	}
	var kinds []any
	for i := range 100 {
		kinds = append(kinds, map[string]any{"k" + strconv.Itoa(i): 1})
	}
	for name, payload := range map[string]string{
		"wide":  string(mustJSON(t, wide)),
		"kinds": string(mustJSON(t, kinds)),
		"deep":  strings.Repeat(`{"a":[`, 4000) + strings.Repeat(`]}`, 4000),
	} {
		got := Outline([]byte(payload))
		if len(got) > 16384 || !json.Valid([]byte(got)) || got == `"broken"` {
			t.Errorf("%s: %d bytes: %.80s", name, len(got), got)
		}
	}
	if got := Outline([]byte(`{"a":`)); got != `"broken"` {
		t.Errorf("unsound: %s", got)
	}
}

func FuzzPrivacy(f *testing.F) {
	f.Add([]byte(line(f, nil)))
	f.Add([]byte(`{"cmd":"X","data":{"pb":"CISfAw==","uids":[4004]}}`))
	p, err := NewPrivacy(PrivacyPseudonymous, testKey, []int64{4004, 40044004})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		rows, fate := protected(p, string(payload))
		if n := len(flatten(rows)); (n == 0) != (fate == FateRepeat || fate == FateOptedOut) {
			t.Fatalf("%d rows, fate %d", n, fate)
		}
		for _, r := range rows.Other {
			if !json.Valid([]byte(r.Payload)) {
				t.Fatalf("payload %q", r.Payload)
			}
		}
	})
}

func TestNewPrivacyRefuses(t *testing.T) {
	for name, try := range map[string]func() (*Privacy, error){
		"mode":      func() (*Privacy, error) { return NewPrivacy("secret", testKey, nil) },
		"short key": func() (*Privacy, error) { return NewPrivacy(PrivacyPseudonymous, testKey[:31], nil) },
		"no key":    func() (*Privacy, error) { return NewPrivacy(PrivacyPlain, nil, []int64{4}) },
		"nobody":    func() (*Privacy, error) { return NewPrivacy(PrivacyPlain, testKey, []int64{0}) },
		"no person": func() (*Privacy, error) { return NewPrivacy(PrivacyPlain, testKey, []int64{-4}) },
	} {
		if p, err := try(); err == nil || p != nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if p, err := NewPrivacy(PrivacyPlain, nil, nil); err != nil || p.Mode() != PrivacyPlain || p.KeyID() != "" || p.OptOutSum() != "" || p.OptedOut() != 0 {
		t.Errorf("plain: %v", err)
	}
}

func varintField(number int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3), v)
}

func bytesField(number int, b []byte) []byte {
	head := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3|2), uint64(len(b)))
	return append(head, b...)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
