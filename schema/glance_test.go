package schema

import (
	"bytes"
	"os"
	"testing"
)

func TestGlance(t *testing.T) {
	extra := `{\"content\":\"\\\"id_str\\\":\\\"false\\\"\",\"id_str\":\"0a1b\",\"x\":1}`
	before := `[0,1,25,0,1767225600123,7,0,"c",0,0,0,"",0,"{}","{}",`
	for name, tt := range map[string]struct {
		payload string
		ok      bool
	}{
		"as pushed":       {`{"cmd":"DANMU_MSG","info":[` + before + `{"extra":"` + extra + `"}],"t"],"dm_v2":""}`, true},
		"info first":      {`{"info":[` + before + `{"mode":0,"extra":"` + extra + `","user":{}},{}],"t"],"cmd":"DANMU_MSG"}`, true},
		"without extra":   {`{"cmd":"DANMU_MSG","info":[` + before + `{}],"t"]}`, false},
		"empty id":        {`{"cmd":"DANMU_MSG","info":[` + before + `{"extra":"{\"id_str\":\"\"}"}],"t"]}`, false},
		"id no string":    {`{"cmd":"DANMU_MSG","info":[` + before + `{"extra":"{\"id_str\":5}"}],"t"]}`, false},
		"extra no JSON":   {`{"cmd":"DANMU_MSG","info":[` + before + `{"extra":"{\"id_str"}],"t"]}`, false},
		"of old":          {`{"cmd":"DANMU_MSG","info":[[0,1,25,0,1767225600],"t"]}`, false},
		"cut short":       {`{"cmd":"DANMU_MSG","info":[` + before + `{"extra":"` + extra, false},
		"of another sort": {`{"cmd":"A","data":{}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var g Glancer
			got, ok := g.Danmaku([]byte(tt.payload))
			want := Glance{ID: HashID([]byte("0a1b")), SentAt: 1767225600123000}
			if ok != tt.ok || ok && got != want {
				t.Errorf("got %+v, %t", got, ok)
			}
		})
	}
}

// What is seen at a glance is what the decoder finds.
func TestGlanceAgrees(t *testing.T) {
	for _, c := range capture(t) {
		if CommandName(c) != "DANMU_MSG" {
			continue
		}
		var g Glancer
		got, ok := g.Danmaku(c)
		var rows Rows
		NewDecoder("test", "aa").Command(&Record{Seq: 1, ReceivedAt: got.SentAt, Payload: c}, nil, &rows)
		if row := rows.Danmaku[0]; ok != row.HasID || ok && row.TS != got.SentAt {
			t.Errorf("glance %+v, %t; row %+v", got, ok, row)
		}
	}
}

func FuzzGlance(f *testing.F) {
	commands, err := os.ReadFile("testdata/commands.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(commands) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var g Glancer
		if got, ok := g.Danmaku(payload); ok && got.ID == 0 {
			t.Errorf("an id that is none: %+v", got)
		}
	})
}
