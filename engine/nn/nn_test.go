package nn_test

import (
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// forward runs the finished net and returns every output and the fetched values.
func forward(t *testing.T, n *nn.Net, in map[string]*tensor.Tensor, fetch ...graph.Value) map[graph.Value]*tensor.Tensor {
	t.Helper()
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	o := graph.Options{Fetch: fetch, Shapes: map[graph.Value]tensor.Shape{}}
	for name, x := range in {
		o.Shapes[graph.Value(name)] = x.Shape()
	}
	s, err := graph.Compile(m, o)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range in {
		if err := s.Feed(graph.Value(name), x); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Forward(); err != nil {
		t.Fatal(err)
	}
	got := map[graph.Value]*tensor.Tensor{}
	for _, v := range append(s.Outputs(), fetch...) {
		got[v] = s.Tensor(v)
	}
	return got
}

// layer is a builder with what it must emit for an input of the given shape.
type layer struct {
	name   string
	in     tensor.Shape // without the batch
	build  func(n *nn.Net, x graph.Value) graph.Value
	out    tensor.Shape
	params int      // trainable elements
	ops    []string // in order
}

var maps, rows, steps = tensor.Shape{6, 9, 9}, tensor.Shape{7}, tensor.Shape{5, 4}

var layers = []layer{
	{"dense", rows, func(n *nn.Net, x graph.Value) graph.Value { return n.Dense("l", x, 3, nn.Dense{}) },
		tensor.Shape{3}, 7*3 + 3, []string{"Gemm"}},
	{"dense without bias", rows, func(n *nn.Net, x graph.Value) graph.Value { return n.Dense("l", x, 3, nn.Dense{NoBias: true}) },
		tensor.Shape{3}, 7 * 3, []string{"Gemm"}},
	{"dense on steps", steps, func(n *nn.Net, x graph.Value) graph.Value { return n.Dense("l", x, 3, nn.Dense{}) },
		tensor.Shape{5, 3}, 4*3 + 3, []string{"MatMul", "Add"}},
	{"conv", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.Conv("l", x, 8, nn.Conv{Kernel: 3}) },
		tensor.Shape{8, 7, 7}, 6*8*9 + 8, []string{"Conv"}},
	{"strided conv", maps, func(n *nn.Net, x graph.Value) graph.Value {
		return n.Conv("l", x, 8, nn.Conv{Kernel: 3, Stride: 2, Pad: 1, NoBias: true})
	}, tensor.Shape{8, 5, 5}, 6 * 8 * 9, []string{"Conv"}},
	{"even kernel, same size", maps, func(n *nn.Net, x graph.Value) graph.Value {
		return n.Conv("l", x, 8, nn.Conv{Kernel: 4, Same: true})
	}, tensor.Shape{8, 9, 9}, 6*8*16 + 8, []string{"Conv"}},
	{"dilated conv", maps, func(n *nn.Net, x graph.Value) graph.Value {
		return n.Conv("l", x, 8, nn.Conv{Kernel: 3, Dilation: 2})
	}, tensor.Shape{8, 5, 5}, 6*8*9 + 8, []string{"Conv"}},
	{"depthwise conv", maps, func(n *nn.Net, x graph.Value) graph.Value {
		return n.Conv("l", x, 6, nn.Conv{Kernel: 3, Same: true, Groups: 6})
	}, tensor.Shape{6, 9, 9}, 6*9 + 6, []string{"Conv"}},
	{"max pooling", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.MaxPool(x, 2, 2) },
		tensor.Shape{6, 4, 4}, 0, []string{"MaxPool"}},
	{"padded max pooling", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.MaxPoolPad(x, 3, 2, 1) },
		tensor.Shape{6, 5, 5}, 0, []string{"MaxPool"}},
	{"global average", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.GlobalAveragePool(x) },
		tensor.Shape{6}, 0, []string{"GlobalAveragePool", "Flatten"}},
	{"batch norm", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.BatchNorm("l", x) },
		maps, 2 * 6, []string{"BatchNormalization"}},
	{"layer norm", steps, func(n *nn.Net, x graph.Value) graph.Value { return n.LayerNorm("l", x) },
		steps, 2 * 4, []string{"LayerNormalization"}},
	{"group norm", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.GroupNorm("l", x, 3) },
		maps, 2 * 6, []string{"GroupNormalization"}},
	{"dropout", rows, func(n *nn.Net, x graph.Value) graph.Value { return n.Dropout("l", x, 0.5) },
		rows, 0, []string{"Dropout"}},
	{"no dropout", rows, func(n *nn.Net, x graph.Value) graph.Value { return n.Relu(n.Dropout("l", x, 0)) },
		rows, 0, []string{"Relu"}},
	{"dense maxout", rows, func(n *nn.Net, x graph.Value) graph.Value { return n.MaxoutDense("l", x, 5, 3, nn.Dense{}) },
		tensor.Shape{5}, 3 * (7*5 + 5), []string{"Gemm", "Reshape", "ReduceMax"}},
	{"convolutional maxout", maps, func(n *nn.Net, x graph.Value) graph.Value {
		return n.MaxoutConv("l", x, 4, 2, nn.Conv{Kernel: 3, Same: true})
	}, tensor.Shape{4, 9, 9}, 2 * (6*4*9 + 4), []string{"Conv", "Reshape", "ReduceMax"}},
	{"basic block", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.BasicBlock("l", x, 6, 1, nn.PadShortcut) },
		maps, 2 * (6*6*9 + 2*6), []string{"Conv", "BatchNormalization", "Relu", "Conv", "BatchNormalization", "Add", "Relu"}},
	{"basic block, option A", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.BasicBlock("l", x, 12, 2, nn.PadShortcut) },
		tensor.Shape{12, 5, 5}, 6*12*9 + 12*12*9 + 4*12,
		[]string{"Conv", "BatchNormalization", "Relu", "Conv", "BatchNormalization", "Slice", "Pad", "Add", "Relu"}},
	{"basic block, option B", maps, func(n *nn.Net, x graph.Value) graph.Value {
		return n.BasicBlock("l", x, 12, 2, nn.ProjectShortcut)
	}, tensor.Shape{12, 5, 5}, 6*12*9 + 12*12*9 + 4*12 + 6*12 + 2*12,
		[]string{"Conv", "BatchNormalization", "Relu", "Conv", "BatchNormalization", "Conv", "BatchNormalization", "Add", "Relu"}},
	{"pre-activation block", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.PreActBlock("l", x, 6, 1, nn.PadShortcut) },
		maps, 2 * (6*6*9 + 2*6), []string{"BatchNormalization", "Relu", "Conv", "BatchNormalization", "Relu", "Conv", "Add"}},
	{"auxiliary head on maps", maps, func(n *nn.Net, x graph.Value) graph.Value { return n.AuxHead("l", x, 10) },
		tensor.Shape{10}, 6*10 + 10, []string{"GlobalAveragePool", "Flatten", "Gemm"}},
	{"auxiliary head on rows", rows, func(n *nn.Net, x graph.Value) graph.Value { return n.AuxHead("l", x, 10) },
		tensor.Shape{10}, 7*10 + 10, []string{"Gemm"}},
	{"LSTM", steps, func(n *nn.Net, x graph.Value) graph.Value { return n.Recurrent("l", x, 3, nn.Recurrent{}) },
		tensor.Shape{3}, 4 * 3 * (4 + 3 + 2), []string{"Transpose", "LSTM", "Transpose", "Reshape"}},
	{"both directions of a GRU, all steps", steps, func(n *nn.Net, x graph.Value) graph.Value {
		return n.Recurrent("l", x, 3, nn.Recurrent{Cell: nn.GRU, Bidirectional: true, Sequence: true})
	}, tensor.Shape{5, 6}, 2 * 3 * 3 * (4 + 3 + 2), []string{"Transpose", "GRU", "Transpose", "Reshape"}},
	{"plain recurrence", steps, func(n *nn.Net, x graph.Value) graph.Value {
		return n.Recurrent("l", x, 3, nn.Recurrent{Cell: nn.RNN})
	}, tensor.Shape{3}, 3 * (4 + 3 + 2), []string{"Transpose", "RNN", "Transpose", "Reshape"}},
}

