package graph

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// runLate binds and runs a node whose shapes are known only now.
func (s *Session) runLate(st *step) error {
	in := make([]*tensor.Tensor, len(st.inV))
	b := &Bind{Node: st.node, In: make([]Spec, len(st.inV))}
	for i, v := range st.inV {
		if v != nil {
			in[i] = v.t
			b.In[i] = Spec{DType: v.t.DType(), Shape: v.t.Shape(), Const: v.t}
		}
	}
	st.x.Rand = st.rand.Sub(s.step)
	var out []*tensor.Tensor
	var err error
	if c, ok := st.op.(Controller); ok {
		out, err = c.Run(&st.x, s, st.node, in)
		if err != nil {
			return fmt.Errorf("node %q (%s): %w", st.node.Name, st.node.Op, err)
		}
	} else {
		k, err := st.op.Bind(b)
		if err != nil {
			return err
		}
		if out, err = s.runBound(st, k, in); err != nil {
			return err
		}
	}
	if st.x.err != nil {
		return s.failed(st)
	}
	for i, v := range st.outV {
		if v != nil && i < len(out) {
			v.t = out[i]
		}
	}
	return nil
}

func (s *Session) runBound(st *step, k Kernel, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	x := &Exec{Pool: s.pool, Rand: st.x.Rand}
	if w, ok := k.(Workspacer); ok {
		saved, scratch := w.Workspace()
		x.Saved, x.Scratch = newTensors(saved), newTensors(scratch)
	}
	out := newTensors(k.Out())
	k.Forward(x, in, out)
	st.x.err = x.err
	return out, nil
}

// subSession is a subgraph compiled for the shapes that it was run with.
type subSession struct {
	key      string
	s        *Session
	inputs   []Value
	captured []Value // fed from the graph around at each run
	outputs  []Value
}

// maxSubSessions bounds the compiled variants kept for one subgraph.
const maxSubSessions = 16

// RunGraph implements Env.
func (s *Session) RunGraph(g *Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if len(in) != len(g.Inputs) {
		return nil, fmt.Errorf("graph: subgraph %q has %d inputs, given %d", g.Name, len(g.Inputs), len(in))
	}
	sub, err := s.subSession(g, in)
	if err != nil {
		return nil, err
	}
	for i, name := range sub.inputs {
		if x := sub.s.values[name]; x != nil {
			x.t.CopyFrom(in[i])
		}
	}
	for _, name := range sub.captured {
		if x := sub.s.values[name]; x != nil {
			x.t.CopyFrom(s.lookup(name))
		}
	}
	sub.s.SetStep(s.step)
	if err := sub.s.Forward(); err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(sub.outputs))
	for i, name := range sub.outputs {
		out[i] = sub.s.Tensor(name).Clone()
	}
	return out, nil
}

// lookup finds a value here or in the graphs around.
func (s *Session) lookup(v Value) *tensor.Tensor {
	for ; s != nil; s = s.parent {
		if x := s.values[v]; x != nil && x.t != nil {
			return x.t
		}
	}
	return nil
}

// constant reports whether v is a constant here or around.
func (s *Session) constant(v Value) *tensor.Tensor {
	for ; s != nil; s = s.parent {
		if x := s.values[v]; x != nil {
			return x.spec.Const
		}
	}
	return nil
}

func (s *Session) subSession(g *Graph, in []*tensor.Tensor) (*subSession, error) {
	captures := g.Captures()
	key := fmt.Sprint(in)
	for _, v := range captures {
		t := s.lookup(v)
		if t == nil {
			return nil, fmt.Errorf("graph: subgraph %q uses %q, which nothing around it defines", g.Name, v)
		}
		key += t.String()
	}
	for _, sub := range s.subs[g] {
		if sub.key == key {
			return sub, nil
		}
	}
	sub, err := s.compileSub(g, in, captures, key)
	if err != nil {
		return nil, err
	}
	if s.subs == nil {
		s.subs = map[*Graph][]*subSession{}
	}
	kept := append(s.subs[g], sub)
	s.subs[g] = kept[max(0, len(kept)-maxSubSessions):]
	return sub, nil
}

func (s *Session) compileSub(g *Graph, in []*tensor.Tensor, captures []Value, key string) (*subSession, error) {
	m := &Model{Graph: g.Clone()}
	sub := &subSession{key: key, outputs: g.OutputValues()}
	for i := range m.Graph.Inputs {
		p := &m.Graph.Inputs[i]
		sub.inputs = append(sub.inputs, p.Name)
		p.DType, p.Shape = in[i].DType(), fixedDims(in[i].Shape())
	}
	for _, v := range captures {
		if t := s.constant(v); t != nil {
			m.Graph.Params = append(m.Graph.Params, NewParam(v, t, false))
			continue
		}
		t := s.lookup(v)
		sub.captured = append(sub.captured, v)
		m.Graph.Inputs = append(m.Graph.Inputs, Port{Name: v, DType: t.DType(), Shape: fixedDims(t.Shape())})
	}
	var err error
	if sub.s, err = Compile(m, Options{Pool: s.pool}); err != nil {
		return nil, err
	}
	sub.s.parent = s
	return sub, nil
}

func fixedDims(s tensor.Shape) []Dim {
	dims := make([]Dim, len(s))
	for i, n := range s {
		dims[i].N = n
	}
	return dims
}
