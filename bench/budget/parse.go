package budget

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/compress-toolkit/compress/internal/registry"
)

// maxFile bounds a budget file.
const maxFile = 1 << 20

// Load reads and checks a budget file.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, &Error{Path: path, Msg: "is larger than 1 MiB: this is no budget file"}
	}
	return Parse(path, text)
}

// Parse checks the text of a budget file; path is for messages.
func Parse(path string, text []byte) (*File, error) {
	p := parser{path}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{Path: path, Msg: "is empty: it begins with version: 1"}
		}
		return nil, p.yamlError(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Error{Path: path, Msg: "holds more than one YAML document"}
	}
	f := &File{Path: path}
	return f, p.file(doc.Content[0], f)
}

type parser struct{ path string }

// yamlError finds the line in the library's message "yaml: line 3: ...".
func (p parser) yamlError(err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if num, text, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(num); err == nil {
				line, msg = n, text
			}
		}
	}
	return &Error{p.path, line, "not YAML: " + msg}
}

func (p parser) errorf(n *yaml.Node, format string, args ...any) error {
	return &Error{p.path, n.Line, fmt.Sprintf(format, args...)}
}

// field reads the value of one key.
type field func(key, value *yaml.Node) error

// mapping reads the fields of n, a mapping of known keys, each at most once.
func (p parser) mapping(n *yaml.Node, what string, fields map[string]field) error {
	if n.Kind != yaml.MappingNode {
		return p.errorf(n, "%s must be a mapping of keys and values", what)
	}
	seen := map[string]bool{}
	var known []string
	for name := range fields {
		known = append(known, name)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f, ok := fields[key.Value]
		if !ok {
			msg := fmt.Sprintf("%s has no key %q", what, key.Value)
			if near := registry.Nearest(key.Value, known); near != "" {
				msg += fmt.Sprintf(" (did you mean %q?)", near)
			}
			return p.errorf(key, "%s", msg)
		}
		if seen[key.Value] {
			return p.errorf(key, "%s has the key %q twice", what, key.Value)
		}
		seen[key.Value] = true
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

// list reads every item of a sequence.
func (p parser) list(n *yaml.Node, what string, item func(*yaml.Node) error) error {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return p.errorf(n, "%s must be a list with at least one item", what)
	}
	for _, c := range n.Content {
		if err := item(c); err != nil {
			return err
		}
	}
	return nil
}

// text reads a scalar that is not empty.
func (p parser) text(to *string) field {
	return func(key, v *yaml.Node) error {
		if v.Kind != yaml.ScalarNode || v.Value == "" {
			return p.errorf(key, "%s needs a value", key.Value)
		}
		*to = v.Value
		return nil
	}
}

func (p parser) file(n *yaml.Node, f *File) error {
	version := ""
	err := p.mapping(n, "the budget", map[string]field{
		"version": p.text(&version),
		"models": func(_, v *yaml.Node) error {
			return p.list(v, "models", func(item *yaml.Node) error {
				m := Model{Line: item.Line}
				err := p.model(item, &m)
				f.Models = append(f.Models, m)
				return err
			})
		},
	})
	switch {
	case err != nil:
		return err
	case version != "1":
		return p.errorf(n, "version is %q, this program reads version: 1", version)
	case len(f.Models) == 0:
		return p.errorf(n, "there are no models")
	}
	return nil
}

func (p parser) model(n *yaml.Node, m *Model) error {
	err := p.mapping(n, "a model", map[string]field{
		"path": p.text(&m.Path), "data": p.text(&m.Data),
		"dims":   func(_, v *yaml.Node) error { return p.dims(v, m) },
		"limits": func(_, v *yaml.Node) (err error) { m.Limits, err = p.limits(v, false); return err },
		"layers": func(_, v *yaml.Node) error {
			return p.list(v, "layers", func(item *yaml.Node) error { return p.layer(item, m) })
		},
		"waivers": func(_, v *yaml.Node) error {
			return p.list(v, "waivers", func(item *yaml.Node) error { return p.waiver(item, m) })
		},
	})
	switch {
	case err != nil:
		return err
	case m.Path == "":
		return p.errorf(n, "a model needs a path")
	case len(m.Limits)+len(m.Layers) == 0:
		return p.errorf(n, "model %s has neither limits nor layers", m.Path)
	}
	for _, l := range m.Limits {
		if strings.HasPrefix(l.Metric.Name, "accuracy") && m.Data == "" {
			return &Error{p.path, l.Line, l.Metric.Name + " needs data: name the samples, as data: mnist"}
		}
	}
	return p.waived(m)
}

// waived refuses a waiver of a metric that has no limit.
func (p parser) waived(m *Model) error {
	limited := map[string]bool{}
	for _, l := range m.Limits {
		limited[l.Metric.Name] = true
	}
	for _, layer := range m.Layers {
		for _, l := range layer.Limits {
			limited[l.Metric.Name] = true
		}
	}
	for _, w := range m.Waivers {
		if !limited[w.Metric] {
			return &Error{p.path, w.Line, fmt.Sprintf("a waiver of %s, which model %s does not limit", w.Metric, m.Path)}
		}
	}
	return nil
}

func (p parser) dims(n *yaml.Node, m *Model) error {
	if n.Kind != yaml.MappingNode {
		return p.errorf(n, "dims must be a mapping, as {N: 1}")
	}
	m.Dims = map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		d, err := strconv.Atoi(v.Value)
		if err != nil || d < 1 || d > 1<<20 {
			return p.errorf(v, "dimension %s is %q, not a number of at least 1", key.Value, v.Value)
		}
		m.Dims[key.Value] = d
	}
	return nil
}

func (p parser) layer(n *yaml.Node, m *Model) error {
	l := Layer{Line: n.Line}
	match := ""
	err := p.mapping(n, "a layer", map[string]field{
		"match": func(key, v *yaml.Node) (err error) {
			if err := p.text(&match)(key, v); err != nil {
				return err
			}
			if l.Match, err = regexp.Compile(match); err != nil {
				return p.errorf(v, "match: %v", err)
			}
			return nil
		},
		"limits": func(_, v *yaml.Node) (err error) { l.Limits, err = p.limits(v, true); return err },
	})
	switch {
	case err != nil:
		return err
	case l.Match == nil:
		return p.errorf(n, "a layer needs match: a regular expression on the nodes' names")
	case len(l.Limits) == 0:
		return p.errorf(n, "layer %s has no limits", match)
	}
	m.Layers = append(m.Layers, l)
	return nil
}

func (p parser) waiver(n *yaml.Node, m *Model) error {
	w := Waiver{Line: n.Line}
	until := ""
	err := p.mapping(n, "a waiver", map[string]field{
		"metric": p.text(&w.Metric), "reason": p.text(&w.Reason), "until": p.text(&until),
	})
	if err != nil {
		return err
	}
	if _, ok := metricNamed(w.Metric); !ok {
		return p.errorf(n, "a waiver needs metric: one of %s", strings.Join(metricNames(), ", "))
	}
	if w.Reason == "" {
		return p.errorf(n, "the waiver of %s needs a reason", w.Metric)
	}
	if w.Until, err = time.Parse(time.DateOnly, until); err != nil {
		return p.errorf(n, "the waiver of %s needs until: a day, as 2027-01-31", w.Metric)
	}
	m.Waivers = append(m.Waivers, w)
	return nil
}
