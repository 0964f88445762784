package simulator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// faults decides when a fault happens. The settings may be replaced while it is used.
type faults struct {
	seed  uint64
	hosts int
	begun time.Time
	now   atomic.Pointer[map[string][]setting]

	mu sync.Mutex
	r  *rand.Rand
}

func newFaults(specs []string, seed uint64, hosts int) (*faults, error) {
	f := &faults{seed: seed, hosts: hosts, begun: time.Now(), r: random(seed, saltFault)}
	return f, f.set(specs)
}

func (f *faults) set(specs []string) error {
	settings, err := parseFaults(specs)
	if err != nil {
		return err
	}
	for name, all := range settings {
		for _, s := range all {
			if s.scope.of == scopeHost && s.scope.n > f.hosts {
				return &FaultError{Setting: name + ":" + s.scope.of + decimal(s.scope.n), Name: name,
					Err: errors.New(noSuchHost(f.hosts))}
			}
		}
	}
	f.now.Store(&settings)
	return nil
}

func noSuchHost(there int) string {
	if there == 1 {
		return "there is 1 host (the setting Hosts makes more)"
	}
	return fmt.Sprintf("there are %d hosts", there)
}

// none reports whether there is no fault at all, now or later.
func (f *faults) none() bool { return len(*f.now.Load()) == 0 }

// find returns the first setting of a fault that is in force for the subject.
func (f *faults) find(name string, who subject) (setting, bool) {
	settings := (*f.now.Load())[name]
	if len(settings) == 0 {
		return setting{}, false
	}
	since := time.Since(f.begun)
	for _, s := range settings {
		begun, over := s.from == 0 || since >= s.from, s.length > 0 && since >= s.from+s.length
		if begun && !over && s.scope.takes(who) {
			return s, true
		}
	}
	return setting{}, false
}

func (f *faults) on(name string, who subject) bool {
	_, found := f.find(name, who)
	return found
}

// strikes draws whether a fault that has a share happens now.
func (f *faults) strikes(name string, who subject) bool {
	s, found := f.find(name, who)
	return found && (s.share >= 1 || f.float() < s.share)
}

// marks tells whether a fault that has a share hits what the numbers name. It depends on
// nothing else but the seed, so the same thing is hit again and again.
func (f *faults) marks(name string, who subject, numbers ...uint64) bool {
	s, found := f.find(name, who)
	if !found {
		return false
	}
	h := hashOf(append([]uint64{f.seed, saltFault, textNumber(name)}, numbers...)...)
	return float64(h>>11)/(1<<53) < s.share
}

func (f *faults) float() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.r.Float64()
}

func (f *faults) intN(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.r.IntN(n)
}

// lifetime draws how long a connection lives; false where it may live for ever.
func (f *faults) lifetime(who subject) (time.Duration, ending, bool) {
	s, found := f.find(faultDisconnect, who)
	if !found {
		return 0, endPolitely, false
	}
	shortest := s.duration / shortestPart
	life := shortest + time.Duration(f.intN(max(1, int(s.duration-shortest))))
	return life, []ending{endAbruptly, endReset}[f.intN(2)], true
}

// shortestPart is the part of the longest life that every connection has.
const shortestPart = 12

// pieces cuts what is written to a connection, small at first so that headers are torn
// too.
func (f *faults) pieces(b []byte, who subject) [][]byte {
	if !f.on(faultTorn, who) {
		return [][]byte{b}
	}
	var cut [][]byte
	for most := 8; len(b) > 0; most = min(2*most, 1400) {
		n := min(len(b), 1+f.intN(most))
		cut = append(cut, b[:n])
		b = b[n:]
	}
	return cut
}
