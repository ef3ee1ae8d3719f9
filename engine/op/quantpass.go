package op

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.RegisterPass(graph.Pass{Name: "products in low precision", Order: 15, Run: lowerPrecision})
}

// attrPrecision marks a product that InPrecision found: "int8" or "bfloat16".
const attrPrecision = "compress_precision"

// InPrecision returns a copy of m for sessions that compute products with constant
// float32 matrices (Gemm, MatMul) in int8 or bfloat16, and how many products do.
// Weights become int8 with a scale for each output channel, or bfloat16; each row of
// the activations is rounded the same way when it runs, sums are exact or float32
// (see kernel.GemmInt8 and kernel.GemmBF16). Weights that are stored so lose nothing
// more. Everything else, convolutions too, stays in float32, and sessions that train
// or run unfused ignore it. The copy shares m's parameters; it is not for saving.
func InPrecision(m *graph.Model, t tensor.DType) (*graph.Model, int, error) {
	if t != tensor.I8 && t != tensor.BF16 {
		return nil, 0, fmt.Errorf("no products in %v: want int8 or bfloat16", t)
	}
	m = m.Clone()
	count, params := 0, m.Graph.ParamIndex()
	for _, n := range m.Graph.Nodes {
		if p := params[input(n, 1)]; p != nil && p.DType == tensor.F32 && len(p.Shape) == 2 && fitsDot(n, p.Shape) {
			if n.Attrs = n.Attrs.Clone(); n.Attrs == nil {
				n.Attrs = graph.Attrs{}
			}
			n.Attrs[attrPrecision] = t.String()
			count++
		}
	}
	if count == 0 {
		return nil, 0, fmt.Errorf("no Gemm or MatMul with a constant float32 matrix to compute in %v", t)
	}
	return m, count, nil
}

// fitsDot reports whether n is x W + bias with a W that the kernels take.
func fitsDot(n *graph.Node, w tensor.Shape) bool {
	a := n.Attrs
	k, _ := flip(a.Bool("transB", false), w[0], w[1])
	if k < 1 || k > maxDotK {
		return false
	}
	return is(n, "MatMul") || is(n, "Gemm") && !a.Bool("transA", false) && a.Float("alpha", 1) == 1 && a.Float("beta", 1) == 1
}

// lowerPrecision replaces the marked products, with their epilogues, by DotLinear.
func lowerPrecision(p *graph.PassContext) error {
	f := newFuser(p)
	var failed error
	f.each(func(n *graph.Node) {
		bits := n.Attrs.Str(attrPrecision, "")
		if bits == "" {
			return
		}
		made := f.fusable(n)
		if made == nil || f.constant(made.In[1]) == nil {
			failed = fmt.Errorf("%s %q cannot be computed in %s: its bias is not one number for each output", n.Op, n.Name, bits)
			return
		}
		made.Out = n.Out
		f.epilogue(n, made)
		if at := f.producers[n.Out[0]]; at == n { // nothing was fused
			f.replace(made, n)
		}
		made.Op, made.Attrs[attrPrecision] = "DotLinear", bits
	})
	return failed
}
