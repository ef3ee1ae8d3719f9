package op

import (
	"fmt"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	x, w, bias := optest.Vals(2, 3, 5, 4), optest.Unit(4, 3, 3, 3), optest.Unit(4)
	pads := graph.Attrs{"pads": ints(1, 1, 1, 1)}
	for _, act := range []string{"", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip", "HardSwish", "HardSigmoid", "Gelu", silu} {
		a := graph.Attrs{attrAct: act, attrAlpha: float32(-0.25), attrBeta: float32(0.5), "pads": pads["pads"]}
		addFused("Conv", "act "+act, a, optest.In(x, w, bias, optest.Vals2(2, 4, 5, 4)), actRef(act))
		addFused("Linear", "act "+act, a, optest.In(optest.Vals(3, 2, 5), optest.Unit(5, 4), bias, optest.Vals2(3, 2, 4)), actRef(act))
	}
	addFused("Conv", "alone", pads, optest.In(x, w), actRef(""))
	addFused("Linear", "transposed", graph.Attrs{"transB": int64(1)}, optest.In(optest.Vals(3, 5), optest.Unit(4, 5), bias), actRef(""))
	in := optest.In(x, optest.Unit(3), optest.Vals2(3), optest.Unit(3), optest.Pos(3))
	more := append(in[:5:5], optest.Vals2(2, 3, 5, 4))
	for _, s := range []struct {
		name string
		in   []*tensor.Tensor
	}{{"plain", in}, {"residual", more}} {
		n := graph.Node{Domain: graph.PrivateDomain, Op: "BatchNormRelu"}
		want := normed(x, in[1], in[2], in[3], in[4])
		trained, _, _ := batchNormed(x, in[1], in[2])
		for _, y := range []*tensor.Tensor{want, trained} {
			for i := range y.Len() {
				d := tensor.Data[float64](y)
				if len(s.in) > 5 {
					d[i] += tensor.Data[float64](s.in[5])[i]
				}
				d[i] = max(0, d[i])
			}
		}
		optest.Add(
			optest.Sample{Name: s.name, Node: n, In: s.in, NoGrad: true, Want: optest.In(want)},
			// The statistics are inputs that training changes.
			optest.Sample{Name: s.name + ", training", Node: trainedNorm(), In: s.in, Want: optest.In(trained), Tol: 1e-4},
		)
	}
}

// trainedNorm is the form for training with its running statistics as outputs, of
// which it has none here.
func trainedNorm() graph.Node {
	return graph.Node{Domain: graph.PrivateDomain, Op: "BatchNormRelu", Attrs: graph.Attrs{"training_mode": int64(1)}}
}

func addFused(op, name string, a graph.Attrs, in []*tensor.Tensor, f func(float64) float64) {
	var y *tensor.Tensor
	var bias *tensor.Tensor
	if len(in) > 2 {
		bias = in[2]
	}
	if op == "Conv" {
		y = naiveConv(a, in[0], in[1], bias)
	} else {
		k := in[0].Shape()[len(in[0].Shape())-1]
		y = naiveGemm(a, in[0].View(tensor.Shape{in[0].Len() / k, k}), in[1], bias)
		y = y.View(append(in[0].Shape()[:len(in[0].Shape())-1].Clone(), y.Shape()[1]))
	}
	for i, v := range tensor.Data[float64](y) {
		if len(in) > 3 {
			v += tensor.Data[float64](in[3])[i]
		}
		tensor.Data[float64](y)[i] = f(v)
	}
	optest.Add(optest.Sample{Name: name, Node: graph.Node{Domain: graph.PrivateDomain, Op: op, Attrs: a}, In: in, NoGrad: true, Want: optest.In(y)})
}

// actRef is an activation with alpha -1/4 and beta 1/2.
func actRef(name string) func(float64) float64 {
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	return map[string]func(float64) float64{
		"":     func(v float64) float64 { return v },
		"Relu": func(v float64) float64 { return max(v, 0) },
		"LeakyRelu": func(v float64) float64 {
			if v < 0 {
				return -0.25 * v
			}
			return v
		},
		"Sigmoid": sigmoid, "Tanh": math.Tanh,
		"Clip":        func(v float64) float64 { return max(-0.25, min(0.5, v)) },
		"HardSwish":   func(v float64) float64 { return v * max(0, min(1, v/6+0.5)) },
		"HardSigmoid": func(v float64) float64 { return max(0, min(1, -0.25*v+0.5)) },
		"Gelu":        func(v float64) float64 { return v * (1 + math.Erf(v/math.Sqrt2)) / 2 },
		silu:          func(v float64) float64 { return v * sigmoid(v) },
	}[name]
}

