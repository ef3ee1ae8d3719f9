package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// forPaths runs f once for every path of this machine.
func forPaths(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	old := Path()
	defer func() { must(t, ForcePath(old)) }()
	for _, path := range Paths() {
		must(t, ForcePath(path))
		t.Run(path, f)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// guard surrounds the numbers of a guarded slice.
const guard = 12345.0

// guarded returns n random numbers in [-1,1) that start off elements after the
// start of an allocation, with guard words around them, and a check of those.
func guarded[T Float](r *rand.Rand, n, off int) (s []T, intact func() bool) {
	all := make([]T, off+n+16)
	for i := range all {
		all[i] = guard
	}
	s = all[off : off+n : off+n]
	for i := range s {
		s[i] = T(2*r.Float64() - 1)
	}
	return s, func() bool {
		for i, v := range all {
			if (i < off || i >= off+n) && v != guard {
				return false
			}
		}
		return true
	}
}

// gemmCase is a product on random guarded data.
type gemmCase[T Float] struct {
	g      GemmArgs[T]
	before []T // C before the call
	intact func() bool
}

func newGemmCase[T Float](m, n, k int, transA, transB bool, beta float64) *gemmCase[T] {
	return newBatchCase[T](0, m, n, k, transA, transB, beta)
}

// newBatchCase pads every row, and every batch member, with a few numbers.
func newBatchCase[T Float](batch, m, n, k int, transA, transB bool, beta float64) *gemmCase[T] {
	r := rand.New(rand.NewPCG(uint64(m*1000+n), uint64(k)))
	c := &gemmCase[T]{g: GemmArgs[T]{TransA: transA, TransB: transB, M: m, N: n, K: k, Alpha: 1.5, Beta: T(beta), Batch: batch}}
	g := &c.g
	ra, ca, rb, cb := m, k, k, n
	if transA {
		ra, ca = ca, ra
	}
	if transB {
		rb, cb = cb, rb
	}
	g.LDA, g.LDB, g.LDC = ca+3, cb+1, n+2
	g.StrideA, g.StrideB, g.StrideC = ra*g.LDA+5, rb*g.LDB+1, m*g.LDC+3
	var ok [3]func() bool
	g.A, ok[0] = guarded[T](r, max(batch, 1)*g.StrideA, 1)
	g.B, ok[1] = guarded[T](r, max(batch, 1)*g.StrideB, 3)
	g.C, ok[2] = guarded[T](r, max(batch, 1)*g.StrideC, 5)
	c.before = slices.Clone(g.C)
	c.intact = func() bool { return ok[0]() && ok[1]() && ok[2]() }
	return c
}

// want returns element (i,j) of member q before the activation, in float64,
// and the sum of the magnitudes of its terms.
func (c *gemmCase[T]) want(q, i, j int) (sum, mag float64) {
	g := &c.g
	for l := range g.K {
		ia, ib := i*g.LDA+l, l*g.LDB+j
		if g.TransA {
			ia = l*g.LDA + i
		}
		if g.TransB {
			ib = j*g.LDB + l
		}
		x := float64(g.Alpha) * float64(g.A[q*g.StrideA+ia]) * float64(g.B[q*g.StrideB+ib])
		sum, mag = sum+x, mag+math.Abs(x)
	}
	add := func(x float64) { sum, mag = sum+x, mag+math.Abs(x) }
	if g.Beta != 0 {
		add(float64(g.Beta) * float64(c.before[q*g.StrideC+i*g.LDC+j]))
	}
	if e := g.Epi; e != nil && e.Bias != nil {
		if e.BiasRow {
			add(float64(e.Bias[i]))
		} else {
			add(float64(e.Bias[j]))
		}
	}
	if e := g.Epi; e != nil && e.Residual != nil {
		add(float64(e.Residual[q*g.StrideC+i*e.ResidualLD+j]))
	}
	return sum, mag
}

// verify compares C with the reference, and what lies between its rows with
// what was there before.
func (c *gemmCase[T]) verify(t *testing.T) {
	t.Helper()
	g := &c.g
	if !c.intact() {
		t.Fatal("a guard word was overwritten")
	}
	inside := make([]bool, len(g.C))
	for q := range max(g.Batch, 1) {
		for i := range g.M {
			for j := range g.N {
				at := q*g.StrideC + i*g.LDC + j
				inside[at] = true
				sum, mag := c.want(q, i, j)
				want, tol := sum, mag*eps[T]()*float64(g.K/8+8)
				if g.Epi != nil {
					want = actReference(sum, g.Epi)
				}
				if got := float64(g.C[at]); !(math.Abs(got-want) <= tol) {
					t.Fatalf("member %d: C[%d,%d] = %v, want %v within %v", q, i, j, got, want, tol)
				}
			}
		}
	}
	for i, in := range inside {
		if !in && g.C[i] != c.before[i] {
			t.Fatalf("element %d between the rows of C was overwritten", i)
		}
	}
}

func eps[T Float]() float64 {
	if T(1)+T(1e-10) == 1 {
		return 0x1p-23
	}
	return 0x1p-52
}

// actReference is the definition of each activation, in float64.
func actReference[T Float](x float64, e *Epilogue[T]) float64 {
	a, b := float64(e.Alpha), float64(e.Beta)
	clip := func(x, lo, hi float64) float64 { return math.Min(math.Max(x, lo), hi) }
	switch e.Act {
	case ActRelu:
		return math.Max(x, 0)
	case ActLeakyRelu:
		if x < 0 {
			return a * x
		}
	case ActSigmoid:
		return 1 / (1 + math.Exp(-x))
	case ActTanh:
		return math.Tanh(x)
	case ActClip:
		return clip(x, a, b)
	case ActHardSwish:
		return x * clip(x/6+0.5, 0, 1)
	case ActHardSigmoid:
		return clip(a*x+b, 0, 1)
	case ActGelu:
		return x * 0.5 * (1 + math.Erf(x/math.Sqrt2))
	case ActSilu:
		return x / (1 + math.Exp(-x))
	}
	return x
}

var gemmSizes = [][3]int{
	{1, 1, 1}, {1, 1, 300}, {1, 50, 7}, {1, 130, 260}, {50, 1, 31}, {3, 5, 7}, {8, 48, 16}, {9, 49, 17}, {7, 47, 255},
	{16, 96, 256}, {17, 97, 257}, {4, 33, 513}, {13, 200, 40}, {100, 10, 30}, {300, 20, 70}, {65, 129, 100}, {270, 24, 64},
}

func testGemmShapes[T Float](t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	for _, s := range gemmSizes {
		for mode := range 4 {
			for _, beta := range []float64{0, 1, -0.5} {
				c := newGemmCase[T](s[0], s[1], s[2], mode&1 != 0, mode&2 != 0, beta)
				Gemm(p, &c.g)
				if c.verify(t); t.Failed() {
					t.Fatalf("M N K %v, mode %d, beta %v", s, mode, beta)
				}
			}
		}
	}
}

func TestGemmShapes(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		t.Run("float32", testGemmShapes[float32])
		t.Run("float64", testGemmShapes[float64])
	})
}

