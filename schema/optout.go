package schema

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// ParseOptOut reads a list of those who opted out: one uid a line; # begins a comment,
// blanks and empty lines are nothing. The error names the line.
func ParseOptOut(list []byte) (uids []int64, err error) {
	n := 0
	for line := range bytes.Lines(list) {
		n++
		text, _, _ := bytes.Cut(line, []byte("#"))
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		uid, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil || uid <= 0 || text[0] == '+' {
			// Not the line itself: it may be a name put in by mistake.
			return nil, fmt.Errorf("line %d is no uid: want one whole number above 0 a line, # begins a comment", n)
		}
		uids = append(uids, uid)
	}
	return uids, nil
}

// shortestRun is how many digits a number has at least to be taken for a uid or a hash
// wherever it stands: levels, prices and gifts have fewer. A shorter uid is found where
// the field's name says that it is one.
const shortestRun = 6

// finder looks for those who opted out in payloads whose fields nobody knows: among
// numbers, within texts, and in protobuf that comes as base64. It would rather find
// somebody who is not there than overlook somebody.
type finder struct{ decoded []byte }

// payload reports whether somebody stands in the payload, sound JSON or not.
func (f *finder) payload(b []byte, p *Privacy) bool {
	if f.digits(b, p) {
		return true
	}
	s := scanner{b: b}
	return f.value(&s, p, false)
}

// digits looks at every run of digits.
func (f *finder) digits(b []byte, p *Privacy) bool {
	for i := 0; i < len(b); {
		start := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		if n := i - start; n >= shortestRun && n <= 19 {
			if v, ok := parseInt(b[start:i]); ok && (p.people[v] || p.hashes[v]) {
				return true
			}
		}
		if i == start {
			i++
		}
	}
	return false
}

// value looks into the next value; personal says that its field is named as one of a
// person.
func (f *finder) value(s *scanner, p *Privacy, personal bool) (found bool) {
	switch s.peek() {
	case '{':
		for more := s.open('{'); more; more = s.more('{') {
			key := s.key().name()
			found = f.value(s, p, personalKey(key)) || found
		}
	case '[':
		for more := s.open('['); more; more = s.more('[') {
			found = f.value(s, p, personal) || found
		}
	default:
		t := s.value()
		if t.kind != '"' && t.kind != '0' {
			return false
		}
		b := t.raw
		if t.escaped {
			b = appendUnescaped(nil, b)
		}
		return f.text(b, p, personal)
	}
	return found
}

// text looks at one text or number: a uid or a hash as a whole, or base64 that holds one.
func (f *finder) text(b []byte, p *Privacy, personal bool) bool {
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return (personal || len(b) >= shortestRun) && (p.people[n] || p.hashes[n])
	}
	if len(b) <= 8 {
		// As DANMU_MSG bears it.
		n, err := strconv.ParseUint(string(b), 16, 32)
		return err == nil && len(b) >= shortestRun && p.hashes[int64(n)]
	}
	if f.digits(b, p) || b[0] == '{' && f.payload(b, p) {
		return true
	}
	decoded, ok := decodeBase64(&f.decoded, b)
	return ok && f.protobuf(decoded, p, 0)
}

// protobuf looks at every field of a message, and within its messages.
func (f *finder) protobuf(b []byte, p *Privacy, depth int) (found bool) {
	if depth > maxMessages {
		return false
	}
	eachField(b, func(_, n uint64, content []byte) {
		switch {
		case content == nil:
			found = found || n >= 100_000 && n < 1<<63 && (p.people[int64(n)] || p.hashes[int64(n)])
		default:
			found = found || f.digits(content, p) || f.protobuf(content, p, depth+1)
		}
	})
	return found
}

// personalKey reports whether a field of that name holds a person's id: uid, ruid,
// sender_uid, uids, mid, user_id, target_id.
func personalKey(key []byte) bool {
	k := strings.TrimSuffix(strings.ToLower(string(key)), "s")
	for _, end := range []string{"uid", "mid", "user_id", "userid", "target_id"} {
		if strings.HasSuffix(k, end) {
			return true
		}
	}
	return false
}

func decodeBase64(buf *[]byte, text []byte) ([]byte, bool) {
	b, err := base64.StdEncoding.AppendDecode((*buf)[:0], text)
	*buf = b
	return b, err == nil && len(b) > 0
}
