package graph

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// Attrs are a node's attributes. A value is one of int64, float32, string,
// []int64, []float32, []string, *tensor.Tensor, []*tensor.Tensor, *Graph,
// []*Graph, or a format's own type for what none of these can hold.
type Attrs map[string]any

// Int returns an integer attribute, or def when it is absent.
func (a Attrs) Int(name string, def int) int {
	if v, ok := a[name].(int64); ok {
		return int(v)
	}
	return def
}

// Bool returns an integer attribute as a flag.
func (a Attrs) Bool(name string, def bool) bool {
	if v, ok := a[name].(int64); ok {
		return v != 0
	}
	return def
}

// Float returns a float attribute, or def when it is absent.
func (a Attrs) Float(name string, def float64) float64 {
	if v, ok := a[name].(float32); ok {
		return float64(v)
	}
	return def
}

// Str returns a string attribute, or def when it is absent.
func (a Attrs) Str(name, def string) string {
	if v, ok := a[name].(string); ok {
		return v
	}
	return def
}

// Ints returns a list of integers, or nil when it is absent.
func (a Attrs) Ints(name string) []int {
	v, _ := a[name].([]int64)
	if v == nil {
		return nil
	}
	out := make([]int, len(v))
	for i, x := range v {
		out[i] = int(x)
	}
	return out
}

// Floats returns a list of floats, or nil when it is absent.
func (a Attrs) Floats(name string) []float32 { v, _ := a[name].([]float32); return v }

// Strs returns a list of strings, or nil when it is absent.
func (a Attrs) Strs(name string) []string { v, _ := a[name].([]string); return v }

// Tensor returns a tensor attribute, or nil when it is absent.
func (a Attrs) Tensor(name string) *tensor.Tensor { v, _ := a[name].(*tensor.Tensor); return v }

// Graph returns a graph attribute, or nil when it is absent.
func (a Attrs) Graph(name string) *Graph { v, _ := a[name].(*Graph); return v }

// Has reports whether the attribute is present.
func (a Attrs) Has(name string) bool { _, ok := a[name]; return ok }

// Names returns the attributes' names in order.
func (a Attrs) Names() []string { return slices.Sorted(maps.Keys(a)) }

// Graphs returns every graph held by the attributes, in order of their names.
func (a Attrs) Graphs() []*Graph {
	var gs []*Graph
	for _, g := range a.NamedGraphs() {
		gs = append(gs, g)
	}
	return gs
}

// NamedGraphs yields the graphs that Graphs returns with the names of their attributes; those of a list
// have their index behind it: "branches.1".
func (a Attrs) NamedGraphs() iter.Seq2[string, *Graph] {
	return func(yield func(string, *Graph) bool) {
		for _, name := range a.Names() {
			switch v := a[name].(type) {
			case *Graph:
				if !yield(name, v) {
					return
				}
			case []*Graph:
				for i, g := range v {
					if !yield(fmt.Sprintf("%s.%d", name, i), g) {
						return
					}
				}
			}
		}
	}
}

// Clone copies the attributes and the graphs in them; lists and tensors are shared.
func (a Attrs) Clone() Attrs {
	if a == nil {
		return nil
	}
	c := maps.Clone(a)
	for name, v := range c {
		switch v := v.(type) {
		case *Graph:
			c[name] = v.Clone()
		case []*Graph:
			gs := make([]*Graph, len(v))
			for i, g := range v {
				gs[i] = g.Clone()
			}
			c[name] = gs
		}
	}
	return c
}

// Ints64 converts a list for use as an attribute.
func Ints64(v ...int) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}

// attrString prints one attribute for messages.
func attrString(v any) string {
	switch v := v.(type) {
	case *Graph:
		return fmt.Sprintf("graph(%d nodes)", len(v.Nodes))
	case *tensor.Tensor:
		return v.String()
	}
	return fmt.Sprint(v)
}

// String prints the attributes as name=value in order of their names.
func (a Attrs) String() string {
	s := ""
	for i, name := range a.Names() {
		if i > 0 {
			s += " "
		}
		s += name + "=" + attrString(a[name])
	}
	return s
}
