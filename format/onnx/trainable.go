package onnx

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
)

// weights lists the inputs of operators that are learned when they are
// constants; nil means all inputs.
var weights = map[string][]int{
	"Conv": {1, 2}, "ConvTranspose": {1, 2}, "Gemm": {0, 1, 2}, "MatMul": {0, 1}, "Einsum": nil,
	"BatchNormalization": {1, 2}, "InstanceNormalization": {1, 2}, "GroupNormalization": {1, 2},
	"LayerNormalization": {1, 2}, "PRelu": {1}, "LSTM": {1, 2, 3, 7}, "GRU": {1, 2, 3}, "RNN": {1, 2, 3},
	"Add": {0, 1}, "Sub": {0, 1}, "Mul": {0, 1}, "Div": {1}, "Gather": {0},
	// what only moves elements may stand between a weight and its use
	"Transpose": {0}, "Reshape": {0}, "Unsqueeze": {0}, "Squeeze": {0}, "Flatten": {0}, "Identity": {0}, "Slice": {0},
	"Concat": nil, "Split": {0}, "Expand": {0},
}

// markTrainable sets Trainable for float constants of more than one element that
// are used as weights only. Running statistics, bounds, pads and scales of an
// image are not.
func markTrainable(main *graph.Graph) {
	yes, no := map[graph.Value]bool{}, map[graph.Value]bool{}
	main.Walk(func(g *graph.Graph) {
		for _, n := range g.Nodes {
			at, known := weights[n.Op]
			for i, v := range n.In {
				if known && n.Domain == "" && (at == nil || slices.Contains(at, i)) {
					yes[v] = true
				} else {
					no[v] = true
				}
			}
		}
	})
	main.Walk(func(g *graph.Graph) {
		for _, p := range g.Params {
			p.Trainable = p.DType.IsFloat() && p.Shape.Size() > 1 && yes[p.Name] && !no[p.Name]
		}
	})
}
