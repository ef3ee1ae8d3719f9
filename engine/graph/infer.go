package graph

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// Dims gives the extents of symbolic dimensions, as {"N": 128}.
type Dims map[string]int

// Resolve returns the port's concrete shape.
func (p Port) Resolve(d Dims) (tensor.Shape, error) {
	s := make(tensor.Shape, len(p.Shape))
	for i, dim := range p.Shape {
		s[i] = dim.N
		if dim.Sym != "" {
			n, ok := d[dim.Sym]
			if !ok {
				return nil, fmt.Errorf("graph: input %q: dimension %d is symbolic (%q): give its extent", p.Name, i, dim.Sym)
			}
			s[i] = n
		}
	}
	return s, nil
}

// Symbols returns the symbolic dimensions of the graph's inputs, each once, in order of appearance.
func (g *Graph) Symbols() []string {
	var syms []string
	for _, p := range g.Inputs {
		for _, d := range p.Shape {
			if d.Sym != "" && !slices.Contains(syms, d.Sym) {
				syms = append(syms, d.Sym)
			}
		}
	}
	return syms
}

// Uniform returns extents that set every symbolic dimension of g to n.
func (g *Graph) Uniform(n int) Dims {
	d := Dims{}
	for _, s := range g.Symbols() {
		d[s] = n
	}
	return d
}

// BatchDims sets the symbolic dimensions that an input of several dimensions begins
// with to n; those of more are added and win.
func (g *Graph) BatchDims(n int, more Dims) Dims {
	d := Dims{}
	for _, p := range g.Inputs {
		if len(p.Shape) > 1 && p.Shape[0].Sym != "" {
			d[p.Shape[0].Sym] = n
		}
	}
	maps.Copy(d, more)
	return d
}

// FixedBatch returns how many samples the first input takes at once where it takes no other number, else 0.
func (g *Graph) FixedBatch() int {
	if len(g.Inputs) == 0 || len(g.Inputs[0].Shape) == 0 || g.Inputs[0].Shape[0].Sym != "" {
		return 0
	}
	return g.Inputs[0].Shape[0].N
}

// DimsOf sets the symbolic dimensions of the first input to the extents of x, what
// is fed to it, and all others to its number of samples, x[0].
func (g *Graph) DimsOf(x tensor.Shape) Dims {
	d := g.Uniform(x[0])
	if len(g.Inputs) == 0 {
		return d
	}
	for i, dim := range g.Inputs[0].Shape {
		if dim.Sym != "" && i < len(x) {
			d[dim.Sym] = x[i]
		}
	}
	return d
}

// InferAny infers at extents of the symbolic dimensions for which every node can be
// bound: 1 where that is enough, more where a window must fit. It serves what does
// not depend on extents, as ranks and types. The error is the one at 1.
func (m *Model) InferAny() (*Inferred, error) {
	r, _, err := m.inferAny(nil)
	return r, err
}

// AnyDims returns the extents that InferAny chooses, with the fixed ones as given;
// where none will do, the others are 1.
func (m *Model) AnyDims(fixed Dims) Dims {
	_, d, _ := m.inferAny(fixed)
	return d
}

// inferAny grows first the dimensions that no input begins with, for a batch need
// not grow where a window must fit, then all.
func (m *Model) inferAny(fixed Dims) (r *Inferred, d Dims, err error) {
	first := m.Graph.Uniform(1)
	maps.Copy(first, fixed)
	for _, keep := range []Dims{m.Graph.BatchDims(1, nil), {}} {
		for _, n := range []int{1, 8, 32, 64, 224, 512, 2048} {
			d := m.Graph.Uniform(n)
			maps.Copy(d, keep)
			maps.Copy(d, fixed)
			now, failed := m.Infer(d)
			switch {
			case failed != nil && err == nil:
				err = failed
			case failed == nil && !now.rejected:
				return now, d, nil
			case failed == nil && r == nil:
				r, first = now, d
			}
		}
	}
	if r != nil {
		err = nil
	}
	return r, first, err
}

// Inferred is the result of shape inference for concrete input extents.
type Inferred struct {
	Specs   map[Value]Spec // values whose shape is known
	ByNode  map[string]Cost
	Total   Cost
	Unknown []string         // nodes whose outputs could not be inferred, with the reason
	Bodies  map[*Node][]Body // the subgraphs of nodes that may run and could be inferred

	own      map[*Node]int64 // MACs of nodes that run no subgraphs
	rejected bool            // a node has subgraphs and none can be bound
}

