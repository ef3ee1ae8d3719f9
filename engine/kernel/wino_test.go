package kernel

import (
	"slices"
	"testing"
)

// runWino computes a case in Winograd tiles, whether they win or not.
func (c *convCase[T]) runWino(p *Pool) {
	f, b := newWinoForward[T](&c.s), newWinoInput[T](&c.s)
	f.packWeights(p, c.w)
	f.run(p, c.x, c.y, c.epi)
	b.packWeights(p, c.w)
	b.run(p, c.dy, c.dx, nil)
	newWinoGrad[T](&c.s).run(p, c.x, c.dy, c.dw)
	NewConv[T](c.s).BackwardBias(p, c.dy, c.db)
}

func testWino[T Float](t *testing.T, p *Pool) {
	for name, s := range convShapes {
		c := newConvCase[T](s)
		if !c.s.winoShape() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c.runWino(p)
			c.verify(t)
		})
	}
}

// TestWino: every path agrees with sums in float64 within the bounds of a direct
// convolution.
func TestWino(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		t.Run("float32", func(t *testing.T) { testWino[float32](t, p) })
		t.Run("float64", func(t *testing.T) { testWino[float64](t, p) })
	})
}

// TestWinoBlocks: large images and many images, whose rows, sums and threads are
// cut, and the same bits for every number of threads.
func TestWinoBlocks(t *testing.T) {
	one, two := NewPool(1), NewPool(2)
	defer one.Close()
	defer two.Close()
	forPaths(t, func(t *testing.T) {
		for _, s := range []ConvShape{square(1, 4, 70, 3, 3, 1, 1), square(40, 9, 6, 10, 3, 1, 1), square(2, 70, 9, 65, 3, 1, 1)} {
			a, b := newConvCase[float32](s), newConvCase[float32](s)
			a.runWino(one)
			b.runWino(two)
			if !slices.Equal(a.y, b.y) || !slices.Equal(a.dx, b.dx) || !slices.Equal(a.dw, b.dw) {
				t.Errorf("%+v: two threads give other bits than one", s)
			}
			a.verify(t)
		}
	})
}
