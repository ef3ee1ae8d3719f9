package format

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// TestParamBytes wants int8 to count its scales, biases to stay as they are, and shapes not to count.
func TestParamBytes(t *testing.T) {
	w := graph.NewParam("w", tensor.New(tensor.F32, tensor.Shape{6, 4}), true) // of a MatMul: a scale for each of 4 columns
	b := graph.NewParam("b", tensor.New(tensor.F32, tensor.Shape{4}), true)
	s := graph.NewParam("s", tensor.Vec(int64(2), 2), false)
	m := &graph.Model{Graph: &graph.Graph{Params: []*graph.Param{w, b, s},
		Nodes: []*graph.Node{{Name: "fc", Op: "MatMul", In: []graph.Value{"x", "w"}, Out: []graph.Value{"y"}}}}}
	for d, want := range map[tensor.DType]int64{tensor.Invalid: 96, tensor.F16: 48, tensor.I8: 24 + 4*4} {
		got := SaveOptions{Storage: d}.ParamBytes(m)
		if got[w] != want || got[b] != 16 || got[s] != 0 {
			t.Errorf("%v: %d bytes of the weight, %d of the bias, %d of a shape; want %d, 16 and 0", d, got[w], got[b], got[s], want)
		}
	}
}
