package op

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "ReverseSequence", min: 2, max: 2, mixed: true, types: wordTypes(
		bindReverseSequence[float32], bindReverseSequence[float64], bindReverseSequence[uint8],
		bindReverseSequence[uint16], bindReverseSequence[uint32], bindReverseSequence[uint64], bindReverseSequence[string])})
}

// reverseSequence reverses the first length[b] steps of each sequence b; the
// lengths are input 1. It is its own inverse, and so its own gradient.
type reverseSequence[T word] struct {
	graph.Bound
	steps, count int  // time steps and sequences
	timeFirst    bool // axis 0 is time and axis 1 the sequences
	inner        int
	run          pieces
	lengths      []int64
	x, y         []T
}

func bindReverseSequence[T word](b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	batch, time := b.Node.Attrs.Int("batch_axis", 1), b.Node.Attrs.Int("time_axis", 0)
	if len(s) < 2 || batch < 0 || time < 0 || batch+time != 1 {
		return nil, b.Errorf("want at least 2 axes, batch_axis and time_axis being 0 and 1 or 1 and 0")
	}
	if b.In[1].DType != tensor.I64 || !b.In[1].Shape.Equal(tensor.Shape{s[batch]}) {
		return nil, b.Errorf("sequence lengths must be int64 of shape [%d]", s[batch])
	}
	k := &reverseSequence[T]{steps: s[time], count: s[batch], timeFirst: time == 0, inner: product(s[2:])}
	k.Outs = outLike(b, 0, s)
	k.run = newPieces(k.steps*k.count, k.inner, k.piece)
	return k, nil
}

func (k *reverseSequence[T]) piece(from, to int) {
	for r := from; r < to; r++ {
		t, seq, step := r%k.steps, r/k.steps, 1
		if k.timeFirst {
			t, seq, step = r/k.count, r%k.count, k.count
		}
		src := r
		if n := int(k.lengths[seq]); t < n {
			src += (n - 1 - 2*t) * step
		}
		copy(k.y[r*k.inner:(r+1)*k.inner], k.x[src*k.inner:])
	}
}

func (k *reverseSequence[T]) reverse(e *graph.Exec, lengths, y, x *tensor.Tensor) {
	k.lengths = lengths.I64s()
	for i, n := range k.lengths {
		if n < 0 || n > int64(k.steps) {
			e.Fail(fmt.Errorf("length %d of sequence %d is outside [0, %d]", n, i, k.steps))
			return
		}
	}
	k.x, k.y = words[T](x), words[T](y)
	k.run.do(e.Pool)
}

// BackwardReads implements graph.Frugal.
func (k *reverseSequence[T]) BackwardReads() (in, out []bool) { return []bool{false, true}, nil }

func (k *reverseSequence[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.reverse(x, in[1], out[0], in[0])
}

func (k *reverseSequence[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	if din[0] != nil {
		k.reverse(x, in[1], din[0], dout[0])
	}
}