// fuseNet is a residual network in miniature with every pattern that is fused.
func fuseNet(t *testing.T) *graph.Model {
	b := graph.NewBuilder("net")
	x := b.Input("x", tensor.F64, 2, 3, 6, 6)
	seed := 0
	par := func(name string, dims ...int) graph.Value {
		seed++
		p := tensor.New(tensor.F64, dims)
		for i, v := range tensor.Data[float64](optest.Unit(dims...)) {
			tensor.Data[float64](p)[i] = v + 0.01*float64(seed)
		}
		return b.Param(name, p)
	}
	norm := func(x graph.Value, c int) graph.Value {
		return b.Node("bn", "BatchNormalization", nil, x, par("scale", c), par("bias", c),
			b.Const("mean", optest.Unit(c)), b.Const("var", optest.Pos(c)))
	}
	pads := graph.Attrs{"pads": ints(1, 1, 1, 1)}
	h := b.Node("relu", "Relu", nil, norm(b.Node("conv", "Conv", pads, x, par("w", 4, 3, 3, 3)), 4))
	y := norm(b.Node("conv", "Conv", pads, h, par("w", 4, 4, 3, 3), par("b", 4)), 4)
	short := norm(b.Node("conv", "Conv", nil, h, par("w", 4, 4, 1, 1)), 4)
	h = b.Node("relu", "Relu", nil, b.Node("add", "Add", nil, y, short))
	h = b.Node("act", "Relu", nil, norm(h, 4)) // nothing to fold into
	h = b.Node("act", "Clip", nil, b.Node("conv", "Conv", nil, h, par("w", 2, 4, 1, 1)), b.Const("lo", tensor.Scalar(-0.5)), b.Const("hi", tensor.Scalar(0.5)))
	h = b.Node("conv", "Conv", nil, h, par("w", 4, 2, 1, 1))
	h = b.Node("silu", "Mul", nil, h, b.Node("sigmoid", "Sigmoid", nil, h))
	h = b.Node("flat", "Flatten", nil, b.Node("pool", "GlobalAveragePool", nil, h))
	h = b.Node("gelu", "Gelu", nil, b.Node("add", "Add", nil, b.Node("mm", "MatMul", nil, h, par("w", 4, 5)), par("b", 5)))
	skip := b.Node("fc", "Gemm", graph.Attrs{"transB": int64(1)}, h, par("w", 5, 5), par("b", 5))
	h = norm(b.Node("add", "Add", nil, skip, h), 5)
	h = norm(b.Node("fc", "Gemm", nil, h, par("w", 5, 3), par("b", 3)), 3)
	b.Output(h)
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFusionKeepsValues compares sessions with and without passes.
func TestFusionKeepsValues(t *testing.T) {
	for _, o := range []graph.Options{{}, {Live: true}, {Train: true}} {
		for _, grad := range []bool{false, true} {
			t.Run(fmt.Sprint(o.Live, o.Train, grad), func(t *testing.T) {
				compareFused(t, fuseNet(t), o, grad)
				compareFused(t, reluNet(t), o, grad)
			})
		}
	}
}

func compareFused(t *testing.T, net *graph.Model, o graph.Options, grad bool) {
	t.Helper()
	var results [2][]*tensor.Tensor
	for i := range results {
		m := net.DeepClone()
		if grad {
			addLossTo(t, m)
			o.Loss = "loss"
		}
		o.Unfused = i == 0
		s, err := graph.Compile(m, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // running statistics move
			if err := s.Feed("x", optest.Vals2(2, 3, 6, 6)); err != nil {
				t.Fatal(err)
			}
			if err := s.Forward(); err != nil {
				t.Fatal(err)
			}
		}
		results[i] = append(results[i], s.Tensor(m.Graph.Outputs[0].Name).Clone())
		if grad {
			if err := s.Backward(); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range m.Graph.Params {
			if grad && p.Trainable {
				results[i] = append(results[i], s.Grad(p.Name).Clone())
			}
			if !p.Trainable && p.DType == tensor.F64 {
				results[i] = append(results[i], p.Data)
			}
		}
	}
	for i, want := range results[0] {
		for j, v := range tensor.Data[float64](want) {
			if got := tensor.Data[float64](results[1][i])[j]; math.Abs(got-v) > 1e-9*(1+math.Abs(v)) {
				t.Fatalf("tensor %d: element %d is %v when fused, %v when not", i, j, got, v)
			}
		}
	}
}

func addLossTo(t *testing.T, m *graph.Model) {
	g := m.Graph
	g.Nodes = append(g.Nodes, &graph.Node{Name: "loss", Op: "ReduceLogSumExp", Attrs: graph.Attrs{"keepdims": int64(0)},
		In: []graph.Value{g.Outputs[0].Name}, Out: []graph.Value{"loss"}})
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
}

// TestFusionFinds runs the passes by themselves and looks at what is left.
func TestFusionFinds(t *testing.T) {
	for _, c := range []struct {
		train bool
		pass  []func(*graph.PassContext) error
		want  string
	}{
		{false, []func(*graph.PassContext) error{foldBatchNorms, fuseEpilogues, fuseNormRelu},
			"Conv+Relu Conv Conv++Relu BatchNormRelu Conv+Clip Conv+Silu GlobalAveragePool Flatten Linear+Gelu Linear+ BatchNormalization Gemm"},
		{true, []func(*graph.PassContext) error{fuseNormRelu},
			"Conv BatchNormRelu Conv Conv BatchNormalization BatchNormRelu+ BatchNormRelu Conv Clip Conv Sigmoid Mul GlobalAveragePool Flatten MatMul Add Gelu Gemm Add BatchNormalization Gemm BatchNormalization"},
	} {
		m := fuseNet(t)
		got := ""
		for _, p := range c.pass {
			inf, err := m.Infer(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := p(&graph.PassContext{Graph: m.Graph, Shapes: inf, Train: c.train, Backward: c.train}); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range m.Graph.Nodes {
			got += " " + n.Op
			if input(n, 3) != "" && n.Domain != "" && n.Op != "BatchNormRelu" || input(n, 5) != "" {
				got += "+"
			}
			if a := n.Attrs.Str(attrAct, ""); a != "" {
				got += "+" + a
			}
		}
		if got[1:] != c.want {
			t.Errorf("train %v:\n got %s\nwant %s", c.train, got[1:], c.want)
		}
	}
}
