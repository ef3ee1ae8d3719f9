package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// broadcast returns the shape that the shapes of the inputs listed have in
// common under the multidirectional rule of ONNX and NumPy: axes are aligned at
// the end, and an extent of 1 is repeated.
func broadcast(b *graph.Bind, inputs ...int) (tensor.Shape, error) {
	var out tensor.Shape
	for _, i := range inputs {
		s := b.In[i].Shape
		if len(s) > len(out) {
			out = append(append(tensor.Shape{}, s[:len(s)-len(out)]...), out...)
		}
		for d, n := range s {
			at := &out[len(out)-len(s)+d]
			switch {
			case *at == 1:
				*at = n
			case n != 1 && n != *at:
				return nil, b.Errorf("shapes do not broadcast: axis %d of input %d has extent %d, want 1 or %d", d, i, n, *at)
			}
		}
	}
	if out == nil {
		out = tensor.Shape{}
	}
	return out, nil
}

// repeated places an operand of shape s under the shape out that it broadcasts to.
func repeated(out, s tensor.Shape) strided {
	st := make([]int, len(out))
	for d, n := len(s)-1, 1; d >= 0; d-- {
		st[len(out)-len(s)+d] = strideOr0(s[d], n)
		n *= s[d]
	}
	return strided{strides: st}
}

// repeatedAlong marks the axes of out along which an operand of shape s is repeated.
func repeatedAlong(out, s tensor.Shape) []bool {
	along := make([]bool, len(out))
	for d := range out {
		i := d - (len(out) - len(s))
		along[d] = i < 0 || s[i] != out[d]
	}
	return along
}

// elems returns the elements of ts[i], or nil when it is missing.
func elems[T tensor.Elem](ts []*tensor.Tensor, i int) []T {
	if i >= len(ts) || ts[i] == nil {
		return nil
	}
	return tensor.Data[T](ts[i])
}

// cut returns s[from:to], or nil for a missing slice.
func cut[T any](s []T, from, to int) []T {
	if s == nil {
		return nil
	}
	return s[from:to]
}

// span returns the elements of a run of n that starts at: one when it repeats.
func span[T any](s []T, at, n, step int) []T {
	if step == 0 {
		n = 1
	}
	return s[at : at+n]
}
