package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// convCase is a convolution with its operands, which have guard words around them.
type convCase[T Float] struct {
	s              ConvShape
	x, w, y        []T
	dy, dx, dw, db []T
	epi            *Epilogue[T]
	intact         []func() bool
}

// output sets the output's extents.
func (s ConvShape) output() ConvShape {
	s.OH = (s.H+s.PadTop+s.PadBottom-s.DilH*(s.KH-1)-1)/s.StrideH + 1
	s.OW = (s.W+s.PadLeft+s.PadRight-s.DilW*(s.KW-1)-1)/s.StrideW + 1
	return s
}

// square is a convolution of square images with stride and padding.
func square(n, c, hw, m, k, stride, pad int) ConvShape {
	return ConvShape{N: n, C: c, H: hw, W: hw, M: m, KH: k, KW: k, StrideH: stride, StrideW: stride, DilH: 1, DilW: 1,
		PadTop: pad, PadLeft: pad, PadBottom: pad, PadRight: pad, Groups: 1}.output()
}

var convShapes = map[string]ConvShape{
	"3x3":           square(3, 5, 11, 7, 3, 1, 1),
	"3x3 wide":      square(2, 16, 32, 16, 3, 1, 1),
	"3x3 small":     square(9, 40, 8, 33, 3, 1, 1),
	"3x3 stride 2":  square(3, 16, 16, 24, 3, 2, 1),
	"3x3 odd":       square(3, 9, 13, 10, 3, 1, 1),
	"3x3 valid":     square(2, 8, 18, 17, 3, 1, 0),
	"3x3 narrow":    {N: 5, C: 16, H: 9, W: 7, M: 24, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, PadTop: 2, PadLeft: 1, PadBottom: 1, PadRight: 2, Groups: 2},
	"3x3 long":      {N: 1, C: 8, H: 5, W: 71, M: 8, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, PadTop: 3, PadLeft: 4, PadBottom: 3, PadRight: 3, Groups: 1},
	"first":         square(2, 3, 20, 16, 3, 1, 1),
	"5x5":           square(3, 1, 28, 20, 5, 1, 0),
	"5x5 second":    square(4, 20, 12, 50, 5, 1, 0),
	"valid":         square(9, 6, 12, 10, 5, 1, 0),
	"valid groups":  {N: 4, C: 6, H: 11, W: 37, M: 9, KH: 5, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 6, PadTop: 1, PadLeft: 2, Groups: 3},
	"7x7 stride 2":  square(1, 3, 33, 17, 7, 2, 3),
	"1x1":           square(3, 9, 7, 21, 1, 1, 0),
	"1x1 stride 2":  square(2, 9, 7, 12, 1, 2, 0),
	"1x1 of 1x1":    square(5, 9, 1, 12, 1, 1, 0),
	"stride 3 of 2": square(2, 4, 13, 6, 2, 3, 0),
	"whole":         square(3, 4, 5, 10, 5, 1, 0),
	"groups":        {N: 2, C: 12, H: 9, W: 10, M: 9, KH: 3, KW: 2, StrideH: 1, StrideW: 2, DilH: 1, DilW: 1, PadTop: 1, PadRight: 1, Groups: 3},
	"depthwise":     {N: 2, C: 12, H: 9, W: 37, M: 12, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 12},
	"depthwise s2":  {N: 2, C: 5, H: 11, W: 37, M: 10, KH: 3, KW: 3, StrideH: 2, StrideW: 2, DilH: 1, DilW: 1, PadTop: 1, PadLeft: 1, Groups: 5},
	"3x1":           depthwise(3, 11, 16, 3, 1, 1, 1),
	"1x3":           depthwise(3, 11, 9, 1, 3, 1, 1),
	"3x1 stride 2":  depthwise(3, 11, 16, 3, 1, 2, 1),
	"1x3 stride 2":  depthwise(3, 11, 17, 1, 3, 1, 2),
	"1x3 of 32":     depthwise(2, 8, 32, 1, 3, 1, 2),
	"far depthwise": {N: 2, C: 3, H: 5, W: 6, M: 6, KH: 4, KW: 9, StrideH: 1, StrideW: 1, DilH: 2, DilW: 1, PadTop: 5, PadLeft: 4, PadBottom: 4, PadRight: 4, Groups: 3},
	"dilated":       {N: 2, C: 6, H: 15, W: 14, M: 8, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilH: 2, DilW: 3, PadTop: 2, PadLeft: 3, PadBottom: 2, PadRight: 3, Groups: 1},
	"1-d":           {N: 3, C: 10, H: 1, W: 50, M: 14, KH: 1, KW: 5, StrideH: 1, StrideW: 2, DilH: 1, DilW: 1, PadLeft: 4, PadRight: 1, Groups: 1},
	"1-d causal":    {N: 1, C: 8, H: 1, W: 65, M: 8, KH: 1, KW: 4, StrideH: 1, StrideW: 1, DilH: 1, DilW: 4, PadLeft: 12, Groups: 1},
	"far padding":   {N: 1, C: 3, H: 2, W: 3, M: 5, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, PadTop: 5, PadLeft: 6, PadBottom: 4, PadRight: 7, Groups: 1},
}

