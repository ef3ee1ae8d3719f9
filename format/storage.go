package format

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// StorageOf returns the element type that p is wanted stored as; a writer that has no
// place for it refuses.
func (o SaveOptions) StorageOf(p *graph.Param) tensor.DType {
	switch {
	case o.Storage != tensor.Invalid && p.Trainable && p.DType == tensor.F32 && len(p.Shape) >= 2:
		return o.Storage
	case p.Storage != tensor.Invalid:
		return p.Storage
	}
	return p.DType
}

// storageOf returns what p's chunks shall hold.
func storageOf(p *graph.Param, o SaveOptions) (tensor.DType, error) {
	s := o.StorageOf(p)
	switch {
	case s == p.DType:
		return p.DType, nil
	case p.DType == tensor.F32 && (s == tensor.F16 || s == tensor.BF16):
		return s, nil
	case p.DType == tensor.F32 && s == tensor.I8 && len(p.Shape) < 2:
		return tensor.F32, nil // a bias has no channels of more than one value
	case p.DType == tensor.F32 && s == tensor.I8:
		return s, nil
	}
	return s, fmt.Errorf("parameter %q of type %v cannot be stored as %v (float32 can be, as float16, bfloat16 or int8)", p.Name, p.DType, s)
}

// ParamBytes returns the bytes of every parameter as a container stores it, before entropy coding; the
// scales of int8 are among them. Shapes, axes and the like are no parameters.
func (o SaveOptions) ParamBytes(m *graph.Model) map[*graph.Param]int64 {
	bytes := map[*graph.Param]int64{}
	m.Graph.Walk(func(g *graph.Graph) {
		uses := usesIn(g)
		for _, p := range g.Params {
			s, err := storageOf(p, o)
			if err != nil { // the writer says so
				s = p.DType
			}
			bytes[p] = p.Count() * int64(s.Size())
			if s == tensor.I8 && p.DType == tensor.F32 {
				bytes[p] += 4 * int64(p.Shape[channelAxis(p, uses[p.Name])])
			}
		}
	})
	return bytes
}

// outputAxis returns the axis of an operator's weight, its input in of the given
// rank, that counts the output channels; int8 storage has a scale for each.
func outputAxis(n *graph.Node, in, rank int) int {
	if n.Domain != "" {
		return 0
	}
	switch n.Op {
	case "MatMul": // [K N]
		if in == 1 {
			return rank - 1
		}
	case "Gemm": // [K N], [N K] when transposed
		if in == 1 && !n.Attrs.Bool("transB", false) {
			return 1
		}
	case "ConvTranspose": // [C M/group kH kW]
		if in == 1 && n.Attrs.Int("group", 1) == 1 {
			return 1
		}
	case "LSTM", "GRU", "RNN": // [directions gates*hidden I]
		if in == 1 || in == 2 {
			return 1
		}
	}
	return 0
}

// use is one consumption of a value.
type use struct {
	node *graph.Node
	in   int
}

// usesIn returns who uses each value of g, in g and in the graphs nested there.
func usesIn(g *graph.Graph) map[graph.Value][]use {
	uses := map[graph.Value][]use{}
	g.Walk(func(sub *graph.Graph) {
		for _, n := range sub.Nodes {
			for i, v := range n.In {
				uses[v] = append(uses[v], use{n, i})
			}
		}
	})
	return uses
}

// channelAxis returns the axis of the scales of p: the one that all of its
// consumers agree on, else 0.
func channelAxis(p *graph.Param, uses []use) int {
	axis := 0
	for i, u := range uses {
		a := outputAxis(u.node, u.in, len(p.Shape))
		if i > 0 && a != axis || a >= len(p.Shape) {
			return 0
		}
		axis = a
	}
	return axis
}
