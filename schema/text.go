package schema

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUnescaped appends the string that raw, a scanned string's content, stands for.
// Half a surrogate pair becomes U+FFFD, as in encoding/json.
func appendUnescaped(dst, raw []byte) []byte {
	// Nothing grows by being unescaped; eight bytes are copied at a time.
	dst = slices.Grow(dst, len(raw)+8)
	for i := 0; i < len(raw); {
		if len(raw)-i >= 8 {
			w := binary.LittleEndian.Uint64(raw[i:])
			x := w ^ lows*'\\'
			m := (x - lows) &^ x & highs
			n := bits.TrailingZeros64(m) / 8 // 8 if there is no backslash
			at := len(dst)
			binary.LittleEndian.PutUint64(dst[at:at+8], w)
			dst = dst[:at+n]
			if i += n; m == 0 {
				continue
			}
		} else if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		c := raw[i+1]
		i += 2
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(raw[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				r, i = pair(r, raw, i)
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// pair joins a surrogate with the escape that follows it at i, if that is its other half,
// and returns where reading goes on.
func pair(r rune, raw []byte, i int) (rune, int) {
	if len(raw)-i >= 6 && raw[i] == '\\' && raw[i+1] == 'u' {
		low, _ := hex4(raw[i+2:])
		if joined := utf16.DecodeRune(r, low); joined != unicode.ReplacementChar {
			return joined, i + 6
		}
	}
	return unicode.ReplacementChar, i
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// The bounds of an interner keep names from outside from filling the memory.
const (
	internedNames = 1 << 14
	internedBytes = 64
)

// interner gives equal names the same string, so that the names of regulars, which
// return with every line, are allocated once.
type interner map[string]string

func (in interner) string(b []byte) string {
	if s, ok := in[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(s) > internedBytes {
		return s
	}
	if len(in) >= internedNames {
		clear(in)
	}
	in[s] = s
	return s
}

// slab allocates values for nullable columns many at a time.
type slab[T any] struct{ free []T }

const slabSize = 128

func (s *slab[T]) pointer(v T) *T {
	if len(s.free) == 0 {
		s.free = make([]T, slabSize)
	}
	p := &s.free[0]
	s.free = s.free[1:]
	*p = v
	return p
}
