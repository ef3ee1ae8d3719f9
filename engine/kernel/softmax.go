package kernel

import "math"

// rowOp is one of the softmax kernels. A row has one or two sources, a and b.
type rowOp uint8

const (
	rowSoftmax rowOp = iota
	rowLogSoftmax
	rowSoftmaxGrad
	rowLogSoftmaxGrad
)

// rowTask runs a rowOp on rows of cols numbers, step rows a unit.
type rowTask[T Float] struct {
	op               rowOp
	dst, a, b        []T
	rows, cols, step int
}

var (
	rows32 freeList[rowTask[float32]]
	rows64 freeList[rowTask[float64]]
)

// Run implements Task.
func (t *rowTask[T]) Run(_, i int) {
	for r := i * t.step; r < min((i+1)*t.step, t.rows); r++ {
		j, k := r*t.cols, (r+1)*t.cols
		dst, a, b := t.dst[j:k], t.a[j:k], t.b[j:k]
		switch t.op {
		case rowSoftmax:
			softmaxRow(dst, a)
		case rowLogSoftmax:
			logSoftmaxRow(dst, a)
		case rowSoftmaxGrad:
			softmaxGradRow(dst, a, b)
		case rowLogSoftmaxGrad:
			logSoftmaxGradRow(dst, a, b)
		}
	}
}

// vecGrain is the number of elements below which vector work is not cut.
const vecGrain = 1 << 13

func eachRow[T Float](p *Pool, op rowOp, dst, a, b []T, rows, cols int) {
	n := rows * cols
	if n == 0 {
		return
	}
	l := pick[freeList[rowTask[T]]](&rows32, &rows64)
	t := l.take()
	parts, step := Split(rows, max(1, vecGrain/cols))
	*t = rowTask[T]{op: op, dst: dst[:n], a: a[:n], b: b[:n], rows: rows, cols: cols, step: step}
	p.Do(t, parts)
	*t = rowTask[T]{}
	l.put(t)
}

// SoftmaxRows sets every row of dst (rows x cols) to e^x / sum(e^x) of the same
// row of x. dst may be x.
func SoftmaxRows[T Float](p *Pool, dst, x []T, rows, cols int) {
	eachRow(p, rowSoftmax, dst, x, x, rows, cols)
}

// LogSoftmaxRows sets every row of dst to x - log(sum(e^x)). dst may be x.
func LogSoftmaxRows[T Float](p *Pool, dst, x []T, rows, cols int) {
	eachRow(p, rowLogSoftmax, dst, x, x, rows, cols)
}

// SoftmaxGradRows sets every row of dx to y (dy - sum(y dy)), where y is the
// output of SoftmaxRows. dx may be y or dy.
func SoftmaxGradRows[T Float](p *Pool, dx, y, dy []T, rows, cols int) {
	eachRow(p, rowSoftmaxGrad, dx, y, dy, rows, cols)
}

// LogSoftmaxGradRows sets every row of dx to dy - e^y sum(dy), where y is the
// output of LogSoftmaxRows. dx may be y or dy.
func LogSoftmaxGradRows[T Float](p *Pool, dx, y, dy []T, rows, cols int) {
	eachRow(p, rowLogSoftmaxGrad, dx, y, dy, rows, cols)
}

func softmaxRow[T Float](dst, x []T) {
	o := ops[T]()
	sum := o.expShift(dst, x, o.maxOf(x))
	o.mulScalar(dst, dst, 1/sum)
}

func logSoftmaxRow[T Float](dst, x []T) {
	o := ops[T]()
	top := o.maxOf(x)
	o.addScalar(dst, x, -top-T(math.Log(float64(sumExp(x, top)))))
}

// sumExp returns the sum of e^(x - shift).
func sumExp[T Float](x []T, shift T) (sum T) {
	l, o := pick[freeList[[256]T]](&blocks32, &blocks64), ops[T]()
	buf := l.take()
	for i := 0; i < len(x); i += len(buf) {
		n := min(len(buf), len(x)-i)
		sum += o.expShift(buf[:n], x[i:i+n], shift)
	}
	l.put(buf)
	return sum
}

func softmaxGradRow[T Float](dx, y, dy []T) {
	o := ops[T]()
	o.mulShift(dx, y, dy, -o.dot(y, dy))
}

func logSoftmaxGradRow[T Float](dx, y, dy []T) {
	l, o := pick[freeList[[256]T]](&blocks32, &blocks64), ops[T]()
	buf, sum := l.take(), o.sum(dy)
	for i := 0; i < len(dx); i += len(buf) {
		e := buf[:min(len(buf), len(dx)-i)]
		j := i + len(e)
		o.exp(e, y[i:j])
		o.affine2(dx[i:j], dy[i:j], e, 1, -sum, 0)
	}
	l.put(buf)
}
