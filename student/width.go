package student

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// widths makes a network thinner: it finds which axes of values and parameters are the
// same channels, keeps a fraction of each group of them and cuts the parameters.
type widths struct {
	m     *graph.Model
	spec  map[graph.Value]graph.Spec
	axes  map[graph.Value][]layout
	units map[graph.Value]int // the axis of each weight that is its units
	then  []func()            // changes of attributes and constants, once it is known what stays
}

// Thin returns a copy of m in which every group of channels has factor times as many,
// at least one. Channels that residual sums, concatenations or a flattening tie to
// each other stay together; inputs, outputs and what goes through operators that are
// not understood keep their size. With slice the parameters are the teacher's: of each
// group the channels stay into which the weights of largest norm lead. Without, they
// are fresh.
func Thin(m *graph.Model, factor float64, slice bool, t Task) (*graph.Model, error) {
	if !(factor > 0 && factor <= 1) {
		return nil, fmt.Errorf("width %g is not above 0 and at most 1", factor)
	}
	return thin(m, factor, slice, t)
}

func thin(m *graph.Model, factor float64, slice bool, t Task) (*graph.Model, error) {
	w := &widths{m: m.DeepClone(), axes: map[graph.Value][]layout{}, units: map[graph.Value]int{}}
	for _, p := range w.m.AllParams() {
		if err := p.Materialize(); err != nil {
			return nil, err
		}
	}
	const samples = 3 // more than one, so that the batch is told from an axis of one element
	inf, err := w.m.Infer(w.m.Graph.DimsOf(append(tensor.Shape{samples}, t.Shape...)))
	if err != nil {
		return nil, err
	}
	w.spec = inf.Specs
	if err := w.analyse(); err != nil {
		return nil, err
	}
	if n := w.choose(factor); n == 0 && factor < 1 {
		return nil, fmt.Errorf("no channels of the network can be left out: all are tied to its inputs and outputs")
	}
	w.apply()
	w.m.Prune()
	if err := w.m.Check(); err != nil {
		return nil, err
	}
	inf, err = w.m.Infer(w.m.Graph.DimsOf(append(tensor.Shape{samples}, t.Shape...)))
	if err == nil && !slice {
		err = freshen(w.m, inf.Specs, t)
	}
	return w.m, err
}

// analyse ties the axes of all nodes' values and parameters.
func (w *widths) analyse() error {
	g := w.m.Graph
	for _, in := range g.Inputs {
		w.set(in.Name, w.full(in.Name))
	}
	for _, n := range g.Nodes {
		if w.integers(n) {
			for _, v := range n.Out {
				w.axes[v] = w.full(v)
			}
			continue
		}
		rule := widthRules[n.Op]
		if n.Domain != "" || rule == nil || !w.inferred(n) {
			w.pin(n)
			continue
		}
		if err := rule(w, n); err != nil {
			return fmt.Errorf("node %s (%s): %w", n.Name, n.Op, err)
		}
	}
	for _, out := range g.Outputs {
		for _, l := range w.axes[out.Name] {
			l.pin()
		}
	}
	return nil
}

// integers reports whether a node gives integers only, as the computation of a shape
// does: it follows the extents by itself.
func (w *widths) integers(n *graph.Node) bool {
	for _, v := range n.Out {
		if s, ok := w.spec[v]; !ok || s.DType.IsFloat() {
			return false
		}
	}
	return true
}

func (w *widths) inferred(n *graph.Node) bool {
	for _, v := range append(slices.Clone(n.In), n.Out...) {
		if _, ok := w.spec[v]; v != "" && !ok && w.m.Graph.Param(v) == nil {
			return false
		}
	}
	return true
}

func (w *widths) shape(v graph.Value) tensor.Shape {
	if p := w.m.Graph.Param(v); p != nil {
		return p.Shape
	}
	return w.spec[v].Shape
}

// full returns fixed axes for v.
func (w *widths) full(v graph.Value) (ls []layout) {
	for _, d := range w.shape(v) {
		ls = append(ls, fixedAxis(d))
	}
	return ls
}

// of returns the axes of v; those of a parameter that nothing has used are fixed.
func (w *widths) of(v graph.Value) []layout {
	if ls, ok := w.axes[v]; ok {
		return ls
	}
	w.axes[v] = w.full(v)
	return w.axes[v]
}

// set says what the axes of v are; what was known of them before is unified.
func (w *widths) set(v graph.Value, ls []layout) error {
	old, ok := w.axes[v]
	if !ok {
		w.axes[v] = ls
		return nil
	}
	for i := range old {
		if err := unify(old[i], ls[i]); err != nil {
			return err
		}
	}
	return nil
}

