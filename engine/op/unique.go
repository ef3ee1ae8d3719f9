package op

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() { graph.Register("", runner{name: "Unique", min: 1, max: 1, run: runUnique}) }

// runUnique gives the distinct elements of input 0, or its distinct slices along
// attribute axis, in ascending order or, when attribute sorted is 0, as they come.
// Further outputs are the index of each one's first occurrence, the number of the
// distinct one for every slice, and how often each occurs.
func runUnique(_ *graph.Exec, _ graph.Env, n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	x, axis := in[0], 0
	if n.Attrs.Has("axis") {
		a := n.Attrs.Int("axis", 0)
		if axis = a; a < 0 {
			axis += x.Rank()
		}
		if axis < 0 || axis >= x.Rank() {
			return nil, fmt.Errorf("axis %d is outside [%d, %d)", a, -x.Rank(), x.Rank())
		}
	} else {
		x = x.View(tensor.Shape{x.Len()})
	}
	u := distinct(x, axis)
	if !n.Attrs.Bool("sorted", true) {
		slices.SortFunc(u, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	}
	s := x.Shape().Clone()
	s[axis] = len(u)
	y, inverse := tensor.New(x.DType(), s), tensor.New(tensor.I64, tensor.Shape{x.Dim(axis)})
	first, count := tensor.New(tensor.I64, tensor.Shape{len(u)}), tensor.New(tensor.I64, tensor.Shape{len(u)})
	for i, same := range u {
		copyAlong(y, i, x, same[0], axis, len(u), x.Dim(axis))
		first.I64s()[i], count.I64s()[i] = int64(same[0]), int64(len(same))
		for _, j := range same {
			inverse.I64s()[j] = int64(i)
		}
	}
	return []*tensor.Tensor{y, first, inverse, count}, nil
}

// distinct returns the indices of equal slices along an axis, lists and indices in
// ascending order.
func distinct(x *tensor.Tensor, axis int) [][]int {
	s := x.Shape()
	n, inner, outer := s[axis], product(s[axis+1:]), product(s[:axis])
	elem := orderOf(x)
	compare := func(a, b int) int {
		for o := range outer {
			for i := range inner {
				if c := elem((o*n+a)*inner+i, (o*n+b)*inner+i); c != 0 {
					return c
				}
			}
		}
		return 0
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, compare)
	var u [][]int
	for i, j := range all {
		if i == 0 || compare(all[i-1], j) != 0 {
			u = append(u, nil)
		}
		u[len(u)-1] = append(u[len(u)-1], j)
	}
	return u
}

// orderOf returns the order of elements i and j of a tensor.
func orderOf(t *tensor.Tensor) func(i, j int) int {
	switch t.DType() {
	case tensor.F32:
		return ordered[float32](t)
	case tensor.F64:
		return ordered[float64](t)
	case tensor.I8:
		return ordered[int8](t)
	case tensor.I16:
		return ordered[int16](t)
	case tensor.I32:
		return ordered[int32](t)
	case tensor.I64:
		return ordered[int64](t)
	case tensor.U16:
		return ordered[uint16](t)
	case tensor.U32:
		return ordered[uint32](t)
	case tensor.U64:
		return ordered[uint64](t)
	case tensor.String:
		return ordered[string](t)
	case tensor.F16, tensor.BF16:
		wide := tensor.New(tensor.F32, t.Shape())
		widen(wide.F32s(), t)
		return ordered[float32](wide)
	}
	d := t.Raw() // uint8 and bool
	return func(i, j int) int { return cmp.Compare(d[i], d[j]) }
}

func ordered[T interface {
	cmp.Ordered
	tensor.Elem
}](t *tensor.Tensor) func(i, j int) int {
	d := tensor.Data[T](t)
	return func(i, j int) int { return cmp.Compare(d[i], d[j]) }
}