func newConvCase[T Float](s ConvShape) *convCase[T] {
	if s.OH == 0 {
		s = s.output()
	}
	r := rand.New(rand.NewPCG(uint64(s.lenX()), uint64(s.lenW())))
	c := &convCase[T]{s: s}
	some := func(n int) []T {
		v, intact := guarded[T](r, n, 3)
		c.intact = append(c.intact, intact)
		return v
	}
	c.x, c.w, c.y = some(s.lenX()), some(s.lenW()), some(s.lenY())
	c.dx, c.dw, c.dy, c.db = some(s.lenX()), some(s.lenW()), some(s.lenY()), some(s.M)
	c.epi = &Epilogue[T]{Bias: some(s.M), Residual: some(s.lenY()), Act: ActLeakyRelu, Alpha: 0.25}
	return c
}

// run computes everything.
func (c *convCase[T]) run(p *Pool, k *Conv[T]) {
	k.Forward(p, c.x, c.w, c.y, c.epi)
	k.BackwardInput(p, c.dy, c.w, c.dx)
	k.BackwardWeight(p, c.x, c.dy, c.dw)
	k.BackwardBias(p, c.dy, c.db)
}

// eachProduct calls f for every product of an input, a weight and an output.
func (s *ConvShape) eachProduct(f func(x, w, y int)) {
	cg, mg := s.C/s.Groups, s.M/s.Groups
	for y := range s.lenY() {
		j, i, m, n := y%s.OW, y/s.OW%s.OH, y/(s.OW*s.OH)%s.M, y/(s.OW*s.OH*s.M)
		for w := range cg * s.KH * s.KW {
			b, a, c := w%s.KW, w/s.KW%s.KH, w/(s.KW*s.KH)
			h, v := i*s.StrideH-s.PadTop+a*s.DilH, j*s.StrideW-s.PadLeft+b*s.DilW
			if h >= 0 && h < s.H && v >= 0 && v < s.W {
				f(((n*s.C+m/mg*cg+c)*s.H+h)*s.W+v, m*cg*s.KH*s.KW+w, y)
			}
		}
	}
}

// verify compares with sums in float64.
func (c *convCase[T]) verify(t *testing.T) {
	t.Helper()
	s := &c.s
	y, dx, dw, db := make([]float64, s.lenY()), make([]float64, s.lenX()), make([]float64, s.lenW()), make([]float64, s.M)
	s.eachProduct(func(ix, iw, iy int) {
		y[iy] += float64(c.x[ix]) * float64(c.w[iw])
		dx[ix] += float64(c.w[iw]) * float64(c.dy[iy])
		dw[iw] += float64(c.x[ix]) * float64(c.dy[iy])
	})
	for i, v := range c.dy {
		m := i / (s.OH * s.OW) % s.M
		db[m] += float64(v)
		if c.epi != nil {
			y[i] += float64(c.epi.Bias[m]) + float64(c.epi.Residual[i])
			if y[i] < 0 {
				y[i] *= float64(c.epi.Alpha)
			}
		}
	}
	compareConv(t, "y", c.y, y, s.taps())
	compareConv(t, "dx", c.dx, dx, s.M/s.Groups*s.KH*s.KW)
	compareConv(t, "dw", c.dw, dw, s.N*s.OH*s.OW)
	compareConv(t, "db", c.db, db, s.N*s.OH*s.OW)
	for _, intact := range c.intact {
		if !intact() {
			t.Fatal("wrote outside of an operand")
		}
	}
}

