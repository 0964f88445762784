package simulator

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// What a collector of all rooms asks for again and again, with as many rooms as that may be.
func BenchmarkWebAPI(b *testing.B) {
	s, err := New(loopback(Config{Rooms: 5000, Faults: []string{"flux=10m"}}))
	if err != nil {
		b.Fatal(err)
	}
	defer s.listeners.close()
	uids := url.Values{}
	for _, rm := range s.rooms[:100] {
		uids.Add("uids[]", decimal(rm.streamer))
	}
	api := s.api()
	for _, one := range []struct{ name, path string }{
		{"list", "/room/v3/area/getRoomList?page=3&page_size=99"},
		{"status", "/room/v1/Room/get_status_info_by_uids?" + uids.Encode()},
	} {
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, one.path, nil))
				if w.Body.Len() < 10_000 {
					b.Fatalf("%d: %s", w.Code, w.Body)
				}
			}
		})
	}
	b.Run("script", func(b *testing.B) {
		script, now := newScript(1, s.rooms[0]), time.Now()
		for b.Loop() {
			script.next(now)
		}
	})
}
