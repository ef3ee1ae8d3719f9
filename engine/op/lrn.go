package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "LRN", min: 1, max: 1, f32: bindLRN[float32], f64: bindLRN[float64]})
}

// lrn is local response normalisation across channels (Krizhevsky et al. 2012).
// With Q(c) the size channels around c,
//
//	u_c = bias + alpha/size sum_{q in Q(c)} x_q^2      y_c = x_c u_c^-beta
//	dx_c = dy_c u_c^-beta - 2 alpha beta/size x_c sum_{q: c in Q(q)} dy_q x_q u_q^(-beta-1)
type lrn[T kernel.Float] struct {
	graph.Bound
	n, c, s           int
	size              int
	alpha, beta, bias float64

	fwd, bwd     unit
	x, y, u      []T
	dx, dy       []T
	tmp          workTmp[T]
	width, parts int // columns of a unit, units of a sample
}

func bindLRN[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	s, a := b.In[0].Shape, b.Node.Attrs
	if len(s) < 2 {
		return nil, b.Errorf("want an input with axes N C")
	}
	k := &lrn[T]{n: s[0], c: s[1], s: product(s[2:]), size: a.Int("size", 0),
		alpha: a.Float("alpha", 1e-4), beta: a.Float("beta", 0.75), bias: a.Float("bias", 1)}
	if k.size < 1 || k.size > maxWindow {
		return nil, b.Errorf("size %d: want a positive number", k.size)
	}
	k.fwd, k.bwd = k.forward, k.backward
	k.parts, k.width = kernel.Split(k.s, 256)
	k.Outs = []graph.Spec{specOf[T](s...)}
	return k, nil
}

// Workspace implements graph.Workspacer: u is saved.
func (k *lrn[T]) Workspace() (saved, scratch []graph.Spec) { return k.Outs, nil }

// BackwardReads implements graph.Frugal.
func (k *lrn[T]) BackwardReads() (in, out []bool) { return []bool{true}, nil }

// around returns the channels of Q(c), clipped, as [from, to).
func (k *lrn[T]) around(c int) (from, to int) {
	return max(0, c-(k.size-1)/2), min(k.c, c+k.size/2+1)
}

func (k *lrn[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y, k.u = dataAt[T](in, 0), dataAt[T](out, 0), dataAt[T](x.Saved, 0)
	k.tmp.need(x.Pool, k.width)
	x.Pool.Do(k.fwd, k.n*k.parts)
}

// block returns the offset of channel c in a unit's columns, and their number.
func (k *lrn[T]) block(i, c int) (at, width int) {
	from := i % k.parts * k.width
	return (i/k.parts*k.c+c)*k.s + from, min(k.width, k.s-from)
}

func (k *lrn[T]) forward(w, i int) {
	for c := range k.c {
		at, n := k.block(i, c)
		u, t := k.u[at:at+n], k.tmp[w][:n]
		clear(u)
		for q, to := k.around(c); q < to; q++ {
			a, _ := k.block(i, q)
			kernel.Mul(t, k.x[a:], k.x[a:])
			kernel.Add(u, u, t)
		}
		kernel.MulScalar(u, u, T(k.alpha/float64(k.size)))
		kernel.AddScalar(u, u, T(k.bias))
		for j, x := range k.x[at : at+n] {
			k.y[at+j] = x * T(math.Pow(float64(u[j]), -k.beta))
		}
	}
}

func (k *lrn[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.x, k.u, k.dy, k.dx = dataAt[T](in, 0), dataAt[T](x.Saved, 0), dataAt[T](dout, 0), dataAt[T](din, 0)
	k.tmp.need(x.Pool, k.width)
	x.Pool.Do(k.bwd, k.n*k.parts)
}

// backward spreads dy_q x_q u_q^(-beta-1) over Q(q), then finishes each channel.
func (k *lrn[T]) backward(w, i int) {
	for c := range k.c {
		at, n := k.block(i, c)
		clear(k.dx[at : at+n])
	}
	for q := range k.c {
		at, n := k.block(i, q)
		t := k.tmp[w][:n]
		for j := range t {
			t[j] = k.dy[at+j] * k.x[at+j] * T(math.Pow(float64(k.u[at+j]), -k.beta-1))
		}
		for c, to := k.around(q); c < to; c++ {
			a, _ := k.block(i, c)
			kernel.Add(k.dx[a:a+n], k.dx[a:a+n], t)
		}
	}
	f := T(-2 * k.alpha * k.beta / float64(k.size))
	for c := range k.c {
		at, n := k.block(i, c)
		for j := at; j < at+n; j++ {
			k.dx[j] = f*k.x[j]*k.dx[j] + k.dy[j]*T(math.Pow(float64(k.u[j]), -k.beta))
		}
	}
}
