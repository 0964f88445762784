package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// sources is what a configuration is made of, in falling precedence: flags, environment,
// file. What none of them names stays at its default.
type sources struct {
	// flags maps a key's path to the text given on the command line and the flag's name.
	flags map[string]flagText
	// environ is the environment as os.Environ gives it.
	environ []string
	// file is the path of the YAML file, empty for none.
	file string
	// offline tells that the service is not asked: its limits are not checked.
	offline bool
}

type flagText struct{ flag, text string }

// loadConfig reads the sources and checks what they say together. Its error lists
// everything that is wrong, each in a line that says where, what and what would be right;
// it wraps errUsage.
func loadConfig(from sources) (*config, error) {
	c := newConfig()
	c.file = from.file
	var wrong []string
	if from.file != "" {
		p, err := c.readFile(from.file)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, p...)
	}
	wrong = append(wrong, c.readEnvironment(from.environ)...)
	for _, s := range c.settings {
		if f, ok := from.flags[s.path]; ok {
			wrong = append(wrong, s.take("--"+f.flag, f.text)...)
		}
	}
	wrong = append(wrong, c.check(!from.offline)...)
	if len(wrong) > 0 {
		return nil, usageError{errors.New(strings.Join(wrong, "\n"))}
	}
	return c, nil
}

// take sets the value from one text and returns what is wrong with it.
func (s *setting) take(origin, text string) []string {
	s.origin = origin
	if err := s.value.set(text); err != nil {
		return []string{s.bad(text, err)}
	}
	return nil
}

func (s *setting) bad(text string, err error) string {
	if s.secret {
		text = "[redacted]"
	}
	return fmt.Sprintf("%s: %q: %v", s.where(), text, err)
}

const envPrefix = "DANMAKU_"

// envName is the variable of a key: DANMAKU_ROOMS_TOP for rooms.top.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// readEnvironment takes every DANMAKU_ variable. One that is nearly a key, or seems to lie
// in a section, is refused: it would otherwise look as if it had an effect. Any other is
// somebody else's, such as a script's that starts the program, and is named at the start.
func (c *config) readEnvironment(environ []string) (wrong []string) {
	byName := make(map[string]*setting, len(c.settings))
	var names []string
	for _, s := range c.settings {
		byName[envName(s.path)] = s
		names = append(names, envName(s.path))
	}
	given := slices.Clone(environ)
	slices.Sort(given)
	for _, variable := range given {
		name, text, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		if s := byName[name]; s != nil {
			wrong = append(wrong, s.take(name, text)...)
			continue
		}
		near := nearest(name, names)
		if near == "" && !slices.ContainsFunc(names, func(n string) bool { return sameSection(name, n) }) {
			c.foreign = append(c.foreign, name)
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s: unknown environment variable%s", name, didYouMean(near)))
	}
	return wrong
}

// sameSection tells whether a variable begins as that of a key in a section does:
// DANMAKU_ROOMS_BOTTOM as DANMAKU_ROOMS_TOP.
func sameSection(name, key string) bool {
	section, _, ok := strings.Cut(strings.TrimPrefix(key, envPrefix), "_")
	return ok && strings.HasPrefix(name, envPrefix+section+"_")
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + name + "?"
}

// nearest returns the name that differs least from the given one, "" if none is near.
func nearest(name string, names []string) string {
	best, least := "", max(2, len(name)/4)+1
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap to make b of a.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	older := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, before, row = before, row, older
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
