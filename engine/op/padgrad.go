package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// diffPad is pad with gradients: every element's goes to its source, or to the value.
type diffPad[T kernel.Float] struct {
	*pad[T]
	bwd    pieces // over groups of rows that have no source in common
	group  int    // rows in a group
	dx, dy []T
}

func bindPadFloat[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newPad[T](b)
	if err != nil {
		return nil, err
	}
	k := &diffPad[T]{pad: inner, group: 1}
	if b.Node.Attrs.Str("mode", "constant") != "constant" {
		k.group = k.sharing(b.In[0].Shape)
	}
	k.bwd = newPieces(k.rows/max(1, k.group), k.group*k.cols, k.backward)
	return k, nil
}

// sharing returns the rows of the axes from the first one that is padded on.
func (k *diffPad[T]) sharing(in tensor.Shape) int {
	group := k.rows
	for d, n := range in[:len(in)-min(1, len(in))] {
		table := k.from[d]
		if n == 0 || len(table) != n || table[0] != 0 {
			break
		}
		group /= n
	}
	return group
}

// backward sums the gradients of groups [from, to).
func (k *diffPad[T]) backward(from, to int) {
	for r := from * k.group; r < to*k.group; r++ {
		if at := k.source(r); at >= 0 {
			k.scatter(k.dy[r*k.cols:(r+1)*k.cols], at)
		}
	}
}

// scatter adds the gradients of one row.
func (k *diffPad[T]) scatter(dy []T, at int) {
	last := k.from[len(k.from)-1]
	if k.n > 0 {
		d := k.dx[at+k.first:][:k.n]
		kernel.Add(d, d, dy[k.lo:k.lo+k.n])
	}
	for i, j := range last {
		if j >= 0 && (i < k.lo || i >= k.lo+k.n) {
			k.dx[at+j] += dy[i]
		}
	}
}

// added returns the sum of the gradients of all elements without a source.
func (k *diffPad[T]) added() (sum T) {
	last := k.from[len(k.from)-1]
	for r := range k.rows {
		dy, at := k.dy[r*k.cols:(r+1)*k.cols], k.source(r)
		for i, d := range dy {
			if at < 0 || last[i] < 0 {
				sum += d
			}
		}
	}
	return sum
}

// BackwardReads implements graph.Frugal.
func (k *diffPad[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *diffPad[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	k.dx, k.dy = elems[T](din, 0), elems[T](dout, 0)
	if k.dx != nil {
		clear(k.dx)
		k.bwd.do(x.Pool)
	}
	if dv := elems[T](din, 2); dv != nil {
		dv[0] = k.added()
	}
}
