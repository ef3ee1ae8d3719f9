package lowrank

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// normal returns a random array.
func normal(seed uint64, shape ...int) *nd.Array {
	a, r := nd.New(shape...), tensor.NewRand(seed, "lowrank test")
	for i := range a.Data {
		a.Data[i] = r.Normal(uint64(i))
	}
	return a
}

// denseSite is a site without a model, for tests of the arrays alone.
func denseSite(kind Kind, m, k int) *Site {
	p := graph.NewParam("w", tensor.New(tensor.F64, tensor.Shape{m, k}), true)
	return &Site{Name: fmt.Sprintf("%s%dx%d", kind, m, k), Op: "Gemm", Kind: kind, Groups: 1, M: m, K: k, Param: p, Uses: []*Use{{Batch: 1, how: byGemm}}}
}

func convSite(groups, m, k int, kernel ...int) *Site {
	shape := append(tensor.Shape{groups * m, k}, kernel...)
	p := graph.NewParam("w", tensor.New(tensor.F64, shape), true)
	in, out := make([]int, len(kernel)), make([]int, len(kernel))
	for i := range kernel {
		in[i], out[i] = 8, 8
	}
	u := &Use{Batch: 1, how: byConv, In: in, Out: out, rank: 2 + len(kernel), fixed: true, Node: &graph.Node{Name: "conv", Op: "Conv"}}
	return &Site{Name: fmt.Sprintf("conv%d/%dx%dx%v", groups, m, k, kernel), Op: "Conv", Kind: Conv, Groups: groups, M: m, K: k, Kernel: kernel, Param: p, Uses: []*Use{u}}
}

func sampleSites() []*Site {
	return []*Site{
		denseSite(Dense, 12, 18), denseSite(Dense, 30, 8), denseSite(Embedding, 8, 40), denseSite(Input, 24, 10), denseSite(Recurrence, 24, 6),
		convSite(1, 8, 6, 3, 3), convSite(1, 5, 7, 3, 2), convSite(2, 6, 4, 3, 3), convSite(1, 9, 6, 5), convSite(1, 4, 3, 2, 3, 2),
	}
}

// suited runs f for every decomposition with every sample site that it applies to.
func suited(t *testing.T, f func(t *testing.T, d Decomposition, s *Site, most Ranks)) {
	for _, name := range Names() {
		d, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, s := range sampleSites() {
			most, err := d.MaxRanks(s)
			if errors.Is(err, ErrUnsuited) {
				continue
			}
			if err != nil {
				t.Fatalf("%s on %s: %v", name, s.Name, err)
			}
			n++
			t.Run(name+"/"+s.Name, func(t *testing.T) { f(t, d, s, most) })
		}
		if n == 0 {
			t.Errorf("%s applies to none of the samples: add one", name)
		}
	}
}

func factor(t *testing.T, d Decomposition, p *Problem, r Ranks) (*Factors, *nd.Array) {
	t.Helper()
	f, err := d.Factor(context.Background(), p, r)
	if err != nil {
		t.Fatalf("rank %v: %v", r, err)
	}
	if f.Method != d.Name() || fmt.Sprint(f.Ranks) != fmt.Sprint(r) {
		t.Fatalf("factors say %s %v, asked %s %v", f.Method, f.Ranks, d.Name(), r)
	}
	return f, d.Reconstruct(p.Site, f)
}

// exactAt is the error allowed at full rank: iterative decompositions only approach it.
func exactAt(d Decomposition) float64 {
	if d.Name() == "cp" {
		return 1e-6
	}
	return 1e-10
}

func TestExactAtFullRank(t *testing.T) {
	suited(t, func(t *testing.T, d Decomposition, s *Site, most Ranks) {
		p := &Problem{Site: s, W: normal(1, s.Shape()...), Seed: 1}
		_, w := factor(t, d, p, most)
		if e := nd.RelError(p.W, w); e > exactAt(d) {
			t.Errorf("error %g at full rank %v", e, most)
		}
	})
}

func TestCountsAreExact(t *testing.T) {
	suited(t, func(t *testing.T, d Decomposition, s *Site, most Ranks) {
		p := &Problem{Site: s, W: normal(2, s.Shape()...), Seed: 1}
		for _, r := range []Ranks{most, half(most), clampRanks(Ranks{2}, most)} {
			f, _ := factor(t, d, p, r)
			if got, want := f.Params(), d.Cost(s, r).Params; got != want {
				t.Errorf("rank %v: factors have %d parameters, Cost says %d", r, got, want)
			}
		}
	})
}

func half(r Ranks) Ranks {
	h := make(Ranks, len(r))
	for i, v := range r {
		h[i] = (v + 1) / 2
	}
	return h
}

func TestErrorMonotoneOnCurve(t *testing.T) {
	suited(t, func(t *testing.T, d Decomposition, s *Site, most Ranks) {
		p := &Problem{Site: s, W: normal(3, s.Shape()...), Seed: 1}
		ps, err := d.Curve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		if len(ps) == 0 {
			t.Fatal("an empty curve")
		}
		front := frontierAll(s, ps)
		for i, pt := range front {
			if d.Cost(s, pt.Ranks) != pt.Cost {
				t.Errorf("point %v costs %v, Cost says %v", pt.Ranks, pt.Cost, d.Cost(s, pt.Ranks))
			}
			_, w := factor(t, d, p, pt.Ranks)
			if e := nd.RelError(p.W, w); e > pt.Error*promise(d)+1e-7 {
				t.Errorf("rank %v: the curve promises %g, factoring gives %g", pt.Ranks, pt.Error, e)
			}
			if i > 0 && pt.Error > front[i-1].Error {
				t.Errorf("rank %v: error %g above that of %v, %g", pt.Ranks, pt.Error, front[i-1].Ranks, front[i-1].Error)
			}
		}
	})
}

