package main

import (
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// writeYAML prints the configuration so that it can be read back; secrets are left out.
// Behind each key that is not at its default stands who set it, behind one that has no
// effect yet that it has none.
func (c *config) writeYAML(w io.Writer) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range c.settings {
		parent, path := root, strings.Split(s.path, ".")
		for _, name := range path[:len(path)-1] {
			parent = child(parent, name)
		}
		v := valueNode(s)
		switch {
		case s.origin != "":
			v.LineComment = s.origin
		case slices.Contains(refused, s.path), slices.Contains(idle, s.path):
			v.LineComment = "not available in this version"
		}
		parent.Content = append(parent.Content, scalarNode(path[len(path)-1]), v)
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return err
	}
	return enc.Close()
}

// child returns the section of that name, made if it is not there.
func child(parent *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(parent.Content); i += 2 {
		if parent.Content[i].Value == name {
			return parent.Content[i+1]
		}
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	parent.Content = append(parent.Content, scalarNode(name), n)
	return n
}

func valueNode(s *setting) *yaml.Node {
	switch v := s.value.(type) {
	case listing:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, t := range v.all() {
			n.Content = append(n.Content, scalarNode(t))
		}
		return n
	case pairs:
		n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, name := range v.names() {
			n.Content = append(n.Content, scalarNode(name), scalarNode((*v.to)[name]))
		}
		return n
	}
	if s.secret && s.value.text() != "" {
		return scalarNode("[redacted]")
	}
	return scalarNode(s.value.text())
}

// scalarNode is quoted only where a bare text would read as something else.
func scalarNode(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if text == "" || text == "~" || strings.EqualFold(text, "null") || strings.ContainsAny(text, "*[]{}#&!|>'\"%@`,") || strings.Contains(text, ": ") {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}