func newInferred(specs map[Value]Spec) *Inferred {
	return &Inferred{Specs: specs, ByNode: map[string]Cost{}, Bodies: map[*Node][]Body{}, own: map[*Node]int64{}}
}

// Infer binds every node of the main graph for the given extents. Nodes that
// are opaque, or whose shapes depend on data, leave their outputs unknown; a
// node that its operator rejects is an error.
func (m *Model) Infer(d Dims) (*Inferred, error) {
	r := newInferred(map[Value]Spec{})
	for _, p := range m.Graph.Inputs {
		if p.Shape == nil {
			continue
		}
		s, err := p.Resolve(d)
		if err != nil {
			return nil, err
		}
		r.Specs[p.Name] = Spec{DType: p.DType, Shape: s}
	}
	for _, p := range m.AllParams() {
		r.Total.Params += p.Count()
	}
	for _, p := range m.Graph.Params {
		r.Specs[p.Name] = paramSpec(p, true)
	}
	return r, r.nodes(m.Graph)
}

// paramSpec describes a parameter; its value counts as constant when it cannot
// be trained, or when all are wanted and it is small enough to matter for shapes.
func paramSpec(p *Param, small bool) Spec {
	s := Spec{DType: p.DType, Shape: p.Shape}
	if small && p.Trainable || p.Data == nil && p.Shape.Size() > 1<<16 {
		return s
	}
	if t, err := p.Load(); err == nil {
		s.Const = t
	}
	return s
}

func (r *Inferred) node(n *Node, params map[Value]*Param) error {
	var c Cost
	for _, v := range n.In {
		if p := params[v]; p != nil {
			c.Params += p.Count()
		}
	}
	for _, g := range n.Attrs.Graphs() {
		g.Walk(func(g *Graph) {
			for _, p := range g.Params {
				c.Params += p.Count()
			}
		})
	}
	defer func() { r.ByNode[n.Name] = c }()
	k, in, why, err := r.bind(n)
	if err != nil {
		return err
	}
	if why != "" && len(n.Attrs.Graphs()) > 0 {
		op, _ := LookupOp(n.Domain, n.Op)
		c.MACs = r.bodies(n, op)
		r.Total.MACs += c.MACs
	}
	if why != "" {
		r.Unknown = append(r.Unknown, fmt.Sprintf("%s (%s): %s", n.Name, n.Op, why))
		return nil
	}
	c.MACs = k.Cost().MACs
	specs := slices.Clone(k.Out())
	foldSpecs(n, k, in, specs)
	for i, v := range n.Out {
		if v == "" || i >= len(specs) {
			continue
		}
		r.Specs[v] = specs[i]
		c.ActivationBytes += int64(specs[i].Shape.Size() * specs[i].DType.Size())
	}
	r.own[n] = c.MACs
	r.Total.MACs += c.MACs
	r.Total.ActivationBytes += c.ActivationBytes
	return nil
}

// bind binds n, or says why it cannot.
func (r *Inferred) bind(n *Node) (k Kernel, in []Spec, why string, err error) {
	op, ok := LookupOp(n.Domain, n.Op)
	if !ok {
		return nil, nil, "operator is not supported", nil
	}
	in = make([]Spec, len(n.In))
	for i, v := range n.In {
		if v == "" {
			continue
		}
		s, ok := r.Specs[v]
		if !ok {
			return nil, nil, fmt.Sprintf("shape of %q is unknown", v), nil
		}
		in[i] = s
	}
	k, err = op.Bind(&Bind{Node: n, In: in})
	if errors.Is(err, ErrNeedValue) {
		return nil, nil, "shape depends on data", nil
	}
	return k, in, "", err
}

// maxFold bounds the elements of a value that is computed while binding.
const maxFold = 1 << 16