// compareConv allows the error of a sum of k products of numbers up to 1.
func compareConv[T Float](t *testing.T, name string, got []T, want []float64, k int) {
	t.Helper()
	limit := eps[T]() * (4 + 2*math.Sqrt(float64(k))) * (1 + math.Sqrt(float64(k)))
	for i, v := range got {
		if d := math.Abs(float64(v) - want[i]); !(d <= limit) {
			t.Fatalf("%s[%d] = %v, want %v", name, i, v, want[i])
		}
	}
}

func testConv[T Float](t *testing.T, p *Pool) {
	for name, s := range convShapes {
		t.Run(name, func(t *testing.T) {
			c := newConvCase[T](s)
			c.run(p, NewConv[T](c.s))
			c.verify(t)
		})
	}
}

func TestConv(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		t.Run("float32", func(t *testing.T) { testConv[float32](t, p) })
		t.Run("float64", func(t *testing.T) { testConv[float64](t, p) })
	})
}

// TestConvThreads: the same bits for every number of threads.
func TestConvThreads(t *testing.T) {
	one, two := NewPool(1), NewPool(2)
	defer one.Close()
	defer two.Close()
	forPaths(t, func(t *testing.T) {
		for name, s := range convShapes {
			a, b := newConvCase[float32](s), newConvCase[float32](s)
			a.run(one, NewConv[float32](a.s))
			b.run(two, NewConv[float32](b.s))
			if !slices.Equal(a.y, b.y) || !slices.Equal(a.dx, b.dx) || !slices.Equal(a.dw, b.dw) || !slices.Equal(a.db, b.db) {
				t.Errorf("%s: two threads give other bits than one", name)
			}
		}
	})
}

// randomConv returns a shape that may have anything.
func randomConv(r *rand.Rand) ConvShape {
	one := func(n int) int { return 1 + r.IntN(n) }
	s := ConvShape{N: one(4), H: one(20), W: one(40), KH: one(4), KW: one(5), StrideH: one(3), StrideW: one(4),
		DilH: one(3), DilW: one(2), PadTop: r.IntN(3), PadLeft: r.IntN(4), PadBottom: r.IntN(3), PadRight: r.IntN(4), Groups: one(3)}
	if r.IntN(4) == 0 {
		s.H, s.KH, s.PadTop, s.PadBottom, s.DilH, s.StrideH = 1, 1, 0, 0, 1, 1
	}
	s.C, s.M = s.Groups*one(9), s.Groups*one(11)
	if r.IntN(3) == 0 {
		s.C, s.M = s.Groups, s.Groups*one(3)
	}
	s.H = max(s.H, s.DilH*(s.KH-1)+1)
	s.W = max(s.W, s.DilW*(s.KW-1)+1)
	return s.output()
}

func TestConvRandomShapes(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for range 150 {
			c := newConvCase[float32](randomConv(r))
			c.run(p, NewConv[float32](c.s))
			if c.verify(t); t.Failed() {
				t.Fatalf("%+v", c.s)
			}
		}
	})
}

// TestConvBlocks: images so large that rows, channels and threads are cut.
func TestConvBlocks(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		for _, s := range []ConvShape{square(1, 130, 9, 20, 3, 1, 1), square(1, 3, 150, 5, 3, 1, 1), square(1, 6, 120, 4, 3, 2, 1), square(1, 40, 3, 60, 1, 1, 0)} {
			c := newConvCase[float32](s)
			c.run(p, NewConv[float32](c.s))
			if c.verify(t); t.Failed() {
				t.Fatalf("%+v", c.s)
			}
		}
	})
}

