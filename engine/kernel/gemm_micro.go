package kernel

import "unsafe"

// The product is computed in register tiles of up to mr x nr numbers of C, as
// in Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication", ACM TOMS 34(3), 2008. A micro is the set of tile kernels of
// one path and the layout they want.

const (
	maxMR = 8 // rows of the tallest tile
	maxNV = 3 // vectors in the widest tile
)

// tile is the argument of a tile kernel: C = alpha A B + beta C with A rows x
// k, B k x cols, C rows x cols. Element (i,l) of A is a[i*ai+l*ak], B's rows are
// bk apart, C's ldc. beta 0 does not read C. The offsets are known to the
// assembly.
type tile[T Float] struct {
	a, b, c       *T
	k, ai, ak     int
	bk, ldc, cols int
	alpha, beta   T
	rows          int
	ahead         [3]*T // places of lines that are needed later: a kernel may fetch them
	lines, step   int   // at each place, and bytes from one to the next
	//lint:ignore U1000 the kernels count in it what is left after C is fetched
	turns int
	//lint:ignore U1000 the NEON kernels use it
	spare spare[T] // of kernels that know whole vectors only
}

// epilogue is the argument of an epilogue kernel on rows x cols numbers: it adds
// the bias and the residual, then does what the flags say. The offsets are
// known to the assembly.
type epilogue[T Float] struct {
	c, bias, residual *T // bias and residual may be nil
	ldc, ldr          int
	rows, cols        int
	flags             int
	alpha, beta       T
}

// Flags of an epilogue.
const (
	epiRowBias = 1 << iota // the bias is one number a row
	epiClip                // min(max(x, alpha), beta)
	epiLeaky               // alpha x where x is negative
)

// micro describes one path. kern[r][v] computes tiles of r rows and at most v
// vectors of columns.
type micro[T Float] struct {
	path  isa
	mr    int // rows of a full tile
	lanes int // columns of a vector
	nv    int // vectors of a full tile
	kern  [maxMR + 1][maxNV + 1]func(*tile[T])

	dots int // rows of X of the tallest dot kernel
	dot  [maxDots + 1]func(*dots[T])
	axpy [maxAxpys + 1]func(*axpys[T])

	finish func(*epilogue[T])
	step   func(*stepTile[T])

	// transpose copies dst[l*ld+i] = src[i*lds+l] for i < rows, l < k; copyRows
	// copies dst[l*ld+j] = src[l*lds+j] for l < k, j < cols. Both may write
	// up to ld numbers of each of the k rows of dst.
	transpose func(dst []T, ld int, src []T, lds, rows, k int)
	copyRows  func(dst []T, ld int, src []T, lds, k, cols int)

	// copyPair copies dst[l*maxMR+i] = src[l*lds+i] and dst[apart+l*maxMR+i] =
	// src[l*lds+maxMR+i] for l < k, i < maxMR; nil if there is none.
	copyPair func(dst []T, apart int, src []T, lds, k int)
}

func (mk *micro[T]) nr() int { return mk.lanes * mk.nv }

func (mk *micro[T]) strips(n int) int { return (n + mk.nr() - 1) / mk.nr() }

func (mk *micro[T]) panels(m int) int { return (m + mk.mr - 1) / mk.mr }

// packB writes rows k0 to k0+kb of strip s of op(B) as kb rows of nr columns.
func (mk *micro[T]) packB(g *GemmArgs[T], b []T, k0, kb, s int, dst []T) {
	nr := mk.nr()
	n0 := s * nr
	cols := min(nr, g.N-n0)
	if g.TransB {
		mk.transpose(dst, nr, b[n0*g.LDB+k0:], g.LDB, cols, kb)
	} else {
		mk.copyRows(dst, nr, b[k0*g.LDB+n0:], g.LDB, kb, cols)
	}
}

// pairs reports whether packA packs two panels of g's A at a time.
func (mk *micro[T]) pairs(g *GemmArgs[T]) bool { return g.TransA && mk.copyPair != nil }

// packA writes columns k0 to k0+kb of panel s of op(A), or of it and the next, as kb
// rows of maxMR each.
func (mk *micro[T]) packA(g *GemmArgs[T], a []T, k0, kb, s int, dst []T) {
	m0 := s * mk.mr
	if mk.pairs(g) {
		if m0+2*maxMR <= g.M {
			mk.copyPair(dst, kb*maxMR, a[k0*g.LDA+m0:], g.LDA, kb)
			return
		}
		if m0+maxMR < g.M {
			mk.packPanel(g, a, k0, kb, s+1, dst[kb*maxMR:])
		}
	}
	mk.packPanel(g, a, k0, kb, s, dst)
}

