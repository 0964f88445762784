package simulator

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is a fault that is switched on: how much of it, for whom and when.
type setting struct {
	share    float64
	duration time.Duration
	count    int

	scope  scope
	from   time.Duration // since New
	length time.Duration // 0 for ever
}

// FaultError is a setting of [Config.Faults] that is wrong.
type FaultError struct {
	Setting string
	// Name is what stands in the place of a fault's name.
	Name string
	// Unknown tells that there is no fault of the name.
	Unknown bool
	Err     error
}

func (e *FaultError) Error() string { return fmt.Sprintf("fault %q: %v", e.Setting, e.Err) }
func (e *FaultError) Unwrap() error { return e.Err }

// CheckFaults returns a [*FaultError] for the first wrong setting, nil where all are right.
func CheckFaults(settings []string) error {
	_, err := parseFaults(settings)
	return err
}

func parseFaults(specs []string) (map[string][]setting, error) {
	all := make(map[string][]setting)
	for _, spec := range specs {
		name, s, err := parseFault(spec)
		if err != nil {
			return nil, err
		}
		all[name] = append(all[name], s)
	}
	return all, nil
}

// parseFault reads NAME[=VALUE][:SCOPE][@FROM[+FOR]].
func parseFault(spec string) (name string, s setting, err error) {
	rest, when, timed := strings.Cut(spec, "@")
	rest, scope, scoped := strings.Cut(rest, ":")
	name, value, valued := strings.Cut(rest, "=")
	wrong := func(err error) (string, setting, error) {
		return name, s, &FaultError{Setting: spec, Name: name, Err: err}
	}
	i := slices.IndexFunc(faultTable, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		var known []string
		for _, f := range faultTable {
			known = append(known, f.Name)
		}
		err := fmt.Errorf("unknown fault %q (there are %s)", name, strings.Join(known, ", "))
		return name, s, &FaultError{Setting: spec, Name: name, Unknown: true, Err: err}
	}
	f := &faultTable[i]
	if !valued {
		value = f.Default
	}
	if valued || f.Value != "" {
		if err := f.parseValue(value, &s); err != nil {
			return wrong(err)
		}
	}
	if !scoped {
		scope = f.scope
	}
	if s.scope, err = f.parseScope(scope, scoped); err != nil {
		return wrong(err)
	}
	if timed {
		if s.from, s.length, err = parseWhen(when); err != nil {
			return wrong(err)
		}
	}
	return name, s, nil
}

// parseWhen reads FROM[+FOR].
func parseWhen(text string) (from, length time.Duration, err error) {
	start, rest, bounded := strings.Cut(text, "+")
	if from, err = time.ParseDuration(start); err != nil || from < 0 {
		return 0, 0, fmt.Errorf("time %q: want FROM or FROM+FOR, such as 30s+1m", text)
	}
	if bounded {
		if length, err = time.ParseDuration(rest); err != nil || length <= 0 {
			return 0, 0, fmt.Errorf("time %q: want FROM or FROM+FOR, such as 30s+1m", text)
		}
	}
	return from, length, nil
}

// Groups of endpoints of the web API, the scopes of its faults.
const (
	groupToken    = "token"
	groupLists    = "lists"
	groupRooms    = "rooms"
	groupHistory  = "history"
	groupIdentity = "identity"
	groupSigned   = "signed" // what needs a signature, but for tokens
)

var groups = []string{groupToken, groupLists, groupRooms, groupHistory, groupIdentity, groupSigned}

// Scopes of the chat's faults; the first three are followed by a number from 1.
const (
	scopeHost     = "host"
	scopeIdentity = "identity"
	scopeRoom     = "room"
	scopeGuests   = "guests"
	scopeAccounts = "accounts"
)

// scope limits a fault to some requests or connections; its zero value does not.
type scope struct {
	of string
	n  int
}

// subject is what a scope is about. Numbers count from 1 and are 0 while not known.
type subject struct {
	group string // of a request

	host     int // as in the list of hosts
	identity int // in the order in which the buvids were first accepted
	room     int // by rank at the start
	account  bool
}

func (s scope) takes(who subject) bool {
	switch s.of {
	case "":
		return true
	case scopeHost:
		return who.host == s.n
	case scopeRoom:
		return who.room == s.n
	case scopeGuests:
		return who.identity > 0 && !who.account
	case scopeAccounts:
		return who.account
	}
	if s.n > 0 {
		return who.identity == s.n
	}
	return who.group == s.of
}

// parseScope reads a scope; one that the fault has by itself is right.
func (f *Fault) parseScope(text string, given bool) (scope, error) {
	if !given {
		return scope{of: text}, nil
	}
	switch f.kind {
	case kindAlways:
		return scope{}, errors.New("it takes no scope")
	case kindWeb:
		if !slices.Contains(groups, text) {
			return scope{}, fmt.Errorf("scope %q: want one of %s", text, strings.Join(groups, ", "))
		}
		return scope{of: text}, nil
	}
	if text == scopeGuests || text == scopeAccounts {
		return scope{of: text}, nil
	}
	for _, of := range []string{scopeHost, scopeIdentity, scopeRoom} {
		if digits, ok := strings.CutPrefix(text, of); ok {
			if n, err := strconv.Atoi(digits); err == nil && n > 0 {
				return scope{of: of, n: n}, nil
			}
		}
	}
	return scope{}, fmt.Errorf("scope %q: want hostN, identityN, roomN, guests or accounts", text)
}

// textNumber makes a number for [hashOf] of a text.
func textNumber(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}
