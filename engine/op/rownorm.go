package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

// rowNorm normalises each row of a rows x (segs seg) matrix to mean 0 and
// variance 1 and then scales and shifts it:
//
//	m = mean x   i = 1/sqrt(mean (x-m)^2 + eps)   h = (x-m) i   y = s h + b
//
// s and b hold one number for each segment of seg elements; they repeat after
// period rows. Layer normalisation (Ba, Kiros, Hinton 2016) has seg 1 and period 1,
// group normalisation (Wu, He 2018) has channels as segments and a row for each
// group, instance normalisation (Ulyanov et al. 2016) a row for each channel.
//
// With g = s dy, the gradient is
//
//	dx = i (g - mean g - h mean(g h))   ds = sum dy h   db = sum dy
type rowNorm[T kernel.Float] struct {
	rows, segs, seg, period int
	eps                     float64

	fwd, bwd, affine unit
	x, y, s, b       []T
	dy, dx, ds, db   []T
	mean, inv        []T        // rows
	tmp              workTmp[T] // a row
	size             int        // rows, or numbers of s, of a unit
}

func (k *rowNorm[T]) cols() int { return k.segs * k.seg }

// saved describes the memory of mean and inv.
func (k *rowNorm[T]) saved() []graph.Spec { return []graph.Spec{specOf[T](k.rows), specOf[T](k.rows)} }

// forward computes y, mean and inv; s and b may be nil.
func (k *rowNorm[T]) forward(p *kernel.Pool, y, x, s, b, mean, inv []T) {
	if k.fwd == nil {
		k.fwd = k.forwardRows
	}
	k.y, k.x, k.s, k.b, k.mean, k.inv = y, x, s, b, mean, inv
	if k.cols() == 0 {
		return
	}
	parts, size := kernel.Split(k.rows, max(1, 1<<13/k.cols()))
	k.size = size
	p.Do(k.fwd, parts)
}

func (k *rowNorm[T]) forwardRows(_, i int) {
	n := k.cols()
	for r := i * k.size; r < min((i+1)*k.size, k.rows); r++ {
		x, y := k.x[r*n:(r+1)*n], k.y[r*n:(r+1)*n]
		mean := kernel.Sum(x) / T(n)
		kernel.AddScalar(y, x, -mean)
		inv := T(1 / math.Sqrt(float64(kernel.SumSq(y))/float64(n)+k.eps))
		kernel.MulScalar(y, y, inv)
		k.mean[r], k.inv[r] = mean, inv
		k.scale(y, y, r)
		k.shift(y, r)
	}
}

// first returns the index of row r's first number in s and b.
func (k *rowNorm[T]) first(r int) int { return r % k.period * k.segs }

// scale sets dst to row r of src times s.
func (k *rowNorm[T]) scale(dst, src []T, r int) {
	s := k.s
	switch {
	case s == nil:
		copy(dst, src)
	case k.seg == 1:
		kernel.Mul(dst, src, s[k.first(r):][:k.segs])
	default:
		for j, v := range s[k.first(r):][:k.segs] {
			kernel.MulScalar(dst[j*k.seg:(j+1)*k.seg], src[j*k.seg:(j+1)*k.seg], v)
		}
	}
}

// shift adds b to row r.
func (k *rowNorm[T]) shift(y []T, r int) {
	switch {
	case k.b == nil:
	case k.seg == 1:
		kernel.Add(y, y, k.b[k.first(r):][:k.segs])
	default:
		for j, v := range k.b[k.first(r):][:k.segs] {
			kernel.AddScalar(y[j*k.seg:(j+1)*k.seg], y[j*k.seg:(j+1)*k.seg], v)
		}
	}
}

// backward computes those of dx, ds and db that are not nil.
func (k *rowNorm[T]) backward(p *kernel.Pool, dx, ds, db, x, s, dy, mean, inv []T) {
	if k.bwd == nil {
		k.bwd, k.affine = k.backwardRows, k.backwardAffine
	}
	k.tmp.need(p, k.cols())
	k.dx, k.ds, k.db, k.x, k.s, k.dy, k.mean, k.inv = dx, ds, db, x, s, dy, mean, inv
	if dx != nil && k.cols() > 0 {
		parts, size := kernel.Split(k.rows, max(1, 1<<13/k.cols()))
		k.size = size
		p.Do(k.bwd, parts)
	}
	if ds != nil || db != nil {
		parts, size := kernel.Split(k.period*k.segs, max(1, 1<<13/max(1, k.rows/k.period*k.seg)))
		k.size = size
		p.Do(k.affine, parts)
	}
}

func (k *rowNorm[T]) backwardRows(w, i int) {
	n, h := k.cols(), k.tmp[w]
	for r := i * k.size; r < min((i+1)*k.size, k.rows); r++ {
		dx := k.dx[r*n : (r+1)*n]
		kernel.AddScalar(h, k.x[r*n:(r+1)*n], -k.mean[r])
		kernel.MulScalar(h, h, k.inv[r])
		k.scale(dx, k.dy[r*n:(r+1)*n], r)
		g, gh := kernel.Sum(dx)/T(n), kernel.Dot(dx, h)/T(n)
		kernel.AddScalar(dx, dx, -g)
		kernel.Axpy(dx, -gh, h)
		kernel.MulScalar(dx, dx, k.inv[r])
	}
}

// backwardAffine computes a run of ds and db, adding up the rows in order.
func (k *rowNorm[T]) backwardAffine(w, i int) {
	from, to := i*k.size, min((i+1)*k.size, k.period*k.segs)
	if k.seg == 1 && k.period == 1 {
		k.columns(k.tmp[w], from, to)
		return
	}
	for c := from; c < to; c++ {
		var ds, db T
		for r := c / k.segs; r < k.rows; r += k.period {
			at := (r*k.segs + c%k.segs) * k.seg
			h, dy := k.tmp[w][:k.seg], k.dy[at:at+k.seg]
			kernel.AddScalar(h, k.x[at:at+k.seg], -k.mean[r])
			ds += kernel.Dot(h, dy) * k.inv[r]
			db += kernel.Sum(dy)
		}
		put(k.ds, c, ds)
		put(k.db, c, db)
	}
}

func put[T any](dst []T, i int, v T) {
	if dst != nil {
		dst[i] = v
	}
}

// columns is backwardAffine for one number a column.
func (k *rowNorm[T]) columns(tmp []T, from, to int) {
	n, h := k.segs, tmp[from:to]
	clearRange(k.ds, from, to)
	clearRange(k.db, from, to)
	for r := range k.rows {
		dy := k.dy[r*n+from : r*n+to]
		if k.ds != nil {
			kernel.AddScalar(h, k.x[r*n+from:r*n+to], -k.mean[r])
			kernel.Mul(h, h, dy)
			kernel.Axpy(k.ds[from:to], k.inv[r], h)
		}
		if k.db != nil {
			kernel.Add(k.db[from:to], k.db[from:to], dy)
		}
	}
}

func clearRange[T any](s []T, from, to int) {
	if s != nil {
		clear(s[from:to])
	}
}
