package linalg

import "github.com/compress-toolkit/compress/engine/kernel"

func dot(x, y []float64) float64 { return kernel.Dot(x, y) }

func axpy(dst []float64, a float64, x []float64) { kernel.Axpy(dst, a, x) }

func scale(x []float64, a float64) { kernel.MulScalar(x, x, a) }

// unit is a piece of work as a kernel.Task.
type unit func(i int)

func (f unit) Run(_, i int) { f(i) }

// parallel runs f(i) for i in [0, n) on the default pool.
func parallel(n int, f func(i int)) { kernel.Default().Do(unit(f), n) }

// ranges runs f over pieces of [0, n), each item costing about cost
// operations. The pieces do not depend on the number of threads.
func ranges(n, cost int, f func(lo, hi int)) {
	if n <= 0 {
		return
	}
	parts := min(n, n*cost/4096+1, 16)
	if parts < 8 { // to wake another thread takes longer
		f(0, n)
		return
	}
	size := (n + parts - 1) / parts
	parallel((n+size-1)/size, func(i int) { f(i*size, min(i*size+size, n)) })
}
