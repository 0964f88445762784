package schema

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCommandName(t *testing.T) {
	tests := map[string]struct{ payload, want string }{
		"first":            {`{"cmd":"DANMU_MSG","info":[]}`, "DANMU_MSG"},
		"last":             {`{"info":[[1,{"cmd":"NO"}]],"data":{"cmd":"NO"},"x":"\"cmd\":\"NO\"","cmd":"WATCHED_CHANGE"}`, "WATCHED_CHANGE"},
		"blanks":           {" {\n\t\"cmd\" : \"LIVE\" } ", "LIVE"},
		"suffix":           {`{"cmd":"DANMU_MSG:4:0:2:2:2:0"}`, "DANMU_MSG"},
		"unknown":          {`{"cmd":"SOMETHING_NEW:1"}`, "SOMETHING_NEW"},
		"colon only":       {`{"cmd":":1"}`, ""},
		"escaped":          {`{"\u0063md":"LI\u0056E"}`, "LIVE"},
		"cut off behind":   {`{"cmd":"LIVE","data":{"a":`, "LIVE"},
		"wrong behind":     {`{"cmd":"LIVE"]]`, "LIVE"},
		"cut off within":   {`{"cmd":"LIV`, ""},
		"wrong before":     {`{"data":nope,"cmd":"LIVE"}`, ""},
		"bad UTF-8 before": {"{\"a\":\"\xff\",\"cmd\":\"LIVE\"}", "LIVE"},
		"bad UTF-8 within": {"{\"cmd\":\"A\xffB\"}", "AB"},
		"no cmd":           {`{"data":{"cmd":"NO"}}`, ""},
		"a number":         {`{"cmd":5}`, ""},
		"null":             {`{"cmd":null,"data":1}`, ""},
		"an array":         {`["cmd","LIVE"]`, ""},
		"empty":            {``, ""},
		"not JSON":         {`cmd=LIVE`, ""},
		"too long":         {`{"cmd":"` + strings.Repeat("é", 100) + `"}`, strings.Repeat("é", 64)},
		"too long, torn":   {`{"cmd":"x` + strings.Repeat("é", 100) + `"}`, "x" + strings.Repeat("é", 63)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := CommandName([]byte(tt.payload)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCommandNameDoesNotAllocate(t *testing.T) {
	payload := []byte(`{"data":{"x":["y",1]},"cmd":"DANMU_MSG:4:0","info":[]}`)
	if n := testing.AllocsPerRun(100, func() { CommandName(payload) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCommandName(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"a":1,"cmd":"DANMU_MSG:1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		name := CommandName(b)
		if !utf8.ValidString(name) || len(name) > maxName || strings.Contains(name, ":") {
			t.Errorf("bad name %q of %q", name, b)
		}
	})
}

func TestSiteWide(t *testing.T) {
	for name, want := range map[string]bool{"STOP_LIVE_ROOM_LIST": true, "NOTICE_MSG": true, "SYS_MSG": true,
		"DANMU_MSG": false, "STOP_LIVE_ROOM": false, "": false} {
		if got := SiteWide(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestMaskedDanmaku(t *testing.T) {
	tests := map[string]struct {
		payload    string
		masked, ok bool
	}{
		"hidden":           {`{"cmd":"DANMU_MSG","info":[[],"x",[0,"a***"]]}`, true, true},
		"shown":            {`{"cmd":"DANMU_MSG","info":[[],"x",[5,"abc"]]}`, false, true},
		"shown as string":  {`{"cmd":"DANMU_MSG:4:0","info":[[],"x",["5","abc"]]}`, false, true},
		"cmd last":         {`{"info":[[],"x",[0]],"cmd":"DANMU_MSG"}`, true, true},
		"no sender":        {`{"cmd":"DANMU_MSG","info":[[],"x",[]]}`, false, false},
		"null":             {`{"cmd":"DANMU_MSG","info":[[],"x",null]}`, false, false},
		"short":            {`{"cmd":"DANMU_MSG","info":[[]]}`, false, false},
		"no array":         {`{"cmd":"DANMU_MSG","info":{}}`, false, false},
		"another command":  {`{"cmd":"SEND_GIFT","info":[[],"x",[0]]}`, false, false},
		"not JSON":         {`DANMU_MSG`, false, false},
		"the full message": {line(t, nil), false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			masked, ok := MaskedDanmaku([]byte(tt.payload))
			if masked != tt.masked || ok != tt.ok {
				t.Errorf("got %v, %v, want %v, %v", masked, ok, tt.masked, tt.ok)
			}
		})
	}
}
