package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "LpPool", min: 1, max: 1, f32: bindLpPool[float32], f64: bindLpPool[float64]})
}

// taps lists the elements of window o of a plane that lie inside of it, in order,
// and counts those that lie in the plane or its padding.
func (w *window) taps(o int, buf []int) (at []int, padded int) {
	at = buf[:0]
	for k := range product(w.kernel) {
		pos, inside := w.tap(o, k)
		if inside {
			at = append(at, pos)
		}
		if inside || w.near(o, k) {
			padded++
		}
	}
	return at, padded
}

// near reports whether tap k of window o lies in the plane or its padding.
func (w *window) near(o, k int) bool {
	for d := len(w.in) - 1; d >= 0; d-- {
		if o%w.out[d]*w.stride[d]-w.before[d]+k%w.kernel[d]*w.dil[d] >= w.in[d]+w.after[d] {
			return false
		}
		o, k = o/w.out[d], k/w.kernel[d]
	}
	return true
}

// planes runs over the windows of every plane of an input of any rank: the slow
// path for what the kernels do not have.
type planes struct {
	*window
	n       int // planes
	in, out int // elements of one
	tmp     workTmp[int]
	each    func(in, o int, at []int, padded int) // the plane's offset, the output's index
	plane   unit
}

func newPlanes(b *graph.Bind, w *window) planes {
	return planes{window: w, n: product(b.In[0].Shape[:2]), in: product(w.in), out: product(w.out)}
}

func (p *planes) run(pool *kernel.Pool) {
	p.tmp.need(pool, product(p.kernel))
	pool.Do(p.plane, p.n)
}

func (p *planes) runPlane(w, i int) {
	for o := range p.out {
		at, padded := p.taps(o, p.tmp[w])
		p.each(i*p.in, i*p.out+o, at, padded)
	}
}

// windowMean is a mean of a window with its gradient.
type windowMean[T kernel.Float] interface {
	value(x []T, at []int, padded int) T
	// grad adds the gradient of a window to dx.
	grad(dx, x []T, y, dy T, at []int, padded int)
}

// anyPool pools windows of any rank.
type anyPool[T kernel.Float] struct {
	graph.Bound
	fwd, bwd     planes
	f            windowMean[T]
	x, y, dx, dy []T
}

func newAnyPool[T kernel.Float](b *graph.Bind, w *window, f windowMean[T]) *anyPool[T] {
	k := &anyPool[T]{fwd: newPlanes(b, w), bwd: newPlanes(b, w), f: f}
	k.fwd.each = func(in, o int, at []int, padded int) { k.y[o] = k.f.value(k.x[in:], at, padded) }
	k.bwd.each = func(in, o int, at []int, padded int) { k.f.grad(k.dx[in:], k.x[in:], k.y[o], k.dy[o], at, padded) }
	k.fwd.plane, k.bwd.plane = k.fwd.runPlane, k.bwd.runPlane
	k.Outs = poolOuts(b, w)[:1]
	return k
}

func (k *anyPool[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = dataAt[T](in, 0), dataAt[T](out, 0)
	k.fwd.run(x.Pool)
}

func (k *anyPool[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.x, k.y, k.dx, k.dy = dataAt[T](in, 0), dataAt[T](out, 0), dataAt[T](din, 0), dataAt[T](dout, 0)
	clear(k.dx)
	k.bwd.run(x.Pool)
}

// meanOfWindow is the arithmetic mean.
type meanOfWindow[T kernel.Float] struct{ pads bool }

func (m *meanOfWindow[T]) count(at []int, padded int) T {
	if m.pads {
		return T(max(1, padded))
	}
	return T(max(1, len(at)))
}

func (m *meanOfWindow[T]) value(x []T, at []int, padded int) (sum T) {
	for _, i := range at {
		sum += x[i]
	}
	return sum / m.count(at, padded)
}

func (m *meanOfWindow[T]) grad(dx, _ []T, _, dy T, at []int, padded int) {
	dy /= m.count(at, padded)
	for _, i := range at {
		dx[i] += dy
	}
}

// bindLpPool binds Y = (sum |x|^p)^(1/p) over each window.
func bindLpPool[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	w, err := poolWindow(b)
	if err != nil {
		return nil, err
	}
	p := b.Node.Attrs.Int("p", 2)
	if p < 1 {
		return nil, b.Errorf("p is %d, want a positive number", p)
	}
	return newAnyPool[T](b, w, &normOfWindow[T]{float64(p)}), nil
}

// normOfWindow is the p-norm.
//
//	dx = dy sign(x) (|x|/y)^(p-1)
type normOfWindow[T kernel.Float] struct{ p float64 }

func (m *normOfWindow[T]) value(x []T, at []int, _ int) T {
	var sum float64
	for _, i := range at {
		sum += math.Pow(math.Abs(float64(x[i])), m.p)
	}
	return T(math.Pow(sum, 1/m.p))
}

func (m *normOfWindow[T]) grad(dx, x []T, y, dy T, at []int, _ int) {
	if y == 0 {
		return
	}
	for _, i := range at {
		v := float64(x[i])
		dx[i] += dy * T(sign(v)*math.Pow(math.Abs(v)/float64(y), m.p-1))
	}
}
