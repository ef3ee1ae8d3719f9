package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Pad", min: 1, max: 4, mixed: true, types: wordTypes(
		bindPadFloat[float32], bindPadFloat[float64], bindPad[uint8],
		bindPad[uint16], bindPad[uint32], bindPad[uint64], bindPad[string])})
}

// pad surrounds input 0. Each axis has a table of the source index of every
// output index, -1 where the constant, input 2, stands.
type pad[T word] struct {
	graph.Bound
	from  [][]int // by axis, already multiplied with the axis' stride; the last is not
	rows  int     // of the last axis
	cols  int
	lo, n int // the columns [lo, lo+n) are those of the source from first on
	first int
	fwd   pieces
	value T
	x, y  []T
}

func newPad[T word](b *graph.Bind) (*pad[T], error) {
	if v := b.Input(2); v.Present() && (v.DType != b.In[0].DType || v.Shape.Size() != 1) {
		return nil, b.Errorf("the padding value must be one %v", b.In[0].DType)
	}
	in := b.In[0].Shape
	begin, end, err := padsOf(b, len(in))
	if err != nil {
		return nil, err
	}
	out, st := in.Clone(), in.Strides()
	for d := range out {
		out[d] += begin[d] + end[d]
	}
	if _, ok := out.CheckedSize(maxElems); !ok {
		return nil, b.Errorf("padding %v and %v leaves nothing or too much", begin, end)
	}
	k := &pad[T]{rows: 1, cols: 1}
	mode := b.Node.Attrs.Str("mode", "constant")
	for d, n := range out {
		table, err := padTable(b, mode, in[d], n, begin[d], out.Size() > 0)
		if err != nil {
			return nil, err
		}
		if d < len(out)-1 {
			k.rows *= n
			scale(table, st[d])
		}
		k.from = append(k.from, table)
	}
	k.Outs = outLike(b, 0, out)
	k.columns()
	k.fwd = newPieces(k.rows, k.cols, k.piece)
	return k, nil
}

// columns finds the run of the source in a row.
func (k *pad[T]) columns() {
	if len(k.from) == 0 {
		k.from = [][]int{{0}}
	}
	last := k.from[len(k.from)-1]
	k.cols = len(last)
	for k.lo < k.cols && last[k.lo] < 0 {
		k.lo++
	}
	for k.lo+k.n < k.cols && last[k.lo+k.n] >= 0 && (k.n == 0 || last[k.lo+k.n] == last[k.lo+k.n-1]+1) {
		k.n++
	}
	if k.n > 0 {
		k.first = last[k.lo]
	}
}

// scale multiplies the indices of a table, but not the marks.
func scale(table []int, by int) {
	for i, v := range table {
		if v > 0 {
			table[i] = v * by
		}
	}
}

// padsOf returns the elements to add before and after each axis, from inputs 1
// and 3; negative ones are removed.
func padsOf(b *graph.Bind, rank int) (begin, end []int, err error) {
	pads, given, err := intsArg(b, 1, "pads")
	if err != nil {
		return nil, nil, err
	}
	axes, err := b.ConstInts(3)
	if err != nil {
		return nil, nil, err
	}
	if !b.Has(3) {
		for d := range rank {
			axes = append(axes, d)
		}
	} else if _, err := axesOf(b, axes, rank); err != nil { // without duplicates
		return nil, nil, err
	}
	if !given || len(pads) != 2*len(axes) {
		return nil, nil, b.Errorf("%d pads, want two for each of %d axes", len(pads), len(axes))
	}
	begin, end = make([]int, rank), make([]int, rank)
	for i, a := range axes {
		if a < 0 {
			a += rank
		}
		begin[a], end[a] = pads[i], pads[len(axes)+i]
		if max(begin[a], end[a], -begin[a], -end[a]) > maxElems {
			return nil, nil, b.Errorf("pads %v are too large", pads)
		}
	}
	return begin, end, nil
}

// padTable returns the source index for each of out indices of an axis of extent
// n that begins with so many added elements.
func padTable(b *graph.Bind, mode string, n, out, begin int, used bool) ([]int, error) {
	table := make([]int, max(0, out))
	for o := range table {
		i := o - begin
		switch mode {
		case "constant":
			if i < 0 || i >= n {
				i = -1
			}
		case "edge":
			i = min(max(i, 0), n-1)
		case "wrap":
			if n > 0 {
				i = (i%n + n) % n
			}
		case "reflect":
			i = reflected(i, n)
		default:
			return nil, b.Errorf("mode %q: want constant, reflect, edge or wrap", mode)
		}
		if n == 0 && mode != "constant" && used {
			return nil, b.Errorf("mode %q cannot pad an axis without elements", mode)
		}
		table[o] = i
	}
	return table, nil
}

// reflected mirrors an index at the first and the last of n elements as often as needed.
func reflected(i, n int) int {
	if n <= 1 {
		return 0
	}
	period := 2 * (n - 1)
	i = (i%period + period) % period
	return min(i, period-i)
}

// source returns where row r of the output begins in the input, or -1.
func (k *pad[T]) source(r int) int {
	at := 0
	for d := len(k.from) - 2; d >= 0; d-- {
		v := k.from[d][r%len(k.from[d])]
		if v < 0 {
			return -1
		}
		at += v
		r /= len(k.from[d])
	}
	return at
}

func (k *pad[T]) piece(from, to int) {
	last := k.from[len(k.from)-1]
	for r := from; r < to; r++ {
		y, at := k.y[r*k.cols:(r+1)*k.cols], k.source(r)
		if at < 0 {
			fill(y, k.value)
			continue
		}
		k.some(y[:k.lo], last, at)
		copy(y[k.lo:k.lo+k.n], k.x[min(at+k.first, len(k.x)):])
		k.some(y[k.lo+k.n:], last[k.lo+k.n:], at)
	}
}

// some sets the elements of a row one by one.
func (k *pad[T]) some(y []T, last []int, at int) {
	for i := range y {
		if last[i] < 0 {
			y[i] = k.value
		} else {
			y[i] = k.x[at+last[i]]
		}
	}
}

func bindPad[T word](b *graph.Bind) (graph.Kernel, error) {
	k, err := newPad[T](b)
	return k, err
}

func (k *pad[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	var none T
	k.value = none
	if len(in) > 2 && in[2] != nil {
		k.value = words[T](in[2])[0]
	}
	k.x, k.y = words[T](in[0]), words[T](out[0])
	k.fwd.do(x.Pool)
}