// TestGemmEverySmallShape meets every tile kernel and every mask.
func TestGemmEverySmallShape(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for m := 1; m <= 9; m++ {
			for n := 1; n <= 50; n++ {
				c32 := newGemmCase[float32](m, n, 3, false, true, 1)
				Gemm(nil, &c32.g)
				c32.verify(t)
				c64 := newGemmCase[float64](m, n, 3, true, false, 0)
				Gemm(nil, &c64.g)
				c64.verify(t)
			}
		}
	})
}

func TestGemmBatch(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		for _, s := range [][4]int{{2, 3, 5, 4}, {3, 70, 100, 80}, {9, 12, 33, 50}, {7, 1, 64, 20}} {
			for mode := range 4 {
				c := newBatchCase[float32](s[0], s[1], s[2], s[3], mode&1 != 0, mode&2 != 0, 0)
				Gemm(p, &c.g)
				c.verify(t)
			}
			for share := range 3 {
				c := newBatchCase[float32](s[0], s[1], s[2], s[3], false, false, 1)
				if share != 0 {
					c.g.StrideA = 0
				}
				if share != 1 {
					c.g.StrideB = 0
				}
				Gemm(p, &c.g)
				c.verify(t)
			}
		}
	})
}

func testGemmEpilogue[T Float](t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for act := ActNone; act <= ActSilu; act++ {
		for mode := range 6 {
			for _, s := range [][3]int{{19, 75, 300}, {1, 20, 9}, {64, 100, 33}} {
				c := newGemmCase[T](s[0], s[1], s[2], false, mode%2 == 1, 0)
				e := &Epilogue[T]{Act: act, Alpha: 0.1, Beta: 0.75, BiasRow: mode >= 3}
				if mode%3 > 0 {
					e.Bias, _ = guarded[T](r, max(s[0], s[1]), 1)
				}
				if mode%3 > 1 {
					e.ResidualLD = s[1] + 4
					e.Residual, _ = guarded[T](r, s[0]*e.ResidualLD, 2)
				}
				c.g.Epi = e
				Gemm(p, &c.g)
				if c.verify(t); t.Failed() {
					t.Fatalf("activation %d, mode %d", act, mode)
				}
			}
		}
	}
}

