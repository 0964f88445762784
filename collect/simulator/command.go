package simulator

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// command is one command that a room pushes.
type command struct {
	// name is what the ledger calls it: its cmd without the part after ':'.
	name string
	// id is the service's own id of it, "" if it has none.
	id string
	// payload is what an account receives, masked what a guest does; masked is nil where
	// both are alike.
	payload, masked []byte
}

// bytes returns what is written to a guest or to an account.
func (c *command) bytes(masked bool) []byte {
	if masked && c.masked != nil {
		return c.masked
	}
	return c.payload
}

// commandName cuts the suffix that the service appends to some names since 2019
// (xfgryujk/blivedm), such as DANMU_MSG:4:0:2:2:2:0.
func commandName(cmd string) string {
	name, _, _ := strings.Cut(cmd, ":")
	return name
}

// object and list are JSON values written out by hand; the encoder sorts an object's keys.
type (
	object = map[string]any
	list   = []any
)

// marshal encodes what the simulator itself built.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Only values of our own making come here: maps, slices, strings and numbers.
		panic("simulator: " + err.Error())
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendJSON appends s as a JSON string. Unlike the encoder it leaves bytes that are no
// UTF-8 as they are: a recording's text is passed on byte for byte.
func appendJSON[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// starred is how the service shows a name to a guest: its first character and three stars.
func starred(name string) string {
	_, n := utf8.DecodeRuneInString(name)
	return name[:n] + "***"
}

func decimal[N int | int64 | uint32](n N) string { return strconv.FormatInt(int64(n), 10) }

// countText writes a number as the service's pages do: 17903 as 1.7万.
func countText(n int64) string {
	if n < 10000 {
		return decimal(n)
	}
	return strconv.FormatFloat(float64(n/1000)/10, 'f', -1, 64) + "万"
}
