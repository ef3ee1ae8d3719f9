package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGemmStep compares GemmStep with Gemm and SGDMomentum, bit for bit, and its sum
// of squares with that of the gradient; sums and bits do not depend on the threads.
func TestGemmStep(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for _, s := range []struct{ m, n, k int }{{1, 1, 1}, {7, 5, 3}, {8, 48, 16}, {130, 100, 33}, {200, 97, 128}, {97, 200, 600}, {30, 3, 20}, {5, 200, 16}} {
			for _, nesterov := range []bool{false, true} {
				t.Run(fmt.Sprint(s, nesterov), func(t *testing.T) {
					testGemmStep[float32](t, s.m, s.n, s.k, nesterov, 1e-5)
					testGemmStep[float64](t, s.m, s.n, s.k, nesterov, 1e-13)
				})
			}
		}
	})
}

func testGemmStep[T Float](t *testing.T, m, n, k int, nesterov bool, tol float64) {
	c := newGemmCase[T](m, n, k, true, false, 0)
	r := rand.New(rand.NewPCG(9, 9))
	size := (m-1)*c.g.LDC + n
	w, wIntact := guarded[T](r, size, 3)
	v, vIntact := guarded[T](r, size, 1)
	u := SGDUpdate[T]{Rate: 0.1, Momentum: 0.9, WeightDecay: 0.01, Nesterov: nesterov}

	wantW, wantV, sum := slices.Clone(w), slices.Clone(v), 0.0
	Gemm(nil, &c.g)
	for i := range m {
		row := func(x []T) []T { return x[i*c.g.LDC : i*c.g.LDC+n] }
		for _, x := range row(c.g.C) {
			sum += float64(x) * float64(x)
		}
		SGDMomentum(row(wantW), row(wantV), row(c.g.C), &u)
	}

	var sums []float64
	for threads := 1; threads <= 3; threads++ {
		p := NewPool(threads)
		gotW, gotV := slices.Clone(w), slices.Clone(v)
		sums = append(sums, GemmStep(p, &c.g, &WeightStep[T]{W: gotW, M: gotV, Update: u}))
		p.Close()
		if !slices.Equal(gotW, wantW) || !slices.Equal(gotV, wantV) {
			t.Fatalf("%T, %d threads: the weights or their momentum differ from those of two calls", c.g.Alpha, threads)
		}
	}
	if sums[0] != sums[1] || sums[0] != sums[2] || math.Abs(sums[0]-sum) > tol*sum {
		t.Fatalf("%T: sums of squares %v, want %v", c.g.Alpha, sums, sum)
	}
	if GemmStep(nil, &c.g, &WeightStep[T]{W: w, M: v, Update: u}); !wIntact() || !vIntact() || !c.intact() {
		t.Fatalf("%T: memory outside a matrix was written", c.g.Alpha)
	}
}

// TestGemmStepAllocates fails if a step in the steady state allocates.
func TestGemmStepAllocates(t *testing.T) {
	c := newGemmCase[float32](64, 96, 32, true, false, 0)
	s := &WeightStep[float32]{W: make([]float32, len(c.g.C)), M: make([]float32, len(c.g.C))}
	GemmStep(nil, &c.g, s)
	if n := testing.AllocsPerRun(10, func() { GemmStep(nil, &c.g, s) }); n > 0 {
		t.Fatalf("%v allocations", n)
	}
}

// BenchmarkGemmStep is the gradient of 1200 x 1200 weights at batch 128 with a step of
// momentum: in one pass, and one after the other.
func BenchmarkGemmStep(b *testing.B) {
	s := benchShape{1200, 128, 1200, true, false}
	g := benchArgs[float32](s)
	u := SGDUpdate[float32]{Rate: 1e-6, Momentum: 0.9}
	step := &WeightStep[float32]{W: make([]float32, len(g.C)), M: make([]float32, len(g.C)), Update: u}
	p := NewPool(0)
	defer p.Close()
	b.Run("fused", func(b *testing.B) {
		for b.Loop() {
			GemmStep(p, g, step)
		}
	})
	b.Run("apart", func(b *testing.B) {
		t := &momentumTask{g.C, step}
		for b.Loop() {
			Gemm(p, g)
			p.Do(t, 64)
		}
	})
}

type momentumTask struct {
	g []float32
	s *WeightStep[float32]
}

func (t *momentumTask) Run(_, i int) {
	from, to := i*len(t.g)/64, (i+1)*len(t.g)/64
	SGDMomentum(t.s.W[from:to], t.s.M[from:to], t.g[from:to], &t.s.Update)
}
