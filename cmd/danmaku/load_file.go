package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxConfigFile protects from reading a log or a device by mistake.
const maxConfigFile = 1 << 20

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// readFile takes the keys of a YAML file and returns what is wrong with them. The error is
// for a file that cannot be read or is no YAML at all.
func (c *config) readFile(path string) (wrong []string, err error) {
	data, err := readAtMost(path, maxConfigFile)
	if err != nil {
		return nil, usageError{fmt.Errorf("read configuration: %w", err)}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, usageError{yamlError(path, err)}
	}
	if err := dec.Decode(&more); err == nil {
		return nil, usageError{fmt.Errorf("%s:%d: a second document begins here; want one", path, more.Line)}
	} else if !errors.Is(err, io.EOF) {
		return nil, usageError{yamlError(path, err)}
	}
	r := fileReader{config: c, path: path}
	r.mapping(doc.Content[0], "")
	return r.wrong, nil
}

func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: larger than %s", path, shortSize(most))
	}
	return data, err
}

// yamlError puts the file and the line in front, where every other error has them.
func yamlError(path string, err error) error {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s:%s: %s", path, m[1], strings.TrimPrefix(text, m[0]))
	}
	return fmt.Errorf("%s: %s", path, strings.TrimPrefix(text, "yaml: "))
}

// fileReader walks the nodes of one file.
type fileReader struct {
	config *config
	path   string
	wrong  []string
}

func (r *fileReader) at(n *yaml.Node, format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf("%s:%d: ", r.path, n.Line)+fmt.Sprintf(format, args...))
}

// mapping takes a section; prefix is its path, empty for the whole file.
func (r *fileReader) mapping(n *yaml.Node, prefix string) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.at(n, "%swant keys and values, such as data_dir: ./danmaku-data", section(prefix))
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], resolve(n.Content[i+1])
		path := key.Value
		if prefix != "" {
			path = prefix + "." + key.Value
		}
		if line := lines[path]; line != 0 {
			r.at(key, "%s: given twice, first in line %d", path, line)
			continue
		}
		lines[path] = key.Line
		switch s := r.config.byPath[path]; {
		case s != nil:
			r.setting(s, v)
		case r.config.isSection(path):
			r.mapping(v, path)
		default:
			r.at(key, "%s: unknown key%s", path, didYouMean(r.config.nearestKey(path)))
		}
	}
}

func section(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + ": "
}

func (r *fileReader) setting(s *setting, n *yaml.Node) {
	s.origin = fmt.Sprintf("%s:%d", r.path, n.Line)
	switch v := s.value.(type) {
	case listing:
		r.list(s, v, n)
	case pairs:
		r.pairs(s, v, n)
	default:
		switch {
		case n.Kind != yaml.ScalarNode:
			r.at(n, "%s: want one value, not a list or a section", s.path)
		case isNull(n):
			r.wrong = append(r.wrong, s.take(s.origin, "")...)
		default:
			r.wrong = append(r.wrong, s.take(s.origin, n.Value)...)
		}
	}
}

func (r *fileReader) list(s *setting, v listing, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		text := n.Value
		if isNull(n) {
			text = ""
		}
		r.wrong = append(r.wrong, s.take(s.origin, text)...)
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.at(n, "%s: want a list, such as [1, 2]", s.path)
		return
	}
	var texts []string
	for _, item := range n.Content {
		item = resolve(item)
		if item.Kind != yaml.ScalarNode || isNull(item) {
			r.at(item, "%s: want plain values in the list", s.path)
			return
		}
		if err := v.setAll([]string{item.Value}); err != nil {
			r.at(item, "%s: %q: %v", s.path, item.Value, err)
			return
		}
		texts = append(texts, item.Value)
	}
	if err := v.setAll(texts); err != nil {
		r.at(n, "%s: %v", s.path, err)
	}
}

func (r *fileReader) pairs(s *setting, v pairs, n *yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.at(n, "%s: want names and values, such as {team: live}", s.path)
		return
	}
	m := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		item := resolve(n.Content[i+1])
		if item.Kind != yaml.ScalarNode {
			r.at(item, "%s.%s: want one value", s.path, n.Content[i].Value)
			return
		}
		m[n.Content[i].Value] = item.Value
	}
	*v.to = m
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (c *config) isSection(path string) bool {
	for _, s := range c.settings {
		if strings.HasPrefix(s.path, path+".") {
			return true
		}
	}
	return false
}

// nearestKey returns the key that was probably meant: one of the same name elsewhere, or
// the one with the fewest different letters.
func (c *config) nearestKey(path string) string {
	var paths, sections []string
	name := path[strings.LastIndexByte(path, '.')+1:]
	for _, s := range c.settings {
		if strings.HasSuffix(s.path, "."+name) {
			return s.path
		}
		paths = append(paths, s.path)
		if i := strings.LastIndexByte(s.path, '.'); i > 0 {
			sections = append(sections, s.path[:i])
		}
	}
	return nearest(path, append(paths, sections...))
}
