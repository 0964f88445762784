package bilibili

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"danmaku-archiver/schema"
)

// sameAnswer answers every request alike.
type sameAnswer []byte

func (a sameAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a)), Request: r}, nil
}

// FuzzAnswers asks for everything that there is to ask: no answer makes the client say what
// cannot be, or put into a request what does not belong there.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"code":0,"data":{"token":"t","host_list":[{"host":"127.0.0.1","port":2243,"ws_port":"2244","wss_port":99999}]}}`,
		`{"code":0,"data":{"b_3":"B;3\r\nX: 1","b_4":null,"wbi_img":{"img_url":"https://i0.example/a.png","sub_url":5}}}`,
		`{"code":0,"data":{"room":[{"id_str":"a","timeline":"2026-01-01 08:00:00"},{"id_str":5,"timeline":-1},7]}}`,
		`{"code":0,"data":{"by_room_ids":{"5050":{"room_id":5050,"live_status":9,"live_time":"0000-00-00 00:00:00"}}}}`,
		`{"code":0,"data":{"room_id":5050,"short_id":5,"live_status":"1","list":[{"roomid":"5050","online":-1}],"has_more":1}}`,
		`{"code":0,"data":{"data":[{"id":"1","name":"a","list":[{"id":"371","parent_id":"9"}]}]}}`,
		`{"code":0,"data":{"v_voucher":"v"}}`, `{"code":-101,"data":[]}`, riskBody, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := New(Config{APIURL: "http://127.0.0.1:1", MainURL: "http://127.0.0.1:1", RequestsPerSecond: 1e6,
			Transport: TransportTCP, LoopbackOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.http.Transport = sameAnswer(body)
		ctx := t.Context()
		if who, err := c.fetchIdentity(ctx); err == nil && strings.ContainsAny(who.cookie(), "\r\n\x00") {
			t.Errorf("cookie %q", who.cookie())
		}
		if tk, err := c.fetchTicket(ctx, 5050, nil); err == nil {
			for _, h := range tk.hosts {
				if p := h.port(TransportTCP); h.Host == "" || p <= 0 || p > 65535 {
					t.Errorf("host %+v", h)
				}
			}
			if len(tk.hosts) == 0 || len(tk.hosts) > maxHosts {
				t.Errorf("%d hosts", len(tk.hosts))
			}
		}
		said, _ := c.History(ctx, 5050)
		for _, s := range said {
			if !s.At.IsZero() && (s.At.Unix() < 0 || s.At.Year() > 9999) {
				t.Errorf("said at %s", s.At)
			}
		}
		facts, _ := c.Facts(ctx, []schema.RoomID{5050})
		for room, is := range facts {
			if room != 5050 || is.LiveSince < 0 || is.LiveStatus < 0 || is.LiveStatus > 2 {
				t.Errorf("room %d: %+v", room, is)
			}
		}
		found, missing, _ := c.Resolve(ctx, []int64{5})
		if len(found)+len(missing) > 1 || len(found) == 1 && found[0].Room <= 0 {
			t.Errorf("one id is the rooms %+v, missing %v", found, missing)
		}
		_, _ = c.Areas(ctx)
		listed, _ := c.AreaRooms(ctx, 9, 371, 1, 30)
		for _, k := range listed {
			if k.Room <= 0 {
				t.Errorf("listed %+v", k)
			}
		}
		_, _ = c.Account(ctx)
	})
}
