package schema

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

var jsonSeeds = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `""`, ` [ 1 , 2 ] `, `{"a":{"b":[1,"x",null]}}`,
	`[1,]`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `[1 2]`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `1.5e-7`, `1E400`,
	`"\u00e9\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\ud83d\u0041"`, `"\u12g4"`, `"\x"`, `"\`, `"a` + "\x01" + `"`,
	"\"\xff\"", `"\/\b\f\n\r\t\"\\"`, "\ufeff{}", `nul`, `truex`, `{"a":1}{}`, "\"\u2028\"", `[[[[]]]]`, `{"\u0063md":"X"}`,
	"\v1", `{"a":1 "b":2}`, `[}`, `{]`, ``, ` `,
}

func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanner{b: b}
		got := s.value()
		sound := s.end()
		if want := json.Valid(b); sound != want {
			t.Fatalf("sound = %v, encoding/json says %v: %q", sound, want, b)
		}
		if !sound || !utf8.Valid(b) {
			return
		}
		if trimmed := bytes.Trim(b, " \t\r\n"); got.kind != '"' && !bytes.Equal(got.raw, trimmed) {
			t.Fatalf("value %q, want %q", got.raw, trimmed)
		}
		compare(t, b)
	})
}

// compare reads the text with both and compares every string and number in it.
func compare(t *testing.T, b []byte) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	var want any
	if err := decoder.Decode(&want); err != nil {
		t.Fatal(err)
	}
	s := scanner{b: b}
	if got := decodeAny(&s); !s.end() || !equalJSON(got, want) {
		t.Fatalf("%q: got %#v, want %#v", b, got, want)
	}
}

func decodeAny(s *scanner) any {
	switch s.peek() {
	case '{':
		m := map[string]any{}
		for more := s.open('{'); more; more = s.more('{') {
			k := string(s.key().name())
			m[k] = decodeAny(s)
		}
		return m
	case '[':
		list := []any{}
		for more := s.open('['); more; more = s.more('[') {
			list = append(list, decodeAny(s))
		}
		return list
	case '"':
		return string(s.value().name())
	case '0':
		return json.Number(s.value().raw)
	case 'n':
		s.value()
		return nil
	}
	return s.value().kind == 't'
}

func equalJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

func TestScannerDepth(t *testing.T) {
	for _, n := range []int{9999, 10000, 10001, 200000} {
		for _, pair := range []string{"[]", `{"":}`} {
			begin, end := pair[:len(pair)-1], pair[len(pair)-1:]
			b := []byte(strings.Repeat(begin, n-1) + "[]" + strings.Repeat(end, n-1))
			s := scanner{b: b}
			s.value()
			if got, want := s.end(), json.Valid(b); got != want {
				t.Errorf("%d times %s: sound = %v, encoding/json says %v", n, pair, got, want)
			}
		}
	}
}

func TestTokenInt(t *testing.T) {
	tests := map[string]struct {
		want int64
		ok   bool
	}{
		`0`: {0, true}, `-7`: {-7, true}, `"42"`: {42, true}, `12.0`: {12, true}, `1e3`: {1000, true},
		`9223372036854775807`: {math.MaxInt64, true}, `9223372036854775808`: {}, `-9223372036854775807`: {-math.MaxInt64, true},
		`99999999999999999999`: {}, `1.5`: {}, `1e99`: {}, `1e999`: {}, `""`: {}, `"x"`: {}, `"4x"`: {}, `"-"`: {}, `" 4"`: {},
		`true`: {1, true}, `false`: {0, true}, `null`: {}, `[]`: {}, `{}`: {}, `"\u0031"`: {},
	}
	for in, want := range tests {
		s := scanner{b: []byte(in)}
		got, ok := s.value().int()
		if got != want.want || ok != want.ok {
			t.Errorf("%s: %d, %v, want %d, %v", in, got, ok, want.want, want.ok)
		}
		if !s.end() {
			t.Errorf("%s: not read to its end", in)
		}
	}
}

func TestInternerIsBounded(t *testing.T) {
	in := interner{}
	for i := range 3 * internedNames {
		in.string([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if len(in) == 0 || len(in) > internedNames {
		t.Errorf("%d names kept, at most %d wanted", len(in), internedNames)
	}
	long := strings.Repeat("x", internedBytes+1)
	if got := in.string([]byte(long)); got != long {
		t.Errorf("got %q", got)
	}
	if _, kept := in[long]; kept {
		t.Error("a long name was kept")
	}
}
