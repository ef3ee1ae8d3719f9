package kernel

// maxAxpys is the number of rows that are added at a time.
const maxAxpys = 8

// axpys is the argument of a kernel that adds multiples of rows of B: y[j] +=
// sum over i < rows of x[i] b[i*ld+j] for j < n. The offsets are known to the
// assembly.
type axpys[T Float] struct {
	x, y, b *T
	ld, n   int
	rows    int
}

// axpysPortable is the reference: any rows.
func axpysPortable[T Float](a *axpys[T]) {
	y := at(a.y, 0, a.n)
	for i, c := range at(a.x, 0, a.rows) {
		for j, v := range at(a.b, i*a.ld, a.n) {
			y[j] += c * v
		}
	}
}

// addChunk is the number of sums that stay in the first cache level.
const addChunk = 4096

// adds computes the outputs of the run.
func (r *thinRun[T]) adds() {
	lanes := r.mk.lanes
	chunk := max(lanes, addChunk/r.thin.rows/lanes*lanes)
	r.w.a = grow(r.w.a, chunk*r.thin.rows)
	for n := r.n0; n < r.n1; n += chunk {
		r.addChunk(n, min(chunk, r.n1-n), chunk)
	}
}

// addChunk computes outputs n to n+cols with sums chunk apart in the work space.
func (r *thinRun[T]) addChunk(n, cols, chunk int) {
	a, sums := &r.w.x, r.w.a[:chunk*r.thin.rows]
	clear(sums)
	a.ld, a.n = r.ldy, cols
	for l := 0; l < r.g.K; l += maxAxpys {
		a.b, a.rows = &r.y[l*r.ldy+n], min(maxAxpys, r.g.K-l)
		for m := range r.thin.rows {
			a.x, a.y = &r.x[m*r.ldx+l], &sums[m*chunk]
			r.mk.axpy[a.rows](a)
		}
	}
	for m := range r.thin.rows {
		r.store(m, n, sums[m*chunk:m*chunk+cols])
	}
}
