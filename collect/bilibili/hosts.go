package bilibili

import (
	"slices"
	"sync"
	"time"

	"danmaku-archiver/schema"
)

const (
	// A host that this many rooms in a row could not use is tried last, for a time that
	// doubles while it stays so.
	hostFailures   = 3
	hostPauseFirst = 30 * time.Second
	hostPauseMost  = 10 * time.Minute
	// shunnedFor is how long a room keeps away from a host that thinned it out.
	shunnedFor = 6 * time.Hour
	// maxHostsKnown bounds what the service can make us remember.
	maxHostsKnown = 256
)

// hosts is what all rooms together know of the chat hosts.
type hosts struct {
	mu      sync.Mutex
	known   map[string]*hostHealth
	shunned map[schema.RoomID]map[string]time.Time // until when
}

type hostHealth struct {
	rooms     []schema.RoomID // that failed since one succeeded
	pause     time.Duration
	until     time.Time
	failures  int64
	successes int64
}

// HostState is the health of a chat host.
type HostState struct {
	Host string `json:"host"`
	// Avoided until then; zero while it is trusted.
	Avoided   time.Time `json:"avoided_until"`
	Failures  int64     `json:"failures"`
	Successes int64     `json:"successes"`
}

func (h *hosts) of(address string) *hostHealth {
	s := h.known[address]
	if s == nil {
		if h.known == nil || len(h.known) >= maxHostsKnown {
			h.known = map[string]*hostHealth{}
		}
		s = &hostHealth{}
		h.known[address] = s
	}
	return s
}

func (h *hosts) worked(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.of(address)
	s.rooms, s.pause, s.until = nil, 0, time.Time{}
	s.successes++
}

// failed takes note that a room could not use the host. One room's trouble may be its own.
func (h *hosts) failed(address string, room schema.RoomID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.of(address)
	s.failures++
	if !slices.Contains(s.rooms, room) {
		s.rooms = append(s.rooms, room)
	}
	if len(s.rooms) >= hostFailures {
		s.pause = min(max(2*s.pause, hostPauseFirst), hostPauseMost)
		s.until = time.Now().Add(s.pause)
		s.rooms = nil
	}
}

func (h *hosts) shun(room schema.RoomID, address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for r, all := range h.shunned {
		for a, until := range all {
			if now.After(until) {
				delete(all, a)
			}
		}
		if len(all) == 0 {
			delete(h.shunned, r)
		}
	}
	if h.shunned == nil {
		h.shunned = map[schema.RoomID]map[string]time.Time{}
	}
	if h.shunned[room] == nil || len(h.shunned[room]) >= maxHosts {
		h.shunned[room] = map[string]time.Time{}
	}
	h.shunned[room][address] = now.Add(shunnedFor)
}

// order puts those first that are neither shunned by the room nor in trouble; among equals
// the service's order stays.
func (h *hosts) order(room schema.RoomID, addresses []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	penalty := func(address string) (n int) {
		if s := h.known[address]; s != nil && now.Before(s.until) {
			n++
		}
		if until, is := h.shunned[room][address]; is && now.Before(until) {
			n += 2
		}
		return n
	}
	slices.SortStableFunc(addresses, func(a, b string) int { return penalty(a) - penalty(b) })
}

func (h *hosts) states() (all []HostState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for address, s := range h.known {
		state := HostState{Host: address, Failures: s.failures, Successes: s.successes}
		if now.Before(s.until) {
			state.Avoided = s.until.UTC()
		}
		all = append(all, state)
	}
	slices.SortFunc(all, func(a, b HostState) int {
		if a.Host < b.Host {
			return -1
		}
		return 1
	})
	return all
}
