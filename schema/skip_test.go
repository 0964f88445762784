package schema

import (
	"encoding/json"
	"testing"
)

// TestEveryByteEverywhere puts each byte, plain and behind a backslash, at each place of a
// string: strings are looked through eight bytes at a time.
func TestEveryByteEverywhere(t *testing.T) {
	for c := range 256 {
		for at := 1; at <= 17; at++ {
			for _, escape := range []bool{false, true} {
				b := []byte(`"0123456789abcdefgh"`)
				b[at] = byte(c)
				if escape {
					b[at], b[at+1] = '\\', byte(c)
				}
				s := scanner{b: b}
				s.value()
				if got, want := s.end(), json.Valid(b); got != want {
					t.Errorf("%q: %v", b, got)
				}
			}
		}
	}
}
