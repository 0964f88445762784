package simulator

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// guarded makes the refusals of the faults come before what an endpoint answers.
func (s *Simulator) guarded(group string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who := subject{group: group}
		if most, on := s.faults.find(faultBan, who); on && s.bans.refuses(clientAddress(r), most.count, time.Now()) {
			refuseHTTP(w, http.StatusPreconditionFailed)
			return
		}
		for _, refusal := range webRefusals {
			if s.faults.strikes(refusal.fault, who) {
				refusal.answer(w)
				return
			}
		}
		next(w, r)
	}
}

var webRefusals = []struct {
	fault  string
	answer func(w http.ResponseWriter)
}{
	{faultHTTP412, func(w http.ResponseWriter) { refuseHTTP(w, http.StatusPreconditionFailed) }},
	{faultHTTP500, func(w http.ResponseWriter) { refuseHTTP(w, http.StatusInternalServerError) }},
	{faultCode412, func(w http.ResponseWriter) { respond(w, -412, "请求被拦截", nil) }},
	{faultCode509, func(w http.ResponseWriter) { respond(w, -509, "请求过于频繁，请稍后再试", nil) }},
	{faultCode799, func(w http.ResponseWriter) { respond(w, -799, "请求过于频繁，请稍后再试", nil) }},
}

// refuseHTTP answers with a status; -412 in the body goes with status 412.
func refuseHTTP(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if status == http.StatusPreconditionFailed {
		_, _ = w.Write([]byte(`{"code":-412,"message":"request was banned","ttl":1}`))
	}
}

// Of the fault ban. How long the service shuts an address out is not known.
const (
	banWindow  = 10 * time.Second
	banTime    = 30 * time.Second
	longestBan = 10 * time.Minute
	// banMercy is for requests that were under way when the ban began.
	banMercy = time.Second
)

// bans remembers who asked too often.
type bans struct {
	mu sync.Mutex
	by map[string]*visits
}

// visits are the requests of one address.
type visits struct {
	window time.Time
	n      int
	begun  time.Time // of the ban
	length time.Duration
}

// refuses counts a request and tells whether its address is shut out.
func (b *bans) refuses(address string, most int, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.by[address]
	if v == nil {
		if b.by == nil {
			b.by = make(map[string]*visits)
		}
		v = &visits{window: now}
		b.by[address] = v
	}
	if v.length > 0 && now.Before(v.begun.Add(v.length)) {
		if now.Sub(v.begun) > banMercy {
			v.begun, v.length = now, min(2*v.length, longestBan)
		}
		return true
	}
	if now.Sub(v.window) >= banWindow {
		v.window, v.n, v.length = now, 0, 0
	}
	if v.n++; v.n > most {
		v.begun, v.length = now, banTime
		return true
	}
	return false
}

func clientAddress(r *http.Request) string { return hostPart(r.RemoteAddr) }

// hostPart is an address without its port.
func hostPart(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
