package archiver

import (
	"fmt"
	"math"
	"math/bits"
	"reflect"

	"github.com/zeebo/xxh3"
)

// columnSum is what a column must come back with: how many of its values are null, and
// a checksum over all values in their order.
type columnSum struct {
	name  string
	nulls int64
	sum   uint64
}

// columnSums is what a file must come back with. It is taken from the rows themselves,
// not by the Parquet library: releases of it have lost values and nulls in silence.
type columnSums struct {
	rows    int64
	columns []columnSum
	// min and max are those of ts, for coverage of started_at; timed once there is one.
	min, max int64
	timed    bool
}

const nullHash = 0x9e3779b97f4a7c15

func (c *columnSum) null() {
	c.nulls++
	c.add(nullHash)
}

func (c *columnSum) number(v uint64) { c.add(mixNumber(v)) }

func (c *columnSum) text(s string) { c.add(xxh3.HashString(s)) }

func (c *columnSum) bytes(b []byte) { c.add(xxh3.Hash(b)) }

// add chains, so that a value in the wrong row is noticed too.
func (c *columnSum) add(h uint64) {
	c.sum = (bits.RotateLeft64(c.sum, 23) ^ h) * 0xff51afd7ed558ccd
}

func mixNumber(v uint64) uint64 {
	v ^= v >> 33
	v *= 0xc4ceb9fe1a85ec53
	return v ^ v>>29
}

// structSums takes the sums of rows of one struct type.
type structSums struct {
	fields []structField
	sums   columnSums
}

type structField struct {
	index    []int
	kind     reflect.Kind
	nullable bool
}

// newStructSums finds the columns of a row struct: its fields in order, those of embedded
// structs in their place, without those tagged "-". It panics for a field that is no
// column of ours: that is a mistake in the program, found by any test.
func newStructSums(t reflect.Type) *structSums {
	s := &structSums{}
	s.find(t, nil)
	return s
}

func (s *structSums) find(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), at...), i)
		tag := f.Tag.Get("parquet")
		switch {
		case tag == "-":
		case f.Anonymous:
			s.find(f.Type, index)
		default:
			s.column(f.Type, tag, index)
		}
	}
}

func (s *structSums) column(t reflect.Type, tag string, index []int) {
	f := structField{index: index, kind: t.Kind()}
	if t.Kind() == reflect.Pointer {
		f.kind, f.nullable = t.Elem().Kind(), true
	}
	switch f.kind {
	case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float64, reflect.String:
	default:
		panic(fmt.Sprintf("archiver: column %s has the type %s", tag, t))
	}
	name := tag
	for i := range tag {
		if tag[i] == ',' {
			name = tag[:i]
			break
		}
	}
	s.fields = append(s.fields, f)
	s.sums.columns = append(s.sums.columns, columnSum{name: name})
}

// add takes one row, given as a reflect.Value of the struct.
func (s *structSums) add(row reflect.Value) {
	s.sums.rows++
	for i := range s.fields {
		f, c := &s.fields[i], &s.sums.columns[i]
		v := row.FieldByIndex(f.index)
		if f.nullable {
			if v.IsNil() {
				c.null()
				continue
			}
			v = v.Elem()
		}
		switch f.kind {
		case reflect.String:
			c.text(v.String())
		case reflect.Bool:
			c.number(boolBits(v.Bool()))
		case reflect.Float64:
			c.number(math.Float64bits(v.Float()))
		default:
			c.number(uint64(v.Int()))
		}
	}
}

func boolBits(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// differ tells in words where got is not what was written, "" where all is well.
func (want *columnSums) differ(got *columnSums) string {
	if got.rows != want.rows {
		return fmt.Sprintf("%d rows, %d were written", got.rows, want.rows)
	}
	if len(got.columns) != len(want.columns) {
		return fmt.Sprintf("%d columns, %d were written", len(got.columns), len(want.columns))
	}
	for i, w := range want.columns {
		g := got.columns[i]
		switch {
		case g.name != w.name:
			return fmt.Sprintf("column %d is %s, %s was written", i, g.name, w.name)
		case g.nulls != w.nulls:
			return fmt.Sprintf("column %s: %d nulls, %d were written", w.name, g.nulls, w.nulls)
		case g.sum != w.sum:
			return fmt.Sprintf("column %s: its values are not those that were written", w.name)
		}
	}
	return ""
}
