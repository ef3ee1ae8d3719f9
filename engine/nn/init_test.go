package nn_test

import (
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// draw returns the values of an initializer for a weight of shape s.
func draw(init nn.Initializer, s tensor.Shape, fanIn, fanOut int) []float32 {
	w := make([]float32, s.Size())
	init(tensor.NewRand(3, "test"), w, s, fanIn, fanOut)
	return w
}

// moments returns mean and standard deviation.
func moments(x []float32) (mean, std float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		std += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, math.Sqrt(std / float64(len(x)))
}

// near reports whether got is within the fraction tol of want.
func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Abs(want) }

func TestInitializerMoments(t *testing.T) {
	const in, out = 300, 200
	for name, std := range map[string]float64{
		"xavier": math.Sqrt(2.0 / (in + out)), "xavier-normal": math.Sqrt(2.0 / (in + out)),
		"he": math.Sqrt(2.0 / in), "he-uniform": math.Sqrt(2.0 / in),
		"normal=0.05": 0.05, "uniform=0.3": 0.3 / math.Sqrt(3), "constant=0.25": 0,
	} {
		init, err := nn.ParseInit(name)
		if err != nil {
			t.Fatal(err)
		}
		mean, got := moments(draw(init, tensor.Shape{out, in}, in, out))
		wantMean := 0.0
		if name == "constant=0.25" {
			wantMean = 0.25
		}
		if !near(got, std, 0.02) || math.Abs(mean-wantMean) > 0.02*std {
			t.Errorf("%s: mean %.5f and standard deviation %.5f, want %g and %.5f", name, mean, got, wantMean, std)
		}
	}
	for _, bad := range []string{"hee", "normal=", "normal=x"} {
		if _, err := nn.ParseInit(bad); err == nil {
			t.Errorf("%q is an initializer", bad)
		}
	}
}

func TestUniformStaysInRange(t *testing.T) {
	for _, v := range draw(nn.Uniform(-0.005, 0.005), tensor.Shape{100, 100}, 100, 100) {
		if v < -0.005 || v >= 0.005 {
			t.Fatalf("%g is not in [-0.005, 0.005)", v)
		}
	}
}

// TestOrthogonal checks that the shorter side of a matrix is orthonormal, and each
// block of a matrix with more rows than columns.
func TestOrthogonal(t *testing.T) {
	for _, s := range []tensor.Shape{{20, 50}, {50, 20}, {12, 3, 2, 2}, {1, 4 * 9, 9}, {2, 4 * 5, 5}} {
		rows := s[0]
		if len(s) == 3 {
			rows *= s[1]
		}
		cols := s.Size() / rows
		w := draw(nn.Orthogonal, s, cols, rows)
		for i := range rows {
			for j := i - i%cols; j <= i; j++ { // within the block of at most cols rows
				dot, want := 0.0, 0.0
				for k := range cols {
					dot += float64(w[i*cols+k]) * float64(w[j*cols+k])
				}
				if i == j {
					want = 1
				}
				if math.Abs(dot-want) > 1e-5 {
					t.Fatalf("%v: rows %d and %d have the product %g", s, i, j, dot)
				}
			}
		}
	}
}

// TestInitializersAreFunctionsOfSeedAndName checks that parameters do not depend on
// the order in which layers are built, and differ between names and seeds.
func TestInitializersAreFunctionsOfSeedAndName(t *testing.T) {
	weights := func(seed uint64, names ...string) map[string]float32 {
		n := nn.New("net", seed)
		x := n.Input("x", tensor.F32, "N", 4)
		for _, name := range names {
			n.Dense(name, x, 4, nn.Dense{})
		}
		got := map[string]float32{}
		for _, name := range names {
			got[name] = n.Graph().Param(graph.Value(name + "/weight")).Data.F32s()[5]
		}
		return got
	}
	a, b, c := weights(1, "p", "q"), weights(1, "q", "p"), weights(2, "p", "q")
	if a["p"] != b["p"] || a["q"] != b["q"] {
		t.Errorf("the order of layers changes their weights: %v, %v", a, b)
	}
	if a["p"] == a["q"] || a["p"] == c["p"] {
		t.Errorf("equal weights: %v, %v", a, c)
	}
}

// TestTenTanhLayers measures the spread of activations of the tenth layer of 500 tanh
// units on N(0, 1) input, which vanishes, saturates or stays by the initializer.
func TestTenTanhLayers(t *testing.T) {
	const units, layers, samples = 500, 10, 1000
	x := tensor.New(tensor.F32, tensor.Shape{samples, units})
	copy(x.F32s(), draw(nn.Normal(1), x.Shape(), 0, 0))
	for _, c := range []struct {
		name string
		init nn.Initializer
		std  float64
	}{
		{"normal(0.01)", nn.Normal(0.01), 2.9e-7},
		{"normal(1)", nn.Normal(1), 0.982},
		{"Xavier", nn.XavierNormal, 0.227},
		{"He", nn.HeNormal, 0.556},
	} {
		n := nn.New("tanh", 1)
		n.Init = c.init
		h := n.Input("x", tensor.F32, "N", units)
		for range layers {
			h = n.Node("tanh", "Tanh", nil, n.Dense("fc", h, units, nn.Dense{NoBias: true}))
		}
		n.Output(h)
		y := forward(t, n, map[string]*tensor.Tensor{"x": x})
		if _, std := moments(y[h].F32s()); !near(std, c.std, 0.05) {
			t.Errorf("%s: the standard deviation of layer %d is %.4g, want %.4g", c.name, layers, std, c.std)
		}
	}
}

// TestMaxoutKeepsTheScale passes N(0, 1) through ten maxout layers without biases: the mean
// square stays within what widths of 500 make it vary, where He's variance doubles it in each.
func TestMaxoutKeepsTheScale(t *testing.T) {
	const units, layers, samples = 500, 10, 200
	x := tensor.New(tensor.F32, tensor.Shape{samples, units})
	copy(x.F32s(), draw(nn.Normal(1), x.Shape(), 0, 0))
	for _, pieces := range []int{1, 2, 5} {
		n := nn.New("maxout", 1)
		h := n.Input("x", tensor.F32, "N", units)
		for range layers {
			h = n.MaxoutDense("l", h, units, pieces, nn.Dense{NoBias: true})
		}
		n.Output(h)
		y := forward(t, n, map[string]*tensor.Tensor{"x": x})
		mean, std := moments(y[h].F32s())
		if square := mean*mean + std*std; square < 0.5 || square > 2 {
			t.Errorf("%d pieces: the mean square is %.3g after %d layers, want about 1", pieces, square, layers)
		}
	}
}