// TestLayers checks what each builder emits, its parameters, and the shape that its
// values have when run for batches of one and of three.
func TestLayers(t *testing.T) {
	for _, l := range layers {
		t.Run(l.name, func(t *testing.T) {
			n, y := l.net()
			l.checkGraph(t, n)
			for _, batch := range []int{1, 3} {
				x := tensor.New(tensor.F32, append(tensor.Shape{batch}, l.in...))
				nn.Normal(1)(tensor.NewRand(1, "x"), x.F32s(), nil, 0, 0)
				got := forward(t, n, map[string]*tensor.Tensor{"x": x})[y]
				if want := append(tensor.Shape{batch}, l.out...); !got.Shape().Equal(want) {
					t.Errorf("%v, want %v", got, want)
				}
				if _, std := moments(got.F32s()); std == 0 || std != std {
					t.Errorf("the outputs have the standard deviation %g", std)
				}
			}
		})
	}
}

func (l layer) net() (*nn.Net, graph.Value) {
	n := nn.New(l.name, 1)
	dims := []any{"N"}
	for _, d := range l.in {
		dims = append(dims, d)
	}
	y := l.build(n, n.Input("x", tensor.F32, dims...))
	n.Output(y)
	return n, y
}

func (l layer) checkGraph(t *testing.T, n *nn.Net) {
	var ops []string
	for _, node := range n.Graph().Nodes {
		ops = append(ops, node.Op)
	}
	if !slices.Equal(ops, l.ops) {
		t.Errorf("nodes %v, want %v", ops, l.ops)
	}
	params := 0
	for _, p := range n.Graph().Params {
		if p.Trainable {
			params += p.Shape.Size()
		}
	}
	if params != l.params {
		t.Errorf("%d trainable elements, want %d", params, l.params)
	}
}

