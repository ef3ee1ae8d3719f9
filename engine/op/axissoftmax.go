package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

// axisSoftmax computes softmax or its logarithm along the middle axis of a
// tensor outer x n x inner,
//
//	y = exp(x - max) / sum exp(x - max)      dx = y (dy - sum y dy)
//	l = x - max - log sum exp(x - max)       dx = dy - exp(l) sum dy
//
// Rows of memory (inner = 1) are the kernel's; other axes are done in blocks of
// columns, a unit each. The output may lie over the input, dx over dy.
type axisSoftmax[T kernel.Float] struct {
	outer, n, inner int
	log             bool

	fwd, bwd unit
	y, x, dy []T
	tmp      workTmp[T]
}

// softmaxBlock is the number of columns of a unit.
const softmaxBlock = 512

func newAxisSoftmax[T kernel.Float](b *graph.Bind, axis int, log bool) (*axisSoftmax[T], error) {
	s := b.In[0].Shape
	axis, err := axisOf(b, axis, len(s))
	if err != nil {
		return nil, err
	}
	return &axisSoftmax[T]{outer: product(s[:axis]), n: s[axis], inner: product(s[axis+1:]), log: log}, nil
}

func (k *axisSoftmax[T]) forward(p *kernel.Pool, y, x []T) {
	switch {
	case k.inner == 1 && k.log:
		kernel.LogSoftmaxRows(p, y, x, k.outer, k.n)
		return
	case k.inner == 1:
		kernel.SoftmaxRows(p, y, x, k.outer, k.n)
		return
	}
	k.y, k.x = y, x
	if k.fwd == nil {
		k.fwd = k.forwardBlock
	}
	k.run(p, k.fwd)
}

// backward computes dx, in k.y for the units, from y and dy.
func (k *axisSoftmax[T]) backward(p *kernel.Pool, dx, y, dy []T) {
	switch {
	case k.inner == 1 && k.log:
		kernel.LogSoftmaxGradRows(p, dx, y, dy, k.outer, k.n)
		return
	case k.inner == 1:
		kernel.SoftmaxGradRows(p, dx, y, dy, k.outer, k.n)
		return
	}
	k.y, k.x, k.dy = dx, y, dy
	if k.bwd == nil {
		k.bwd = k.backwardBlock
	}
	k.run(p, k.bwd)
}

func (k *axisSoftmax[T]) run(p *kernel.Pool, u unit) {
	if k.n == 0 {
		return
	}
	k.tmp.need(p, 2*softmaxBlock)
	p.Do(u, k.outer*k.blocks())
}

func (k *axisSoftmax[T]) blocks() int { return (k.inner + softmaxBlock - 1) / softmaxBlock }

// block returns where unit i starts, its width and two rows of work space.
func (k *axisSoftmax[T]) block(w, i int) (at, width int, a, b []T) {
	from := i % k.blocks() * softmaxBlock
	width = min(softmaxBlock, k.inner-from)
	t := k.tmp[w]
	return i/k.blocks()*k.n*k.inner + from, width, t[:width], t[softmaxBlock:][:width]
}

func (k *axisSoftmax[T]) forwardBlock(w, i int) {
	at, width, top, sum := k.block(w, i)
	copy(top, k.x[at:])
	for j := 1; j < k.n; j++ {
		kernel.Max(top, top, k.x[at+j*k.inner:])
	}
	clear(sum)
	for j := range k.n {
		y := k.y[at+j*k.inner:][:width]
		kernel.Sub(y, k.x[at+j*k.inner:], top)
		if !k.log {
			kernel.Exp(y, y)
			kernel.Add(sum, sum, y)
		}
	}
	if k.log {
		k.logBlock(at, top, sum)
		return
	}
	for j := range k.n {
		y := k.y[at+j*k.inner:][:width]
		kernel.Div(y, y, sum)
	}
}

// logBlock finishes a block of x - max.
func (k *axisSoftmax[T]) logBlock(at int, e, sum []T) {
	for j := range k.n {
		kernel.Exp(e, k.y[at+j*k.inner:])
		kernel.Add(sum, sum, e)
	}
	kernel.Log(sum, sum)
	for j := range k.n {
		y := k.y[at+j*k.inner:][:len(sum)]
		kernel.Sub(y, y, sum)
	}
}

func (k *axisSoftmax[T]) backwardBlock(w, i int) {
	at, width, e, sum := k.block(w, i)
	clear(sum)
	for j := range k.n {
		dy := k.dy[at+j*k.inner:][:width]
		if !k.log {
			kernel.Mul(e, dy, k.x[at+j*k.inner:])
			dy = e
		}
		kernel.Add(sum, sum, dy)
	}
	for j := range k.n {
		dx, y, dy := k.y[at+j*k.inner:][:width], k.x[at+j*k.inner:][:width], k.dy[at+j*k.inner:]
		if k.log {
			kernel.Exp(e, y)
			kernel.Mul(e, e, sum)
			kernel.Sub(dx, dy, e)
			continue
		}
		kernel.Sub(e, dy, sum)
		kernel.Mul(dx, e, y)
	}
}
