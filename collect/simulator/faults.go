package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"danmaku-archiver/collect/bilibili"
)

// Fault is something that the stand-in can do wrong on purpose.
type Fault struct {
	Name string `json:"name"`
	// About says in a sentence what it does.
	About string `json:"about"`
}

// Names of the faults.
const (
	faultDisconnect       = "disconnect"
	faultTorn             = "torn"
	faultTruncatedJSON    = "truncated_json"
	faultInvalidUTF8      = "invalid_utf8"
	faultUnknownOperation = "unknown_operation"
	faultUnknownVersion   = "unknown_version"
	faultBadInflate       = "bad_inflate"
	faultDuplicate        = "duplicate"
	faultUnmasked         = "unmasked"
	faultRefuseAuth       = "refuse_auth"
	faultRiskControl      = "risk_control"
)

// Faults lists the faults that [Config.Faults] may name.
func Faults() []Fault {
	return []Fault{
		{faultDisconnect, "Connections are dropped at random after a while, every other one with a reset."},
		{faultTorn, "Writes to tcp connections arrive in small pieces."},
		{faultTruncatedJSON, "Commands that end in the middle are pushed beside the good ones."},
		{faultInvalidUTF8, "Commands with bytes that are no UTF-8 are pushed beside the good ones."},
		{faultUnknownOperation, "Packets of an operation that nobody knows are pushed beside the good ones."},
		{faultUnknownVersion, "Packets of a version that nobody knows are pushed beside the good ones."},
		{faultBadInflate, "Compressed packets that do not inflate are pushed beside the good ones."},
		{faultDuplicate, "Some commands are pushed a second time, with the same ids."},
		{faultUnmasked, "Guests see names and ids as accounts do, and get no notice to log in."},
		{faultRefuseAuth, "Some auths with a good token are answered with code -101."},
		{faultRiskControl, "Some well signed requests for a token are answered with code -352."},
	}
}

// faults decides when a fault happens. A nil name set means none.
type faults struct {
	on map[string]bool

	mu sync.Mutex
	r  *rand.Rand
}

func newFaults(names []string, seed uint64) (*faults, error) {
	var known []string
	for _, f := range Faults() {
		known = append(known, f.Name)
	}
	f := &faults{on: make(map[string]bool), r: random(seed, saltFault)}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("fault %q is unknown: want some of %s", name, strings.Join(known, ", "))
		}
		f.on[name] = true
	}
	return f, nil
}

// strikes is true in one of n cases where the fault is on.
func (f *faults) strikes(name string, n int) bool {
	return f.on[name] && f.intN(n) == 0
}

func (f *faults) intN(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.r.IntN(n)
}

// lifetime draws how long a connection lives; false where it may live for ever.
func (f *faults) lifetime(t timing) (time.Duration, ending, bool) {
	if !f.on[faultDisconnect] {
		return 0, endPolitely, false
	}
	life := t.shortestLife + time.Duration(f.intN(int(t.longestLife-t.shortestLife)))
	return life, []ending{endAbruptly, endReset}[f.intN(2)], true
}

// badEach is how many flushes see one bad packet of a kind, on average.
const badEach = 4

const (
	noOperation bilibili.Operation = 1009
	noVersion   bilibili.Version   = 9
)

// extras returns the frames that a flush gets beside its own.
func (f *faults) extras(fl *flush, as form) []frame {
	if len(f.on) == 0 {
		return nil
	}
	var frames []frame
	bad := func(name string, p bilibili.Packet) {
		if f.strikes(name, badEach) {
			frames = append(frames, frame{data: bilibili.AppendPacket(nil, p)})
		}
	}
	first := fl.commands[0].bytes(as.masked)
	bad(faultTruncatedJSON, bilibili.Packet{Operation: bilibili.OpMessage, Body: first[:len(first)*2/3]})
	bad(faultInvalidUTF8, bilibili.Packet{Operation: bilibili.OpMessage,
		Body: []byte("{\"cmd\":\"NOTICE_MSG\",\"msg_self\":\"\xff\xfe\xe5\x93\"}")})
	bad(faultUnknownOperation, bilibili.Packet{Operation: noOperation, Body: []byte(`{"unknown":true}`)})
	bad(faultUnknownVersion, bilibili.Packet{Version: noVersion, Operation: bilibili.OpMessage, Body: []byte("?")})
	broken := bilibili.VersionBrotli
	if as.version == bilibili.VersionZlib {
		broken = bilibili.VersionZlib
	}
	bad(faultBadInflate, bilibili.Packet{Version: broken, Operation: bilibili.OpMessage, Body: []byte("\xff\xff no stream")})
	if f.strikes(faultDuplicate, badEach) {
		// Encoding a command that was encoded before cannot fail in another way.
		if again, err := fl.frame(as, []int{f.intN(len(fl.commands))}); err == nil {
			frames = append(frames, again)
		}
	}
	return frames
}

// pieces cuts what is written to a tcp connection, small at first so that headers are
// torn too.
func (f *faults) pieces(b []byte) [][]byte {
	if !f.on[faultTorn] {
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
