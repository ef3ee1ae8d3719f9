package kernel

import "sync"

// RowDots sets dst[i] to the dot product of row i of A and x, for A of len(dst)
// rows of len(x), lda apart, in the caller's thread.
func RowDots[T Float](dst, a []T, lda int, x []T) {
	if len(x) == 0 {
		clear(dst)
		return
	}
	needMatrix("A", len(dst), len(x), lda, len(a), 1, 0)
	pool, w, mk := takeRowArgs[T]()
	d := &w.d
	d.x, d.k, d.ldy, d.rows = &x[0], len(x), lda, 1
	for i := 0; i < len(dst); i += dotWidth {
		d.y, d.cols = &a[i*lda], min(dotWidth, len(dst)-i)
		mk.dot[1](d)
		copy(dst[i:i+d.cols], d.out[:])
	}
	w.d.x, w.d.y = nil, nil
	pool.Put(w)
}

// AddRows adds sum_i c[i] A_i to y, for A of len(c) rows of len(y), lda apart, in
// the caller's thread. y may overlap no row of A.
func AddRows[T Float](y, c, a []T, lda int) {
	if len(y) == 0 {
		return
	}
	needMatrix("A", len(c), len(y), lda, len(a), 1, 0)
	pool, w, mk := takeRowArgs[T]()
	x := &w.a
	x.y, x.n, x.ld = &y[0], len(y), lda
	for i := 0; i < len(c); i += maxAxpys {
		x.x, x.b, x.rows = &c[i], &a[i*lda], min(maxAxpys, len(c)-i)
		mk.axpy[x.rows](x)
	}
	w.a.x, w.a.y, w.a.b = nil, nil, nil
	pool.Put(w)
}

// rowArgs holds the arguments of kernels, which escape.
type rowArgs[T Float] struct {
	d dots[T]
	a axpys[T]
}

var (
	gemvRows32 = sync.Pool{New: func() any { return new(rowArgs[float32]) }}
	gemvRows64 = sync.Pool{New: func() any { return new(rowArgs[float64]) }}
)

func takeRowArgs[T Float]() (*sync.Pool, *rowArgs[T], *micro[T]) {
	pool := &gemvRows32
	if _, double := any(T(0)).(float64); double {
		pool = &gemvRows64
	}
	return pool, pool.Get().(*rowArgs[T]), microFor[T]()
}