func (mk *micro[T]) packPanel(g *GemmArgs[T], a []T, k0, kb, s int, dst []T) {
	m0 := s * mk.mr
	rows := min(mk.mr, g.M-m0)
	if g.TransA {
		mk.copyRows(dst, maxMR, a[k0*g.LDA+m0:], g.LDA, kb, rows)
	} else {
		mk.transpose(dst, maxMR, a[m0*g.LDA+k0:], g.LDA, rows, kb)
	}
}

// microFor returns the tile kernels of the path in use.
func microFor[T Float]() *micro[T] {
	if mk := nativeMicro[T](current); mk != nil {
		return mk
	}
	return portable[T]()
}

var portable32, portable64 = newPortable[float32](), newPortable[float64]()

func portable[T Float]() *micro[T] { return pick[micro[T]](&portable32, &portable64) }

func newPortable[T Float]() micro[T] {
	mk := micro[T]{path: isaPortable, mr: 4, lanes: 4, nv: 1, dots: maxDots,
		finish: finishPortable[T], step: stepPortable[T], transpose: transposePortable[T], copyRows: copyRowsPortable[T]}
	for r := 1; r <= mk.mr; r++ {
		mk.kern[r][1] = tilePortable[T]
		mk.dot[r] = dotsPortable[T]
	}
	for r := 1; r <= maxAxpys; r++ {
		mk.axpy[r] = axpysPortable[T]
	}
	return mk
}

// pick returns whichever of its arguments is a *R.
func pick[R any](a, b any) *R {
	if r, ok := a.(*R); ok {
		return r
	}
	r, _ := b.(*R)
	return r
}

// sizeOf is the number of bytes of a number.
func sizeOf[T Float | int32 | uint32]() int { return int(unsafe.Sizeof(T(0))) }

// at returns the n numbers that start off elements after p.
func at[T Float | int32 | uint32](p *T, off, n int) []T {
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(p), off*sizeOf[T]())), n)
}

// tilePortable computes a tile of at most 4 columns, two rows at a time.
func tilePortable[T Float](t *tile[T]) {
	for i := 0; i < t.rows; i += 2 {
		two := min(2, t.rows-i) - 1 // 0 repeats the row and drops the second result
		var acc [2][4]T
		if t.cols == 4 {
			acc = rowPair4(t, i, two)
		} else {
			acc = rowPair(t, i, two)
		}
		for r := range two + 1 {
			storeRow(at(t.c, (i+r)*t.ldc, t.cols), acc[r][:t.cols], t.alpha, t.beta)
		}
	}
}

func rowPair4[T Float](t *tile[T], i, two int) [2][4]T {
	if t.k == 0 {
		return [2][4]T{}
	}
	a0 := at(t.a, i*t.ai, (t.k-1)*t.ak+1)
	a1 := at(t.a, (i+two)*t.ai, (t.k-1)*t.ak+1)
	b := at(t.b, 0, (t.k-1)*t.bk+4)
	var c00, c01, c02, c03, c10, c11, c12, c13 T
	for l, ia, ib := 0, 0, 0; l < t.k; l, ia, ib = l+1, ia+t.ak, ib+t.bk {
		row := b[ib : ib+4 : ib+4]
		x, y := a0[ia], a1[ia]
		c00 += x * row[0]
		c01 += x * row[1]
		c02 += x * row[2]
		c03 += x * row[3]
		c10 += y * row[0]
		c11 += y * row[1]
		c12 += y * row[2]
		c13 += y * row[3]
	}
	return [2][4]T{{c00, c01, c02, c03}, {c10, c11, c12, c13}}
}

func rowPair[T Float](t *tile[T], i, two int) (acc [2][4]T) {
	for l := range t.k {
		x, y := at(t.a, i*t.ai+l*t.ak, 1)[0], at(t.a, (i+two)*t.ai+l*t.ak, 1)[0]
		for j, v := range at(t.b, l*t.bk, t.cols) {
			acc[0][j] += x * v
			acc[1][j] += y * v
		}
	}
	return acc
}

// storeRow writes c = alpha x + beta c.
func storeRow[T Float](c, x []T, alpha, beta T) {
	if beta == 0 {
		for j := range c {
			c[j] = alpha * x[j]
		}
		return
	}
	for j := range c {
		c[j] = alpha*x[j] + beta*c[j]
	}
}

func transposePortable[T Float](dst []T, ld int, src []T, lds, rows, k int) {
	for i := range rows {
		row := src[i*lds : i*lds+k]
		for l, v := range row {
			dst[l*ld+i] = v
		}
	}
}

func copyRowsPortable[T Float](dst []T, ld int, src []T, lds, k, cols int) {
	for l := range k {
		copy(dst[l*ld:l*ld+cols], src[l*lds:l*lds+cols])
	}
}
