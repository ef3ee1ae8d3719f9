package nd

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func normal(seed uint64, shape ...int) *Array {
	a, r := New(shape...), tensor.NewRand(seed, "nd test")
	for i := range a.Data {
		a.Data[i] = r.Normal(uint64(i))
	}
	return a
}

// decaying returns a kernel whose M x rest unfolding has singular values 1/(1+k).
func decaying(m, k, h, w int) *Array {
	u, _ := linalg.QR(normal(1, m, m).Mat(m))
	v, _ := linalg.QR(normal(2, k*h*w, m).Mat(k * h * w))
	for j := range m {
		for i := range m {
			u.Row(i)[j] /= float64(1 + j)
		}
	}
	out := New(m, k, h, w)
	linalg.Mul(out.Mat(m), 1, u, false, v, true, 0)
	return out
}

func TestPermuteUnfoldModeMul(t *testing.T) {
	a := normal(1, 2, 3, 4)
	p := a.Permute(2, 0, 1)
	for i := range 2 {
		for j := range 3 {
			for k := range 4 {
				want := a.Data[(i*3+j)*4+k]
				if p.Data[(k*2+i)*3+j] != want || a.Unfold(1).At(j, i*4+k) != want {
					t.Fatalf("element %d %d %d is misplaced", i, j, k)
				}
			}
		}
	}
	m := normal(2, 5, 3).Mat(5)
	for mode, n := range []int{2, 3, 4} {
		m := normal(3, 5, n).Mat(5)
		got := a.ModeMul(mode, m, false).Unfold(mode)
		if d := Distance(OfMat(got, 5*24/n), OfMat(product(m, a.Unfold(mode)), 5*24/n)); d > 1e-12 {
			t.Errorf("mode %d product is off by %g", mode, d)
		}
	}
	if d := Distance(a.ModeMul(1, m, false), a.ModeMul(1, m.T(), true)); d > 1e-12 {
		t.Errorf("transposed mode product is off by %g", d)
	}
}

func TestTucker(t *testing.T) {
	a := normal(4, 6, 5, 3, 2)
	full, err := DecomposeTucker(a, []int{6, 5, 0, 0}, TuckerOpts{})
	if err != nil {
		t.Fatal(err)
	}
	if e := RelError(a, full.Full()); e > 1e-12 {
		t.Errorf("error %g at full rank", e)
	}
	ranks := []int{2, 3, 2, 1}
	cut, _ := DecomposeTucker(a, ranks, TuckerOpts{})
	hosvd, _ := DecomposeTucker(a, ranks, TuckerOpts{Sweeps: -1})
	e, e0 := RelError(a, cut.Full()), RelError(a, hosvd.Full())
	if !(e < e0) {
		t.Errorf("iteration does not improve: %g, before %g", e, e0)
	}
	planted := cut.Full()
	again, _ := DecomposeTucker(planted, ranks, TuckerOpts{})
	if e := RelError(planted, again.Full()); e > 1e-12 {
		t.Errorf("planted ranks: error %g", e)
	}
	if _, err := DecomposeTucker(a, []int{7, 1, 0, 0}, TuckerOpts{}); err == nil {
		t.Error("a rank above the extent is accepted")
	}
}

// ||A - TT|| <= eps ||A||, and the reported error is the real one.
func TestTTBound(t *testing.T) {
	for _, a := range []*Array{normal(5, 4, 5, 6, 3), decaying(16, 8, 3, 3), normal(6, 2, 30, 2)} {
		for _, eps := range []float64{0, 1e-9, 1e-3, 0.05, 0.2, 0.5, 0.9} {
			tt, rel, err := DecomposeTT(a, TTOpts{Eps: eps})
			if err != nil {
				t.Fatal(err)
			}
			e := RelError(a, tt.Full())
			if e > eps+1e-12 {
				t.Errorf("%v eps %g: error %g", a.Shape, eps, e)
			}
			if math.Abs(e-rel) > 1e-7 {
				t.Errorf("%v eps %g: error %g reported as %g", a.Shape, eps, e, rel)
			}
		}
	}
}

