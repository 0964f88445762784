package schema

import (
	"bytes"
	"strings"
)

// Bounds of an outline: what lies deeper is told by its type alone, what goes beyond the
// number of kinds of entries is one more "…".
const (
	outlineDepth   = 24
	outlineEntries = 8
	outlineFields  = 512
)

// Outline returns what a JSON text looks like without what it says: its keys, and types in
// place of values; of an array each kind of entry once. {"uid":4004,"tags":["a","b"]} is
// {"uid":"number","tags":["string"]}. A key that does not look like a field's name, such
// as an id, is "*". A text that is not sound is "broken".
func Outline(payload []byte) string {
	o := outliner{s: scanner{b: payload}}
	b := o.value(nil, 0)
	if !o.s.end() {
		return `"broken"`
	}
	return string(b)
}

type outliner struct{ s scanner }

func (o *outliner) value(b []byte, depth int) []byte {
	kind := o.s.peek()
	if depth >= outlineDepth || kind != '{' && kind != '[' {
		o.s.value()
		return append(append(append(b, '"'), kindName(kind)...), '"')
	}
	if kind == '[' {
		return o.array(b, depth)
	}
	return o.object(b, depth)
}

func (o *outliner) object(b []byte, depth int) []byte {
	b = append(b, '{')
	seen := map[string]bool{}
	for more := o.s.open('{'); more; more = o.s.more('{') {
		key := tidyKey(o.s.key().name())
		if len(seen) >= outlineFields {
			key = "…"
		}
		if seen[key] {
			o.s.value()
			continue
		}
		if len(seen) > 0 {
			b = append(b, ',')
		}
		seen[key] = true
		b = append(append(append(b, '"'), key...), '"', ':')
		b = o.value(b, depth+1)
	}
	return append(b, '}')
}

func (o *outliner) array(b []byte, depth int) []byte {
	b = append(b, '[')
	var kinds [][]byte
	for more := o.s.open('['); more; more = o.s.more('[') {
		if len(kinds) > outlineEntries {
			o.s.value()
			continue
		}
		entry := o.value(nil, depth+1)
		if len(kinds) == outlineEntries {
			entry = []byte(`"…"`)
		}
		known := false
		for _, k := range kinds {
			known = known || bytes.Equal(k, entry)
		}
		if !known {
			kinds = append(kinds, entry)
		}
	}
	return append(append(b, bytes.Join(kinds, []byte(","))...), ']')
}

func kindName(kind byte) string {
	switch kind {
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "bool"
	case '{':
		return "object"
	case '[':
		return "array"
	}
	return "null"
}

// Names of the service are ASCII letters, digits and underscores, and bear few digits in
// a row. What looks otherwise may be an id or a person's name.
const (
	longestKey  = 64
	mostNumeric = 4
)

func looksLikeName(name []byte) bool {
	if len(name) == 0 || len(name) > longestKey || '0' <= name[0] && name[0] <= '9' {
		return false
	}
	run := 0
	for _, c := range name {
		switch {
		case '0' <= c && c <= '9':
			run++
		case c == '_' || c == '-' || 'a' <= c|0x20 && c|0x20 <= 'z':
			run = 0
		default:
			return false
		}
		if run > mostNumeric {
			return false
		}
	}
	return true
}

// tidyKey is the key of an object if it looks like a field's name, else a star.
func tidyKey(key []byte) string {
	if looksLikeName(key) {
		return string(key)
	}
	return "*"
}

// tidyName is a command's name if it looks like one, else empty.
func tidyName(name string) string {
	if looksLikeName([]byte(name)) {
		return strings.Clone(name)
	}
	return ""
}
