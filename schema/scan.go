package schema

import "strconv"

// maxDepth is how deeply values may be nested: what encoding/json accepts. It keeps a
// payload of nothing but brackets from exhausting the stack.
const maxDepth = 10000

// scanner pulls values out of one JSON text, from front to back, without allocating. It
// accepts what encoding/json accepts and nothing else; it leaves UTF-8 to its caller.
//
// After the first error every method does nothing and every loop ends: callers look at
// bad once, at the end.
type scanner struct {
	b     []byte
	i     int
	depth int
	bad   bool
}

// token is one value. Its bytes are the scanned text's own.
type token struct {
	// kind is the value's first byte, '0' for every number, 0 for no value.
	kind byte
	// raw is a string's content between its quotes, any other value as it stands.
	raw []byte
	// escaped is true for a string that holds a backslash.
	escaped bool
}

// open enters the object or array that begins with the given byte and reports whether it
// has a first entry. The loop is
//
//	for more := s.open('['); more; more = s.more('[') { … }
func (s *scanner) open(begin byte) bool {
	s.space()
	if s.bad || s.i >= len(s.b) || s.b[s.i] != begin || s.depth >= maxDepth {
		s.bad = true
		return false
	}
	s.i++
	s.depth++
	s.space()
	if s.i < len(s.b) && s.b[s.i] == begin+2 { // '{'+2 is '}', '['+2 is ']'
		s.i++
		s.depth--
		return false
	}
	return true
}

// more goes on to the next entry of the object or array, or leaves it.
func (s *scanner) more(begin byte) bool {
	s.space()
	if s.bad || s.i >= len(s.b) {
		s.bad = true
		return false
	}
	switch s.b[s.i] {
	case ',':
		s.i++
		return true
	case begin + 2:
		s.i++
		s.depth--
		return false
	}
	s.bad = true
	return false
}

// key reads an object's next name and its colon.
func (s *scanner) key() token {
	b, start := s.b, skipSpace(s.b, s.i)
	if s.bad || start >= len(b) || b[start] != '"' {
		s.bad = true
		return token{}
	}
	end, escaped := skipString(b, start+1)
	if end == unsound {
		s.bad = true
		return token{}
	}
	colon := skipSpace(b, end)
	if colon >= len(b) || b[colon] != ':' {
		s.bad = true
		return token{}
	}
	s.i = colon + 1
	return token{kind: '"', raw: b[start+1 : end-1], escaped: escaped}
}

// peek returns the kind of the next value without reading it.
func (s *scanner) peek() byte {
	s.space()
	if s.bad || s.i >= len(s.b) {
		return 0
	}
	switch c := s.b[s.i]; {
	case c == '-' || '0' <= c && c <= '9':
		return '0'
	default:
		return c
	}
}

// value reads the next value; an object or array is read as a whole.
func (s *scanner) value() token {
	kind := s.peek()
	if kind == '"' {
		return s.str()
	}
	start := s.i
	if kind == 0 || !s.to(skip(s.b, start, s.depth)) {
		s.bad = true
		return token{}
	}
	return token{kind: kind, raw: s.b[start:s.i]}
}

// pass reads the next value as [scanner.value] does, and leaves it.
func (s *scanner) pass() {
	if !s.bad {
		s.to(skip(s.b, skipSpace(s.b, s.i), s.depth))
	}
}

// to goes on at the place, if it is one.
func (s *scanner) to(next int) bool {
	if next == unsound {
		s.bad = true
		return false
	}
	s.i = next
	return true
}

// end reports whether the text was sound and nothing but blanks is left.
func (s *scanner) end() bool {
	s.space()
	return !s.bad && s.i == len(s.b)
}

func (s *scanner) space() {
	if s.i < len(s.b) && s.b[s.i] <= ' ' {
		s.i = skipSpace(s.b, s.i)
	}
}

func (s *scanner) str() token {
	start := s.i + 1
	next, escaped := skipString(s.b, start)
	if !s.to(next) {
		return token{}
	}
	return token{kind: '"', raw: s.b[start : next-1], escaped: escaped}
}

// is reports whether the token is the string want.
func (t token) is(want string) bool {
	if t.kind != '"' {
		return false
	}
	if !t.escaped {
		return string(t.raw) == want
	}
	return string(appendUnescaped(nil, t.raw)) == want
}

// name is a key for a switch over names that hold no character that must be escaped. A
// key that escapes characters needlessly is unescaped at the cost of an allocation.
func (t token) name() []byte {
	if t.escaped {
		return appendUnescaped(nil, t.raw)
	}
	return t.raw
}

// int is the token as a whole number. The service sends numbers as strings here and
// there, and truth values as either; ok is false for everything else.
func (t token) int() (n int64, ok bool) {
	switch t.kind {
	case '0':
		return parseInt(t.raw)
	case '"':
		return parseInt(t.raw)
	case 't':
		return 1, true
	case 'f':
		return 0, true
	}
	return 0, false
}

// or is the token as a whole number, or the number given where it is none.
func (t token) or(n int64) int64 {
	if v, ok := t.int(); ok {
		return v
	}
	return n
}

// parseInt reads a whole number, also one written with a fraction or exponent.
func parseInt(b []byte) (int64, bool) {
	n, i := uint64(0), 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	negative, first := i == 1, i
	for ; i < len(b) && i-first < 19 && '0' <= b[i] && b[i] <= '9'; i++ {
		n = n*10 + uint64(b[i]-'0')
	}
	if i == first {
		return 0, false
	}
	if i < len(b) {
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil || f != float64(int64(f)) || f <= -1<<63 || f >= 1<<63 {
			return 0, false
		}
		return int64(f), true
	}
	if n > 1<<63-1 {
		return 0, false
	}
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}
