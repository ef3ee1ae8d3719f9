package optest

import (
	"fmt"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// checkSessions runs the sample as a model of one node in every variant.
func checkSessions(t *testing.T, s Sample) {
	var first []*tensor.Tensor
	for _, in := range s.variants() {
		out, err := runSession(s, in)
		if err != nil {
			t.Fatalf("session (%s): %v", variantName(in), err)
		}
		for i, w := range s.Want {
			if w != nil {
				compare(t, fmt.Sprintf("session (%s): output %d", variantName(in), i), out[i], w, s.Tol)
			}
		}
		if first == nil {
			first = out
			continue
		}
		for i := range out {
			if out[i] != nil && !s.Random {
				compare(t, fmt.Sprintf("session in float32: output %d", i), out[i], first[i], s.Tol)
			}
		}
	}
}

// runSession returns the outputs of a model of the sample's node alone.
// Floating-point inputs are fed, the constants are parameters.
func runSession(s Sample, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	n := s.Node.Clone()
	g := &graph.Graph{Nodes: []*graph.Node{n}}
	feeds := map[graph.Value]*tensor.Tensor{}
	for i, t := range in {
		switch {
		case t == nil:
		case s.constant(i):
			g.Params = append(g.Params, graph.NewParam(n.In[i], t, false))
		default:
			feeds[n.In[i]] = t
			p := graph.Port{Name: n.In[i], DType: t.DType(), Shape: []graph.Dim{}}
			for _, d := range t.Shape() {
				p.Shape = append(p.Shape, graph.Dim{N: d})
			}
			g.Inputs = append(g.Inputs, p)
		}
	}
	for _, v := range n.Out {
		if v != "" {
			g.Outputs = append(g.Outputs, graph.Port{Name: v})
		}
	}
	sess, err := graph.Compile(&graph.Model{Graph: g}, graph.Options{Train: s.Train, Unfused: true})
	if err != nil {
		return nil, err
	}
	for v, t := range feeds {
		if err := sess.Feed(v, t); err != nil {
			return nil, err
		}
	}
	if err := sess.Forward(); err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(n.Out))
	for i, v := range n.Out {
		if v != "" {
			out[i] = sess.Tensor(v)
		}
	}
	return out, nil
}

// RunSession compiles a model of the sample's node alone, runs it on the inputs
// as given and returns its outputs or the error; for tests of bad inputs.
func RunSession(s Sample) ([]*tensor.Tensor, error) {
	s = s.complete()
	return runSession(s, s.In)
}
