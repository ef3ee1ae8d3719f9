package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// operands are what a run of an element-wise function of two sees: a and b hold
// one element for each result, or one for all. y and dy, of the gradient, are nil
// where it does not read them.
type operands[T real] struct{ a, b, y, dy []T }

// steps returns how a and b advance.
func (p operands[T]) steps(n int) (sa, sb int) {
	if len(p.a) == n {
		sa = 1
	}
	if len(p.b) == n {
		sb = 1
	}
	return sa, sb
}

// pairing is an element-wise function of two operands: of runs of both, and of a
// run and one number. It may work in place over a.
type pairing[T real] struct {
	vv func(y, a, b []T)
	vs func(y, a []T, b T)
	sv func(y []T, a T, b []T)
}

// apply computes one run.
func (f *pairing[T]) apply(y, a, b []T) {
	switch n := len(y); {
	case len(a) == n && len(b) == n:
		f.vv(y, a, b)
	case len(a) == n:
		f.vs(y, a, b[0])
	default:
		f.sv(y, a[0], b)
	}
}

// scalarPairing makes a pairing of a function of two numbers.
func scalarPairing[T real](f func(a, b T) T) pairing[T] {
	return pairing[T]{
		vv: func(y, a, b []T) {
			for i, v := range a {
				y[i] = f(v, b[i])
			}
		},
		vs: func(y, a []T, b T) {
			for i, v := range a {
				y[i] = f(v, b)
			}
		},
		sv: func(y []T, a T, b []T) {
			for i, v := range b {
				y[i] = f(a, v)
			}
		},
	}
}

// binary is an element-wise operator of inputs 0 and 1 with broadcasting.
type binary[T real] struct {
	graph.Bound
	f       pairing[T]
	check   func(b []T) error // of input 1's values; may be nil
	w       *walk
	fwd     pieces
	a, b, y []T
}

func newBinary[T real](b *graph.Bind, f pairing[T]) (*binary[T], error) {
	s, err := broadcast(b, 0, 1)
	if err != nil {
		return nil, err
	}
	k := &binary[T]{f: f, w: newWalk(s, repeated(s, b.In[0].Shape), repeated(s, b.In[1].Shape))}
	if !k.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = outLike(b, 0, s)
	k.fwd = newPieces(k.w.n, 1, k.piece)
	return k, nil
}

func (k *binary[T]) piece(from, to int) {
	k.w.rows(from, to, func(o, n int, at [3]int) {
		k.f.apply(k.y[o:o+n], span(k.a, at[0], n, k.w.step(0)), span(k.b, at[1], n, k.w.step(1)))
	})
}

func (k *binary[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.a, k.b, k.y = elems[T](in, 0), elems[T](in, 1), elems[T](out, 0)
	if k.check != nil {
		if err := k.check(k.b); err != nil {
			x.Fail(err)
			return
		}
	}
	k.fwd.do(x.Pool)
}

// InPlace implements graph.InPlacer. A gradient over dout is safe because input
// 0's is computed last.
func (k *binary[T]) InPlace() (forward, backward bool) { return true, true }

// slope holds the gradients of a pairing: da and db compute the terms of a run,
// and what they read.
type slope[T kernel.Float] struct {
	da, db     func(dst []T, p operands[T])
	useA, useB bool
	useY       bool
	pass       [2]bool // the terms are dy
}

// diffBinary is a binary operator with gradients.
type diffBinary[T kernel.Float] struct {
	*binary[T]
	d      slope[T]
	ga, gb *operandGrad[T]
	whole  [2]bool
	dy     []T
}

func newDiffBinary[T kernel.Float](b *graph.Bind, f pairing[T], d slope[T]) (*diffBinary[T], error) {
	inner, err := newBinary(b, f)
	if err != nil {
		return nil, err
	}
	k := &diffBinary[T]{binary: inner, d: d}
	s := k.Outs[0].Shape
	k.ga = newOperandGrad(s, b.In[0].Shape, func(dst []T, from int) { k.terms(dst, from, d.da) })
	k.gb = newOperandGrad(s, b.In[1].Shape, func(dst []T, from int) { k.terms(dst, from, d.db) })
	k.whole = [2]bool{k.ga.whole, k.gb.whole}
	return k, nil
}

// terms computes the terms of one operand's gradient.
func (k *diffBinary[T]) terms(dst []T, from int, f func([]T, operands[T])) {
	k.w.rows(from, from+len(dst), func(o, n int, at [3]int) {
		p := operands[T]{y: cut(k.y, o, o+n), dy: k.dy[o : o+n]}
		if k.a != nil {
			p.a = span(k.a, at[0], n, k.w.step(0))
		}
		if k.b != nil {
			p.b = span(k.b, at[1], n, k.w.step(1))
		}
		f(dst[o-from:o-from+n], p)
	})
}

func (k *diffBinary[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.a, k.b, k.y, k.dy = elems[T](in, 0), elems[T](in, 1), elems[T](out, 0), elems[T](dout, 0)
	k.gb.do(x.Pool, elems[T](din, 1))
	k.ga.do(x.Pool, elems[T](din, 0))
}

// BackwardReads implements graph.Frugal.
func (k *diffBinary[T]) BackwardReads() (in, out []bool) {
	return []bool{k.d.useA, k.d.useB}, []bool{k.d.useY}
}

// GradPass implements graph.PassThrough.
func (k *diffBinary[T]) GradPass() []bool {
	return []bool{k.d.pass[0] && k.whole[0], k.d.pass[1] && k.whole[1]}
}

// scalarSlope makes the terms dy f(a, b, y).
func scalarSlope[T kernel.Float](f func(a, b, y T) T) func(dst []T, p operands[T]) {
	return func(dst []T, p operands[T]) {
		sa, sb := p.steps(len(dst))
		for i, d := range p.dy {
			dst[i] = d * f(p.a[i*sa], p.b[i*sb], p.y[i])
		}
	}
}
