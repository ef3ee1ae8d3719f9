package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Trilu", min: 1, max: 2, mixed: true, types: wordTypes(
		bindTrilu[float32], bindTrilu[float64], bindTrilu[uint8],
		bindTrilu[uint16], bindTrilu[uint32], bindTrilu[uint64], bindTrilu[string])})
}

// trilu keeps the triangle of each matrix that is above its k-th diagonal, or
// below, and that diagonal; k is input 1. The rest is zero.
type trilu[T word] struct {
	graph.Bound
	upper      bool
	rows, cols int
	run        pieces
	k          int
	x, y       []T
}

func bindTrilu[T word](b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	if len(s) < 2 {
		return nil, b.Errorf("%d axes, want at least 2", len(s))
	}
	if k := b.Input(1); k.Present() && (k.DType != tensor.I64 || k.Shape.Size() != 1) {
		return nil, b.Errorf("k must be one int64")
	}
	k := &trilu[T]{upper: b.Node.Attrs.Bool("upper", true), rows: s[len(s)-2], cols: s[len(s)-1]}
	k.Outs = outLike(b, 0, s)
	k.run = newPieces(product(s[:len(s)-1]), k.cols, k.piece)
	return k, nil
}

func (k *trilu[T]) piece(from, to int) {
	for r := from; r < to; r++ {
		x, y := k.x[r*k.cols:(r+1)*k.cols], k.y[r*k.cols:(r+1)*k.cols]
		at := r%k.rows + k.k // the diagonal
		if k.upper {
			at = min(max(at, 0), k.cols)
			clear(y[:at])
			copy(y[at:], x[at:])
		} else {
			at = min(max(at+1, 0), k.cols)
			copy(y[:at], x[:at])
			clear(y[at:])
		}
	}
}

// mask copies the triangle of x to y.
func (k *trilu[T]) mask(e *graph.Exec, in []*tensor.Tensor, y, x *tensor.Tensor) {
	k.k = 0
	if len(in) > 1 && in[1] != nil {
		limit := int64(k.rows + k.cols)
		k.k = int(min(max(in[1].I64s()[0], -limit), limit))
	}
	k.x, k.y = words[T](x), words[T](y)
	k.run.do(e.Pool)
}

// InPlace implements graph.InPlacer.
func (k *trilu[T]) InPlace() (forward, backward bool) { return true, true }

// BackwardReads implements graph.Frugal.
func (k *trilu[T]) BackwardReads() (in, out []bool) { return []bool{false, true}, nil }

func (k *trilu[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) { k.mask(x, in, out[0], in[0]) }

func (k *trilu[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	if din[0] != nil {
		k.mask(x, in, din[0], dout[0])
	}
}
