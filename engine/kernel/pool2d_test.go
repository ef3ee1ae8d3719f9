package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomPool returns a shape that may have anything, of images up to so high; output
// extents are rounded up now and then.
func randomPool(r *rand.Rand, high int) PoolShape {
	one := func(n int) int { return 1 + r.IntN(n) }
	s := PoolShape{N: one(3), C: one(4), H: one(high), W: one(20), KH: one(4), KW: one(4), StrideH: one(3), StrideW: one(3),
		DilH: one(2), DilW: one(2), CountIncludePad: r.IntN(2) == 0}
	s.PadTop, s.PadLeft, s.PadBottom, s.PadRight = r.IntN(s.KH), r.IntN(s.KW), r.IntN(s.KH), r.IntN(s.KW)
	s.H = max(s.H, s.DilH*(s.KH-1)+1)
	s.W = max(s.W, s.DilW*(s.KW-1)+1)
	up := r.IntN(2)
	s.OH = (s.H+s.PadTop+s.PadBottom-s.DilH*(s.KH-1)-1+up*(s.StrideH-1))/s.StrideH + 1
	s.OW = (s.W+s.PadLeft+s.PadRight-s.DilW*(s.KW-1)-1+up*(s.StrideW-1))/s.StrideW + 1
	return s
}

var poolPairs = PoolShape{N: 2, C: 3, H: 9, W: 12, KH: 2, KW: 2, OH: 4, OW: 6, StrideH: 2, StrideW: 2, DilH: 1, DilW: 1}

// eachTap calls f for every tap of an output: at is the index in x, or -1 in the
// padding, or -2 beyond it.
func (s *PoolShape) eachTap(y int, f func(at int)) {
	j, i, plane := y%s.OW, y/s.OW%s.OH, y/(s.OW*s.OH)
	for a := range s.KH {
		for b := range s.KW {
			h, w := i*s.StrideH-s.PadTop+a*s.DilH, j*s.StrideW-s.PadLeft+b*s.DilW
			switch {
			case h >= 0 && h < s.H && w >= 0 && w < s.W:
				f((plane*s.H+h)*s.W + w)
			case h < s.H+s.PadBottom && w < s.W+s.PadRight:
				f(-1)
			default:
				f(-2)
			}
		}
	}
}

// poolCase is a pooling with guarded operands.
type poolCase struct {
	s            PoolShape
	x, y, dx, dy []float64
	arg          []int32
	intact       []func() bool
}

func newPoolCase(r *rand.Rand, s PoolShape) *poolCase {
	c := &poolCase{s: s}
	some := func(n int) []float64 {
		v, intact := guarded[float64](r, n, 3)
		c.intact = append(c.intact, intact)
		return v
	}
	in, out := s.N*s.C*s.H*s.W, s.N*s.C*s.OH*s.OW
	c.x, c.y, c.dx, c.dy, c.arg = some(in), some(out), some(in), some(out), make([]int32, out)
	for i := range c.x {
		c.x[i] = math.Round(4 * c.x[i]) // many are equal
	}
	return c
}

func (c *poolCase) verifyMax(t *testing.T) {
	t.Helper()
	dx, area := make([]float64, len(c.dx)), c.s.H*c.s.W
	for i, v := range c.y {
		best, at := math.Inf(-1), -1
		c.s.eachTap(i, func(k int) {
			if k >= 0 && (at < 0 || c.x[k] > best || (c.x[k] != c.x[k] && best == best)) {
				best, at = c.x[k], k
			}
		})
		if v != best && !(v != v && best != best) {
			t.Fatalf("%+v: y[%d] = %v, want %v", c.s, i, v, best)
		}
		if at >= 0 {
			dx[at] += c.dy[i]
			at %= area
		}
		if int(c.arg[i]) != at {
			t.Fatalf("%+v: arg[%d] = %d, want %d", c.s, i, c.arg[i], at)
		}
	}
	c.verifyGrad(t, dx)
}

func (c *poolCase) verifyAvg(t *testing.T) {
	t.Helper()
	dx := make([]float64, len(c.dx))
	for i, v := range c.y {
		sum, count := 0.0, 0
		c.s.eachTap(i, func(k int) {
			if k >= 0 {
				sum += c.x[k]
			}
			if k >= 0 || (k == -1 && c.s.CountIncludePad) {
				count++
			}
		})
		if want := sum / float64(max(1, count)); math.Abs(v-want) > 1e-12 {
			t.Fatalf("%+v: y[%d] = %v, want %v", c.s, i, v, want)
		}
		c.s.eachTap(i, func(k int) {
			if k >= 0 {
				dx[k] += c.dy[i] / float64(count)
			}
		})
	}
	c.verifyGrad(t, dx)
}

func (c *poolCase) verifyGrad(t *testing.T, dx []float64) {
	t.Helper()
	for i, v := range c.dx {
		if math.Abs(v-dx[i]) > 1e-12 {
			t.Fatalf("%+v: dx[%d] = %v, want %v", c.s, i, v, dx[i])
		}
	}
	for _, intact := range c.intact {
		if !intact() {
			t.Fatalf("%+v: wrote outside of an operand", c.s)
		}
	}
}

