package op

import (
	"fmt"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// train is a tensor train with modes rows x cols and the ranks between them.
type train struct{ rows, cols, ranks []int }

// emit applies the train to rows of x, core by core.
func (t train) emit(b *graph.Builder, x graph.Value, dtype tensor.DType) graph.Value {
	ranks := append(append([]int{1}, t.ranks...), 1)
	rest, last := 1, len(t.rows)-1
	for _, k := range t.cols {
		rest *= k
	}
	for n, m := range t.rows {
		cols := ranks[n] * t.cols[n]
		rest /= t.cols[n]
		w := tensor.New(dtype, tensor.Shape{m * ranks[n+1], cols})
		if dtype == tensor.F64 {
			copy(tensor.Data[float64](w), tensor.Data[float64](optest.Unit(m*ranks[n+1], cols)))
		}
		a := b.Param("core", w)
		if n == last {
			x = b.Node("in", "Reshape", nil, x, b.Ints("shape", -1, cols))
			x = b.Node("product", "MatMul", nil, x, b.Node("t", "Transpose", graph.Attrs{"perm": graph.Ints64(1, 0)}, a))
		} else {
			x = b.Node("in", "Reshape", nil, x, b.Ints("shape", -1, cols, rest))
			x = b.Node("product", "MatMul", nil, a, x)
		}
	}
	return x
}

func trainNet(t *testing.T, c train) *graph.Model {
	t.Helper()
	b := graph.NewBuilder("net")
	x := b.Input("x", tensor.F64, 2, 3, 6, 6)
	m := 1
	for _, n := range c.rows {
		m *= n
	}
	b.Output(b.Node("out", "Reshape", nil, c.emit(b, b.Node("tanh", "Tanh", nil, x), tensor.F64), b.Ints("shape", -1, m)))
	net, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// contracted reports whether the pass multiplies the cores of a net.
func contracted(t *testing.T, m *graph.Model) bool {
	t.Helper()
	inf, err := m.Infer(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := m.Graph.Clone()
	if err := contractCores(&graph.PassContext{Graph: g, Shapes: inf}); err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Nodes {
		if n.Op == "Gemm" {
			return true
		}
	}
	return false
}

// Trains whose cores are multiplied first have the values and gradients of those applied in turn.
func TestContractedCores(t *testing.T) {
	for _, c := range []train{
		{[]int{3, 2}, []int{2, 3}, []int{4}},
		{[]int{2, 1, 3}, []int{3, 2, 1}, []int{5, 4}},
		{[]int{2, 3, 2}, []int{2, 3, 3}, []int{3, 6}},
		{[]int{3, 2, 2, 2}, []int{1, 2, 3, 2}, []int{3, 5, 4}},
		{[]int{2, 2, 1, 2, 2}, []int{2, 1, 2, 1, 3}, []int{4, 5, 3, 4}},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			net := trainNet(t, c)
			if !contracted(t, net) {
				t.Error("the cores are applied in turn")
			}
			compareFused(t, net, graph.Options{}, false)
			compareFused(t, net, graph.Options{Train: true}, true)
		})
	}
}

// Few rows of x, and shapes that are no train's, leave the products as they are.
func TestCoresInTurn(t *testing.T) {
	few := train{[]int{6, 9, 2}, []int{6, 6, 3}, []int{9, 7}}
	if contracted(t, trainNet(t, few)) {
		t.Error("a matrix of 108 x 108 is made for two rows")
	}
	b := graph.NewBuilder("net")
	x := b.Input("x", tensor.F64, 2, 3, 6, 6)
	x = b.Node("in", "Reshape", nil, x, b.Ints("shape", -1, 4, 3))
	x = b.Node("product", "MatMul", nil, b.Param("a", optest.Unit(6, 4)), x)
	x = b.Node("in", "Reshape", nil, x, b.Ints("shape", -1, 4)) // 4 of 3 columns
	b.Output(b.Node("product", "MatMul", nil, x, b.Node("t", "Transpose", nil, b.Param("b", optest.Unit(5, 4)))))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	if contracted(t, m) {
		t.Error("products that are no train were replaced")
	}
}

// BenchmarkTrainStep is a training step of 128 rows with a 1200 x 1200 matrix as a train.
func BenchmarkTrainStep(b *testing.B) {
	for _, unfused := range []bool{false, true} {
		b.Run(map[bool]string{false: "contracted", true: "in turn"}[unfused], func(b *testing.B) { benchmarkTrain(b, unfused) })
	}
}

func benchmarkTrain(b *testing.B, unfused bool) {
	g := graph.NewBuilder("net")
	x := g.Input("x", tensor.F32, 128, 1200)
	modes := train{[]int{5, 5, 4, 4, 3}, []int{3, 4, 4, 5, 5}, []int{15, 32, 32, 15}}
	g.Output(g.Node("loss", "ReduceSumSquare", graph.Attrs{"keepdims": int64(0)}, modes.emit(g, x, tensor.F32)))
	m, err := g.Model()
	if err != nil {
		b.Fatal(err)
	}
	s, err := graph.Compile(m, graph.Options{Loss: m.Graph.Outputs[0].Name, Train: true, Unfused: unfused})
	if err != nil {
		b.Fatal(err)
	}
	step := func() {
		if err := s.Forward(); err != nil {
			b.Fatal(err)
		}
		if err := s.Backward(); err != nil {
			b.Fatal(err)
		}
	}
	step()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}
