package schema

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
)

// The service changes its commands without notice: a field more, a number that becomes a
// text, a command that takes another's place. The file lists what is known of them: one
// command a line, then each of its fields with the types it was seen with (s string,
// n number, b bool, o object, a array; none: any). A command without fields is known by
// its name. It is learned from documentation, from recordings and from this package's own
// examples: go test ./schema -update adds what those hold, and takes nothing away.
//
//go:embed known_fields.txt
var knownFieldsFile string

// everyCommand stands in the list for all of them.
const everyCommand = "*"

// knownFields are the types by field by command.
var knownFields = parseKnownFields(knownFieldsFile)

func parseKnownFields(file string) map[string]map[string]string {
	known := map[string]map[string]string{}
	for line := range strings.Lines(file) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		fields := map[string]string{}
		for _, w := range words[1:] {
			path, types, _ := strings.Cut(w, ":")
			fields[path] = types
		}
		known[words[0]] = fields
	}
	return known
}

// KnownCommand reports whether any version of the service's protocol that this program
// was written by has a command of that name.
func KnownCommand(name string) bool {
	_, known := knownFields[name]
	return known && name != everyCommand || models[name] != nil || repeats[name] || siteWide[name]
}

// fieldsPerCommand bounds what one payload can make of unknown fields.
const fieldsPerCommand = 64

// UnknownFields returns what a sound payload of a known command holds that is not known
// of it: added are fields that are new, changed are known ones with a type that they did
// not have, with that type: "data.uid string". Each is sorted and at most 64 long. Fields
// are the top level's and those one below it; in info by their place; those of
// info[0][15].extra as extra.NAME, those of a protobuf message in data.pb as data.pb.7.
// A key that does not look like a field's name is "*". Null, {} and [] are no change: the
// service writes them for whatever is missing.
func UnknownFields(command string, payload []byte) (added, changed []string) {
	known := knownFields[command]
	if len(known) == 0 {
		return nil, nil
	}
	sound := eachPath(payload, func(path string, kind byte) {
		types, ok := known[path]
		if !ok {
			types, ok = knownFields[everyCommand][path]
		}
		switch {
		case !ok && len(added) < fieldsPerCommand:
			added = append(added, path)
		case ok && types != "" && kind != 0 && strings.IndexByte(types, kind) < 0 && len(changed) < fieldsPerCommand:
			changed = append(changed, path+" "+kindOfLetter[kind])
		}
	})
	if !sound {
		return nil, nil
	}
	return sortedSet(added), sortedSet(changed)
}

var kindOfLetter = map[byte]string{'s': "string", 'n': "number", 'b': "bool", 'o': "object", 'a': "array"}

func sortedSet(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

// eachPath calls fn with the fields that a payload holds and their types, 0 where the
// value tells none, and reports whether the payload is sound.
func eachPath(payload []byte, fn func(path string, kind byte)) bool {
	p := paths{scanner{b: payload}, fn}
	if p.s.peek() == '{' {
		p.object("", 1)
	}
	return p.s.end()
}

type paths struct {
	s  scanner
	fn func(path string, kind byte)
}

// object takes the fields of an object and, as deep as that, those of the objects in it.
func (p *paths) object(prefix string, deeper int) {
	for more := p.s.open('{'); more; more = p.s.more('{') {
		p.value(prefix+tidyKey(p.s.key().name()), deeper)
	}
}

func (p *paths) value(path string, deeper int) {
	switch kind := p.s.peek(); {
	case kind == '{' && deeper > 0:
		p.fn(path, 0)
		p.object(path+".", deeper-1)
	case kind == '[' && (path == "info" || path == "info[0]"):
		p.fn(path, 0)
		i := 0
		for more := p.s.open('['); more; more = p.s.more('[') {
			p.value(path+"["+strconv.Itoa(i)+"]", 0)
			i++
		}
	case kind == '{' && path == "info[0][15]":
		p.fn(path, 0)
		p.object(path+".", 0)
	default:
		t := p.s.value()
		p.fn(path, letter(t))
		p.within(path, t)
	}
}

// within looks into a text that is itself a message.
func (p *paths) within(path string, t token) {
	if t.kind != '"' || path != "info[0][15].extra" && path != "data.pb" {
		return
	}
	b := t.raw
	if t.escaped {
		b = appendUnescaped(nil, b)
	}
	if path == "data.pb" {
		if b, ok := decodeBase64(new([]byte), b); ok {
			eachField(b, func(number, _ uint64, _ []byte) { p.fn("data.pb."+strconv.FormatUint(number, 10), 0) })
		}
		return
	}
	inner := paths{scanner{b: b}, p.fn}
	if inner.s.peek() == '{' {
		inner.object("extra.", 0)
	}
}

func letter(t token) byte {
	switch t.kind {
	case '"':
		return 's'
	case '0':
		return 'n'
	case 't', 'f':
		return 'b'
	case '{', '[':
		inner := scanner{b: t.raw}
		if !inner.open(t.kind) {
			return 0
		}
		if t.kind == '{' {
			return 'o'
		}
		return 'a'
	}
	return 0
}
