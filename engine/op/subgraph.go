package op

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// runner is an operator that runs subgraphs or whose number of outputs' elements
// only its inputs' values tell.
type runner struct {
	name     string
	min, max int // number of inputs; max 0 means any number
	run      func(x *graph.Exec, env graph.Env, n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error)
	body     func(n *graph.Node, in []graph.Spec) (graphs []*graph.Graph, inputs []graph.Spec, times int)
	stack    func(n *graph.Node, in, out []graph.Spec) []graph.Spec // nil when only running tells the outputs
}

// Stack implements graph.Stacking.
func (o runner) Stack(n *graph.Node, in, out []graph.Spec) []graph.Spec {
	if o.stack == nil {
		return nil
	}
	return o.stack(n, in, out)
}

// Body implements graph.Bodied.
func (o runner) Body(n *graph.Node, in []graph.Spec) ([]*graph.Graph, []graph.Spec, int) {
	if o.body == nil {
		return n.Attrs.Graphs(), nil, 1
	}
	return o.body(n, in)
}

// Name implements graph.Op.
func (o runner) Name() string { return o.name }

// Bind implements graph.Op; the output shapes are known when the operator runs.
func (o runner) Bind(b *graph.Bind) (graph.Kernel, error) {
	if err := checkInputs(b, o.min, o.max); err != nil {
		return nil, err
	}
	return nil, graph.ErrNeedValue
}

// Run implements graph.Controller.
func (o runner) Run(x *graph.Exec, env graph.Env, n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if len(in) < o.min || o.max > 0 && len(in) > o.max {
		return nil, fmt.Errorf("%d inputs are too few or too many", len(in))
	}
	for i := range o.min {
		if in[i] == nil {
			return nil, fmt.Errorf("input %d is missing", i)
		}
	}
	return o.run(x, env, n, in)
}

// body returns a graph attribute after checking its numbers of inputs and outputs.
func body(n *graph.Node, attr string, inputs, minOutputs int) (*graph.Graph, error) {
	g := n.Attrs.Graph(attr)
	switch {
	case g == nil:
		return nil, fmt.Errorf("attribute %s is missing", attr)
	case len(g.Inputs) != inputs:
		return nil, fmt.Errorf("%s has %d inputs, want %d", attr, len(g.Inputs), inputs)
	case len(g.Outputs) < minOutputs:
		return nil, fmt.Errorf("%s has %d outputs, want at least %d", attr, len(g.Outputs), minOutputs)
	}
	return g, nil
}

// oneOf returns the single element of an input of a subgraph's operator.
func oneOf[T tensor.Elem](t *tensor.Tensor, what string) (v T, err error) {
	if want := tensor.DTypeOf[T](); t.DType() != want || t.Len() != 1 {
		return v, fmt.Errorf("%s is %v, want one %v", what, t, want)
	}
	return tensor.Data[T](t)[0], nil
}

// collected gathers what a subgraph gives in each iteration, to be stacked along
// a new axis.
type collected struct {
	port    graph.Port // the subgraph's output
	axis    int        // of the result; negative counts from its end
	reverse bool       // the first iteration comes last
	each    []*tensor.Tensor
}

// stack returns the result; without iterations it is empty, with the extents that
// the subgraph declares.
func (c *collected) stack() (*tensor.Tensor, error) {
	s, t := c.declared(), c.port.DType
	if len(c.each) > 0 {
		s, t = c.each[0].Shape(), c.each[0].DType()
	}
	axis := c.axis
	if axis < 0 {
		axis += len(s) + 1
	}
	if axis < 0 || axis > len(s) || t == tensor.Invalid {
		return nil, fmt.Errorf("output %q: axis %d of a stack of %v%v", c.port.Name, c.axis, t, s)
	}
	whole := append(append(s[:axis].Clone(), len(c.each)), s[axis:]...)
	y := tensor.New(t, whole)
	for i, e := range c.each {
		if e.DType() != t || !e.Shape().Equal(s) {
			return nil, fmt.Errorf("output %q is %v in iteration %d, %v%v in the first", c.port.Name, e, i, t, s)
		}
		if c.reverse {
			i = len(c.each) - 1 - i
		}
		copyAlong(y, i, e, 0, axis, len(c.each), 1)
	}
	return y, nil
}

// declared returns the shape that the subgraph declares, with 0 for what it leaves open.
func (c *collected) declared() tensor.Shape {
	s := tensor.Shape{}
	for _, d := range c.port.Shape {
		n := d.N
		if d.Sym != "" {
			n = 0
		}
		s = append(s, max(0, n))
	}
	return s
}

// sliceAt returns slice i of t along axis, without that axis.
func sliceAt(t *tensor.Tensor, axis, i int) *tensor.Tensor {
	s := t.Shape()
	y := tensor.New(t.DType(), append(s[:axis].Clone(), s[axis+1:]...))
	copyAlong(y, 0, t, i, axis, 1, s[axis])
	return y
}

// copyAlong copies slice j of src to slice i of dst, both along axis, which has the
// extents nd and ns; the extents of all other axes are those of the slice.
func copyAlong(dst *tensor.Tensor, i int, src *tensor.Tensor, j, axis, nd, ns int) {
	outer := product(dst.Shape()[:axis])
	if dst.DType() == tensor.String {
		copySlices(tensor.Data[string](dst), tensor.Data[string](src), i, j, nd, ns, outer)
		return
	}
	copySlices(dst.Raw(), src.Raw(), i, j, nd, ns, outer)
}

func copySlices[T any](dst, src []T, i, j, nd, ns, outer int) {
	if outer == 0 || len(dst) == 0 || len(src) == 0 {
		return
	}
	n := len(src) / (outer * ns)
	for o := range outer {
		copy(dst[(o*nd+i)*n:(o*nd+i+1)*n], src[(o*ns+j)*n:])
	}
}
