package bilibili

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func decode[T any](t *testing.T, s string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Errorf("%s: %v", s, err)
	}
	return v
}

func TestInteger(t *testing.T) {
	for s, want := range map[string]integer{
		`5`: 5, `"5"`: 5, `-7`: -7, `" 5 "`: 5, `5.9`: 5, `1e3`: 1000, `9223372036854775807`: 1<<63 - 1,
		`true`: 1, `false`: 0, `null`: 0, `""`: 0, `"x"`: 0, `[]`: 0, `{}`: 0, `1e300`: 0, `"NaN"`: 0,
	} {
		if got := decode[integer](t, s); got != want {
			t.Errorf("%s: %d, want %d", s, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for s, want := range map[string]text{
		`"a"`: "a", `"中\u6587"`: "中文", `5`: "5", `true`: "true", `null`: "", `[]`: "", `{"a":1}`: "",
	} {
		if got := decode[text](t, s); got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}

func TestMoment(t *testing.T) {
	second := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for s, want := range map[string]int64{
		`"2026-01-01 08:00:00"`: second, `1767225600`: second, `"1767225600"`: second,
		`"0000-00-00 00:00:00"`: 0, `-62170012800`: 0, `0`: 0, `""`: 0, `null`: 0, `[]`: 0, `99999999999999`: 0,
		`"1950-01-01 00:00:00"`: 0,
	} {
		if got := decode[moment](t, s); int64(got) != want {
			t.Errorf("%s: %d, want %d", s, got, want)
		}
	}
}

func TestListAndObject(t *testing.T) {
	for s, want := range map[string]list[integer]{
		`[1,"2",null]`: {1, 2}, `[]`: nil, `null`: nil, `{}`: nil, `{"a":1}`: nil,
	} {
		if diff := cmp.Diff(want, decode[list[integer]](t, s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s, diff)
		}
	}
	if got := decode[list[struct{ A int }]](t, `[{"a":1},{"a":"x"},3]`); len(got) != 1 || got[0].A != 1 {
		t.Errorf("elements of the wrong shape: %v", got)
	}
	for s, want := range map[string]object[integer]{
		`{"a":1,"b":null}`: {"a": 1}, `{}`: {}, `[]`: nil, `null`: nil, `[1]`: nil,
	} {
		if diff := cmp.Diff(want, decode[object[integer]](t, s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s, diff)
		}
	}
	for _, s := range []string{`5`, `"text"`} {
		if json.Unmarshal([]byte(s), &list[integer]{}) == nil || json.Unmarshal([]byte(s), &object[integer]{}) == nil {
			t.Errorf("%s passes for a list or an object", s)
		}
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add(200, []byte(`{"code":0,"data":[{"roomid":1,"live_time":"2026-01-01 08:00:00"}]}`))
	f.Add(200, []byte(`{"code":"0","data":{"list":null,"by_room_ids":[],"token":5,"host_list":{}}}`))
	f.Add(200, []byte(riskBody))
	f.Add(412, []byte(`{}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var rooms list[listedRoom]
		var info struct {
			Token text           `json:"token"`
			Hosts list[chatHost] `json:"host_list"`
			Rooms object[listedRoom]
		}
		r := request{path: "/x"}
		err := decodeAnswer(r, status, body, &rooms)
		_ = decodeAnswer(r, status, body, &info)
		var refusal *APIError
		if err == nil && (status != 200 || !json.Valid(body)) {
			t.Fatalf("status %d, body %q: no error", status, body)
		}
		if errors.As(err, &refusal) && status == 200 && refusal.Code == 0 {
			t.Fatalf("body %q: refusal with code 0", body)
		}
		for _, c := range candidates(rooms) {
			if c.Room <= 0 || c.Facts.LiveSince < 0 || c.Facts.LiveStatus < 0 || c.Facts.LiveStatus > 2 {
				t.Fatalf("body %q: candidate %+v", body, c)
			}
		}
	})
}

func FuzzAuthReply(f *testing.F) {
	f.Add([]byte(`{"code":0}`))
	f.Add([]byte(`{"code":-101}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := authReply(body); err != nil && !errors.Is(err, errRefused) {
			t.Fatalf("%q: %v", body, err)
		}
	})
}
