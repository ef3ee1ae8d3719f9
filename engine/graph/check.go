package graph

import (
	"errors"
	"fmt"
	"slices"
)

// ErrInvalid is wrapped by every error of Check.
var ErrInvalid = errors.New("invalid graph")

// maxDepth bounds the nesting of subgraphs.
const maxDepth = 64

// Check verifies what every function of this package relies on: names are
// unique, every value is defined once and before its use, outputs exist. Shapes
// are InferShapes' part. Call it after each rewrite.
func (m *Model) Check() error {
	if m.Graph == nil {
		return fmt.Errorf("%w: model without a graph", ErrInvalid)
	}
	c := checker{defined: map[Value]string{}}
	return c.graph(m.Graph, "", 0)
}

type checker struct {
	defined map[Value]string // what defines each visible value
}

func (c *checker) graph(g *Graph, path string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: subgraphs nested deeper than %d at %s", ErrInvalid, maxDepth, path)
	}
	var local []Value
	defer func() {
		for _, v := range local {
			delete(c.defined, v)
		}
	}()
	define := func(v Value, by string) error {
		if v == "" {
			return fmt.Errorf("%w: %s%s defines a value without a name", ErrInvalid, path, by)
		}
		if was, dup := c.defined[v]; dup {
			return fmt.Errorf("%w: %svalue %q is defined by %s and by %s", ErrInvalid, path, v, was, by)
		}
		c.defined[v] = by
		local = append(local, v)
		return nil
	}
	if err := checkHeader(g, define); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, n := range g.Nodes {
		if n.Name == "" || names[n.Name] {
			return fmt.Errorf("%w: %snode name %q (%s) is empty or used twice", ErrInvalid, path, n.Name, n.Op)
		}
		names[n.Name] = true
		if err := c.node(n, path, depth, define); err != nil {
			return err
		}
	}
	for _, p := range g.Outputs {
		if _, ok := c.defined[p.Name]; !ok {
			return fmt.Errorf("%w: %soutput %q is defined by nothing", ErrInvalid, path, p.Name)
		}
	}
	return nil
}

// checkHeader defines the inputs and the parameters. An input that is also a
// parameter has that parameter as its default (ONNX before IR version 4).
func checkHeader(g *Graph, define func(Value, string) error) error {
	inputs := map[Value]bool{}
	for _, p := range g.Inputs {
		inputs[p.Name] = true
		if err := define(p.Name, "a graph input"); err != nil {
			return err
		}
	}
	for _, p := range g.Params {
		if p.Data == nil && p.Lazy == nil {
			return fmt.Errorf("%w: parameter %q has no data", ErrInvalid, p.Name)
		}
		if p.Data != nil && (p.Data.DType() != p.DType || !p.Data.Shape().Equal(p.Shape)) {
			return fmt.Errorf("%w: parameter %q is declared %v%v and holds %v", ErrInvalid, p.Name, p.DType, p.Shape, p.Data)
		}
		if inputs[p.Name] {
			continue
		}
		if err := define(p.Name, "a parameter"); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) node(n *Node, path string, depth int, define func(Value, string) error) error {
	for _, v := range n.In {
		if _, ok := c.defined[v]; v != "" && !ok {
			return fmt.Errorf("%w: %snode %q (%s) uses %q, which nothing before it defines", ErrInvalid, path, n.Name, n.Op, v)
		}
	}
	for _, sub := range n.Attrs.Graphs() {
		if err := c.graph(sub, path+n.Name+"/", depth+1); err != nil {
			return err
		}
	}
	for _, v := range n.Out {
		if v == "" {
			continue
		}
		if err := define(v, fmt.Sprintf("node %q", n.Name)); err != nil {
			return err
		}
	}
	return nil
}

// Sort brings the nodes into topological order, keeping the given order where
// it can, and fails for a cycle.
func (g *Graph) Sort() error {
	pending := g.Producers()
	sorted := make([]*Node, 0, len(g.Nodes))
	rest := slices.Clone(g.Nodes)
	for len(rest) > 0 {
		var later []*Node
		for _, n := range rest {
			if slices.ContainsFunc(n.Uses(), func(v Value) bool { return pending[v] != nil }) {
				later = append(later, n)
				continue
			}
			sorted = append(sorted, n)
			for _, v := range n.Out {
				delete(pending, v)
			}
		}
		if len(later) == len(rest) {
			return fmt.Errorf("%w: nodes form a cycle through %q", ErrInvalid, later[0].Name)
		}
		rest = later
	}
	g.Nodes = sorted
	return nil
}