// pin keeps all axes of a node at their full size.
func (w *widths) pin(n *graph.Node) {
	for _, v := range n.Uses() {
		for _, l := range w.of(v) {
			l.pin()
		}
	}
	for _, v := range n.Out {
		if v != "" {
			w.axes[v] = w.full(v)
		}
	}
}

// ints returns the value of a tensor of integers that is constant, or computed from
// constants and the extents of samples.
func (w *widths) ints(v graph.Value) ([]int, bool) {
	t := w.spec[v].Const
	if p := w.m.Graph.Param(v); p != nil {
		t = p.Data
	}
	if t == nil || t.DType() != tensor.I64 {
		return nil, false
	}
	var out []int
	for _, x := range t.I64s() {
		out = append(out, int(x))
	}
	return out, true
}

// setInts gives node n a constant of its own for input i.
func (w *widths) setInts(n *graph.Node, i int, v []int) {
	base := n.Name + "/" + fmt.Sprint(i) + "/thin"
	name := graph.Value(base)
	for k := 2; w.m.Graph.Param(name) != nil; k++ { // the network has been made thinner before
		name = graph.Value(base + fmt.Sprint(k))
	}
	t := tensor.Of(tensor.Shape{len(v)}, graph.Ints64(v...))
	p := graph.NewParam(name, t, false)
	w.m.Graph.Params = append(w.m.Graph.Params, p)
	n.In[i] = name // what it was before is pruned when nothing else uses it
}

// choose decides how many and which channels of each group stay, and returns how many
// groups lose some.
func (w *widths) choose(factor float64) (changed int) {
	for _, p := range w.m.Graph.Params {
		if axis, ok := w.units[p.Name]; ok {
			w.measure(p, axis)
		}
	}
	done := map[*group]bool{}
	for _, v := range slices.Sorted(maps.Keys(w.axes)) {
		for _, l := range w.axes[v] {
			for _, s := range l.roots() {
				if g := s.g; !done[g] {
					done[g] = true
					changed += g.choose(factor)
				}
			}
		}
	}
	return changed
}

// choose keeps the channels of the largest norm.
func (g *group) choose(factor float64) (changed int) {
	n := g.size
	if !g.fixed {
		n = min(g.size, max(1, int(math.Round(factor*float64(g.size)))))
	}
	order := make([]int, g.size)
	for i := range order {
		order[i] = i
	}
	if g.norm != nil {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.norm[b], g.norm[a]) })
	}
	g.keep = order[:n]
	slices.Sort(g.keep)
	if n < g.size {
		return 1
	}
	return 0
}

// measure adds the squared norms of p's slices along the axis to the groups there.
func (w *widths) measure(p *graph.Param, axis int) {
	if p.DType != tensor.F32 {
		return
	}
	inner := p.Shape[axis+1:].Size()
	norms := make([]float64, p.Shape[axis])
	for i, v := range p.Data.F32s() {
		norms[i/inner%len(norms)] += float64(v) * float64(v)
	}
	at := 0
	for _, s := range w.axes[p.Name][axis].roots() {
		if s.g.norm == nil {
			s.g.norm = make([]float64, s.g.size)
		}
		for c := range s.g.size {
			for range s.inner {
				s.g.norm[c] += norms[at]
				at++
			}
		}
	}
}

// apply cuts the parameters and changes attributes and constants.
func (w *widths) apply() {
	for _, p := range w.m.Graph.Params {
		ls := w.axes[p.Name]
		if ls != nil && slices.ContainsFunc(ls, func(l layout) bool { return l.keptLen() < l.len() }) {
			cut(p, ls)
		}
	}
	for _, f := range w.then {
		f()
	}
}

// cut keeps of each axis the elements that its layout keeps.
func cut(p *graph.Param, ls []layout) {
	index := make([][]int, len(ls))
	shape := make(tensor.Shape, len(ls))
	for i, l := range ls {
		index[i] = l.kept()
		shape[i] = len(index[i])
	}
	from, to := p.Data.Raw(), tensor.New(p.DType, shape)
	size := p.DType.Size()
	strides := make([]int, len(ls))
	for i, n := len(ls)-1, 1; i >= 0; i-- {
		strides[i], n = n, n*p.Shape[i]
	}
	for i := range shape.Size() {
		at, rest := 0, i
		for k := len(shape) - 1; k >= 0; k-- {
			at += index[k][rest%shape[k]] * strides[k]
			rest /= shape[k]
		}
		copy(to.Raw()[i*size:(i+1)*size], from[at*size:(at+1)*size])
	}
	p.Data, p.Shape, p.Lazy = to, shape, nil
}
