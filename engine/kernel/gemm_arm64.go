//go:build !purego

package kernel

var (
	neonF32 = newNEON(4, &tilesF32NEON, &dotsF32NEON, &axpysF32NEON)
	neonF64 = newNEON(2, &tilesF64NEON, &dotsF64NEON, &axpysF64NEON)
)

// newNEON wraps kernels that know whole vectors only.
func newNEON[T Float](lanes int, tiles *[maxMR + 1][maxNV + 1]func(*tile[T]), dot *[maxDots + 1]func(*dots[T]), axpy *[maxAxpys + 1]func(*axpys[T])) micro[T] {
	mk := micro[T]{path: isaNEON, mr: maxMR, lanes: lanes, nv: maxNV, dots: maxDots,
		finish: finishPortable[T], step: stepPortable[T], transpose: transposePortable[T], copyRows: copyRowsPortable[T]}
	for r := 1; r <= maxMR; r++ {
		for v := 1; v <= maxNV; v++ {
			mk.kern[r][v] = func(t *tile[T]) { tileNEON(t, tiles[r][v], v*lanes) }
		}
	}
	for r := 1; r <= maxDots; r++ {
		mk.dot[r] = func(d *dots[T]) { dotsNEON(d, dot[d.rows], lanes) }
	}
	for r := 1; r <= maxAxpys; r++ {
		mk.axpy[r] = func(a *axpys[T]) { axpysNEON(a, axpy[a.rows], lanes) }
	}
	return mk
}

// nativeMicro returns the assembly tile kernels of a path, nil if none.
func nativeMicro[T Float](s isa) *micro[T] {
	if s != isaNEON {
		return nil
	}
	return pick[micro[T]](&neonF32, &neonF64)
}

// spare holds the largest tile.
type spare[T Float] [maxMR * 4 * maxNV]T

// tileNEON computes a tile of fewer columns than width beside C.
func tileNEON[T Float](t *tile[T], kernel func(*tile[T]), width int) {
	if t.cols == width {
		kernel(t)
		return
	}
	c, ldc, alpha, beta := t.c, t.ldc, t.alpha, t.beta
	t.c, t.ldc, t.alpha, t.beta = &t.spare[0], width, 1, 0
	kernel(t)
	t.c, t.ldc, t.alpha, t.beta = c, ldc, alpha, beta
	for i := range t.rows {
		storeRow(at(c, i*ldc, t.cols), t.spare[i*width:i*width+t.cols], alpha, beta)
	}
}

// dotsNEON leaves what is not a whole vector, or fewer columns, to Go.
func dotsNEON[T Float](d *dots[T], kernel func(*dots[T]), lanes int) {
	k := d.k
	if whole := k / lanes * lanes; d.cols == dotWidth && whole > 0 {
		d.k = whole
		kernel(d)
		for l := whole; l < k; l++ {
			for i := range d.rows {
				x := at(d.x, i*d.ldx+l, 1)[0]
				for j := range dotWidth {
					d.out[i*dotWidth+j] += x * at(d.y, j*d.ldy+l, 1)[0]
				}
			}
		}
		d.k = k
		return
	}
	dotsPortable(d)
}

// axpysNEON leaves what is not a whole vector to Go.
func axpysNEON[T Float](a *axpys[T], kernel func(*axpys[T]), lanes int) {
	y, b, n := a.y, a.b, a.n
	whole := n / lanes * lanes
	if whole > 0 {
		a.n = whole
		kernel(a)
	}
	if whole < n {
		a.y, a.b, a.n = &at(y, whole, 1)[0], &at(b, whole, 1)[0], n-whole
		axpysPortable(a)
	}
	a.y, a.b, a.n = y, b, n
}
