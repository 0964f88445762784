package bilibili

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The web API is careless with types: numbers come as strings, empty objects as arrays,
// absent values as null, 0 or "". The types of this file take all of these and give the
// zero value for what makes no sense, so that one odd field never costs a whole answer.

// integer takes 5, "5", 5.0, true and false.
type integer int64

// UnmarshalJSON never fails.
func (i *integer) UnmarshalJSON(b []byte) error {
	*i = 0
	s := strings.TrimSpace(strings.Trim(string(b), `"`))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		*i = integer(n)
		return nil
	}
	switch f, err := strconv.ParseFloat(s, 64); {
	case s == "true":
		*i = 1
	case err == nil && f > -1e18 && f < 1e18:
		*i = integer(f)
	}
	return nil
}

// text takes "a" and 5, which it gives as "5".
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	var s string
	switch {
	case len(b) == 0 || string(b) == "null":
	case b[0] == '"':
		if json.Unmarshal(b, &s) == nil {
			*t = text(s)
		}
	case b[0] != '{' && b[0] != '[':
		*t = text(b)
	}
	return nil
}

// list takes an array, of which it leaves out elements of the wrong shape, and an
// object or null as an empty one.
type list[T any] []T

// UnmarshalJSON fails where the value can be no list at all.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	*l = nil
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] == '{' || string(b) == "null" {
		return nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(b, &elements); err != nil {
		return fmt.Errorf("want a list: %w", err)
	}
	for _, element := range elements {
		var v T
		if string(element) != "null" && json.Unmarshal(element, &v) == nil {
			*l = append(*l, v)
		}
	}
	return nil
}

// object takes an object, of which it leaves out members of the wrong shape, and an array
// or null as an empty one.
type object[T any] map[string]T

// UnmarshalJSON fails where the value can be no object at all.
func (o *object[T]) UnmarshalJSON(b []byte) error {
	*o = nil
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] == '[' || string(b) == "null" {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return fmt.Errorf("want an object: %w", err)
	}
	*o = make(object[T], len(members))
	for name, member := range members {
		var v T
		if string(member) != "null" && json.Unmarshal(member, &v) == nil {
			(*o)[name] = v
		}
	}
	return nil
}

// serviceZone is the zone of every time that the service writes as text.
var serviceZone = time.FixedZone("UTC+8", 8*60*60)

// moment takes Unix seconds and "2006-01-02 15:04:05" in UTC+8. It holds microseconds
// since the Unix epoch; 0 stands for the many ways in which the service says never.
type moment int64

// UnmarshalJSON never fails.
func (m *moment) UnmarshalJSON(b []byte) error {
	*m = 0
	s := strings.Trim(string(b), `"`)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n > 0 && n < 1e11 {
			*m = moment(n * 1e6)
		}
		return nil
	}
	if t, err := time.ParseInLocation(time.DateTime, s, serviceZone); err == nil && t.Unix() > 0 {
		*m = moment(t.UnixMicro())
	}
	return nil
}

// first returns the first value that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}
