package kernel

const (
	maxDots  = 4 // rows of X of the tallest kernel
	dotWidth = 4 // rows of Y of a kernel
)

// dots is the argument of a dot kernel: out[i*4+j] = sum over l < k of
// x[i*ldx+l] y[j*ldy+l] for j < cols. The offsets are known to the assembly.
type dots[T Float] struct {
	x, y        *T
	k, ldx, ldy int
	cols        int
	out         [maxDots * dotWidth]T
	rows        int
}

// dotsPortable is the reference: any rows.
func dotsPortable[T Float](d *dots[T]) {
	for i := range d.rows {
		x := at(d.x, i*d.ldx, d.k)
		for j := range d.cols {
			var sum [4]T // independent, to overlap in the processor
			y := at(d.y, j*d.ldy, d.k)
			addProducts(&sum, x, y)
			d.out[i*dotWidth+j] = (sum[0] + sum[1]) + (sum[2] + sum[3])
		}
	}
}

// addProducts adds x y to four sums, the tail of x to the first.
func addProducts[T Float](sum *[4]T, x, y []T) {
	s, l := *sum, 0
	for ; l+4 <= len(x) && l+4 <= len(y); l += 4 {
		s[0] += x[l] * y[l]
		s[1] += x[l+1] * y[l+1]
		s[2] += x[l+2] * y[l+2]
		s[3] += x[l+3] * y[l+3]
	}
	for ; l < len(x); l++ {
		s[0] += x[l] * y[l]
	}
	*sum = s
}

// dots computes the outputs of the run.
func (r *thinRun[T]) dots() {
	d, mk := &r.w.d, r.mk
	d.k, d.ldx, d.ldy = r.g.K, r.ldx, r.ldy
	for n := r.n0; n < r.n1; n += dotWidth {
		d.y, d.cols = &r.y[n*d.ldy], min(dotWidth, r.n1-n)
		for m := 0; m < r.thin.rows; m += mk.dots {
			d.x, d.rows = &r.x[m*d.ldx], min(mk.dots, r.thin.rows-m)
			mk.dot[d.rows](d)
			for i := range d.rows {
				r.store(m+i, n, d.out[i*dotWidth:i*dotWidth+d.cols])
			}
		}
	}
}
