package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"danmaku-archiver/collect"
	"danmaku-archiver/collect/bilibili"
)

// How a check came out.
const (
	doctorOK      = "ok"
	doctorProblem = "problem"
	doctorSkipped = "skipped"
)

// finding is what one check came to.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	Found string `json:"found"`
	// Do says what to do about a problem.
	Do string `json:"do,omitempty"`
}

func fine(format string, args ...any) finding {
	return finding{State: doctorOK, Found: fmt.Sprintf(format, args...)}
}

func skipped(format string, args ...any) finding {
	return finding{State: doctorSkipped, Found: fmt.Sprintf(format, args...)}
}

// problem is what is wrong, and what to do about it.
func problem(do, format string, args ...any) finding {
	return finding{State: doctorProblem, Found: fmt.Sprintf(format, args...), Do: do}
}

// doctor looks at everything that the daemon depends on. It changes nothing that stays.
type doctor struct {
	c      *config
	dir    dataDir
	join   time.Duration
	client *bilibili.Client
	// rooms are those that the lists offered, or the first pin: the first of them is joined.
	rooms []collect.Candidate
}

// check is one thing to look at. Its deadline bounds it.
type check struct {
	name     string
	deadline time.Duration
	run      func(*doctor, context.Context) finding
}

// checks in their order: what is near and quick before what takes requests.
var checks = []check{
	{"configuration", time.Second, (*doctor).configuration},
	{"data", time.Minute, (*doctor).data},
	{"disk speed", time.Minute, (*doctor).diskSpeed},
	{"journal", time.Minute, (*doctor).journal},
	{"store", 2 * time.Minute, (*doctor).store},
	{"archive", 2 * time.Minute, (*doctor).archive},
	{"service", time.Minute, (*doctor).service},
	{"clock", time.Second, (*doctor).clock},
	{"identity", time.Minute, (*doctor).identity},
	{"signature", time.Minute, (*doctor).signature},
	{"room", 3 * time.Minute, (*doctor).joinRoom},
}

func checkNames() (names []string) {
	for _, k := range checks {
		names = append(names, k.name)
	}
	return names
}

// examine runs the checks and tells of each as it comes out.
func (d *doctor) examine(ctx context.Context, only []string, tell func(finding)) (problems int, err error) {
	for _, k := range checks {
		if len(only) > 0 && !slices.Contains(only, k.name) {
			continue
		}
		checking, cancel := context.WithTimeout(ctx, k.deadline+d.join)
		f := k.run(d, checking)
		cancel()
		if ctx.Err() != nil {
			return problems, context.Cause(ctx)
		}
		f.Check = k.name
		if f.State == doctorProblem {
			problems++
		}
		tell(f)
	}
	return problems, nil
}

// printFinding writes one line a finding, and what to do below it.
func printFinding(w io.Writer, f finding) {
	state := f.State
	if state == doctorProblem {
		state = "PROBLEM"
	}
	fmt.Fprintf(w, "%-8s %-14s %s\n", state, f.Check, strings.ReplaceAll(f.Found, "\n", "\n"+strings.Repeat(" ", 24)))
	if f.Do != "" {
		fmt.Fprintf(w, "%24s%s\n", "-> ", f.Do)
	}
}

func printFindings(w io.Writer, all []finding) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}

// configuration was read before: it is sound.
func (d *doctor) configuration(context.Context) finding {
	from := "defaults"
	if d.c.file != "" {
		from = d.c.file
	}
	var set []string
	for _, s := range d.c.settings {
		if s.origin != "" {
			set = append(set, s.path)
		}
	}
	switch len(set) {
	case 0:
		return fine("%s, nothing is set", from)
	case 1:
		return fine("%s; set: %s", from, set[0])
	}
	return fine("%s; set: %s", from, strings.Join(set, ", "))
}
