package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptOut(t *testing.T) {
	got, err := ParseOptOut([]byte("# asked by post\n4004\n\n  5005 # twice\r\n5005\n3546553453453453"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{4004, 5005, 5005, 3546553453453453}, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"4004 5005", "somebody", "0", "-4", "+4", "4.0", "99999999999999999999", "0x10"} {
		_, err := ParseOptOut([]byte("# one\n" + bad))
		if err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "somebody") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestOptOutSum depends on who is on the list, and on the key: from a bare hash a short
// list could be found out.
func TestOptOutSum(t *testing.T) {
	sum := func(key []byte, uids ...int64) string {
		p, err := NewPrivacy(PrivacyPlain, key, uids)
		if err != nil {
			t.Fatal(err)
		}
		return p.OptOutSum()
	}
	a := sum(testKey, 4004, 5005)
	if len(a) != 64 || a != sum(testKey, 5005, 4004, 4004) {
		t.Errorf("the order counts: %s", a)
	}
	if a == sum(testKey, 4004) || a == sum(append([]byte{1}, testKey...), 4004, 5005) {
		t.Error("another list, or key, has the same sum")
	}
}

func TestOptOutOfDanmaku(t *testing.T) {
	const uid, other = 4004, 5005
	as := func(id any, hash string, reply int64) string {
		return line(t, func(info, attributes []any, extra map[string]any) []any {
			info[2].([]any)[0] = id
			attributes[7], extra["user_hash"], extra["reply_mid"] = hash, nil, reply
			return info
		})
	}
	hashOf := func(uid int64) string { return fmt.Sprintf("%x", userHash(uid)) }
	for name, c := range map[string]struct {
		payload string
		out     bool
	}{
		"known":                        {as(uid, hashOf(uid), 0), true},
		"masked":                       {as(0, hashOf(uid), 0), true},
		"no uid at all":                {as(nil, hashOf(uid), 0), true},
		"somebody else":                {as(other, hashOf(other), 0), false},
		"somebody else, masked":        {as(0, hashOf(other), 0), false},
		"another one of the same hash": {as(other, hashOf(uid), 0), false},
		"answered by another":          {as(other, hashOf(other), uid), false},
		"nobody knows who":             {as(0, "", 0), false},
		"would not decode":             {`{"cmd":"DANMU_MSG","info":[[0,1,25,1,1,1,0,"` + hashOf(uid) + `"],null,[0,"s***"]]}`, true},
		"would not decode, of another": {`{"cmd":"DANMU_MSG","info":[[0,1,25,1,1,1,0,"` + hashOf(other) + `"],null,[0,"s***"]]}`, false},
	} {
		for _, mode := range []string{PrivacyPlain, PrivacyPseudonymous} {
			rows, fate := protected(mustPrivacy(t, mode, uid), c.payload)
			if out := fate == FateOptedOut; out != c.out || out != (len(flatten(rows)) == 0) {
				t.Errorf("%s, %s: fate %d, %d rows", name, mode, fate, len(flatten(rows)))
			}
			for _, r := range rows.Danmaku {
				if r.ReplyToUserID != nil {
					t.Errorf("%s, %s: the answer tells whom", name, mode)
				}
			}
		}
	}
}

// TestOptOutOfOther finds people in payloads that nobody knows, and passes over numbers
// that merely look alike.
func TestOptOutOfOther(t *testing.T) {
	const long, short = 3546553453453453, 208
	p := mustPrivacy(t, PrivacyPlain, long, short)
	inside := bytesField(22, bytesField(2, varintField(1, long)))
	for payload, out := range map[string]bool{
		`{"cmd":"NEW","data":{"uid":3546553453453453}}`:                          true,
		`{"cmd":"NEW","data":{"uid":"3546553453453453"}}`:                        true,
		`{"cmd":"NEW","data":{"x":[[3546553453453453,"somebody"]]}}`:             true,
		`{"cmd":"NEW","data":{"url":"https://space.example/3546553453453453?"}}`: true,
		`{"cmd":"NEW","data":{"json":"{\"mid\":3546553453453453}"}}`:             true,
		`{"cmd":"NEW","data":{"3546553453453453":{}}}`:                           true,
		`{"cmd":"NEW","data":{"uid":35465534534534530}}`:                         false,
		`{"cmd":"NEW","data":{"uid":546553453453453}}`:                           false,
		fmt.Sprintf(`{"cmd":"NEW","data":{"crc":%d}}`, userHash(long)):           true,
		fmt.Sprintf(`{"cmd":"NEW","data":{"crc":"%08x"}}`, userHash(long)):       true,
		`{"cmd":"NEW","data":{"pb":"` + b64(varintField(1, long)) + `"}}`:        true,
		`{"cmd":"NEW","data":{"pb":"` + b64(inside) + `"}}`:                      true,
		`{"cmd":"NEW","data":{"pb":"` + b64(varintField(1, long+1)) + `"}}`:      false,
		`{"cmd":"NEW","data":{"uid":208}}`:                                       true,
		`{"cmd":"NEW","data":{"ruids":["208"]}}`:                                 true,
		`{"cmd":"NEW","data":{"json":"{\"mid\":208}"}}`:                          true,
		`{"cmd":"NEW","data":{"level":208}}`:                                     false,
		`{"cmd":"NEW","data":{"uid":3546553453453453`:                            true,
		`{"cmd":"NEW","data":{}}`:                                                false,
		`null`:                                                                   false,
	} {
		rows, fate := protected(p, payload)
		if got := fate == FateOptedOut; got != out || got != (len(rows.Other) == 0) {
			t.Errorf("%s: left out %v, want %v", payload, got, out)
		}
	}
	// A repeat makes no row anyhow: it stays what it is.
	if _, fate := protected(p, `{"cmd":"COMBO_SEND","data":{"uid":3546553453453453}}`); fate != FateRepeat {
		t.Errorf("fate %d", fate)
	}
}

// TestOptOutKeepsEarlierRows: only the present command's rows are taken back.
func TestOptOutKeepsEarlierRows(t *testing.T) {
	d := NewDecoder("test", "00000000000000aa")
	d.Protect(mustPrivacy(t, PrivacyPlain, 4004))
	var rows Rows
	for i, uid := range []int{5005, 4004, 6006} {
		payload := strings.NewReplacer("4004", fmt.Sprint(uid), "8494973c", "").Replace(line(t, nil))
		d.Command(&Record{Seq: int64(i), Room: 21, ReceivedAt: received, Payload: []byte(payload)}, nil, &rows)
	}
	if len(rows.Danmaku) != 2 || *rows.Danmaku[0].UserID != 5005 || *rows.Danmaku[1].UserID != 6006 {
		t.Errorf("%d rows", len(rows.Danmaku))
	}
}
