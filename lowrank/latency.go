package lowrank

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// Latency is the median of interleaved runs of the site's nodes alone.
const (
	latencyRuns = 15
	latencyTime = 2 * time.Millisecond // of one run, at least; short nodes are repeated
)

// guardLatency puts sites back to dense that are not faster when measured.
func (r *run) guardLatency(ctx context.Context, choice *Choice) error {
	for i, pt := range choice.Points {
		if pt == nil {
			continue
		}
		f, err := r.factor(ctx, i, pt)
		if err != nil {
			return err
		}
		why, err := slower(r.cands[i].Site, f.f)
		if err != nil {
			why = fmt.Sprintf("its latency alone cannot be measured: %v", err)
		}
		if why != "" {
			choice.dense(i, why)
		}
		r.progress("latency", i+1, len(choice.Points))
	}
	return nil
}

// slower times the site's first node and its replacement, and says why the latter is not faster, or returns "".
func slower(s *Site, f *Factors) (string, error) {
	u := s.Uses[0]
	if s.recurrent() || u.how == byGather {
		return "its latency alone cannot be measured", nil
	}
	dense, err := s.alone(u)
	if err != nil {
		return "", err
	}
	small := dense.Clone()
	sites, err := Find(small, Selection{})
	if err != nil {
		return "", err
	}
	sites[0].like(s)
	if err := Apply(small, []Replacement{{Site: sites[0], Factors: f}}); err != nil {
		return "", err
	}
	a, err := graph.Compile(dense, graph.Options{})
	if err != nil {
		return "", err
	}
	b, err := graph.Compile(small, graph.Options{})
	if err != nil {
		return "", err
	}
	ta, tb, err := interleaved(a, b)
	if err != nil || tb < ta {
		return "", err
	}
	return fmt.Sprintf("%s at rank %v takes %v, the dense weight %v", f.Method, f.Ranks, tb, ta), nil
}

// alone returns a model of the node alone. What it reads besides the weight and the constants of
// its graph is an input.
func (s *Site) alone(u *Use) (*graph.Model, error) {
	n := u.Node.Clone()
	g := &graph.Graph{Name: "site", Nodes: []*graph.Node{n}, Outputs: []graph.Port{{Name: n.Out[0], DType: s.Param.DType}}}
	for i, v := range n.In {
		p := u.Graph.Param(v)
		switch {
		case v == "":
		case i == u.input:
			w, err := s.read(u)
			if err != nil {
				return nil, err
			}
			g.Params = append(g.Params, graph.NewParam(v, w, s.Param.Trainable))
		case p != nil:
			q := *p
			g.Params = append(g.Params, &q)
		case !u.ins[i].Present():
			return nil, fmt.Errorf("the shape of %q is not known", v)
		default:
			port := graph.Port{Name: v, DType: u.ins[i].DType, Shape: []graph.Dim{}}
			for _, d := range u.ins[i].Shape {
				port.Shape = append(port.Shape, graph.Dim{N: d})
			}
			g.Inputs = append(g.Inputs, port)
		}
	}
	return &graph.Model{Graph: g}, nil
}

// read returns the weight as u's node reads it.
func (s *Site) read(u *Use) (*tensor.Tensor, error) {
	w, err := s.Param.Load()
	if err != nil || !u.trans {
		return w, err
	}
	data, err := float64s(w)
	if err != nil {
		return nil, err
	}
	return toTensor(nd.Of(data, s.Param.Shape...).Permute(1, 0), s.Param.DType), nil
}

// interleaved returns the median times of two sessions run in turn.
func interleaved(a, b *graph.Session) (ta, tb time.Duration, err error) {
	repeat := 1
	var as, bs []time.Duration
	for len(as) < latencyRuns {
		x, err := timed(a, repeat)
		if err != nil {
			return 0, 0, err
		}
		y, err := timed(b, repeat)
		if err != nil {
			return 0, 0, err
		}
		if min(x, y) < latencyTime/time.Duration(2) && repeat < 1<<12 {
			repeat *= 2
			continue
		}
		as, bs = append(as, x/time.Duration(repeat)), append(bs, y/time.Duration(repeat))
	}
	slices.Sort(as)
	slices.Sort(bs)
	return as[latencyRuns/2], bs[latencyRuns/2], nil
}

func timed(s *graph.Session, n int) (time.Duration, error) {
	start := time.Now()
	for range n {
		if err := s.Forward(); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
