package op

import (
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// operandGrad computes the gradient of one operand of an element-wise function
// from its terms, one for each output: the gradient is the sum of the terms along
// the axes that the operand is repeated along.
type operandGrad[T kernel.Float] struct {
	terms func(dst []T, from int) // computes the terms of outputs [from, from+len(dst))
	whole bool                    // the operand is not repeated
	all   pieces
	sum   *fold[T]
	dst   []T
}

// newOperandGrad makes the gradient of an operand of shape in under the shape out.
func newOperandGrad[T kernel.Float](out, in tensor.Shape, terms func(dst []T, from int)) *operandGrad[T] {
	g := &operandGrad[T]{terms: terms, whole: in.Size() == out.Size()}
	if g.whole {
		g.all = newPieces(out.Size(), 1, func(from, to int) { terms(g.dst[from:to], from) })
	} else {
		g.sum = newFold(out, repeatedAlong(out, in), summing[T](), terms)
	}
	return g
}

// do sets dst to the gradient, unless it is nil.
func (g *operandGrad[T]) do(p *kernel.Pool, dst []T) {
	switch {
	case dst == nil:
	case g.whole:
		g.dst = dst
		g.all.do(p)
	default:
		g.sum.do(p, dst, nil)
	}
}