// TestConvPrepack: packed weights are used instead of the argument.
func TestConvPrepack(t *testing.T) {
	for name, s := range convShapes {
		c := newConvCase[float32](s)
		k := NewConv[float32](c.s)
		k.Prepack(c.w)
		c.run(nil, k)
		k.Forward(nil, c.x, nil, c.y, c.epi)
		if c.verify(t); t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestConvSpecialValues: one NaN in the input poisons the outputs that see it
// and nothing else, the same for the gradients; in those of the weights it also
// counts for the taps that it multiplies with padding.
func TestConvSpecialValues(t *testing.T) {
	nan := float32(math.NaN())
	forPaths(t, func(t *testing.T) {
		for name, s := range convShapes {
			c := newConvCase[float32](s)
			c.epi = nil
			ix, iy := len(c.x)/2, len(c.dy)/2
			c.x[ix], c.dy[iy] = nan, nan
			c.run(nil, NewConv[float32](c.s))
			y, dx, dw := make([]bool, len(c.y)), make([]bool, len(c.dx)), make([]bool, len(c.dw))
			c.s.eachProduct(func(jx, jw, jy int) {
				y[jy] = y[jy] || jx == ix
				dx[jx] = dx[jx] || jy == iy
				dw[jw] = dw[jw] || jx == ix || jy == iy
			})
			for i := range dw {
				m, ch := i/c.s.taps(), i%c.s.taps()/(c.s.KH*c.s.KW)+i/c.s.taps()/c.s.mg()*c.s.cg()
				mine := m == iy/(c.s.OH*c.s.OW)%c.s.M || ch == ix/(c.s.H*c.s.W)%c.s.C
				dw[i] = dw[i] || mine && math.IsNaN(float64(c.dw[i]))
			}
			sameNaN(t, name+": y", c.y, y)
			sameNaN(t, name+": dx", c.dx, dx)
			sameNaN(t, name+": dw", c.dw, dw)
		}
	})
}

func sameNaN(t *testing.T, name string, got []float32, want []bool) {
	t.Helper()
	for i, v := range got {
		if math.IsNaN(float64(v)) != want[i] {
			t.Fatalf("%s[%d] = %v, want NaN: %v", name, i, v, want[i])
		}
	}
}

func TestConvAllocatesNothing(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	for name, s := range convShapes {
		c := newConvCase[float32](s)
		k := NewConv[float32](c.s)
		if n := testing.AllocsPerRun(3, func() { c.run(p, k) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestConvPanics(t *testing.T) {
	for name, f := range map[string]func(k *Conv[float32], c *convCase[float32]){
		"short x": func(k *Conv[float32], c *convCase[float32]) { k.Forward(nil, c.x[1:], c.w, c.y, nil) },
		"short w": func(k *Conv[float32], c *convCase[float32]) { k.Forward(nil, c.x, c.w[1:], c.y, nil) },
		"short bias": func(k *Conv[float32], c *convCase[float32]) {
			k.Forward(nil, c.x, c.w, c.y, &Epilogue[float32]{Bias: c.w[:1]})
		},
		"short dx": func(k *Conv[float32], c *convCase[float32]) { k.BackwardInput(nil, c.dy, c.w, c.dx[1:]) },
		"short dw": func(k *Conv[float32], c *convCase[float32]) { k.BackwardWeight(nil, c.x, c.dy, c.dw[1:]) },
		"groups":   func(*Conv[float32], *convCase[float32]) { NewConv[float32](ConvShape{C: 3, M: 3, Groups: 2}) },
		"stride":   func(*Conv[float32], *convCase[float32]) { NewConv[float32](ConvShape{C: 3, M: 3, Groups: 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			c := newConvCase[float32](square(2, 3, 5, 4, 3, 1, 1))
			f(NewConv[float32](c.s), c)
		})
	}
}
