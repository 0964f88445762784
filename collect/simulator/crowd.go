package simulator

import (
	"sync"
)

// crowd knows the open connections, for the caps on them.
type crowd struct {
	mu   sync.Mutex
	open map[*chat]int64 // to the uid of the account, 0 for guests and before the auth
}

func (k *crowd) enter(c *chat, uid int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open == nil {
		k.open = make(map[*chat]int64)
	}
	k.open[c] = uid
}

func (k *crowd) leave(c *chat) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, c)
}

// alike are the connections for which same is true, in no order.
func (k *crowd) alike(same func(c *chat, uid int64) bool) (found []*chat) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c, uid := range k.open {
		if same(c, uid) {
			found = append(found, c)
		}
	}
	return found
}

// admit applies the caps of an address to a new connection; false where it is one too many.
func (s *Simulator) admit(c *chat) bool {
	s.crowd.enter(c, 0)
	neighbour := func(o *chat, _ int64) bool { return o.address == c.address && o.host == c.host }
	if most, on := s.faults.find(faultCap, c.subject()); on && len(s.crowd.alike(neighbour)) > most.count {
		return false
	}
	s.crowdOut(c, faultCapRandom, neighbour)
	return true
}

// admitAccount applies the cap of an account to a connection whose auth was accepted.
func (s *Simulator) admitAccount(c *chat, uid int64) {
	s.crowd.enter(c, uid)
	if uid != 0 {
		s.crowdOut(c, faultCapAccount, func(_ *chat, other int64) bool { return other == uid })
	}
}

// crowdOut ends one of the connections that are alike where they are more than the fault
// allows.
func (s *Simulator) crowdOut(c *chat, fault string, same func(*chat, int64) bool) {
	most, on := s.faults.find(fault, c.subject())
	if !on {
		return
	}
	if found := s.crowd.alike(same); len(found) > most.count {
		found[s.faults.intN(len(found))].link.end(endReset)
	}
}