// TestMaxoutTakesTheLargestPiece compares maxout with its equation: unit u is the
// largest of the affine maps u P .. u P + P - 1.
func TestMaxoutTakesTheLargestPiece(t *testing.T) {
	const units, pieces = 5, 3
	n := nn.New("maxout", 1)
	y := n.MaxoutDense("l", n.Input("x", tensor.F32, "N", 7), units, pieces, nn.Dense{})
	n.Output(y)
	affine := n.Graph().Nodes[0].Out[0]
	x := tensor.Of(tensor.Shape{2, 7}, draw(nn.Normal(1), tensor.Shape{2, 7}, 0, 0))
	got := forward(t, n, map[string]*tensor.Tensor{"x": x}, affine)
	for i, v := range got[y].F32s() {
		if want := slices.Max(got[affine].F32s()[i*pieces : (i+1)*pieces]); v != want {
			t.Errorf("unit %d is %g, its pieces' maximum %g", i, v, want)
		}
	}
}

// TestResidualBlocksAddTheirInput checks with all weights of the residual branch zero:
// a pre-activation block is the identity, a basic block max(x, 0).
func TestResidualBlocksAddTheirInput(t *testing.T) {
	for name, build := range map[string]func(*nn.Net, graph.Value) graph.Value{
		"basic": func(n *nn.Net, x graph.Value) graph.Value { return n.BasicBlock("l", x, 6, 1, nn.PadShortcut) },
		"pre":   func(n *nn.Net, x graph.Value) graph.Value { return n.PreActBlock("l", x, 6, 1, nn.PadShortcut) },
	} {
		n := nn.New(name, 1)
		n.Init = nn.Constant(0)
		y := build(n, n.Input("x", tensor.F32, "N", 6, 9, 9))
		n.Output(y)
		x := tensor.Of(tensor.Shape{1, 6, 9, 9}, draw(nn.Normal(1), tensor.Shape{6, 9, 9}, 0, 0))
		got := forward(t, n, map[string]*tensor.Tensor{"x": x})[y].F32s()
		for i, v := range x.F32s() {
			if name == "basic" {
				v = max(v, 0)
			}
			if got[i] != v {
				t.Fatalf("%s block: element %d is %g, want %g", name, i, got[i], v)
			}
		}
	}
}

// TestAuxHeadIsPrunedAway checks that a head which is no output costs nothing later.
func TestAuxHeadIsPrunedAway(t *testing.T) {
	n := nn.New("aux", 1)
	h := n.Relu(n.Dense("fc1", n.Input("x", tensor.F32, "N", 7), 5, nn.Dense{}))
	n.AuxHead("head", h, 10)
	n.Output(n.Dense("fc2", h, 10, nn.Dense{}))
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	if m.Graph.Param("head/fc/weight") == nil {
		t.Fatal("the head has no weights before pruning")
	}
	m.Prune()
	if m.Graph.Param("head/fc/weight") != nil || m.Graph.Param("fc2/weight") == nil {
		t.Error("pruning kept the head or lost a layer")
	}
}

func TestUnknownCellIsAnError(t *testing.T) {
	n := nn.New("cell", 1)
	n.Recurrent("l", n.Input("x", tensor.F32, "N", 5, 4), 3, nn.Recurrent{Cell: "QRNN"})
	if _, err := n.Model(); err == nil {
		t.Error("an unknown cell was built")
	}
}
