package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// variadicKind names an element-wise operator of any number of inputs.
type variadicKind uint8

const (
	maxOfAll variadicKind = iota
	minOfAll
	sumOfAll
	meanOfAll
)

func init() {
	for k, name := range []string{"Max", "Min"} {
		graph.Register("", typedOp{name: name, min: 1, types: extremeTypes(variadicKind(k))})
	}
	graph.Register("", typedOp{name: "Sum", min: 1, types: floatTypes(bindVariadic[float32](sumOfAll), bindVariadic[float64](sumOfAll))})
	graph.Register("", typedOp{name: "Mean", min: 1, types: floatTypes(bindVariadic[float32](meanOfAll), bindVariadic[float64](meanOfAll))})
}

func extremeTypes(k variadicKind) byType {
	return realTypes(bindVariadic[float32](k), bindVariadic[float64](k),
		bindIntExtreme[int8](k), bindIntExtreme[int16](k), bindIntExtreme[int32](k), bindIntExtreme[int64](k),
		bindIntExtreme[uint8](k), bindIntExtreme[uint16](k), bindIntExtreme[uint32](k), bindIntExtreme[uint64](k))
}

// variadic combines all inputs, two at a time.
type variadic[T real] struct {
	graph.Bound
	f     pairing[T]
	post  func(y []T) // may be nil
	first *walk       // over inputs 0 and 1
	each  []*walk     // over each input
	fwd   pieces
	in    [][]T
	y     []T
}

func newVariadic[T real](b *graph.Bind, f pairing[T]) (*variadic[T], error) {
	all := make([]int, len(b.In))
	for i, s := range b.In {
		if !s.Present() {
			return nil, b.Errorf("input %d is missing", i)
		}
		all[i] = i
	}
	s, err := broadcast(b, all...)
	if err != nil {
		return nil, err
	}
	k := &variadic[T]{f: f, in: make([][]T, len(b.In))}
	for _, in := range b.In {
		k.each = append(k.each, newWalk(s, repeated(s, in.Shape)))
	}
	if k.first = newWalk(s, repeated(s, b.In[0].Shape), repeated(s, b.In[1].Shape)); !k.first.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = outLike(b, 0, s)
	k.fwd = newPieces(s.Size(), len(b.In), k.piece)
	return k, nil
}

func (k *variadic[T]) piece(from, to int) {
	k.first.rows(from, to, func(o, n int, at [3]int) {
		k.f.apply(k.y[o:o+n], span(k.in[0], at[0], n, k.first.step(0)), span(k.in[1], at[1], n, k.first.step(1)))
	})
	for i := 2; i < len(k.in); i++ {
		w := k.each[i]
		w.rows(from, to, func(o, n int, at [3]int) {
			k.f.apply(k.y[o:o+n], k.y[o:o+n], span(k.in[i], at[0], n, w.step(0)))
		})
	}
	if k.post != nil {
		k.post(k.y[from:to])
	}
}

func (k *variadic[T]) load(in, out []*tensor.Tensor) {
	for i := range k.in {
		k.in[i] = elems[T](in, i)
	}
	k.y = elems[T](out, 0)
}

func (k *variadic[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.load(in, out)
	k.fwd.do(x.Pool)
}

// InPlace implements graph.InPlacer; the gradient of input 0 is computed last.
func (k *variadic[T]) InPlace() (forward, backward bool) { return true, true }

func bindIntExtreme[T integer](kind variadicKind) binder {
	f := scalarPairing(func(a, b T) T { return max(a, b) })
	if kind == minOfAll {
		f = scalarPairing(func(a, b T) T { return min(a, b) })
	}
	return func(b *graph.Bind) (graph.Kernel, error) {
		if len(b.In) == 1 {
			return newIdentity(b), nil
		}
		return newVariadic(b, f)
	}
}

// diffVariadic is variadic with gradients. That of a maximum or a minimum goes to
// the first input which is the result.
type diffVariadic[T kernel.Float] struct {
	*variadic[T]
	kind  variadicKind
	grads []*operandGrad[T]
	dy    []T
}

func bindVariadic[T kernel.Float](kind variadicKind) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		if len(b.In) == 1 {
			return newIdentity(b), nil
		}
		inner, err := newVariadic(b, variadicOf[T](kind))
		if err != nil {
			return nil, err
		}
		k := &diffVariadic[T]{variadic: inner, kind: kind}
		scale := 1 / T(len(b.In))
		if kind == meanOfAll {
			k.post = func(y []T) { kernel.MulScalar(y, y, scale) }
		}
		for i, in := range b.In {
			k.grads = append(k.grads, newOperandGrad(k.Outs[0].Shape, in.Shape, func(dst []T, from int) { k.terms(dst, from, i) }))
		}
		return k, nil
	}
}

func variadicOf[T kernel.Float](kind variadicKind) pairing[T] {
	switch kind {
	case maxOfAll:
		f := scalarPairing(func(a, b T) T { return max(a, b) })
		f.vv = kernel.Max[T]
		return f
	case minOfAll:
		f := scalarPairing(func(a, b T) T { return min(a, b) })
		f.vv = kernel.Min[T]
		return f
	}
	return addFloats[T]()
}

// terms computes the terms of input i's gradient.
func (k *diffVariadic[T]) terms(dst []T, from, i int) {
	copy(dst, k.dy[from:from+len(dst)])
	switch k.kind {
	case meanOfAll:
		kernel.MulScalar(dst, dst, 1/T(len(k.in)))
	case maxOfAll, minOfAll:
		for j := range i {
			k.drop(dst, from, j, true)
		}
		k.drop(dst, from, i, false)
	}
}

// drop clears the terms where input i is the result, or is not.
func (k *diffVariadic[T]) drop(dst []T, from, i int, equal bool) {
	w, x := k.each[i], k.in[i]
	step := w.step(0)
	w.rows(from, from+len(dst), func(o, n int, at [3]int) {
		for j := range n {
			if (x[at[0]+j*step] == k.y[o+j]) == equal {
				dst[o-from+j] = 0
			}
		}
	})
}

// BackwardReads implements graph.Frugal.
func (k *diffVariadic[T]) BackwardReads() (in, out []bool) {
	if k.kind == sumOfAll || k.kind == meanOfAll {
		return nil, nil
	}
	in = make([]bool, len(k.in))
	fill(in, true)
	return in, []bool{true}
}

// GradPass implements graph.PassThrough.
func (k *diffVariadic[T]) GradPass() []bool {
	pass := make([]bool, len(k.grads))
	for i, g := range k.grads {
		pass[i] = k.kind == sumOfAll && g.whole
	}
	return pass
}

func (k *diffVariadic[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.load(in, out)
	k.dy = elems[T](dout, 0)
	for i := len(k.grads) - 1; i >= 0; i-- {
		k.grads[i].do(x.Pool, elems[T](din, i))
	}
}
