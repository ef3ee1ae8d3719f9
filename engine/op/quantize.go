package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "QuantizeLinear", min: 2, max: 3, mixed: true, types: floatTypes(bindQuantize[float32], bindQuantize[float64])})
	graph.Register("", typedOp{name: "DequantizeLinear", min: 2, max: 3, key: 1, mixed: true,
		types: floatTypes(bindDequantize[float32], bindDequantize[float64])})
}

// quantized is the type of a quantised number.
type quantized interface {
	int8 | int16 | int32 | uint8 | uint16
}

// scaleWalk returns a walk over x with the scale of each element. The scale,
// input 1, is one number, one for each index of attribute axis, or has the shape
// of x with one number for each block_size elements along the axis. A zero point,
// input 2, has its shape.
func scaleWalk(b *graph.Bind) (*walk, error) {
	x, s := b.In[0].Shape, b.In[1].Shape
	if z := b.Input(2); z.Present() && !z.Shape.Equal(s) {
		return nil, b.Errorf("the zero point has shape %v, want the scale's, %v", z.Shape, s)
	}
	if len(x) > maxDims-1 {
		return nil, b.Errorf("more than %d axes", maxDims-1)
	}
	if s.Size() == 1 && len(s) <= 1 {
		return newWalk(x, repeated(x, nil)), nil
	}
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", 1), len(x))
	if err != nil {
		return nil, err
	}
	block := b.Node.Attrs.Int("block_size", 0)
	if block == 0 {
		if len(s) != 1 || s[0] != x[axis] {
			return nil, b.Errorf("the scale has shape %v, want one number or [%d]", s, x[axis])
		}
		st := make([]int, len(x))
		st[axis] = 1
		return newWalk(x, strided{strides: st}), nil
	}
	return blockWalk(b, x, s, axis, block)
}

// blockWalk splits the axis into blocks.
func blockWalk(b *graph.Bind, x, s tensor.Shape, axis, block int) (*walk, error) {
	want := x.Clone()
	if block < 0 || x[axis]%block != 0 {
		return nil, b.Errorf("blocks of %d do not divide axis %d of %v", block, axis, x)
	}
	if want[axis] /= block; !s.Equal(want) {
		return nil, b.Errorf("the scale has shape %v, want %v", s, want)
	}
	split := append(append(want[:axis+1:axis+1], block), x[axis+1:]...)
	st := s.Strides()
	st = append(append(st[:axis+1:axis+1], 0), st[axis+1:]...)
	return newWalk(split, strided{strides: st}), nil
}

// quantize is saturate(round(x / scale) + zero point), ties to even.
type quantize[T kernel.Float, Q quantized] struct {
	graph.Bound
	w        *walk
	fwd      pieces
	x, scale []T
	zero, y  []Q
}

func bindQuantize[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	if b.In[1].DType != b.In[0].DType {
		return nil, b.Errorf("the scale is %v, want %v as x", b.In[1].DType, b.In[0].DType)
	}
	to := tensor.U8
	if n := b.Node.Attrs.Int("output_dtype", 0); n != 0 {
		to = onnxTypes[n]
	}
	if b.Has(2) {
		to = b.In[2].DType
	}
	switch to {
	case tensor.I8:
		return newQuantize[T, int8](b)
	case tensor.U8:
		return newQuantize[T, uint8](b)
	case tensor.I16:
		return newQuantize[T, int16](b)
	case tensor.U16:
		return newQuantize[T, uint16](b)
	}
	return nil, b.Errorf("quantisation to %v is not supported (supported: int8, uint8, int16, uint16)", to)
}

func newQuantize[T kernel.Float, Q quantized](b *graph.Bind) (graph.Kernel, error) {
	w, err := scaleWalk(b)
	if err != nil {
		return nil, err
	}
	k := &quantize[T, Q]{w: w}
	k.Outs = []graph.Spec{{DType: tensor.DTypeOf[Q](), Shape: b.In[0].Shape.Clone()}}
	k.fwd = newPieces(w.n, 4, k.piece)
	return k, nil
}

func (k *quantize[T, Q]) piece(from, to int) {
	step := k.w.step(0)
	k.w.rows(from, to, func(o, n int, at [3]int) {
		for i := range n {
			s := at[0] + i*step
			var zero Q
			if k.zero != nil {
				zero = k.zero[s]
			}
			k.y[o+i] = saturate(math.RoundToEven(float64(k.x[o+i]/k.scale[s])), zero)
		}
	})
}

// saturate returns the number of type Q that is nearest to v + zero.
func saturate[Q quantized](v float64, zero Q) Q {
	lo, hi := limits[Q]()
	return Q(min(max(v+float64(zero), float64(lo)), float64(hi)))
}

func (k *quantize[T, Q]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.scale, k.zero, k.y = elems[T](in, 0), elems[T](in, 1), elems[Q](in, 2), elems[Q](out, 0)
	k.fwd.do(x.Pool)
}

// dequantize is (x - zero point) scale.
type dequantize[T kernel.Float, Q quantized] struct {
	graph.Bound
	w        *walk
	fwd      pieces
	x, zero  []Q
	scale, y []T
}

func bindDequantize[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	x := b.In[0].DType
	if b.Has(2) && b.In[2].DType != x {
		return nil, b.Errorf("the zero point is %v, want %v as x", b.In[2].DType, x)
	}
	switch x {
	case tensor.I8:
		return newDequantize[T, int8](b)
	case tensor.U8:
		return newDequantize[T, uint8](b)
	case tensor.I16:
		return newDequantize[T, int16](b)
	case tensor.U16:
		return newDequantize[T, uint16](b)
	case tensor.I32:
		return newDequantize[T, int32](b)
	}
	return nil, b.Errorf("x is %v (supported: int8, uint8, int16, uint16, int32)", x)
}

func newDequantize[T kernel.Float, Q quantized](b *graph.Bind) (graph.Kernel, error) {
	w, err := scaleWalk(b)
	if err != nil {
		return nil, err
	}
	k := &dequantize[T, Q]{w: w}
	k.Outs = outLike(b, 1, b.In[0].Shape)
	k.fwd = newPieces(w.n, 2, k.piece)
	return k, nil
}

func (k *dequantize[T, Q]) piece(from, to int) {
	step := k.w.step(0)
	k.w.rows(from, to, func(o, n int, at [3]int) {
		for i := range n {
			s := at[0] + i*step
			v := T(k.x[o+i])
			if k.zero != nil {
				v -= T(k.zero[s])
			}
			k.y[o+i] = v * k.scale[s]
		}
	})
}

func (k *dequantize[T, Q]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.scale, k.zero, k.y = elems[Q](in, 0), elems[T](in, 1), elems[Q](in, 2), elems[T](out, 0)
	k.fwd.do(x.Pool)
}