// foldSpecs computes n when all its inputs are constant and small, so that
// shape arithmetic (Shape, Gather, Concat, Reshape) is known to what follows.
func foldSpecs(n *Node, k Kernel, in, out []Spec) {
	for _, s := range in {
		if s.Present() && (s.Const == nil || s.Shape.Size() > maxFold) {
			return
		}
	}
	for _, s := range out {
		if s.Const != nil || s.Shape.Size() > maxFold {
			return
		}
	}
	if _, random := k.(interface{ Random() }); random {
		return
	}
	ts := make([]*tensor.Tensor, len(in))
	for i, s := range in {
		ts[i] = s.Const
	}
	res, err := runOnce(k, ts, len(n.Out))
	if err != nil {
		return // the session reports it when it runs
	}
	for i := range res {
		out[i].Const = res[i]
	}
}

// runOnce runs a bound kernel on memory of its own.
func runOnce(k Kernel, in []*tensor.Tensor, nOut int) ([]*tensor.Tensor, error) {
	x := &Exec{}
	if w, ok := k.(Workspacer); ok {
		saved, scratch := w.Workspace()
		x.Saved, x.Scratch = newTensors(saved), newTensors(scratch)
	}
	out := newTensors(k.Out()[:min(nOut, len(k.Out()))])
	k.Forward(x, in, out)
	return out, x.err
}

func newTensors(specs []Spec) []*tensor.Tensor {
	ts := make([]*tensor.Tensor, len(specs))
	for i, s := range specs {
		if s.Present() {
			ts[i] = tensor.New(s.DType, s.Shape)
		}
	}
	return ts
}

// Cost counts parameters, MACs and activation bytes for the given extents, in
// total and by node name. Nodes that cannot be inferred count their parameters only.
func (m *Model) Cost(d Dims) (total Cost, byNode map[string]Cost, err error) {
	r, err := m.Infer(d)
	if err != nil {
		return Cost{}, nil, err
	}
	return r.Total, r.ByNode, nil
}

// SymbolicShapes returns every inferable value's shape with the symbols of the
// inputs. A dimension is found to be a*S+b in a symbol S by inferring at three
// extents of S; one that is not affine, or depends on several symbols, gets
// the symbol "?". The error is that of the smallest extents tried.
func (m *Model) SymbolicShapes() (shapes map[Value][]Dim, err error) {
	for _, extent := range []int{64, 512, 4096} {
		s, failed := m.symbolicShapes(extent)
		if failed == nil {
			return s, nil
		}
		if err == nil {
			err = failed
		}
	}
	return nil, err
}

// symbolicShapes infers at e0 and, for each symbol, at 1.5 and 2 times e0, which is even.
func (m *Model) symbolicShapes(e0 int) (map[Value][]Dim, error) {
	base, err := m.Infer(m.Graph.Uniform(e0))
	if err != nil {
		return nil, err
	}
	out := map[Value][]Dim{}
	for v, s := range base.Specs {
		out[v] = make([]Dim, len(s.Shape))
		for i, n := range s.Shape {
			out[v][i] = Dim{N: n}
		}
	}
	for _, sym := range m.Graph.Symbols() {
		var at [2]*Inferred
		for i, e := range []int{e0 + e0/2, 2 * e0} {
			d := m.Graph.Uniform(e0)
			d[sym] = e
			if at[i], err = m.Infer(d); err != nil {
				return nil, err
			}
		}
		for v, dims := range out {
			for i := range dims {
				markSymbol(&dims[i], sym, e0, base.Specs[v].Shape[i], extent(at[0], v, i), extent(at[1], v, i))
			}
		}
	}
	return out, nil
}

func extent(r *Inferred, v Value, i int) int {
	if s, ok := r.Specs[v]; ok && i < len(s.Shape) {
		return s.Shape[i]
	}
	return -1
}

// markSymbol sets the symbol of a dimension that is n0 at e0, n1 at 1.5 e0 and n2 at 2 e0.
func markSymbol(d *Dim, sym string, e0, n0, n1, n2 int) {
	if n0 == n1 && n0 == n2 {
		return
	}
	slope := n2 - n0 // per e0
	switch {
	case d.Sym != "" || n1 < 0 || n2 < 0 || 2*(n1-n0) != slope || slope%e0 != 0:
		*d = Dim{Sym: "?"}
	default:
		a, b := slope/e0, n0-slope
		d.N, d.Sym = 0, sym
		if a != 1 {
			d.Sym = fmt.Sprintf("%d%s", a, sym)
		}
		if b != 0 {
			d.Sym += fmt.Sprintf("%+d", b)
		}
	}
}
