package lowrank

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// decayed returns a random M x K weight whose singular values fall by the given factor.
func decayed(seed uint64, m, k int, fall float64) *tensor.Tensor {
	a, b := normal(seed, m, m).Mat(m), normal(seed+1, m, k).Mat(m)
	for i := range m {
		scaleCol(a, i, math.Pow(fall, float64(i))/float64(m))
	}
	w := normal(seed, m, k)
	copy(w.Data, product(a, b).Data)
	return toTensor(w, tensor.F32)
}

// mlp has three layers, of 24, 32 and 10 outputs; the second has a fast decaying spectrum.
func mlp(t *testing.T) *graph.Model {
	t.Helper()
	b := graph.NewBuilder("mlp")
	x := b.Input("x", tensor.F32, "N", 20)
	for i, n := range []int{24, 32, 10} {
		in, fall := []int{20, 24, 32}[i], []float64{0.98, 0.7, 0.95}[i]
		b.Scope(fmt.Sprintf("fc%d", i+1), func() {
			w := b.Param("weight", decayed(uint64(i+1), n, in, fall))
			x = b.Node("gemm", "Gemm", graph.Attrs{"transB": int64(1)}, x, w, b.Param("bias", f32(uint64(i+5), n)))
		})
		if i < 2 {
			x = b.Node(fmt.Sprintf("relu%d", i+1), "Relu", nil, x)
		}
	}
	b.Output(x)
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// batches yields n batches of 32 inputs whose later features are small.
func batches(n int) Batches {
	return func(context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
		return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
			for i := range n {
				x := normal(uint64(100+i), 32, 20)
				for j := range x.Data {
					x.Data[j] *= math.Pow(0.8, float64(j%20))
				}
				if !yield(map[graph.Value]*tensor.Tensor{"x": toTensor(x, tensor.F32)}, nil) {
					return
				}
			}
		}
	}
}

func mustRun(t *testing.T, m *graph.Model, c Config) (*graph.Model, *Report) {
	t.Helper()
	out, rep, err := Run(context.Background(), m, c)
	if err != nil {
		t.Fatal(err)
	}
	return out, rep
}

func TestRunKeepsWithinEveryBudget(t *testing.T) {
	m := mlp(t)
	dense := m.Graph.ParamIndex()
	total, _, _ := m.Cost(m.Graph.Uniform(1))
	weights := int64(20*24 + 24*32 + 32*10)
	for _, c := range []struct {
		p      RankPolicy
		params int64
	}{
		{nil, total.Params - weights/2},
		{Keep{Fraction: 0.4}, total.Params - weights*6/10},
		{Keep{Fraction: 0.4, Uniform: true}, total.Params - weights*6/10},
		{Budget{Params, 1000}, 1000},
		{Budget{Bytes, 4000}, 1000},
		{Budget{MACs, 900}, total.Params},
	} {
		for _, cal := range []Batches{nil, batches(4)} {
			out, rep := mustRun(t, m, Config{Method: "svd", Policy: c.p, Calibration: cal})
			cost, _, err := out.Cost(out.Graph.Uniform(1))
			if err != nil {
				t.Fatal(err)
			}
			if cost.Params > c.params || cost.Params != rep.ParamsAfter || cost.MACs != *rep.MACsAfter {
				t.Errorf("%v: %d parameters of %d allowed, %d MACs; the report says %d and %d", c.p, cost.Params, c.params, cost.MACs, rep.ParamsAfter, *rep.MACsAfter)
			}
			if b, ok := c.p.(Budget); ok && b.By == MACs && cost.MACs > b.Total {
				t.Errorf("%d MACs, at most %d allowed", cost.MACs, b.Total)
			}
		}
	}
	if len(m.Graph.ParamIndex()) != len(dense) || m.Graph.Node("fc1/gemm") == nil {
		t.Error("the input model changed")
	}
}

