package schema

import (
	"encoding/binary"
	"math/bits"
)

// Most of a payload is read only to be sure that it is sound: skip and what it calls do
// that with the place in a register. Each returns the place behind what it read, or
// unsound.

// unsound is no place: what was read is not JSON.
const unsound = -1

// skip reads the value at b[i], which is within containers so many deep.
func skip(b []byte, i, depth int) int {
	if i >= len(b) {
		return unsound
	}
	switch c := b[i]; c {
	case '"':
		i, _ = skipString(b, i+1)
		return i
	case '{', '[':
		if depth >= maxDepth {
			return unsound
		}
		return skipContainer(b, i, depth+1)
	case 't':
		return skipLiteral(b, i, "true")
	case 'f':
		return skipLiteral(b, i, "false")
	case 'n':
		return skipLiteral(b, i, "null")
	default:
		return skipNumber(b, i)
	}
}

// skipContainer reads the object or array that begins at b[i].
func skipContainer(b []byte, i, depth int) int {
	object := b[i] == '{'
	end := b[i] + 2 // '{'+2 is '}', '['+2 is ']'
	if i = skipSpace(b, i+1); i < len(b) && b[i] == end {
		return i + 1
	}
	for {
		if object {
			if i >= len(b) || b[i] != '"' {
				return unsound
			}
			if i, _ = skipString(b, i+1); i == unsound {
				return unsound
			}
			if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
				return unsound
			}
			i = skipSpace(b, i+1)
		}
		if i = skip(b, i, depth); i == unsound {
			return unsound
		}
		if i = skipSpace(b, i); i >= len(b) {
			return unsound
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case end:
			return i + 1
		default:
			return unsound
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

func skipLiteral(b []byte, i int, want string) int {
	if len(b)-i < len(want) || string(b[i:i+len(want)]) != want {
		return unsound
	}
	return i + len(want)
}

// Eight bytes at a time: lows has the lowest bit of each, highs the highest.
const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stops has a bit set in the lowest of the eight bytes that a plain run of a string cannot
// hold: a quote, a backslash or a control character. Bits above that one mean nothing.
func stops(w uint64) uint64 {
	quote, backslash := w^lows*'"', w^lows*'\\'
	return ((w-lows*0x20)&^w | (quote-lows)&^quote | (backslash-lows)&^backslash) & highs
}

// skipString reads a string from behind its first quote to behind its last, and reports
// whether it holds an escape.
func skipString(b []byte, i int) (next int, escaped bool) {
	for {
		for len(b)-i >= 8 {
			if m := stops(binary.LittleEndian.Uint64(b[i:])); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		for i < len(b) && b[i] >= 0x20 && b[i] != '"' && b[i] != '\\' {
			i++
		}
		switch {
		case i >= len(b) || b[i] < 0x20:
			return unsound, escaped
		case b[i] == '"':
			return i + 1, escaped
		}
		escaped = true
		if len(b)-i >= 2 && b[i+1] == '"' {
			i += 2 // by far the most frequent
			continue
		}
		n := escapeLen(b[i:])
		if n == 0 {
			return unsound, true
		}
		i += n
	}
}

// escapeLen is the length of the escape that b begins with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

func skipNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i = skipDigits(b, i); i == unsound {
		return unsound
	}
	if i < len(b) && b[i] == '.' {
		if i = skipDigits(b, i+1); i == unsound {
			return unsound
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return skipDigits(b, i)
	}
	return i
}

// skipDigits reads one digit or more.
func skipDigits(b []byte, i int) int {
	start := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == start {
		return unsound
	}
	return i
}
