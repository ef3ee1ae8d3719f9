package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// dotSizes are M, N, K.
var dotSizes = [][3]int{{1, 1, 1}, {1, 49, 3}, {3, 16, 4}, {2, 17, 5}, {9, 96, 16}, {17, 50, 33}, {8, 48, 0}, {40, 130, 257}, {1, 300, 784}}

// dotCase is a product on guarded data with a bias and a ReLU.
type dotCase struct {
	m, n, k int
	g       DotArgs
	w       []float32 // N x K
	intact  func() bool
}

func newDotCase(s [3]int) *dotCase {
	r := rand.New(rand.NewPCG(uint64(s[0]), uint64(s[2])))
	c := &dotCase{m: s[0], n: s[1], k: s[2]}
	lda, ldc := c.k+3, c.n+2
	a, okA := guarded[float32](r, c.m*lda, 1)
	out, okC := guarded[float32](r, c.m*ldc, 3)
	bias, _ := guarded[float32](r, c.n, 1)
	c.w, _ = guarded[float32](r, c.n*c.k, 0)
	c.g = DotArgs{M: c.m, A: a, LDA: lda, C: out, LDC: ldc, Epi: &Epilogue[float32]{Bias: bias, Act: ActLeakyRelu, Alpha: 0.25}}
	c.intact = func() bool { return okA() && okC() }
	return c
}

// verify compares with the product of row(m) and the weights, within the given
// share of the sum of magnitudes.
func (c *dotCase) verify(t *testing.T, row func(a []float32) []float64, weight func(n, k int) float64, tol float64) {
	t.Helper()
	if !c.intact() {
		t.Fatal("a guard word was overwritten")
	}
	for i := range c.m {
		a := row(c.g.A[i*c.g.LDA : i*c.g.LDA+c.k])
		for j := range c.n {
			sum := float64(c.g.Epi.Bias[j])
			mag := math.Abs(sum)
			for l, x := range a {
				sum += x * weight(j, l)
				mag += math.Abs(x * weight(j, l))
			}
			if sum < 0 {
				sum *= 0.25
			}
			if got := float64(c.g.C[i*c.g.LDC+j]); !(math.Abs(got-sum) <= tol*mag) {
				t.Fatalf("M N K %d %d %d: C[%d,%d] = %v, want %v", c.m, c.n, c.k, i, j, got, sum)
			}
		}
	}
}

// int8Weights rounds w (N x K) by channel.
func (c *dotCase) int8Weights() (q []int8, scale []float32) {
	q, scale = make([]int8, len(c.w)), make([]float32, c.n)
	for j := range c.n {
		row := c.w[j*c.k : (j+1)*c.k]
		scale[j] = math.Float32frombits(absMaxBitsPortable(row, 0)) / 127
		for l, v := range row {
			q[j*c.k+l] = int8(math.RoundToEven(float64(v / scale[j])))
		}
	}
	return q, scale
}

// TestGemmInt8: the sums are those of the rounded numbers, the rounding costs at
// most half a step, and every path gives the same bits.
func TestGemmInt8(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	first := map[string][]float32{}
	forPaths(t, func(t *testing.T) {
		for _, s := range dotSizes {
			c := newDotCase(s)
			q, scale := c.int8Weights()
			GemmInt8(p, &c.g, PackInt8(c.n, c.k, q, c.k, scale))
			c.verify(t, int8Row, func(n, k int) float64 { return float64(q[n*c.k+k]) * float64(scale[n]) }, 1e-6)
			c.verify(t, exactRow, func(n, k int) float64 { return float64(c.w[n*c.k+k]) }, 1e-3+3.0/127)
			name := fmt.Sprint(s)
			if first[name] == nil {
				first[name] = c.g.C
			} else if !slices.Equal(first[name], c.g.C) {
				t.Errorf("%v: other bits than on the first path", s)
			}
		}
	})
}

func exactRow(a []float32) []float64 {
	x := make([]float64, len(a))
	for i, v := range a {
		x[i] = float64(v)
	}
	return x
}

// int8Row is the definition of the rounding of activations.
func int8Row(a []float32) []float64 {
	top, x := float32(0), exactRow(a)
	for _, v := range a {
		top = max(top, float32(math.Abs(float64(v))))
	}
	for i, v := range a {
		x[i] = math.RoundToEven(float64(v*(127/top))) * float64(top/127)
	}
	return x
}

func bf16Bits(w []float32) []uint16 {
	h := make([]uint16, len(w))
	roundBF16Portable(h, w)
	return h
}

func fromBF16(h uint16) float64 { return float64(math.Float32frombits(uint32(h) << 16)) }