// outputError is the relative difference of two models' outputs on new data.
func modelError(t *testing.T, a, b *graph.Model) float64 {
	x := normal(999, 64, 20)
	for j := range x.Data {
		x.Data[j] *= math.Pow(0.8, float64(j%20))
	}
	in := toTensor(x, tensor.F32)
	return math.Sqrt(distance([][]float64{runModel(t, a, in)}, [][]float64{runModel(t, b, in)}))
}

// At one budget, calibration beats none, and a global plan a uniform one.
func TestCalibrationAndGlobalPlanHelp(t *testing.T) {
	m := mlp(t)
	run := func(uniform bool, cal Batches) float64 {
		out, _ := mustRun(t, m, Config{Method: "svd", Policy: Keep{Fraction: 0.5, Uniform: uniform}, Calibration: cal})
		return modelError(t, m, out)
	}
	plain, aware, global := run(true, nil), run(true, batches(8)), run(false, batches(8))
	if !(aware < 0.8*plain && global < 0.8*aware) {
		t.Errorf("errors: plain %g, activation-aware %g, planned %g", plain, aware, global)
	}
}

// The errors reported for a site are those measured from outside.
func TestReportedErrors(t *testing.T) {
	m := mlp(t)
	out, rep := mustRun(t, m, Config{Method: "svd", Policy: FixedRank{Ranks{5}}, Calibration: batches(4), Selection: Selection{Include: regexp.MustCompile("fc1")}})
	if len(rep.Sites) != 1 || rep.Sites[0].OutputError == nil {
		t.Fatalf("report %+v", rep)
	}
	d, whole := 0.0, 0.0
	var mean []float64
	ys := [2][][]float64{}
	for feeds := range batches(4)(context.Background()) {
		for i, mm := range []*graph.Model{m, out} {
			s, err := graph.Compile(mm, graph.Options{Dims: graph.Dims{"N": 32}, Fetch: []graph.Value{"fc1/gemm"}})
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Feed("x", feeds["x"])
			if err := s.Forward(); err != nil {
				t.Fatal(err)
			}
			y, _ := float64s(s.Tensor("fc1/gemm"))
			ys[i] = append(ys[i], y)
		}
	}
	mean = make([]float64, 24)
	for _, y := range ys[0] {
		for j, v := range y {
			mean[j%24] += v / 128
		}
	}
	for b := range ys[0] {
		for j, v := range ys[0][b] {
			d += (ys[1][b][j] - v) * (ys[1][b][j] - v)
			whole += (v - mean[j%24]) * (v - mean[j%24])
		}
	}
	if got, want := *rep.Sites[0].OutputError, math.Sqrt(d/whole); math.Abs(got-want) > 1e-4*want {
		t.Errorf("output error %g, measured %g", got, want)
	}
}

func TestDryRunIsExact(t *testing.T) {
	m := mlp(t)
	for _, p := range []RankPolicy{FixedRank{Ranks{3}}, Keep{Fraction: 0.3}, Epsilon{0.3}, Energy{0.9}, VBMF{}} {
		dryEqualsWet(t, m, Config{Policy: p})
	}
	for _, l := range append(append(denseLayers(), convLayers()...), recurrentLayers()...) {
		for _, method := range Names() {
			dryEqualsWet(t, l.model(t), Config{Method: method, Policy: FixedRank{Ranks{2}}})
		}
	}
}

// dryEqualsWet wants a dry run to count what the built model has.
func dryEqualsWet(t *testing.T, m *graph.Model, c Config) {
	t.Helper()
	out, wet := mustRun(t, m, c)
	c.DryRun = true
	none, dry := mustRun(t, m, c)
	cost, _, err := out.Cost(out.Graph.Uniform(1))
	if err != nil {
		t.Fatal(err)
	}
	if none != nil || cost.Params != wet.ParamsAfter || cost.Params != dry.ParamsAfter || cost.MACs != *wet.MACsAfter || cost.MACs != *dry.MACsAfter {
		t.Errorf("%s of %v (%s): dry run %d parameters and %d MACs, run %d and %d, the model %d and %d",
			c.Method, c.Policy, m.Graph.Nodes[0].Op, dry.ParamsAfter, *dry.MACsAfter, wet.ParamsAfter, *wet.MACsAfter, cost.Params, cost.MACs)
	}
}

