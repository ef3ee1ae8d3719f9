package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Pow", min: 2, max: 2, mixed: true, types: floatTypes(bindPow[float32], bindPow[float64]).
		with(tensor.I32, bindIntPow[int32]).with(tensor.I64, bindIntPow[int64])})
}

// bindPow binds x^e. An exponent of another type is converted first.
func bindPow[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	own := *b
	own.In = append([]graph.Spec{}, b.In...)
	own.In[1] = graph.Spec{DType: b.In[0].DType, Shape: b.In[1].Shape}
	k, err := newDiffBinary(&own, powers[T](), powSlope[T]())
	if err != nil || b.In[1].DType == b.In[0].DType {
		return k, err
	}
	there, back := convertFrom(b.In[1].DType, b.In[0].DType), convertFrom(b.In[0].DType, b.In[1].DType)
	if there == nil {
		return nil, b.Errorf("the exponent is %v, want numbers", b.In[1].DType)
	}
	return &convertedPow[T]{diffBinary: k, e: own.In[1], there: there, back: back,
		in: make([]*tensor.Tensor, 2), din: make([]*tensor.Tensor, 2)}, nil
}

// powers has the usual exponents made of products and roots.
func powers[T kernel.Float]() pairing[T] {
	f := scalarPairing(func(a, b T) T { return T(math.Pow(float64(a), float64(b))) })
	general := f.vs
	f.vs = func(y, a []T, b T) {
		switch b {
		case 1:
			copy(y, a)
		case 2:
			kernel.Mul(y, a, a)
		case 0.5:
			kernel.Sqrt(y, a)
		case 3:
			for i, v := range a {
				y[i] = v * v * v
			}
		case -1:
			for i, v := range a {
				y[i] = 1 / v
			}
		default:
			general(y, a, b)
		}
	}
	return f
}

// powSlope is dy b a^(b-1) and dy y log a; both are zero where the power is
// constant, for an exponent of 0 and for a base of 0.
func powSlope[T kernel.Float]() slope[T] {
	general := scalarSlope(func(a, b, _ T) T {
		if b == 0 {
			return 0
		}
		return b * T(math.Pow(float64(a), float64(b-1)))
	})
	return slope[T]{useA: true, useB: true, useY: true,
		da: func(dst []T, p operands[T]) {
			if b := p.b[0]; len(p.b) == 1 && len(dst) > 1 && b == 2 {
				kernel.Mul(dst, p.dy, p.a)
				kernel.MulScalar(dst, dst, b)
				return
			}
			general(dst, p)
		},
		db: scalarSlope(func(a, _, y T) T {
			if a == 0 && y == 0 {
				return 0
			}
			return y * T(math.Log(float64(a)))
		}),
	}
}

// convertedPow is a power whose exponent is of another type.
type convertedPow[T kernel.Float] struct {
	*diffBinary[T]
	e           graph.Spec // the exponent as the base's type
	there, back convert
	in, din     []*tensor.Tensor
}

// Workspace implements graph.Workspacer.
func (k *convertedPow[T]) Workspace() (saved, scratch []graph.Spec) {
	return []graph.Spec{k.e}, []graph.Spec{k.e}
}

// BackwardReads implements graph.Frugal.
func (k *convertedPow[T]) BackwardReads() (in, out []bool) { return []bool{true}, []bool{true} }

func (k *convertedPow[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.in[0], k.in[1] = in[0], x.Saved[0]
	k.there(k.in[1], in[1], 0, in[1].Len())
	k.diffBinary.Forward(x, k.in, out)
}

func (k *convertedPow[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.in[0], k.in[1] = in[0], x.Saved[0]
	k.din[0], k.din[1] = din[0], nil
	if din[1] != nil {
		k.din[1] = x.Scratch[0]
	}
	k.diffBinary.Backward(x, k.in, out, dout, k.din)
	if din[1] != nil {
		k.back(din[1], k.din[1], 0, din[1].Len())
	}
}

// intPow is a power of integers. The exponent, of any type, is taken as float64;
// a whole one is computed in integers.
type intPow[T integer] struct {
	graph.Bound
	there convert
	e     graph.Spec
	w     *walk
	fwd   pieces
	a, y  []T
	b     []float64
}

func bindIntPow[T integer](b *graph.Bind) (graph.Kernel, error) {
	s, err := broadcast(b, 0, 1)
	if err != nil {
		return nil, err
	}
	k := &intPow[T]{there: convertFrom(b.In[1].DType, tensor.F64), e: graph.Spec{DType: tensor.F64, Shape: b.In[1].Shape}}
	if k.there == nil {
		return nil, b.Errorf("the exponent is %v, want numbers", b.In[1].DType)
	}
	if k.w = newWalk(s, repeated(s, b.In[0].Shape), repeated(s, b.In[1].Shape)); !k.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = outLike(b, 0, s)
	k.fwd = newPieces(k.w.n, 8, k.piece)
	return k, nil
}

// Workspace implements graph.Workspacer.
func (k *intPow[T]) Workspace() (saved, scratch []graph.Spec) { return nil, []graph.Spec{k.e} }

func (k *intPow[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.there(x.Scratch[0], in[1], 0, in[1].Len())
	k.a, k.b, k.y = elems[T](in, 0), elems[float64](x.Scratch, 0), elems[T](out, 0)
	k.fwd.do(x.Pool)
}

func (k *intPow[T]) piece(from, to int) {
	sa, sb := k.w.step(0), k.w.step(1)
	k.w.rows(from, to, func(o, n int, at [3]int) {
		for i := range n {
			k.y[o+i] = integerPower(k.a[at[0]+i*sa], k.b[at[1]+i*sb])
		}
	})
}

// integerPower squares and multiplies; other powers are truncated.
func integerPower[T integer](a T, b float64) T {
	if b < 0 || b != math.Trunc(b) || b > math.MaxInt32 {
		return T(math.Pow(float64(a), b))
	}
	y := T(1)
	for e := int(b); e > 0; e >>= 1 {
		if e&1 == 1 {
			y *= a
		}
		a *= a
	}
	return y
}
