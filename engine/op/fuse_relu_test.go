package op

import (
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	pads := graph.Attrs{"pads": ints(1, 1, 1, 1)}
	trans := graph.Attrs{"transB": int64(1)}
	x, w, bias := optest.Vals(2, 3, 5, 4), optest.Unit(4, 3, 3, 3), optest.Unit(4)
	a, b := optest.Vals(3, 5), optest.Unit(4, 5)
	for _, s := range []struct {
		op, name string
		attrs    graph.Attrs
		in       []*tensor.Tensor
		y        *tensor.Tensor
	}{
		{"ConvRelu", "bias", pads, optest.In(x, w, bias), naiveConv(pads, x, w, bias)},
		{"ConvRelu", "alone", pads, optest.In(x, w), naiveConv(pads, x, w, nil)},
		{"GemmRelu", "bias", trans, optest.In(a, b, bias), naiveGemm(trans, a, b, bias)},
		{"GemmRelu", "alone", trans, optest.In(a, b), naiveGemm(trans, a, b, nil)},
	} {
		for i, v := range tensor.Data[float64](s.y) {
			tensor.Data[float64](s.y)[i] = max(0, v)
		}
		optest.Add(optest.Sample{Name: s.name, Node: graph.Node{Domain: graph.PrivateDomain, Op: s.op, Attrs: s.attrs}, In: s.in, Want: optest.In(s.y)})
	}
}

// reluNet has products with a ReLU behind, with and without a bias.
func reluNet(t *testing.T) *graph.Model {
	t.Helper()
	b := graph.NewBuilder("net")
	h := b.Input("x", tensor.F64, 2, 3, 6, 6)
	pads := graph.Attrs{"pads": ints(1, 1, 1, 1)}
	h = b.Node("relu", "Relu", nil, b.Node("conv", "Conv", pads, h, b.Param("w1", optest.Unit(4, 3, 3, 3))))
	h = b.Node("relu", "Relu", nil, b.Node("conv", "Conv", nil, h, b.Param("w2", optest.Unit(2, 4, 3, 3)), b.Param("b2", optest.Vals2(2))))
	h = b.Node("fc", "Gemm", graph.Attrs{"transB": int64(1)}, b.Node("flat", "Flatten", nil, h), b.Param("w3", optest.Unit(5, 32)), b.Param("b3", optest.Vals2(5)))
	b.Output(b.Node("fc", "Gemm", nil, b.Node("relu", "Relu", nil, h), b.Param("w4", optest.Unit(5, 3))))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReluAfterIsFound(t *testing.T) {
	m := reluNet(t)
	inf, err := m.Infer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := fuseEpilogues(&graph.PassContext{Graph: m.Graph, Shapes: inf, Train: true, Backward: true}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range m.Graph.Nodes {
		got = append(got, n.Op)
	}
	if want := "ConvRelu ConvRelu Flatten GemmRelu Gemm"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
