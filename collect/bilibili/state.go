package bilibili

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"
)

// State is what the client knows of its standing with the service. It holds no secrets.
type State struct {
	Account AccountState `json:"account"`
	// Guests is how many guests rooms are visited as.
	Guests int     `json:"guests"`
	Pauses []Pause `json:"pauses"`
	// Tokens are the rooms with a token at hand, OldestToken the age of the oldest: with
	// these connections can be made while requests pause.
	Tokens      int            `json:"tokens"`
	OldestToken time.Duration  `json:"oldest_token_ns"`
	Requests    []RequestCount `json:"requests"`
	Hosts       []HostState    `json:"hosts"`
}

// RequestCount counts the requests to one endpoint that came out alike.
type RequestCount struct {
	Endpoint string `json:"endpoint"`
	// Outcome is ok, refused (by the service), failed (no sense in the answer, or none) or
	// paused (not made).
	Outcome string `json:"outcome"`
	Count   int64  `json:"count"`
}

// State may be called at any time and makes no request.
func (c *Client) State() State {
	s := State{Account: c.account.known(), Guests: c.people.known(), Pauses: c.Pauses(),
		Requests: c.outcomes.counts(), Hosts: c.hosts.states()}
	s.Account.Configured = c.config.CookieFile != ""
	s.Tokens, s.OldestToken = c.chat.ages()
	return s
}

// outcomes counts requests. Endpoints are our own constants: their number is bounded.
type outcomes struct {
	mu  sync.Mutex
	all map[RequestCount]int64 // by endpoint and outcome; Count is 0
}

func (o *outcomes) add(endpoint string, err error) {
	outcome := "ok"
	if _, refused := pauseScope(err); refused {
		outcome = "refused"
	} else if err != nil {
		outcome = "failed"
	}
	if errors.Is(err, ErrPaused) {
		outcome = "paused"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[RequestCount]int64{}
	}
	o.all[RequestCount{Endpoint: endpoint, Outcome: outcome}]++
}

func (o *outcomes) counts() (all []RequestCount) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, n := range o.all {
		k.Count = n
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b RequestCount) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Outcome, b.Outcome))
	})
	return all
}

// ages tells how many tokens are at hand and how old the oldest is.
func (s *chatServers) ages() (n int, oldest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.rooms {
		if age := time.Since(e.fetched); age <= ticketKept {
			n++
			oldest = max(oldest, age)
		}
	}
	return n, oldest
}
