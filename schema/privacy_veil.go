package schema

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"reflect"
	"strconv"
)

// Protect makes the decoder's rows follow p from now on.
func (d *Decoder) Protect(p *Privacy) {
	d.veil = nil
	if p != nil {
		d.veil = &veil{
			Privacy: p, hash: hmac.New(sha256.New, p.key),
			uids: pseudonyms{}, crcs: pseudonyms{}, before: make([]int, len(personals)),
		}
	}
}

// veil draws privacy over the rows of one decoder.
type veil struct {
	*Privacy
	hash       hash.Hash
	uids, crcs pseudonyms
	buf, sum   []byte
	// before holds each table's number of rows before the present record.
	before []int
	int64s slab[int64]
	find   finder
}

// pseudonyms are those that were made lately: regulars return with every line.
type pseudonyms map[int64]int64

const rememberedPseudonyms = 1 << 16

// mark notes where the rows of the next command begin.
func (v *veil) mark(rows *Rows) {
	r := reflect.ValueOf(rows).Elem()
	for i := range v.before {
		v.before[i] = r.Field(i).Len()
	}
}

// cover takes back the rows of those who opted out and puts pseudonyms in place of
// people. It returns the command's fate.
func (v *veil) cover(rows *Rows, fate Fate) Fate {
	r := reflect.ValueOf(rows).Elem()
	made, kept := 0, 0
	for i, columns := range personals {
		table := r.Field(i)
		n := table.Len()
		made += n - v.before[i]
		to := v.before[i]
		for j := to; j < n && len(columns) > 0; j++ {
			row := table.Index(j)
			if v.OptedOut() > 0 && v.isOut(row, columns) {
				continue
			}
			if v.pseudonymous {
				v.coverRow(row, columns)
			}
			if to < j {
				table.Index(to).Set(row)
			}
			to++
		}
		if len(columns) == 0 {
			to = n
		}
		kept += to - v.before[i]
		for j := to; j < n; j++ {
			table.Index(j).SetZero()
		}
		table.SetLen(to)
	}
	if made > 0 && kept == 0 {
		return FateOptedOut
	}
	return fate
}

// isOut reports whether the row is of somebody who opted out, or shows them. Where the
// uid is hidden the hash decides, though others share it: who opted out is left out
// rather than shown. A mention by another is wiped and the row stays.
func (v *veil) isOut(row reflect.Value, columns []personal) bool {
	known, byHash := false, false
	for _, c := range columns {
		switch at := row.FieldByIndex(c.index).Addr().Interface().(type) {
		case **int64:
			switch {
			case *at == nil:
			case c.class == classPerson && v.people[**at]:
				return true
			case c.class == classPerson:
				known = true
			case c.class == classPersonHash:
				byHash = v.hashes[**at]
			case c.class == classAddressed && v.people[**at]:
				*at = nil
			}
		case **string:
			if c.class == classServiceID && *at != nil && v.find.text([]byte(**at), v.Privacy, false) {
				return true
			}
		case *string:
			if c.class == classPayload && v.showsPeople(row, *at) {
				return true
			}
		}
	}
	return byHash && !known
}

// showsPeople looks for those who opted out in the payload of a row of other.
func (v *veil) showsPeople(row reflect.Value, payload string) bool {
	b := []byte(payload)
	if other, ok := row.Addr().Interface().(*OtherRow); ok && other.Broken {
		b, _ = base64.StdEncoding.DecodeString(payload)
	}
	return v.find.payload(b, v.Privacy)
}

func (v *veil) coverRow(row reflect.Value, columns []personal) {
	for _, c := range columns {
		switch at := row.FieldByIndex(c.index).Addr().Interface().(type) {
		case *int64:
			if c.class == classEvent {
				*at = v.keyedEvent(*at)
			}
		case **int64:
			if *at == nil {
				continue
			}
			switch c.class {
			case classPerson, classAddressed:
				*at = v.int64s.pointer(v.pseudonym(v.uids, "uid", **at))
			case classPersonHash:
				*at = v.int64s.pointer(v.pseudonym(v.crcs, "user hash", **at))
			case classEvent:
				*at = v.int64s.pointer(v.keyedEvent(**at))
			}
		case **string:
			// Names and the service's ids alike: what may show somebody is not kept.
			*at = nil
		case *string:
			switch c.class {
			case classCommand:
				*at = tidyName(*at)
			case classPayload:
				*at = v.outline(row, *at)
			default:
				*at = ""
			}
		}
	}
}

func (v *veil) outline(row reflect.Value, payload string) string {
	other, ok := row.Addr().Interface().(*OtherRow)
	if !ok || !other.Broken {
		return Outline([]byte(payload))
	}
	return `{"bytes":` + strconv.Itoa(base64Len(payload)) + `,"reason":"` + string(other.Reason) + `"}`
}

func base64Len(s string) int {
	n := base64.StdEncoding.DecodedLen(len(s))
	for i := len(s); i > 0 && s[i-1] == '='; i-- {
		n--
	}
	return n
}

// pseudonym of a uid or of a hash: 63 bits, so that it is no negative number.
func (v *veil) pseudonym(remembered pseudonyms, purpose string, n int64) int64 {
	if p, ok := remembered[n]; ok {
		return p
	}
	if len(remembered) >= rememberedPseudonyms {
		clear(remembered)
	}
	p := int64(v.keyed(purpose, n) >> 1)
	remembered[n] = p
	return p
}

// keyedEvent keeps what event ids are for: equal ones stay equal, others differ.
func (v *veil) keyedEvent(id int64) int64 { return int64(v.keyed("event", id)) }

func (v *veil) keyed(purpose string, n int64) uint64 {
	v.buf = append(append(v.buf[:0], purpose...), 0)
	v.buf = strconv.AppendInt(v.buf, n, 10)
	v.hash.Reset()
	v.hash.Write(v.buf)
	v.sum = v.hash.Sum(v.sum[:0])
	return binary.BigEndian.Uint64(v.sum)
}
