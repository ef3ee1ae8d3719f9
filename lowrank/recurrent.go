package lowrank

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
)

// Recurrent layers. An input matrix W ~ U V needs no other layer: the layer reads
// V x, with U as its input matrix. A recurrent matrix has no such place inside
// the operator, so its layer is written out in plain operators: unrolled
// when the number of steps is known and small, which trains, else as a Scan, also where
// nothing trains and the unrolled nodes would outweigh what is saved. Tensor
// trains of input matrices take the same way, since their product is made outside.

// pair collects what replaces the matrices of one recurrent node.
type pair struct {
	u      *Use
	w, r   *Replacement
	wp, rp []graph.Value // the parameters of the factors
}

// applyRecurrent rewrites recurrent layers, input and recurrent matrices of a node at once.
func applyRecurrent(m *graph.Model, rs []Replacement) error {
	var pairs []*pair
	byNode := map[*graph.Node]*pair{}
	for i := range rs {
		r := &rs[i]
		if !r.Site.recurrent() {
			continue
		}
		parts := addParts(m, r.Site, r.Factors)
		for _, u := range r.Site.Uses {
			p := byNode[u.Node]
			if p == nil {
				p = &pair{u: u}
				byNode[u.Node], pairs = p, append(pairs, p)
			}
			if r.Site.Kind == Input {
				p.w, p.wp = r, parts
			} else {
				p.r, p.rp = r, parts
			}
		}
	}
	for _, p := range pairs {
		err := m.Replace(p.u.Graph, p.u.Node, func(b *graph.Builder, in []graph.Value) (out []graph.Value, err error) {
			b.Scope(p.u.Node.Name, func() { out, err = p.emit(b, in) })
			return out, err
		})
		if err != nil {
			return fmt.Errorf("lowrank: recurrent node %q: %w", p.u.Node.Name, err)
		}
	}
	for _, r := range rs {
		if r.Site.recurrent() {
			removeParam(m, r.Site)
		}
	}
	return nil
}

func (p *pair) emit(b *graph.Builder, in []graph.Value) ([]graph.Value, error) {
	if p.r == nil && p.w.Factors.Method == (svd{}).Name() {
		return p.projected(b, in), b.Err()
	}
	c, err := newCell(b, p, in)
	if err != nil {
		return nil, err
	}
	return c.outputs(), b.Err()
}

// emitter returns one for the factors of r.
func (p *pair) emitter(b *graph.Builder, r *Replacement, parts []graph.Value) *Emitter {
	return &Emitter{Builder: b, Site: r.Site, Use: p.u, Parts: parts, F: r.Factors}
}

// projected keeps the operator and gives it V x and U.
func (p *pair) projected(b *graph.Builder, in []graph.Value) []graph.Value {
	e := p.emitter(b, p.w, p.wp)
	n := p.u.Node
	rank := p.w.Factors.Ranks[0]
	x := e.Node("v", "MatMul", nil, in[0], p.wp[0])
	dirs := directions(n)
	u := e.reshape("u", e.transposed("u/t", p.wp[1]), dirs, p.w.Site.M/dirs, rank)
	args := append([]graph.Value{x, u}, in[2:]...)
	return e.Nodes("layer", n.Op, n.Attrs.Clone(), len(n.Out), args...)
}

func directions(n *graph.Node) int {
	if n.Attrs.Str("direction", "forward") == "bidirectional" {
		return 2
	}
	return 1
}

// gates is the number of gates of a recurrent operator.
var gates = map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}

// cellUnsuited says why a recurrent node cannot be written out, or returns "".
func cellUnsuited(n *graph.Node) string {
	has := func(i int) bool { return len(n.In) > i && n.In[i] != "" }
	switch {
	case has(4):
		return "the layer takes sequence lengths"
	case n.Op == "LSTM" && has(7):
		return "the layer has peepholes"
	case n.Attrs.Has("clip"):
		return "the layer clips its gates"
	case n.Attrs.Int("input_forget", 0) != 0:
		return "the layer couples its input and forget gates"
	}
	usual := map[string][]string{"LSTM": {"Sigmoid", "Tanh", "Tanh"}, "GRU": {"Sigmoid", "Tanh"}, "RNN": {"Tanh"}}[n.Op]
	for i, a := range n.Attrs.Strs("activations") {
		if a != usual[i%len(usual)] {
			return fmt.Sprintf("the layer uses the activation %s", a)
		}
	}
	return ""
}

// resets returns how often the first factor of a recurrent matrix is used in a step: twice in a GRU
// that resets its state before the product.
func (s *Site) resets() int64 {
	for _, u := range s.Uses {
		if u.how == byRecurrence && u.Node != nil && u.Node.Op == "GRU" && u.Node.Attrs.Int("linear_before_reset", 0) == 0 {
			return 2
		}
	}
	return 1
}