func TestGemmBF16(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		for _, s := range dotSizes {
			c := newDotCase(s)
			h := bf16Bits(c.w)
			GemmBF16(p, &c.g, PackBF16(c.n, c.k, h, c.k))
			row := func(a []float32) []float64 {
				x := make([]float64, len(a))
				for i, v := range bf16Bits(a) {
					x[i] = fromBF16(v)
				}
				return x
			}
			c.verify(t, row, func(n, k int) float64 { return fromBF16(h[n*c.k+k]) }, 1e-6)
			c.verify(t, exactRow, func(n, k int) float64 { return float64(c.w[n*c.k+k]) }, 1e-6+2*0x1p-8)
		}
	})
}

// TestNarrowing: the assembly rounds as the reference does, ties and special
// values included.
func TestNarrowing(t *testing.T) {
	src := []float32{0, float32(math.Copysign(0, -1)), 0.5, 1.5, -2.5, 126.5, -126.5, 127, -127, 1e-40, 3.25, 1 + 0x1p-8, 1 + 0x3p-8, -1 - 0x1p-8,
		math.MaxFloat32, 1, 2, 3}
	special := append(slices.Clone(src), float32(math.NaN()), float32(math.Inf(-1)))
	special = append(special, src...)
	forPaths(t, func(t *testing.T) {
		for n := range src {
			part := append(slices.Clone(src[:14]), src[:n]...)
			got, want := make([]byte, len(part)), make([]byte, len(part))
			roundInt8(got, part, 1)
			roundInt8Portable(want, part, 1)
			if len(part) < 29 && !slices.Equal(got, want) {
				t.Fatalf("int8: %v, want %v", got, want)
			}
			if g, w := absMaxBits(special[:n+14]), absMaxBitsPortable(special[:n+14], 0); g != w {
				t.Fatalf("largest magnitude of %v: %x, want %x", special[:n+14], g, w)
			}
		}
		got, want := make([]uint16, len(special)), make([]uint16, len(special))
		roundBF16(got, special)
		roundBF16Portable(want, special)
		if !slices.Equal(got, want) {
			t.Fatalf("bfloat16: %x, want %x", got, want)
		}
	})
}

// TestDotSpecialValues: a NaN or infinity poisons its row, a row near zero is
// zero to int8.
func TestDotSpecialValues(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		c := newDotCase([3]int{5, 20, 40})
		c.g.Epi = nil
		q, scale := c.int8Weights()
		c.g.A[c.g.LDA+7] = float32(math.NaN())
		c.g.A[3*c.g.LDA] = float32(math.Inf(1))
		for l := range c.k {
			c.g.A[4*c.g.LDA+l] = 1e-35
		}
		GemmInt8(nil, &c.g, PackInt8(c.n, c.k, q, c.k, scale))
		for i := range c.m {
			for _, v := range c.g.C[i*c.g.LDC : i*c.g.LDC+c.n] {
				if (v != v) != (i == 1 || i == 3) || i == 4 && v != 0 {
					t.Fatalf("row %d has %v", i, v)
				}
			}
		}
		GemmBF16(nil, &c.g, PackBF16(c.n, c.k, bf16Bits(c.w), c.k))
		for _, v := range c.g.C[c.g.LDC : c.g.LDC+c.n] {
			if v == v {
				t.Fatalf("the row with a NaN has %v", v)
			}
		}
	})
}

func TestDotAllocatesNothing(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	c := newDotCase([3]int{40, 130, 257})
	q, scale := c.int8Weights()
	w8, w16 := PackInt8(c.n, c.k, q, c.k, scale), PackBF16(c.n, c.k, bf16Bits(c.w), c.k)
	if n := testing.AllocsPerRun(10, func() { GemmInt8(p, &c.g, w8); GemmBF16(p, &c.g, w16) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPackInt8Panics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("too long a sum was accepted")
		}
	}()
	PackInt8(1, maxInt8K+1, make([]int8, maxInt8K+1), maxInt8K+1, []float32{1})
}

// BenchmarkDot prints GOP/s of products with narrow weights.
func BenchmarkDot(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	for _, s := range [][3]int{{1, 1200, 1200}, {8, 1200, 1200}, {128, 1200, 1200}, {512, 1024, 1024}} {
		c := newDotCase(s)
		q, scale := c.int8Weights()
		w8, w16 := PackInt8(c.n, c.k, q, c.k, scale), PackBF16(c.n, c.k, bf16Bits(c.w), c.k)
		for name, f := range map[string]func(){
			"int8": func() { GemmInt8(p, &c.g, w8) }, "bf16": func() { GemmBF16(p, &c.g, w16) }} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", c.m, c.k, c.n, name), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(2*float64(c.m*c.n*c.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
			})
		}
	}
}
