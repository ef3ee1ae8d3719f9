package lowrank

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// TestErrorsFromOutputMoments has memory for the moments of outputs alone. Those tell the
// error of a projection, which must be what is measured from outside, and of no other form:
// its error is the weight's, by which no budget takes what loses nearly everything.
func TestErrorsFromOutputMoments(t *testing.T) {
	dense, conv := wide(t, 256, 16), deep(t, 1, 24)
	for _, c := range []struct {
		method string
		m      *graph.Model
		policy RankPolicy
		batch  []int
		most   float64 // of the error
	}{
		{"svd", dense, FixedRank{Ranks{6}}, []int{128, 256}, 1},
		{"tt-matrix", dense, FixedRank{Ranks{4}}, []int{128, 256}, 1},
		{"auto", dense, Keep{Fraction: 0.5}, []int{128, 256}, 0.75},
		{"channel", conv, FixedRank{Ranks{8}}, []int{16, 24, 8, 8}, 1},
		{"spatial", conv, FixedRank{Ranks{8}}, []int{16, 24, 8, 8}, 1},
		{"cp", conv, FixedRank{Ranks{8}}, []int{16, 24, 8, 8}, 1},
		{"tucker", conv, FixedRank{Ranks{8, 8}}, []int{16, 24, 8, 8}, 1},
		{"tt-conv", conv, FixedRank{Ranks{8}}, []int{16, 24, 8, 8}, 1},
	} {
		cfg := Config{Method: c.method, Policy: c.policy, Calibration: randomly(c.batch...), Unrefined: true, Memory: 1 << 20}
		r, err := newRun(c.m, cfg)
		if err == nil {
			err = r.calibrate(context.Background())
		}
		if err != nil || r.mom[0] == nil || r.mom[0].In != nil {
			t.Fatalf("%s: moments %+v, want those of outputs (%v)", c.method, r.mom[0], err)
		}
		out, rep := mustRun(t, c.m, cfg)
		x := toTensor(normal(1, c.batch...), tensor.F32)
		actual := math.Sqrt(distance([][]float64{runModel(t, c.m, x)}, [][]float64{runModel(t, out, x)}))
		told := rep.Sites[0].OutputError
		if projects := rep.Sites[0].Method == "svd" || c.method == "channel"; (told != nil) != projects {
			t.Errorf("%s: output error %v, want one for projections alone", c.method, told)
		}
		if told != nil && math.Abs(*told-actual) > 0.1*actual || actual > c.most {
			t.Errorf("%s: the output's error is %g, reported %v", c.method, actual, told)
		}
		if w := *rep.Sites[0].WeightError; math.Abs(w-actual) > 0.15*actual { // for white inputs
			t.Errorf("%s: the output's error is %g, the weight's %g", c.method, actual, w)
		}
	}
}

// TestUnseenDirectionsAreKept calibrates a weight of rank 4 with one vector: a projection of rank 4
// keeps all of it, not only what that vector shows.
func TestUnseenDirectionsAreKept(t *testing.T) {
	w := product(normal(1, 16, 4).Mat(16), normal(2, 4, 20).Mat(4))
	x := normal(3, 1, 20).Mat(1)
	in := linalg.NewMat(20, 20)
	linalg.Mul(in, 1, x, true, x, false, 0)
	p := &Problem{Site: denseSite(Dense, 16, 20), W: nd.Of(w.Data, 1, 16, 20), Moments: &Moments{Rows: 1, In: []*linalg.Mat{in}}}
	_, approx := factor(t, svd{}, p, Ranks{4})
	if e := nd.RelError(p.W, approx); e > 1e-4 {
		t.Errorf("the weight's error is %g", e)
	}
}

// TestCalibratedRecurrence factors both matrices of recurrent layers, of which the first is
// calibrated.
func TestCalibratedRecurrence(t *testing.T) {
	for _, l := range recurrentLayers() {
		m, x := l.model(t), l.feed()
		plain, _ := mustRun(t, m, Config{Method: "svd", Policy: FixedRank{Ranks{2}}})
		out, rep := mustRun(t, m, Config{Method: "svd", Policy: FixedRank{Ranks{2}}, Calibration: randomly(x.Shape()...)})
		if len(rep.Sites) != 2 || rep.Sites[0].Method != "svd" || rep.Sites[1].Method != "svd" {
			t.Errorf("%s: %+v", l.name, rep.Sites)
		}
		y := [][]float64{runModel(t, m, x)}
		if was, is := distance(y, [][]float64{runModel(t, plain, x)}), distance(y, [][]float64{runModel(t, out, x)}); is > 1.5*was {
			t.Errorf("%s: error %g with calibration, %g without", l.name, is, was)
		}
	}
}

// TestColumnBias leaves a Gemm's bias alone that is a number for each sample.
func TestColumnBias(t *testing.T) {
	for _, c := range []struct {
		shape []int
		want  bool
	}{{[]int{8}, true}, {[]int{1, 8}, true}, {[]int{8, 1}, false}} {
		b := graph.NewBuilder("column")
		x := b.Input("x", tensor.F32, 8, 20)
		b.Output(b.Node("fc", "Gemm", graph.Attrs{"transB": int64(1)}, x, b.Param("w", f32(1, 8, 20)), b.Param("b", f32(2, c.shape...))))
		m, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		sites, err := Find(m, Selection{})
		if err != nil || len(sites) != 1 {
			t.Fatalf("%d sites, %v", len(sites), err)
		}
		if got := sites[0].bias != nil; got != c.want {
			t.Errorf("bias %v takes the means over: %v, want %v", c.shape, got, c.want)
		}
	}
}

// TestCalibrationNamesTheBadWeight wants the error of the weight that is NaN, not of the
// layer behind it that reads what it gives.
func TestCalibrationNamesTheBadWeight(t *testing.T) {
	m := mlp(t)
	m.Graph.Param("fc1/weight").Data.F32s()[3] = float32(math.NaN())
	_, _, err := Run(context.Background(), m, Config{Calibration: batches(2)})
	if err == nil || !strings.Contains(err.Error(), `"fc1/gemm"`) || !strings.Contains(err.Error(), "1 of 480 values") {
		t.Errorf("error %v", err)
	}
}
