package bilibili

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Codes of the service's answers (SocialSisterYi/bilibili-API-collect).
const (
	codeNotLoggedIn = -101
	codeRisk        = -352 // bad signature, no buvid, old browser, or closed to guests
	codeNotFound    = -404
	codeIntercepted = -412 // this address asks too often
	codeQuota       = -509
	codeTooOften    = -799
)

const (
	pauseFirst = 5 * time.Second
	pauseLast  = 10 * time.Minute
	// pauseOne bounds the pause of one endpoint: its refusals may be a matter of luck, and
	// without tokens rooms stand still.
	pauseOne = 2 * time.Minute
)

// Pause is a time in which the client makes no requests because the service refused them.
type Pause struct {
	// Endpoint is the path that is not asked, empty for all.
	Endpoint string
	Until    time.Time
	// Refusal is what the service said.
	Refusal error
}

// ErrPaused is wrapped by the errors of requests that were not made because the service
// refused earlier ones.
var ErrPaused = errors.New("requests are paused")

// pauses keeps the client from hammering a service that refuses. A refusal for asking
// too often pauses everything; -352 pauses only its own endpoint, since the service closes
// single endpoints to guests for good (wzgrx/pure_live), and others take their place.
type pauses struct {
	mu  sync.Mutex
	all map[string]*pauseState // by endpoint, "" for everything
}

type pauseState struct {
	Pause
	begun  time.Time
	length time.Duration // of the last pause, before jitter
}

// check returns an error wrapping ErrPaused while the endpoint must not be asked.
func (p *pauses) check(endpoint string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range []string{"", endpoint} {
		if s := p.all[key]; s != nil && time.Now().Before(s.Until) {
			return fmt.Errorf("%w until %s: %w", ErrPaused, s.Until.UTC().Format(time.RFC3339), s.Refusal)
		}
	}
	return nil
}

// refused begins a pause, twice as long as the one before. Of requests that were under way
// together only the first counts.
func (p *pauses) refused(endpoint string, asked time.Time, refusal error) (Pause, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.all[endpoint]
	if s == nil {
		s = &pauseState{Pause: Pause{Endpoint: endpoint}}
		if p.all == nil {
			p.all = map[string]*pauseState{}
		}
		p.all[endpoint] = s
	}
	if s.length != 0 && asked.Before(s.begun) {
		return s.Pause, false
	}
	most := pauseLast
	if endpoint != "" {
		most = pauseOne
	}
	s.length = min(max(2*s.length, pauseFirst), most)
	s.begun = time.Now()
	s.Until = s.begun.Add(s.length*3/4 + rand.N(s.length/4))
	s.Refusal = refusal
	return s.Pause, true
}

// answered forgets the pauses that the answer of a request proves to be over.
func (p *pauses) answered(endpoint string, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range []string{"", endpoint} {
		if s := p.all[key]; s != nil && !asked.Before(s.begun) {
			delete(p.all, key)
		}
	}
}

// Pauses returns the pauses in force, the one of all endpoints first.
func (c *Client) Pauses() []Pause {
	c.pauses.mu.Lock()
	defer c.pauses.mu.Unlock()
	var in []Pause
	for _, s := range c.pauses.all {
		if time.Now().Before(s.Until) {
			in = append(in, s.Pause)
		}
	}
	slices.SortFunc(in, func(a, b Pause) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return in
}

// pauseScope tells whether an error is a refusal that asks for a pause, and of what.
func pauseScope(err error) (endpoint string, refused bool) {
	var e *APIError
	if !errors.As(err, &e) {
		return "", false
	}
	switch {
	case e.Code == codeRisk:
		return e.Endpoint, true
	case e.Code == codeIntercepted, e.Code == codeQuota, e.Code == codeTooOften,
		e.HTTPStatus == http.StatusPreconditionFailed, e.HTTPStatus == http.StatusTooManyRequests:
		return "", true
	}
	return "", false
}

const (
	// troubleLeast requests within troubleWithin, of which four of five failed, make all
	// requests pause (BililiveRecorder protects itself alike).
	troubleWithin = 30 * time.Second
	troubleLeast  = 6
)

// trouble remembers how the last requests came out. A refusal that says what it is has a
// pause of its own; this is for answers that make no sense, and none at all.
type trouble struct {
	mu   sync.Mutex
	last []outcomeAt
}

type outcomeAt struct {
	at     time.Time
	failed bool
}

// tripped takes a request's outcome and reports whether nearly all of late have failed.
func (t *trouble) tripped(err error) bool {
	var answer *APIError
	failed := err != nil && (!errors.As(err, &answer) || answer.HTTPStatus >= http.StatusInternalServerError)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.last = append(slices.DeleteFunc(t.last, func(o outcomeAt) bool { return now.Sub(o.at) > troubleWithin }), outcomeAt{now, failed})
	n := 0
	for _, o := range t.last {
		if o.failed {
			n++
		}
	}
	if len(t.last) < troubleLeast || n*5 < len(t.last)*4 {
		return false
	}
	t.last = nil
	return true
}