func TestEpsilonHolds(t *testing.T) {
	for _, method := range []string{"svd", "tt", "auto"} {
		_, rep := mustRun(t, mlp(t), Config{Method: method, Policy: Epsilon{0.4}})
		n := 0
		for _, l := range rep.Sites {
			if l.Method != "" {
				n++
				if *l.WeightError > 0.4+1e-6 || l.ParamsAfter >= l.ParamsBefore {
					t.Errorf("%s: %s has error %g and %d parameters of %d", method, l.Name, *l.WeightError, l.ParamsAfter, l.ParamsBefore)
				}
			} else if l.Skipped == "" {
				t.Errorf("%s: %s stays dense without a reason", method, l.Name)
			}
		}
		if n == 0 {
			t.Errorf("%s: no site was factorised", method)
		}
	}
}

func TestMaxDrop(t *testing.T) {
	m := mlp(t)
	evals, samples := 0, 10000
	c := Config{Method: "svd", Policy: MaxDrop{Points: 5}, Evaluate: func(_ context.Context, o *graph.Model) ([]bool, error) {
		if evals++; (evals == 1) != (o == m) {
			t.Errorf("evaluation %d: the dense model is %t", evals, o == m)
		}
		right, wrong := make([]bool, samples), modelError(t, m, o)*float64(samples)
		for i := range right {
			right[i] = float64(i) >= wrong
		}
		return right, nil
	}}
	out, rep := mustRun(t, m, c)
	if e := modelError(t, m, out); e > 0.05 {
		t.Errorf("dropped by %g", e)
	}
	if rep.ParamsAfter >= rep.ParamsBefore || evals < 5 {
		t.Errorf("%d parameters of %d after %d evaluations", rep.ParamsAfter, rep.ParamsBefore, evals)
	}
	evals, samples = 0, 46
	if _, _, err := Run(context.Background(), m, c); err == nil || !strings.Contains(err.Error(), "hold out at least 47") {
		t.Errorf("too few samples: %v", err)
	}
	c.Evaluate = nil
	if _, _, err := Run(context.Background(), m, c); err == nil {
		t.Error("a maximal drop without data is accepted")
	}
}

func TestAlignment(t *testing.T) {
	for _, p := range []RankPolicy{FixedRank{Ranks{6}}, Keep{Fraction: 0.6}, VBMF{}} {
		_, rep := mustRun(t, mlp(t), Config{Method: "svd", Policy: p, Align: 4})
		for _, l := range rep.Sites {
			for _, r := range l.Ranks {
				if r%4 != 0 && r != 10 {
					t.Errorf("%T: %s has rank %v", p, l.Name, l.Ranks)
				}
			}
		}
	}
}

func TestGuard(t *testing.T) {
	_, rep := mustRun(t, mlp(t), Config{Method: "svd", Policy: FixedRank{Ranks{19}}})
	for _, l := range rep.Sites {
		if l.Method != "" && l.ParamsAfter >= l.ParamsBefore || l.Method == "" && !strings.Contains(l.Skipped, "dense weight") {
			t.Errorf("%s: %q, %d parameters of %d, %q", l.Name, l.Method, l.ParamsAfter, l.ParamsBefore, l.Skipped)
		}
	}
}

