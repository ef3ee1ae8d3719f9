package op

import (
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	for _, op := range []string{"RandomNormal", "RandomUniform"} {
		like := graph.Node{Op: op + "Like"}
		optest.Add(
			optest.Sample{Name: "matrix", Node: graph.Node{Op: op, Attrs: graph.Attrs{"shape": []int64{3, 7}}}, Random: true},
			optest.Sample{Name: "double", Node: graph.Node{Op: op, Attrs: graph.Attrs{"shape": []int64{}, "dtype": int64(11), "seed": float32(3)}}, Random: true},
			optest.Sample{Name: "float16", Node: graph.Node{Op: op, Attrs: graph.Attrs{"shape": []int64{0, 2}, "dtype": int64(10)}}, Random: true},
			optest.Sample{Name: "floats", Node: like, In: optest.In(seq(2, 3)), NoGrad: true, Random: true},
			optest.Sample{Name: "integers", Node: graph.Node{Op: op + "Like", Attrs: graph.Attrs{"dtype": int64(16)}}, In: optest.In(i64s(1, 2)), Random: true},
		)
	}
	optest.Add(
		optest.Sample{Name: "certain", Node: graph.Node{Op: "Bernoulli"}, In: optest.In(vals([]int{4}, 0, 1, 1, 0)), NoGrad: true, Want: optest.In(vals([]int{4}, 0, 1, 1, 0))},
		optest.Sample{Name: "bools", Node: graph.Node{Op: "Bernoulli", Attrs: graph.Attrs{"dtype": int64(9)}}, In: optest.In(vals([]int{2}, 1, 0)), NoGrad: true, Want: optest.In(tensor.Vec(true, false))},
		optest.Sample{Name: "chance", Node: graph.Node{Op: "Bernoulli", Attrs: graph.Attrs{"dtype": int64(6)}}, In: optest.In(vals([]int{3}, 0.5, 0.25, 0.75)), NoGrad: true, Random: true},
	)
}

// TestRandomMoments compares mean and deviation of many numbers with what is asked for.
func TestRandomMoments(t *testing.T) {
	n := []int64{40000}
	for _, c := range []struct {
		op        string
		attrs     graph.Attrs
		in        []*tensor.Tensor
		mean, dev float64
	}{
		{"RandomNormal", graph.Attrs{"shape": n, "dtype": int64(11), "mean": float32(2), "scale": float32(0.5)}, nil, 2, 0.5},
		{"RandomUniform", graph.Attrs{"shape": n, "dtype": int64(11), "low": float32(-1), "high": float32(3)}, nil, 1, 4 / math.Sqrt(12)},
		{"Bernoulli", nil, optest.In(filledWith(0.3, 40000)), 0.3, math.Sqrt(0.21)},
	} {
		out, err := optest.RunSession(optest.Sample{Node: graph.Node{Op: c.op, Attrs: c.attrs}, In: c.in})
		if err != nil {
			t.Fatal(err)
		}
		mean, dev := moments(tensor.Data[float64](out[0]))
		if math.Abs(mean-c.mean) > 0.02 || math.Abs(dev-c.dev) > 0.02 {
			t.Errorf("%s: mean %.3f deviation %.3f, want %.3f and %.3f", c.op, mean, dev, c.mean, c.dev)
		}
	}
}

func filledWith(v float64, n int) *tensor.Tensor {
	t := tensor.New(tensor.F64, tensor.Shape{n})
	fill(tensor.Data[float64](t), v)
	return t
}

func moments(x []float64) (mean, dev float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		dev += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(dev)
}

func TestRandomErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "RandomNormal"}}, "shape is missing")
	wantError(t, optest.Sample{Node: graph.Node{Op: "RandomNormal", Attrs: graph.Attrs{"shape": []int64{1}}}, In: optest.In(seq(1))}, "want none")
	wantError(t, optest.Sample{Node: graph.Node{Op: "RandomUniform", Attrs: graph.Attrs{"shape": []int64{1}, "dtype": int64(7)}}}, "floating-point")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Bernoulli"}, In: optest.In(seq(3))}, "outside [0, 1]")
}
