package op

import "slices"

// maxDims bounds the axes of a walk after merging.
const maxDims = 32

// strided places an operand in memory: element (i0, i1, ...) of the walked shape
// is at base + sum strides[d]*id. A stride of 0 repeats, a negative one reverses.
type strided struct {
	base    int
	strides []int
}

// walk visits the elements of a shape in row-major order with the offsets of up
// to three strided operands. Axes that all operands step through evenly are merged.
type walk struct {
	dims []int // merged extents, at least one
	st   [3][]int
	base [3]int
	n    int // elements
}

func newWalk(shape []int, ops ...strided) *walk {
	w := &walk{n: product(shape)}
	for k, o := range ops {
		w.base[k] = o.base
	}
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] != 1 {
			w.prepend(shape[d], d, ops)
		}
	}
	if len(w.dims) == 0 {
		w.prepend(1, -1, ops)
	}
	for k := range w.st { // absent operands stand still
		if w.st[k] == nil {
			w.st[k] = make([]int, len(w.dims))
		}
	}
	return w
}

// prepend adds axis d of extent n in front, or merges it into the first axis.
func (w *walk) prepend(n, d int, ops []strided) {
	even := len(w.dims) > 0
	for k, o := range ops {
		even = even && o.strides[d] == w.st[k][0]*w.dims[0]
	}
	if even {
		w.dims[0] *= n
		return
	}
	w.dims = slices.Insert(w.dims, 0, n)
	for k, o := range ops {
		s := 0
		if d >= 0 {
			s = o.strides[d]
		}
		w.st[k] = slices.Insert(w.st[k], 0, s)
	}
}

// ok reports whether rows can step over that many axes.
func (w *walk) ok() bool { return len(w.dims) <= maxDims }

// step returns operand k's stride within a run.
func (w *walk) step(k int) int { return w.st[k][len(w.dims)-1] }

// rows calls f for each run of elements [from, to): o is the first one's number,
// n their count, at the operands' offsets of the first one. Within a run an
// operand advances by its step.
func (w *walk) rows(from, to int, f func(o, n int, at [3]int)) {
	if from >= to {
		return
	}
	var idx [maxDims]int
	at, last, rest := w.base, len(w.dims)-1, from
	for d := last; d >= 0; d-- {
		idx[d] = rest % w.dims[d]
		rest /= w.dims[d]
		for k := range at {
			at[k] += idx[d] * w.st[k][d]
		}
	}
	for o := from; o < to; {
		n := min(w.dims[last]-idx[last], to-o)
		f(o, n, at)
		o += n
		for k := range at {
			at[k] += n * w.st[k][last]
		}
		idx[last] += n
		for d := last; d > 0 && idx[d] == w.dims[d]; d-- {
			w.carry(d, &idx, &at)
		}
	}
}

// carry moves from the end of axis d to the next element of axis d-1.
func (w *walk) carry(d int, idx *[maxDims]int, at *[3]int) {
	for k := range at {
		at[k] += w.st[k][d-1] - w.dims[d]*w.st[k][d]
	}
	idx[d] = 0
	idx[d-1]++
}