func TestGemmEpilogue(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		t.Run("float32", testGemmEpilogue[float32])
		t.Run("float64", testGemmEpilogue[float64])
	})
}

func TestGemmPacked(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		for _, s := range gemmSizes {
			for mode := range 4 {
				c := newGemmCase[float32](s[0], s[1], s[2], mode&1 != 0, mode&2 != 0, 1)
				g := c.g
				pb := PackB(g.TransB, g.K, g.N, g.B, g.LDB)
				g.B, g.LDB = nil, 0
				GemmPacked(p, &g, pb)
				c.verify(t)
			}
		}
	})
}

// TestGemmBetaZero: C full of NaN is not read.
func TestGemmBetaZero(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for _, s := range gemmSizes {
			c := newGemmCase[float32](s[0], s[1], s[2], false, false, 0)
			for i := range s[0] {
				for j := range s[1] {
					c.g.C[i*c.g.LDC+j] = float32(math.NaN())
				}
			}
			Gemm(nil, &c.g)
			c.verify(t)
		}
	})
}

// TestGemmDegenerate: K = 0 leaves beta C, alpha 0 does not read A and B.
func TestGemmDegenerate(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for _, beta := range []float64{0, 1, 0.5} {
			c := newGemmCase[float64](20, 70, 0, false, false, beta)
			c.g.Epi = &Epilogue[float64]{Act: ActRelu}
			Gemm(nil, &c.g)
			c.verify(t)

			c = newGemmCase[float64](20, 70, 30, false, false, beta)
			c.g.Alpha = 0
			nan := slices.Repeat([]float64{math.NaN()}, len(c.g.A))
			c.g.A, nan = nan, c.g.A
			Gemm(nil, &c.g)
			c.g.A = nan
			c.verify(t)
		}
	})
	c := newGemmCase[float32](0, 5, 5, false, false, 0)
	Gemm(nil, &c.g)
	c.verify(t)
}

// TestGemmSpecialValues: one NaN or infinity in A poisons its row of C and
// nothing else; so does a NaN through every activation.
func TestGemmSpecialValues(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for act := ActNone; act <= ActSilu; act++ {
			for _, s := range [][3]int{{17, 51, 40}, {1, 40, 40}, {30, 1, 40}, {5, 7, 300}} {
				m, n, k := s[0], s[1], s[2]
				c := newGemmCase[float32](m, n, k, false, false, 0)
				c.g.A[(m/2)*c.g.LDA+k-1] = float32(math.NaN())
				c.g.Epi = &Epilogue[float32]{Act: act, Alpha: -0.5, Beta: 0.5}
				Gemm(nil, &c.g)
				for i := range m {
					for j := range n {
						if v := c.g.C[i*c.g.LDC+j]; math.IsNaN(float64(v)) != (i == m/2) {
							t.Fatalf("activation %d, %v: C[%d,%d] = %v", act, s, i, j, v)
						}
					}
				}
			}
		}
		c := newGemmCase[float64](9, 9, 9, false, false, 0)
		c.g.B[4] = math.Inf(1)
		Gemm(nil, &c.g)
		for i := range 9 {
			if v := c.g.C[i*c.g.LDC+4]; !math.IsInf(v, 0) {
				t.Fatalf("C[%d,4] = %v, want an infinity", i, v)
			}
		}
	})
}

