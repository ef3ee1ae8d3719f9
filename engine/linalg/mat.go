package linalg

import (
	"fmt"
	"math"
)

// Mat is a row-major M x N matrix: element (i, j) is Data[i*Stride+j].
// A view made by Slice shares Data with its parent.
type Mat struct {
	Rows, Cols, Stride int
	Data               []float64
}

// NewMat returns a zero r x c matrix.
func NewMat(r, c int) *Mat { return &Mat{Rows: r, Cols: c, Stride: c, Data: zeros(r, c)} }

func zeros(r, c int) []float64 {
	if r < 0 || c < 0 {
		panic(fmt.Sprintf("linalg: negative shape %d x %d", r, c))
	}
	return make([]float64, r*c)
}

// Eye returns the n x n identity.
func Eye(n int) *Mat {
	m := NewMat(n, n)
	for i := range n {
		m.Data[i*n+i] = 1
	}
	return m
}

// At returns element (i, j).
func (m *Mat) At(i, j int) float64 { return m.Row(i)[j] }

// Set changes element (i, j).
func (m *Mat) Set(i, j int, v float64) { m.Row(i)[j] = v }

// Row returns row i, sharing memory with m.
func (m *Mat) Row(i int) []float64 {
	if m.Cols == 0 {
		return nil
	}
	o := i * m.Stride
	return m.Data[o : o+m.Cols : o+m.Cols]
}

// Clone returns a compact copy.
func (m *Mat) Clone() *Mat {
	c := NewMat(m.Rows, m.Cols)
	for i := range m.Rows {
		copy(c.Row(i), m.Row(i))
	}
	return c
}

// T returns the transpose as a copy.
func (m *Mat) T() *Mat {
	t := NewMat(m.Cols, m.Rows)
	transpose(t, m)
	return t
}

// Slice returns the view of rows [r0, r1) and columns [c0, c1).
func (m *Mat) Slice(r0, r1, c0, c1 int) *Mat {
	return &Mat{Rows: r1 - r0, Cols: c1 - c0, Stride: m.Stride, Data: m.part(r0, r1, c0, c1)}
}

// part is the memory of a view. Slice itself is inlined: a view that does not leave its function costs no allocation.
func (m *Mat) part(r0, r1, c0, c1 int) []float64 {
	if r0 < 0 || r1 < r0 || r1 > m.Rows || c0 < 0 || c1 < c0 || c1 > m.Cols {
		panic(fmt.Sprintf("linalg: slice [%d:%d, %d:%d] of a %d x %d matrix", r0, r1, c0, c1, m.Rows, m.Cols))
	}
	return window(m.Data, m.Stride, r0, r1, c0, c1)
}

// window is the memory of rows [r0, r1) and columns [c0, c1).
func window[T any](data []T, stride, r0, r1, c0, c1 int) []T {
	if r0 == r1 || c0 == c1 {
		return nil
	}
	lo, hi := r0*stride+c0, (r1-1)*stride+c1
	return data[lo:hi:hi]
}

// maxAbs returns the largest magnitude in m, NaN if m has a NaN.
func (m *Mat) maxAbs() float64 {
	rows := make([]float64, m.Rows)
	ranges(m.Rows, m.Cols, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			rows[i] = maxAbs(m.Row(i))
		}
	})
	return maxAbs(rows)
}

// maxAbs returns the largest magnitude in x, NaN if there is one.
func maxAbs(x []float64) float64 {
	best := 0.0
	for _, v := range x {
		if v = math.Abs(v); !(v <= best) {
			if v != v {
				return v
			}
			best = v
		}
	}
	return best
}

// checkFinite names the first entry of m that is NaN or infinite.
func (m *Mat) checkFinite(what string) error {
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			if v-v != 0 {
				return fmt.Errorf("linalg: %s: entry (%d, %d) of the %d x %d matrix is %v; remove non-finite values first",
					what, i, j, m.Rows, m.Cols, v)
			}
		}
	}
	return nil
}
