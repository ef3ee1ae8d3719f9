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
	for _, s := range []struct {
		name  string
		attrs graph.Attrs
		in    []*tensor.Tensor
	}{
		{"bias", pads, optest.In(optest.Vals(2, 3, 6, 4), optest.Unit(4, 3, 3, 3), optest.Vals2(4))},
		{"alone", nil, optest.In(optest.Vals(2, 3, 7, 6), optest.Unit(4, 3, 3, 3))},
		{"many channels", pads, optest.In(optest.Vals(2, 9, 4, 6), optest.Unit(5, 9, 3, 3), optest.Vals2(5))},
	} {
		for _, relu := range []bool{false, true} {
			attrs, name, bias := s.attrs.Clone(), s.name, (*tensor.Tensor)(nil)
			if attrs == nil {
				attrs = graph.Attrs{}
			}
			if relu {
				attrs[attrRelu], name = int64(1), name+", ReLU"
			}
			if len(s.in) > 2 {
				bias = s.in[2]
			}
			y := pooledPairs(naiveConv(s.attrs, s.in[0], s.in[1], bias), relu)
			optest.Add(optest.Sample{Name: name, Node: graph.Node{Domain: graph.PrivateDomain, Op: "ConvPool", Attrs: attrs}, In: s.in, Want: optest.In(y)})
		}
	}
}

// pooledPairs returns the maxima of 2 x 2 windows of x, or ReLU of them.
func pooledPairs(x *tensor.Tensor, relu bool) *tensor.Tensor {
	s := x.Shape()
	y := tensor.New(tensor.F64, tensor.Shape{s[0], s[1], s[2] / 2, s[3] / 2})
	from, w := tensor.Data[float64](x), s[3]
	for i := range tensor.Data[float64](y) {
		at := i/((s[2]/2)*(w/2))*s[2]*w + i/(w/2)%(s[2]/2)*2*w + i%(w/2)*2
		v := max(from[at], from[at+1], from[at+w], from[at+w+1])
		if relu {
			v = max(v, 0)
		}
		tensor.Data[float64](y)[i] = v
	}
	return y
}

// TestConvPoolIsFound: with ReLU before or after the pooling or without, but not
// with other windows or another reader of the convolution.
func TestConvPoolIsFound(t *testing.T) {
	halves := graph.Attrs{"kernel_shape": ints(2, 2), "strides": ints(2, 2)}
	pads := graph.Attrs{"pads": ints(1, 1, 1, 1)}
	b := graph.NewBuilder("net")
	conv := func(name string, x graph.Value, c, m int) graph.Value {
		return b.Node("conv", "Conv", pads, x, b.Param(name, optest.Unit(m, c, 3, 3)))
	}
	h := b.Input("x", tensor.F64, 2, 3, 32, 32)
	h = b.Node("pool", "MaxPool", halves, conv("w1", h, 3, 4))
	h = b.Node("pool", "MaxPool", halves, b.Node("relu", "Relu", nil, conv("w2", h, 4, 2)))
	h = b.Node("relu", "Relu", nil, b.Node("pool", "MaxPool", halves, conv("w3", h, 2, 3)))
	h = b.Node("pool", "MaxPool", graph.Attrs{"kernel_shape": ints(2, 2), "strides": ints(1, 1)}, conv("w4", h, 3, 2))
	c := conv("w5", h, 2, 2)
	b.Output(b.Node("relu", "Relu", nil, c))
	b.Output(b.Node("pool", "MaxPool", halves, c))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	inf, err := m.Infer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := fusePooling(&graph.PassContext{Graph: m.Graph, Shapes: inf, Train: true, Backward: true}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range m.Graph.Nodes {
		op := n.Op
		if n.Attrs.Bool(attrRelu, false) {
			op += "+Relu"
		}
		got = append(got, op)
	}
	if want := "ConvPool ConvPool+Relu ConvPool+Relu Conv MaxPool Conv Relu MaxPool"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