// promise is the factor by which factoring may miss the curve: fits of CP end in different local optima.
func promise(d Decomposition) float64 {
	if d.Name() == "cp" {
		return 1.1
	}
	return 1.001
}

// frontierAll thins the frontier to a few points, those above the dense cost included.
func frontierAll(s *Site, ps []Point) []Point {
	big := *s
	big.Param = graph.NewParam("w", tensor.New(tensor.U8, tensor.Shape{1 << 20}), false)
	front := frontier(&big, ps, Params)
	step := max(1, len(front)/6)
	var out []Point
	for i := 0; i < len(front); i += step {
		out = append(out, front[i])
	}
	return out
}

func TestPlantedRanksRecovered(t *testing.T) {
	suited(t, func(t *testing.T, d Decomposition, s *Site, most Ranks) {
		p := &Problem{Site: s, W: normal(4, s.Shape()...), Seed: 1}
		r := clampRanks(Ranks{2}, most)
		_, p.W = factor(t, d, p, r)
		_, w := factor(t, d, p, r)
		if e := nd.RelError(p.W, w); e > exactAt(d) {
			t.Errorf("error %g at the planted rank %v", e, r)
		}
		ps, err := d.Curve(context.Background(), &Problem{Site: s, W: p.W, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		cost, best := d.Cost(s, r), math.Inf(1)
		for _, pt := range ps {
			if pt.Cost.Params <= cost.Params {
				best = min(best, pt.Error)
			}
		}
		if best > 1e-6+exactAt(d) {
			t.Errorf("the curve has error %g at the cost of the planted rank %v", best, r)
		}
	})
}

func TestDegenerateWeights(t *testing.T) {
	suited(t, func(t *testing.T, d Decomposition, s *Site, most Ranks) {
		p := &Problem{Site: s, W: nd.New(s.Shape()...), Seed: 1}
		r := clampRanks(Ranks{2}, most)
		if _, w := factor(t, d, p, r); w.Norm() != 0 || w.NonFinite() != 0 {
			t.Errorf("a zero weight becomes one of norm %g with %d non-finite values", w.Norm(), w.NonFinite())
		}
		for _, bad := range []Ranks{make(Ranks, len(most)), append(Ranks{}, most...), append(Ranks{1}, most...)} {
			if len(bad) == len(most) && bad[0] != 0 {
				bad[0]++
			}
			if _, err := d.Factor(context.Background(), p, bad); err == nil {
				t.Errorf("ranks %v of at most %v are accepted", bad, most)
			}
		}
	})
}

func TestMomentsIdentity(t *testing.T) {
	ctx := context.Background()
	for _, s := range []*Site{denseSite(Dense, 12, 18), denseSite(Dense, 30, 8), convSite(2, 6, 4, 3, 3)} {
		d, _ := Lookup(map[Kind]string{Dense: "svd", Conv: "channel"}[s.Kind])
		n := s.K * s.taps()
		p := &Problem{Site: s, W: normal(5, s.Shape()...), Moments: &Moments{}}
		for g := range s.Groups {
			x := normal(uint64(g+6), n, 5*n).Mat(n)
			for i := range n {
				scaleRow(x, i, math.Pow(0.7, float64(i)))
			}
			c := congruence(x, eye(5*n))
			p.Moments.In = append(p.Moments.In, c)
		}
		tails, err := groupTails(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		for r := 1; r < len(tails); r++ {
			_, w := factor(t, d, p, Ranks{r})
			if e, want := p.outputError(w), math.Sqrt(max(0, tails[r])); math.Abs(e-want) > 1e-7 {
				t.Errorf("%s rank %d: output error %g, discarded singular values say %g", s.Name, r, e, want)
			}
		}
	}
}

// The projected and the whitened form are the same optimum; the latter also where the moments are singular.
func TestWhitenedEqualsProjected(t *testing.T) {
	for _, seen := range []int{40, 5} { // 5 vectors of 10 numbers: singular, by eigenvectors
		w, x := normal(7, 8, 10).Mat(8), normal(8, 10, seen).Mat(10)
		c := congruence(x, eye(seen))
		for r := 1; r <= 5; r++ {
			a, b, err := splitWhitened(w, c, r, 1)
			if err != nil {
				t.Fatal(err)
			}
			a2, b2, err := splitProjected(w, congruence(w, c), r)
			if err != nil {
				t.Fatal(err)
			}
			y1, y2 := product(product(a, b), x), product(product(a2, b2), x)
			if e := nd.RelError(nd.OfMat(y1, 8, seen), nd.OfMat(y2, 8, seen)); e > 1e-4 {
				t.Errorf("%d vectors, rank %d: outputs differ by %g", seen, r, e)
			}
		}
	}
}

func eye(n int) *linalg.Mat { return linalg.Eye(n) }