func TestPool2D(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		s := poolPairs
		if i > 5 {
			s = randomPool(r, 12)
		}
		if i%30 == 6 {
			s = randomPool(r, 500) // in bands
		}
		c := newPoolCase(r, s)
		if i%3 == 0 {
			c.x[r.IntN(len(c.x))] = math.NaN()
		}
		if i%5 == 0 {
			for k := range min(len(c.x), 40) {
				c.x[k] = math.Inf(-1)
			}
		}
		MaxPool(p, &s, c.y, c.arg, c.x)
		MaxPoolGrad(p, &s, c.dx, c.dy, c.arg)
		c.verifyMax(t)
		y := slices.Clone(c.y)
		MaxPool(p, &s, c.y, nil, c.x)
		for k, v := range c.y {
			if v != y[k] && v == v {
				t.Fatalf("%+v: y[%d] = %v without indices, %v with", s, k, v, y[k])
			}
		}
		if i%3 != 0 {
			AvgPool(p, &s, c.y, c.x)
			AvgPoolGrad(p, &s, c.dx, c.dy)
			c.verifyAvg(t)
		}
	}
}

// TestPoolHugeStride: what a file says of strides asks for no memory.
func TestPoolHugeStride(t *testing.T) {
	s := PoolShape{N: 1, C: 1, H: 1, W: 64, KH: 1, KW: 3, OH: 1, OW: 62, StrideH: 1 << 40, StrideW: 1, DilH: 1, DilW: 1}
	c := newPoolCase(rand.New(rand.NewPCG(9, 1)), s)
	MaxPool(nil, &s, c.y, c.arg, c.x)
	MaxPoolGrad(nil, &s, c.dx, c.dy, c.arg)
	c.verifyMax(t)
}

// TestPoolPairs: every path agrees with float64 about pairs of float32.
func TestPoolPairs(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for ow := 1; ow <= 20; ow++ {
			s := PoolShape{N: 2, C: 3, H: 4 + ow%3, W: 2*ow + ow%2, KH: 2, KW: 2, OH: 2, OW: ow, StrideH: 2, StrideW: 2, DilH: 1, DilW: 1}
			c := newPoolCase(r, s)
			if ow%4 == 0 {
				c.x[r.IntN(len(c.x))] = math.NaN()
			}
			c.narrow(r)
			c.verifyMax(t)
		}
	})
}

// narrow pools in float32 and takes over the results.
func (c *poolCase) narrow(r *rand.Rand) {
	operand := func(v []float64) []float32 {
		w, intact := guarded[float32](r, len(v), 3)
		c.intact = append(c.intact, intact)
		for i, x := range v {
			w[i] = float32(x)
		}
		return w
	}
	x, y, dx, dy := operand(c.x), operand(c.y), operand(c.dx), operand(c.dy)
	MaxPool(nil, &c.s, y, c.arg, x)
	MaxPoolGrad(nil, &c.s, dx, dy, c.arg)
	for i, v := range y {
		c.y[i], c.dy[i] = float64(v), float64(dy[i])
	}
	for i, v := range dx {
		c.dx[i] = float64(v)
	}
}

func TestPool2DAllocatesNothing(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	for _, s := range []PoolShape{poolPairs, poolOverlapping} {
		c := newPoolCase(rand.New(rand.NewPCG(5, 6)), s)
		x, y := make([]float32, len(c.x)), make([]float32, len(c.y))
		if n := testing.AllocsPerRun(5, func() {
			MaxPool(p, &c.s, y, c.arg, x)
			MaxPoolGrad(p, &c.s, x, y, c.arg)
			MaxPool(p, &c.s, c.y, c.arg, c.x)
			MaxPoolGrad(p, &c.s, c.dx, c.dy, c.arg)
			AvgPool(p, &c.s, c.y, c.x)
			AvgPoolGrad(p, &c.s, c.dx, c.dy)
		}); n != 0 {
			t.Errorf("%+v: %v allocations", s, n)
		}
	}
}

// poolOverlapping is a pooling of the FitNets of MNIST.
var poolOverlapping = PoolShape{N: 4, C: 16, H: 28, W: 28, KH: 4, KW: 4, OH: 13, OW: 13, StrideH: 2, StrideW: 2, DilH: 1, DilW: 1}

// BenchmarkMaxPool takes the first pooling of LeNet, then one with windows that overlap.
func BenchmarkMaxPool(b *testing.B) {
	b.Run("pairs", func(b *testing.B) {
		benchMaxPool(b, PoolShape{N: 128, C: 20, H: 24, W: 24, KH: 2, KW: 2, OH: 12, OW: 12, StrideH: 2, StrideW: 2, DilH: 1, DilW: 1})
	})
	b.Run("overlapping", func(b *testing.B) { benchMaxPool(b, poolOverlapping) })
}

func benchMaxPool(b *testing.B, s PoolShape) {
	x, y, arg := make([]float32, s.N*s.C*s.H*s.W), make([]float32, s.N*s.C*s.OH*s.OW), make([]int32, s.N*s.C*s.OH*s.OW)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = r.Float32()
	}
	b.Run("forward", func(b *testing.B) {
		for b.Loop() {
			MaxPool(nil, &s, y, arg, x)
		}
	})
	b.Run("gradient", func(b *testing.B) {
		for b.Loop() {
			MaxPoolGrad(nil, &s, x, y, arg)
		}
	})
}
