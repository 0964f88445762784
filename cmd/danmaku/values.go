package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is the text side of one key: what the file, the environment and flags set.
type value interface {
	// set replaces the value. The error says what would be right and does not repeat the
	// text.
	set(text string) error
	// text is the value in the form that set reads.
	text() string
}

// listing is a value made of several texts. In the environment they stand in one, by commas.
type listing interface {
	value
	setAll(texts []string) error
	all() []string
}

// scalar is a value made of one text.
type scalar[T any] struct {
	to     *T
	parse  func(string) (T, error)
	format func(T) string
}

func (s scalar[T]) set(text string) error {
	v, err := s.parse(text)
	if err != nil {
		return err
	}
	*s.to = v
	return nil
}

func (s scalar[T]) text() string { return s.format(*s.to) }

func text(to *string) value {
	return scalar[string]{to, func(s string) (string, error) { return s, nil }, asIs}
}

func asIs(s string) string { return s }

func required(to *string, what string) value {
	return scalar[string]{to, func(s string) (string, error) {
		if s == "" {
			return "", fmt.Errorf("want %s", what)
		}
		return s, nil
	}, asIs}
}

func choice(to *string, allowed ...string) value {
	return scalar[string]{to, func(s string) (string, error) {
		if !slices.Contains(allowed, s) {
			return "", fmt.Errorf("want %s", orList(allowed))
		}
		return s, nil
	}, asIs}
}

// orList writes a, b or c.
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func boolean(to *bool) value {
	return scalar[bool]{to, func(s string) (bool, error) {
		switch s {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, errors.New("want true or false")
	}, strconv.FormatBool}
}

func whole(to *int, least, most, example int) value {
	return scalar[int]{to, func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("want a whole number from %d to %d, such as %d", least, most, example)
		}
		return n, nil
	}, strconv.Itoa}
}

func positive(to *float64) value {
	return scalar[float64]{to, func(s string) (float64, error) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f > 0) || math.IsInf(f, 0) {
			return 0, errors.New("want a number above 0, such as 0.5")
		}
		return f, nil
	}, func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }}
}

func duration(to *time.Duration, least time.Duration) value {
	return scalar[time.Duration]{to, func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil || d < 0:
			return 0, errors.New("want a time with its unit, such as 200ms, 30s, 5m or 168h")
		case d < least:
			return 0, fmt.Errorf("want %s or more", shortDuration(least))
		}
		return d, nil
	}, shortDuration}
}

// shortDuration writes 168h rather than 168h0m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

func size(to *int64, least int64) value {
	return scalar[int64]{to, func(s string) (int64, error) {
		n, ok := parseSize(s)
		switch {
		case !ok:
			return 0, errors.New("want a size with its unit, such as 64MiB or 20GiB")
		case n < least:
			return 0, fmt.Errorf("want %s or more", shortSize(least))
		}
		return n, nil
	}, shortSize}
}

func parseSize(s string) (int64, bool) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		bytes := f * float64(u.bytes)
		if err != nil || !(bytes >= 0) || bytes >= 1<<62 {
			return 0, false
		}
		return int64(bytes), true
	}
	return 0, false
}

// shortSize writes the size in the largest binary unit that divides it.
func shortSize(n int64) string {
	for _, u := range sizeUnits[:4] {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

func percent(to *float64) value {
	return scalar[float64]{to, func(s string) (float64, error) {
		number, ok := strings.CutSuffix(s, "%")
		f, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil || !(f > 0 && f < 100) {
			return 0, errors.New("want a share between 0% and 100%, such as 5%")
		}
		return f, nil
	}, func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) + "%" }}
}

// items is a list of texts of one kind.
type items[T any] struct {
	to    *[]T
	parse func(string) (T, error)
	texts []string
}

func list[T any](to *[]T, parse func(string) (T, error)) value {
	return &items[T]{to: to, parse: parse}
}

func (l *items[T]) set(text string) error {
	if strings.TrimSpace(text) == "" {
		return l.setAll(nil)
	}
	return l.setAll(strings.Split(text, ","))
}

func (l *items[T]) setAll(texts []string) error {
	var all []T
	var kept []string
	for _, t := range texts {
		t = strings.TrimSpace(t)
		v, err := l.parse(t)
		if err != nil {
			return err
		}
		all, kept = append(all, v), append(kept, t)
	}
	*l.to, l.texts = all, kept
	return nil
}

func (l *items[T]) all() []string { return l.texts }
func (l *items[T]) text() string  { return strings.Join(l.texts, ",") }

// pairs is a map, written name=value,name=value in the environment.
type pairs struct{ to *map[string]string }

func tags(to *map[string]string) value { return pairs{to} }

func (p pairs) set(text string) error {
	if strings.TrimSpace(text) == "" {
		return p.setMap(nil)
	}
	m := map[string]string{}
	for _, pair := range strings.Split(text, ",") {
		name, v, ok := strings.Cut(pair, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return errors.New("want name=value pairs, such as team=live,stage=prod")
		}
		m[name] = strings.TrimSpace(v)
	}
	return p.setMap(m)
}

func (p pairs) setMap(m map[string]string) error {
	*p.to = m
	return nil
}

func (p pairs) names() []string {
	var names []string
	for name := range *p.to {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (p pairs) text() string {
	var all []string
	for _, name := range p.names() {
		all = append(all, name+"="+(*p.to)[name])
	}
	return strings.Join(all, ",")
}
