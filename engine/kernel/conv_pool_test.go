package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// poolConvs are convolutions with pooling: with sparse gradients and without.
var poolConvs = map[string]ConvShape{
	"LeNet first":  square(3, 1, 28, 20, 5, 1, 0),
	"LeNet second": square(11, 20, 12, 50, 5, 1, 0),
	"padded":       square(9, 13, 8, 24, 3, 1, 1),
	"odd":          square(2, 9, 9, 17, 3, 1, 1),
	"one row":      square(1, 70, 3, 5, 2, 1, 0),
	"uneven":       {N: 3, C: 11, H: 7, W: 6, M: 9, KH: 4, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, PadTop: 2, PadLeft: 0, PadBottom: 1, PadRight: 3, Groups: 1},
	"below":        {N: 3, C: 12, H: 6, W: 7, M: 9, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, PadBottom: 2, Groups: 1},
	"stride 2":     square(2, 8, 8, 8, 3, 2, 1),
	"groups":       {N: 2, C: 16, H: 6, W: 6, M: 8, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2},
}

// convPoolCase is a convolution with pooling, whose gradient at the convolution's
// output, spread to dense.dy, is that of dense.
type convPoolCase[T Float] struct {
	dense *convCase[T]
	bias  []T
	y, g  []T
	arg   []int32
}

func newConvPoolCase[T Float](s ConvShape) *convPoolCase[T] {
	c := &convPoolCase[T]{dense: newConvCase[T](s)}
	s = c.dense.s
	n := s.N * s.M * (s.OH / 2) * (s.OW / 2)
	c.y, c.g, c.arg = make([]T, n), make([]T, n), make([]int32, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range c.g {
		c.g[i] = T(r.Float64()*2 - 1)
	}
	c.bias, c.dense.epi = c.dense.epi.Bias, nil
	return c
}

func (c *convPoolCase[T]) run(p *Pool, k *ConvPool[T]) {
	d, full := c.dense, make([]T, len(c.dense.dy))
	NewConv[T](d.s).Forward(p, d.x, d.w, d.y, nil)
	k.Forward(p, d.x, d.w, c.y, c.arg, full, &Epilogue[T]{Bias: c.bias, Act: ActRelu})
	k.Backward(p, d.x, d.w, c.g, c.arg, full, d.dx, d.dw, d.db)
}

// verify compares with the dense gradients.
func (c *convPoolCase[T]) verify(t *testing.T) {
	t.Helper()
	d, s := c.dense, &c.dense.s
	clear(d.dy)
	windows := (s.OH / 2) * (s.OW / 2)
	for i, k := range c.arg {
		at := i/windows*s.OH*s.OW + int(k)
		d.dy[at] += c.g[i]
		want := max(0, d.y[at]+c.bias[i/windows%s.M])
		if c.y[i] != want || want > 0 && larger(s, d.y, i, d.y[at]) {
			t.Fatalf("y[%d] = %v with %v at %d", i, c.y[i], d.y[at], k)
		}
	}
	d.verify(t)
}

// larger reports whether a number of window i of y is larger than v.
func larger[T Float](s *ConvShape, y []T, i int, v T) bool {
	w := s.OW / 2
	at := i/(s.OH/2*w)*s.OH*s.OW + i/w%(s.OH/2)*2*s.OW + i%w*2
	return max(y[at], y[at+1], y[at+s.OW], y[at+s.OW+1]) > v
}

func testConvPool[T Float](t *testing.T, p *Pool) {
	for name, s := range poolConvs {
		t.Run(name, func(t *testing.T) {
			c := newConvPoolCase[T](s)
			c.run(p, NewConvPool[T](c.dense.s))
			c.verify(t)
		})
	}
}

func TestConvPool(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		t.Run("float32", func(t *testing.T) { testConvPool[float32](t, p) })
		t.Run("float64", func(t *testing.T) { testConvPool[float64](t, p) })
	})
}

// TestConvPoolThreads: the same bits for every number of threads.
func TestConvPoolThreads(t *testing.T) {
	one, two := NewPool(1), NewPool(2)
	defer one.Close()
	defer two.Close()
	for name, s := range poolConvs {
		a, b := newConvPoolCase[float32](s), newConvPoolCase[float32](s)
		a.run(one, NewConvPool[float32](a.dense.s))
		b.run(two, NewConvPool[float32](b.dense.s))
		if !slices.Equal(a.y, b.y) || !slices.Equal(a.dense.dx, b.dense.dx) || !slices.Equal(a.dense.dw, b.dense.dw) || !slices.Equal(a.dense.db, b.dense.db) {
			t.Errorf("%s: two threads give other bits than one", name)
		}
	}
}

// BenchmarkConvPool times the gradients of a convolution with pooling, dense ones
// and those that know which numbers are zero.
func BenchmarkConvPool(b *testing.B) {
	c := newConvPoolCase[float32](square(128, 20, 12, 50, 5, 1, 0))
	d, k := c.dense, NewConvPool[float32](c.dense.s)
	c.run(nil, k)
	for name, f := range map[string]func(){
		"input/dense":   func() { k.conv.BackwardInput(nil, d.dy, d.w, d.dx) },
		"input/sparse":  func() { k.sparse.input(nil, c.g, c.arg, d.w, d.dx) },
		"weight/dense":  func() { k.conv.BackwardWeight(nil, d.x, d.dy, d.dw) },
		"weight/sparse": func() { k.sparse.weight(nil, d.x, c.g, c.arg, d.dw) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}