// TestTTErrorAlone compares with the trains themselves, multiplied out, and ranks by the spectra with their promise.
func TestTTErrorAlone(t *testing.T) {
	for _, a := range []*Array{normal(5, 4, 5, 6, 3), decaying(16, 8, 3, 3), normal(6, 2, 30, 2), normal(8, 30, 30), decaying(12, 70, 1, 1).Reshape(12, 70), New(3, 4, 5)} {
		most := MaxTTRanks(a.Shape)
		half := make([]int, len(most))
		for i, r := range most {
			half[i] = (r + 1) / 2
		}
		compare := func(ranks []int) float64 {
			tt, _, err := DecomposeTT(a, TTOpts{Ranks: ranks})
			if err != nil {
				t.Fatal(err)
			}
			alone, err := TTError(a, ranks)
			if err != nil {
				t.Fatal(err)
			}
			e := RelError(a, tt.Full())
			if math.Abs(e-alone) > 1e-7 {
				t.Errorf("%v at ranks %v: error %g, alone %g", a.Shape, ranks, e, alone)
			}
			return e
		}
		compare(most)
		compare(half)
		compare(slices.Repeat([]int{1}, len(most)))
		spectra, err := TTSpectra(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, eps := range []float64{0.02, 0.3, 0.8} {
			ranks := make([]int, len(most))
			for i, sq := range spectra {
				ranks[i] = CutAt(sq, eps*a.Norm()/math.Sqrt(float64(len(most))))
			}
			if e := compare(ranks); e > eps+1e-12 {
				t.Errorf("%v: error %g at ranks %v for %g", a.Shape, e, ranks, eps)
			}
		}
	}
	bad := normal(9, 6, 5, 4)
	bad.Data[7] = math.NaN()
	if _, err := TTError(bad, []int{1, 1}); err == nil {
		t.Error("NaN was accepted")
	}
	if _, err := TTSpectra(bad); err == nil {
		t.Error("NaN was accepted")
	}
}

func TestTTRanks(t *testing.T) {
	a := normal(7, 4, 5, 6, 3)
	most := MaxTTRanks(a.Shape)
	tt, _, err := DecomposeTT(a, TTOpts{Ranks: most})
	if err != nil {
		t.Fatal(err)
	}
	if e := RelError(a, tt.Full()); e > 1e-12 {
		t.Errorf("error %g at ranks %v", e, most)
	}
	cut, _, _ := DecomposeTT(a, TTOpts{Ranks: []int{2, 3, 2}})
	planted := cut.Full()
	again, _, _ := DecomposeTT(planted, TTOpts{Eps: 1e-6})
	for i, r := range again.Ranks() {
		if r > cut.Ranks()[i] {
			t.Errorf("planted ranks %v found as %v", cut.Ranks(), again.Ranks())
		}
	}
}

func cpOf(seed uint64, rank int, shape ...int) *CP {
	c := &CP{}
	for i, n := range shape {
		c.U = append(c.U, normal(seed+uint64(i), n, rank).Mat(n))
	}
	return c
}

func TestCPRecovers(t *testing.T) {
	for rank := 1; rank <= 4; rank++ {
		a := cpOf(10, rank, 8, 7, 3, 3).Full()
		c, rel, err := DecomposeCP(context.Background(), a, CPOpts{Rank: rank, Tol: 1e-10, Slack: -1})
		if err != nil {
			t.Fatal(err)
		}
		if e := RelError(a, c.Full()); e > 1e-6 || math.Abs(e-rel) > 1e-6 {
			t.Errorf("rank %d: error %g, reported %g", rank, e, rel)
		}
	}
}

// The correction keeps the error and lowers norms and sensitivity.
func TestCPCorrection(t *testing.T) {
	a := normal(20, 12, 10, 3, 3)
	plain, e0, err := DecomposeCP(context.Background(), a, CPOpts{Rank: 20, Ridge: 1e-14, Slack: -1})
	if err != nil {
		t.Fatal(err)
	}
	good, e1, err := DecomposeCP(context.Background(), a, CPOpts{Rank: 20, Ridge: 1e-14})
	if err != nil {
		t.Fatal(err)
	}
	if real := RelError(a, good.Full()); e1 > e0*1.0011 || math.Abs(real-e1) > 1e-7 {
		t.Errorf("error %g after the correction (%g measured), %g before", e1, real, e0)
	}
	if good.Sensitivity() > 0.8*plain.Sensitivity() || good.Intensity() > 0.8*plain.Intensity() {
		t.Errorf("sensitivity %g (plain %g), intensity %g (plain %g)", good.Sensitivity(), plain.Sensitivity(), good.Intensity(), plain.Intensity())
	}
}

// Blocks of components, solved one after the other, lower the error in every sweep, to about what all at once end in, and are
// corrected as well.
func TestCPBlocks(t *testing.T) {
	a, plain := normal(20, 8, 7, 3, 3), map[int]float64{}
	for _, block := range []int{12, 1, 6} {
		s := newALS(a, CPOpts{Rank: 12, Ridge: 1e-14}.withDefaults())
		s.block = block
		f := s.newFit(s.fromSVD())
		for i := range 200 {
			last := f.err
			if err := s.sweep(f, i); err != nil {
				t.Fatal(err)
			}
			if real := RelError(a, f.cp.Full()); f.err > last+1e-9 || math.Abs(real-f.err) > 1e-7 {
				t.Fatalf("blocks of %d, sweep %d: error %g (%g measured), %g before", block, i, f.err, real, last)
			}
		}
		if plain[block] = f.err; f.err > 1.05*plain[12] {
			t.Errorf("blocks of %d: error %g, all at once %g", block, f.err, plain[12])
		}
		limit, before := f.err*1.001, f.cp.Sensitivity()
		if err := s.lower(context.Background(), f, limit, correctMu); err != nil {
			t.Fatal(err)
		}
		if now, real := f.cp.Sensitivity(), RelError(a, f.cp.Full()); now > 0.8*before || real > limit+1e-6 || math.Abs(real-f.err) > 1e-6 {
			t.Errorf("blocks of %d: sensitivity %g, %g before, error %g (%g measured), at most %g", block, now, before, f.err, real, limit)
		}
	}
}

// The bound is met by equal components that add up, and by nothing below it.
func TestLeastSensitivity(t *testing.T) {
	shape, rank := []int{4, 3, 2}, 5
	c := zeroCP(shape, rank)
	for _, u := range c.U {
		for i := range u.Data {
			u.Data[i] = 0.7
		}
	}
	if got, want := c.Sensitivity(), LeastSensitivity(shape, rank, c.Full().Norm()); math.Abs(got-want) > 1e-9*want {
		t.Errorf("equal components have sensitivity %g, the least is %g", got, want)
	}
	for seed := range uint64(20) {
		c := cpOf(60+10*seed, rank, shape...)
		if got, least := c.Sensitivity(), LeastSensitivity(shape, rank, c.Full().Norm()); got < least {
			t.Errorf("sensitivity %g is below the least %g", got, least)
		}
	}
}

func TestCPZeroAndOverparametrised(t *testing.T) {
	if c, e, err := DecomposeCP(context.Background(), New(3, 4, 2), CPOpts{Rank: 2}); err != nil || e != 0 || c.Full().Norm() != 0 {
		t.Errorf("zero array: error %g, %v", e, err)
	}
	a := normal(30, 3, 2, 2)
	c, _, err := DecomposeCP(context.Background(), a, CPOpts{Rank: 9})
	if err != nil {
		t.Fatal(err)
	}
	if e := RelError(a, c.Full()); e > 1e-2 {
		t.Errorf("rank 9 of a 3 x 2 x 2 array: error %g", e)
	}
}

// A planted rank stands out of noise exactly; pure noise has rank 0.
func TestVBMFRank(t *testing.T) {
	for _, rank := range []int{0, 1, 5, 12} {
		for _, shape := range [][2]int{{40, 200}, {200, 40}, {64, 64}} {
			m := normal(uint64(40+rank), shape[0], shape[1])
			if rank > 0 {
				signal := linalg.NewMat(shape[0], shape[1])
				linalg.Mul(signal, 3, normal(50, shape[0], rank).Mat(shape[0]), false, normal(51, rank, shape[1]).Mat(rank), false, 0)
				for i, v := range signal.Data {
					m.Data[i] += v
				}
			}
			s, err := linalg.SingularValues(m.Mat(shape[0]))
			if err != nil {
				t.Fatal(err)
			}
			if got := VBMFRank(s, shape[0], shape[1]); got != rank {
				t.Errorf("%v: rank %d found as %d", shape, rank, got)
			}
		}
	}
	if VBMFRank([]float64{0, 0}, 2, 3) != 0 || VBMFRank(nil, 0, 0) != 0 {
		t.Error("a zero or empty matrix has rank 0")
	}
}
