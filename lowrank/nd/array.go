// Package nd decomposes dense float64 arrays: Tucker by higher-order orthogonal
// iteration, CP by alternating least squares with error-preserving correction,
// tensor trains, and the rank selection of variational Bayesian matrix
// factorisation. It knows nothing of networks: package lowrank maps layers to
// arrays and back.
//
// It is not a general tensor library; for neural network arithmetic use
// engine/kernel and engine/op.
//
// Letters: an array has D axes of extents N1..ND; R is a rank. A mode is an
// axis, counted from 0. Results depend on the input alone: random starts are
// drawn from counter-based streams.
package nd

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/linalg"
)

// Array is a dense row-major array.
type Array struct {
	Shape []int
	Data  []float64
}

// New returns a zero array.
func New(shape ...int) *Array {
	return &Array{append([]int{}, shape...), make([]float64, size(shape))}
}

// Of returns an array over data, which it keeps.
func Of(data []float64, shape ...int) *Array {
	if size(shape) != len(data) {
		panic(fmt.Sprintf("nd: %d elements for shape %v", len(data), shape))
	}
	return &Array{append([]int{}, shape...), data}
}

// OfMat returns the elements of m, shared when m is compact, as an array.
func OfMat(m *linalg.Mat, shape ...int) *Array {
	if m.Stride != m.Cols {
		m = m.Clone()
	}
	return Of(m.Data[:m.Rows*m.Cols], shape...)
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Len returns the number of elements.
func (a *Array) Len() int { return len(a.Data) }

// Reshape returns the same elements under another shape, shared.
func (a *Array) Reshape(shape ...int) *Array { return Of(a.Data, shape...) }

// Clone returns a deep copy.
func (a *Array) Clone() *Array { return Of(append([]float64{}, a.Data...), a.Shape...) }

// Mat views the array as a matrix with the given number of rows, shared.
func (a *Array) Mat(rows int) *linalg.Mat {
	cols := 0
	if rows > 0 {
		cols = a.Len() / rows
	}
	if rows*cols != a.Len() {
		panic(fmt.Sprintf("nd: %v as a matrix of %d rows", a.Shape, rows))
	}
	return &linalg.Mat{Rows: rows, Cols: cols, Stride: cols, Data: a.Data}
}

// Index returns the sub-array at position i of the first axis, shared.
func (a *Array) Index(i int) *Array {
	n := a.Len() / a.Shape[0]
	return Of(a.Data[i*n:(i+1)*n:(i+1)*n], a.Shape[1:]...)
}

// Norm returns the Frobenius norm, safe against overflow.
func (a *Array) Norm() float64 { return norm(a.Data) }

func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return rootOr(sum, len(x), func(i int) float64 { return x[i] })
}

// rootOr is the root of a sum of squares, or where that may have lost digits to the range of float64, normOf.
func rootOr(sum float64, n int, at func(i int) float64) float64 {
	if sum > 0x1p-800 && sum < 0x1p1000 {
		return math.Sqrt(sum)
	}
	return normOf(n, at)
}

// normOf is the norm of n numbers, safe against overflow.
func normOf(n int, at func(i int) float64) float64 {
	scale, sum := 0.0, 1.0
	for i := range n {
		v := math.Abs(at(i))
		if v == 0 {
			continue
		}
		if v > scale {
			sum = 1 + sum*(scale/v)*(scale/v)
			scale = v
		} else {
			sum += (v / scale) * (v / scale)
		}
	}
	return scale * math.Sqrt(sum)
}

// Distance returns the Frobenius norm of a - b.
func Distance(a, b *Array) float64 {
	sum := 0.0
	for i, v := range a.Data {
		sum += (v - b.Data[i]) * (v - b.Data[i])
	}
	return rootOr(sum, len(a.Data), func(i int) float64 { return a.Data[i] - b.Data[i] })
}

// RelError returns ||a - b|| / ||a||, 0 for two zero arrays.
func RelError(a, b *Array) float64 {
	d := Distance(a, b)
	if d == 0 {
		return 0
	}
	return d / a.Norm()
}

// NonFinite counts NaN and infinite elements.
func (a *Array) NonFinite() int {
	n := 0
	for _, v := range a.Data {
		if v-v != 0 {
			n++
		}
	}
	return n
}

// Permute returns a copy whose axis i is a's axis perm[i].
func (a *Array) Permute(perm ...int) *Array {
	st := strides(a.Shape)
	out := &Array{Shape: make([]int, len(perm)), Data: make([]float64, len(a.Data))}
	step := make([]int, len(perm))
	for i, p := range perm {
		out.Shape[i], step[i] = a.Shape[p], st[p]
	}
	gather(out.Data, a.Data, out.Shape, step)
	return out
}

func strides(shape []int) []int {
	st := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		st[i] = n
		n *= shape[i]
	}
	return st
}

// gather fills dst, of the given shape, from src walked with the given steps.
func gather(dst, src []float64, shape, step []int) {
	if len(shape) == 0 {
		dst[0] = src[0]
		return
	}
	if len(shape) == 1 {
		for i := range shape[0] {
			dst[i] = src[i*step[0]]
		}
		return
	}
	n := len(dst) / max(1, shape[0])
	for i := range shape[0] {
		gather(dst[i*n:(i+1)*n], src[i*step[0]:], shape[1:], step[1:])
	}
}

// Unfold returns the mode-n unfolding: the given axis as rows, the others, in
// order, as columns. A copy, except for mode 0.
func (a *Array) Unfold(mode int) *linalg.Mat {
	if mode == 0 {
		return a.Mat(a.Shape[0])
	}
	return a.Permute(front(len(a.Shape), mode)...).Mat(a.Shape[mode])
}

// front is the permutation that brings one axis to the front.
func front(n, mode int) []int {
	perm := []int{mode}
	for i := range n {
		if i != mode {
			perm = append(perm, i)
		}
	}
	return perm
}

// ModeMul returns the product of a with m along an axis: B = A x_mode M, that
// is B_(mode) = M A_(mode), or M^T A_(mode) when trans is set.
func (a *Array) ModeMul(mode int, m *linalg.Mat, trans bool) *Array {
	rows := m.Rows
	if trans {
		rows = m.Cols
	}
	out := make([]int, len(a.Shape))
	copy(out, a.Shape)
	out[mode] = rows
	res := New(out...)
	outer, inner := size(a.Shape[:mode]), size(a.Shape[mode+1:])
	n := a.Shape[mode]
	if inner == 1 { // rows of a are vectors along the mode
		linalg.Mul(res.Mat(outer), 1, a.Mat(outer), false, m, !trans, 0)
		return res
	}
	for i := range outer {
		src := &linalg.Mat{Rows: n, Cols: inner, Stride: inner, Data: a.Data[i*n*inner : (i+1)*n*inner]}
		dst := &linalg.Mat{Rows: rows, Cols: inner, Stride: inner, Data: res.Data[i*rows*inner : (i+1)*rows*inner]}
		linalg.Mul(dst, 1, m, trans, src, false, 0)
	}
	return res
}