// TestGemmDenormals: results below the normal range are not flushed.
func TestGemmDenormals(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		a, b, c := []float32{0x1p-100, 0x1p-100}, []float32{0x1p-45, 0x1p-46}, []float32{0}
		Gemm(nil, &GemmArgs[float32]{M: 1, N: 1, K: 2, Alpha: 1, A: a, LDA: 2, B: b, LDB: 1, C: c, LDC: 1})
		if c[0] != 0x1p-145+0x1p-146 {
			t.Errorf("got %g, want %g", c[0], 0x1p-145+0x1p-146)
		}
	})
}

// TestGemmThreads: the same bits for every number of threads.
func TestGemmThreads(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for _, s := range append(gemmSizes, [3]int{130, 500, 300}, [3]int{500, 40, 300}) {
			for mode := range 4 {
				var want []float32
				for _, threads := range []int{1, 2, 3} {
					p := NewPool(threads)
					c := newGemmCase[float32](s[0], s[1], s[2], mode&1 != 0, mode&2 != 0, 1)
					Gemm(p, &c.g)
					p.Close()
					if want == nil {
						want = c.g.C
					} else if !slices.Equal(want, c.g.C) {
						t.Fatalf("%v mode %d: %d threads give other bits than 1", s, mode, threads)
					}
				}
			}
		}
	})
}

func TestGemmAllocatesNothing(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	for _, s := range gemmSizes {
		for mode := range 4 {
			c := newGemmCase[float32](s[0], s[1], s[2], mode&1 != 0, mode&2 != 0, 0)
			c.g.Epi = &Epilogue[float32]{Act: ActRelu, Bias: make([]float32, s[1])}
			if n := testing.AllocsPerRun(5, func() { Gemm(p, &c.g) }); n != 0 {
				t.Errorf("%v mode %d: %v allocations", s, mode, n)
			}
		}
	}
}

func TestGemmPanics(t *testing.T) {
	ok := func() *GemmArgs[float32] { return &newGemmCase[float32](4, 5, 6, false, false, 0).g }
	for name, spoil := range map[string]func(g *GemmArgs[float32]){
		"short A":       func(g *GemmArgs[float32]) { g.A = g.A[:3*g.LDA+5] },
		"short B":       func(g *GemmArgs[float32]) { g.B = g.B[:5*g.LDB+4] },
		"short C":       func(g *GemmArgs[float32]) { g.C = nil },
		"small LDC":     func(g *GemmArgs[float32]) { g.LDC = 4 },
		"negative K":    func(g *GemmArgs[float32]) { g.K = -1 },
		"overlapping C": func(g *GemmArgs[float32]) { g.Batch, g.StrideA, g.StrideB, g.StrideC = 2, 0, 0, 1 },
		"short bias":    func(g *GemmArgs[float32]) { g.Epi = &Epilogue[float32]{Bias: make([]float32, 4)} },
		"short residual": func(g *GemmArgs[float32]) {
			g.Epi = &Epilogue[float32]{Residual: make([]float32, 19), ResidualLD: 5}
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			g := ok()
			spoil(g)
			Gemm(nil, g)
		})
	}
}

func TestForcePath(t *testing.T) {
	if err := ForcePath("abacus"); err == nil {
		t.Error("an unknown path was accepted")
	}
	if got := Paths(); got[len(got)-1] != "portable" || !slices.Contains(got, Path()) {
		t.Errorf("Paths() = %v, Path() = %s", got, Path())
	}
}

func ExampleGemm() {
	a := []float32{1, 2, 3, 4, 5, 6} // 2 x 3
	b := []float32{1, 0, 0, 1, 1, 1} // 3 x 2
	c := make([]float32, 4)
	Gemm(nil, &GemmArgs[float32]{M: 2, N: 2, K: 3, Alpha: 1, A: a, LDA: 3, B: b, LDB: 2, C: c, LDC: 2,
		Epi: &Epilogue[float32]{Bias: []float32{-5, 0}, Act: ActRelu}})
	fmt.Println(c)
	// Output: [0 5 5 11]
}