// Results do not depend on the number of threads.
func TestDeterministic(t *testing.T) {
	var first []float32
	for _, procs := range []int{1, 2, 4} {
		old := runtime.GOMAXPROCS(procs)
		out, _ := mustRun(t, mlp(t), Config{Policy: Keep{Fraction: 0.4}, Calibration: batches(2)})
		runtime.GOMAXPROCS(old)
		var all []float32
		for _, p := range out.AllParams() {
			if p.DType == tensor.F32 {
				all = append(all, p.Data.F32s()...)
			}
		}
		if first == nil {
			first = all
		}
		for i, v := range all {
			if v != first[i] {
				t.Fatalf("%d threads: parameter %d is %g, with one thread %g", procs, i, v, first[i])
			}
		}
	}
}

func TestReportJSON(t *testing.T) {
	_, rep := mustRun(t, mlp(t), Config{})
	b, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields("version params_before params_after file_bytes_before file_bytes_after macs_before macs_after sites name op shape method ranks weight_error output_error skipped") {
		if !strings.Contains(string(b), `"`+field+`":`) {
			t.Errorf("no field %q in %s", field, b)
		}
	}
	if s := rep.String(); !strings.Contains(s, "kept") || !strings.Contains(s, "fc2/gemm") {
		t.Errorf("table:\n%s", s)
	}
}

func TestKnapsack(t *testing.T) {
	items := [][]option{{{10, 5}, {20, 1}, {30, 0}}, {{5, 9}, {15, 2}, {40, 0}}, {{7, 0}}}
	for capacity := int64(22); capacity < 90; capacity++ {
		chosen, err := knapsack(items, capacity)
		if err != nil {
			t.Fatal(err)
		}
		cost, loss := int64(0), 0.0
		for i, k := range chosen {
			cost, loss = cost+items[i][k].cost, loss+items[i][k].loss
		}
		best := math.Inf(1)
		for _, a := range items[0] {
			for _, b := range items[1] {
				if a.cost+b.cost+7 <= capacity {
					best = min(best, a.loss+b.loss)
				}
			}
		}
		if cost > capacity || loss > best {
			t.Errorf("capacity %d: cost %d, loss %g, best %g", capacity, cost, loss, best)
		}
	}
	if _, err := knapsack(items, 21); err == nil {
		t.Error("an impossible capacity is accepted")
	}
}

// A network of half precision, which the engine cannot run, is factorised all the same; its MACs are not known.
func TestHalfPrecision(t *testing.T) {
	w := toTensor(normal(1, 16, 16), tensor.F16)
	m := &graph.Model{Graph: &graph.Graph{
		Name:    "half",
		Inputs:  []graph.Port{{Name: "x", DType: tensor.F16, Shape: []graph.Dim{{Sym: "N"}, {N: 16}}}},
		Nodes:   []*graph.Node{{Name: "fc", Op: "MatMul", In: []graph.Value{"x", "w"}, Out: []graph.Value{"y"}}},
		Params:  []*graph.Param{graph.NewParam("w", w, true)},
		Outputs: []graph.Port{{Name: "y", DType: tensor.F16}},
	}}
	out, rep := mustRun(t, m, Config{Policy: FixedRank{Ranks{3}}})
	if rep.ParamsAfter != 96 || len(out.Graph.Nodes) != 2 || rep.MACsBefore != nil || rep.MACsAfter != nil || rep.Sites[0].MACsAfter != nil {
		t.Errorf("%d nodes, report %+v", len(out.Graph.Nodes), rep)
	}
	if _, rep := mustRun(t, m, Config{Policy: FixedRank{Ranks{3}}, Guard: Latency}); !strings.HasPrefix(rep.Sites[0].Skipped, "latency unknown") {
		t.Errorf("latency cannot be measured, but %q", rep.Sites[0].Skipped)
	}
	for _, c := range []Config{{Policy: Budget{MACs, 100}}, {Policy: FixedRank{Ranks{3}}, Guard: MACs}, {Calibration: batches(1)}} {
		if _, _, err := Run(context.Background(), m, c); !errors.Is(err, graph.ErrUnsupported) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
