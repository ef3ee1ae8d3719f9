package student

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Task is what a network is built for.
type Task struct {
	Shape   tensor.Shape // of one sample: C x H x W, or K
	Classes int
	Seed    uint64
	Init    nn.Initializer // of weights, where the architecture does not have its own; He et al. 2015 when nil
}

// Arch is a named architecture.
type Arch struct {
	Name  string
	Usage string // "mlp:UNITS,..", for help
	// Build emits the network from x, N x Shape, to logits, N x Classes.
	Build func(n *nn.Net, x graph.Value, t Task, s Spec) (graph.Value, error)
}

// Spec is a parsed architecture string: NAME[:ARG,..][;KEY=VALUE]..
type Spec struct {
	Name string
	Args []string
	Opts map[string]string
}

// String writes the spec as Parse reads it, options in order of their keys.
func (s Spec) String() string {
	out := s.Name
	if len(s.Args) > 0 {
		out += ":" + strings.Join(s.Args, ",")
	}
	for _, k := range sortedKeys(s.Opts) {
		out += ";" + k + "=" + s.Opts[k]
	}
	return out
}

var archs = registry.New[Arch]("architecture")

// Register adds an architecture and panics when its name is taken.
func Register(a Arch) { archs.Add(a.Name, a) }

// Usages lists how each architecture is written.
func Usages() []string {
	var us []string
	for _, n := range archs.Names() {
		a, _ := archs.Lookup(n)
		us = append(us, a.Usage)
	}
	return us
}

// Parse reads an architecture string such as "mlp:1200,1200;dropout=0.5".
func Parse(text string) (Spec, error) {
	parts := strings.Split(text, ";")
	name, args, has := strings.Cut(parts[0], ":")
	s := Spec{Name: strings.TrimSpace(name), Opts: map[string]string{}}
	if has {
		for _, a := range strings.Split(args, ",") {
			s.Args = append(s.Args, strings.TrimSpace(a))
		}
	}
	for _, p := range parts[1:] {
		k, v, ok := strings.Cut(p, "=")
		if !ok {
			return s, fmt.Errorf("architecture %q: option %q is not KEY=VALUE", text, p)
		}
		s.Opts[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return s, nil
}

// Build returns a network of the given architecture with fresh weights. Its input
// is called "input", its output "logits".
func Build(text string, t Task) (*graph.Model, error) {
	s, err := Parse(text)
	if err != nil {
		return nil, err
	}
	a, err := archs.Get(s.Name)
	if err != nil {
		return nil, err
	}
	if t.Classes < 1 {
		return nil, fmt.Errorf("architecture %q: the data has no classes to tell apart", text)
	}
	n := nn.New(s.Name, t.Seed)
	n.Init = t.Init
	dims := []any{"N"}
	for _, d := range t.Shape {
		dims = append(dims, d)
	}
	x := n.Input("input", tensor.F32, dims...)
	y, err := a.Build(n, x, t, s)
	if err == nil {
		err = n.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("architecture %q on samples of %v: %w", text, t.Shape, err)
	}
	n.Output(n.Node("logits", "Identity", nil, y))
	m, err := n.Model()
	if err != nil {
		return nil, err
	}
	m.Meta["architecture"] = s.String()
	return m, nil
}

// ints returns the arguments as positive numbers.
func (s Spec) ints(min, max int) ([]int, error) {
	if len(s.Args) < min || len(s.Args) > max {
		return nil, fmt.Errorf("%s takes %d to %d numbers, given %d", s.Name, min, max, len(s.Args))
	}
	out := make([]int, len(s.Args))
	for i, a := range s.Args {
		v, err := strconv.Atoi(a)
		if err != nil || v < 1 || v > 1<<20 {
			return nil, fmt.Errorf("%q is not a number from 1 to %d", a, 1<<20)
		}
		out[i] = v
	}
	return out, nil
}

// float returns an option in [0, 1), 0 when it is absent.
func (s Spec) rate(key string) (float32, error) {
	text, ok := s.Opts[key]
	if !ok {
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 32)
	if err != nil || v < 0 || v >= 1 {
		return 0, fmt.Errorf("%s=%s is not a fraction from 0 to below 1", key, text)
	}
	return float32(v), nil
}

// only fails for an option that the architecture does not have.
func (s Spec) only(keys ...string) error {
	for _, k := range sortedKeys(s.Opts) {
		known := false
		for _, x := range keys {
			known = known || x == k
		}
		if !known {
			return fmt.Errorf("%s has no option %q (options: %s)", s.Name, k, strings.Join(keys, ", "))
		}
	}
	return nil
}
