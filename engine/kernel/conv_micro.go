package kernel

import "unsafe"

const (
	maxConvDots = 4 // output channels of the tallest dot kernel
	maxConvTaps = 6 // taps of the widest
	dotGroup    = 8 // numbers that a dot kernel writes for each output channel
	maxSparse   = 8 // vectors of the widest product of sparse rows
)

// convTile is the argument of a tile kernel of a convolution: C = A B, or C += A B
// if add is not 0. A is k rows of maxMR numbers, vector v of row l of B starts off[l]
// bytes after b[v]: the convolution reads the shifted images in place. Whole
// vectors of B are read. The offsets are known to the assembly.
type convTile[T Float] struct {
	a      *T
	b      [maxNV]*T
	c      *T
	off    *int
	k, ldc int
	cols   int
	add    int
	rows   int
	//lint:ignore U1000 the NEON kernels use it
	spare spare[T] // of kernels that know whole vectors only
}

// convDots is the argument of a dot kernel: out[i*ldo+j] += sum over images and l
// of x[i*ldx+l] y_j[l], where y_j starts off[j] bytes after y and l counts whole
// vectors and tail numbers. After an image x and y move on by skipX and skipY
// bytes more than the whole vectors. Up to dotGroup numbers of each row of out
// are written. The offsets are known to the assembly.
type convDots[T Float] struct {
	x, y, out    *T
	off          *int
	ldx, ldo     int
	images       int
	skipX, skipY int
	whole, tail  int
	rows, taps   int
}

// convRows is the argument of the kernels that copy pieces of the rows of
// channels planes. Strides are in bytes. The offsets are known to the assembly.
type convRows[T Float] struct {
	dst, src         *T
	pieces           *convPiece
	count, channels  int
	nextDst, nextSrc int // from a channel to the next
	ldd, lds         int
}

// convPiece is a vector of each of some rows: top rows of zeros, then rows that
// are copied, then bottom rows of zeros. Lanes without a bit in mask, or in mask2
// for the second of two vectors, are zeros and not read. dst and src are in
// bytes from those of convRows.
type convPiece struct {
	dst, src          int
	top, rows, bottom int
	mask, mask2       uint64
}

// convMerge is the argument of the kernel that merges vecs vectors of each of
// rows rows of even and odd columns. Strides are in bytes. The offsets are known
// to the assembly.
type convMerge[T Float] struct {
	dst, even, odd *T
	rows, vecs     int
	ldd, lde, ldo  int
}

// convSums is the argument of the kernel that sets each of count vectors of each
// of channels planes to the sum of its terms, which lie in the order of the sums.
// nextDst and nextSrc are in bytes. The offsets are known to the assembly.
type convSums[T Float] struct {
	dst, src         *T
	sums             *convSum
	terms            *convTerm
	count, channels  int
	nextDst, nextSrc int // from a channel to the next
}

// convSum is a vector dst bytes from that of convSums, of which the lanes with a
// bit in mask are stored.
type convSum struct {
	dst   int
	mask  uint64
	terms int // how many
}

// convTerm is a vector src bytes from that of convSums, of which the lanes with a
// bit in mask are read; the others are zero.
type convTerm struct {
	src  int
	mask uint64
}

// convSparseRows is the argument of the kernels that multiply rows of a sparse
// matrix with a dense one: dst[r] = the sum of val[e] src[idx[e]] over the count[r]
// entries e from r lde on, or dst[r] += it if add is not 0. Rows of dst and src are
// whole vectors, ldd and lds bytes apart. The offsets are known to the assembly.
type convSparseRows[T Float] struct {
	dst, src *T
	idx      *int32
	val      *T
	count    *int
	rows     int
	ldd, lds int
	lde      int
	add      int
}

// convMicro is the set of kernels of one path.
type convMicro[T Float] struct {
	mr, lanes, nv int
	tile          *[maxMR + 1][maxNV + 1]func(*convTile[T])
	dots          int
	dot           *[maxConvDots + 1][maxConvTaps + 1]func(*convDots[T])
	shift         func(*convRows[T])  // dst[l] = src[l], lanes of them
	even          func(*convRows[T])  // dst[l] = src[2l], evenLanes of them
	merge         func(*convMerge[T]) // dst[2l] = even[l], dst[2l+1] = odd[l], evenLanes of them
	evenLanes     int
	sum           func(*convSums[T])
	sparse        *[maxSparse + 1]func(*convSparseRows[T]) // by the vectors of a row; nil if the path has none
	wino          *winoMicro[T]
	winoLeast     int // channels from which on Winograd tiles win
}

var convPortable32, convPortable64 = newConvPortable[float32](), newConvPortable[float64]()

func newConvPortable[T Float]() *convMicro[T] {
	mk := &convMicro[T]{mr: 4, lanes: 4, nv: 1, dots: 2, evenLanes: 4,
		tile: new([maxMR + 1][maxNV + 1]func(*convTile[T])), dot: new([maxConvDots + 1][maxConvTaps + 1]func(*convDots[T])),
		shift: shiftRowsPortable[T], even: evenColsPortable[T], merge: interleavePortable[T], sum: sumTermsPortable[T], wino: newWinoPortable[T](), winoLeast: 32,
		sparse: new([maxSparse + 1]func(*convSparseRows[T]))}
	for r := 1; r <= mk.mr; r++ {
		mk.tile[r][1] = convTilePortable[T]
	}
	for r := 1; r <= mk.dots; r++ {
		for t := 1; t <= maxConvTaps; t++ {
			mk.dot[r][t] = convDotsPortable[T]
		}
	}
	for v := range mk.sparse {
		mk.sparse[v] = func(r *convSparseRows[T]) { sparseRowsPortable(r, v*mk.lanes) }
	}
	return mk
}

// convMicroFor returns the kernels of the path in use.
func convMicroFor[T Float]() *convMicro[T] {
	if mk := nativeConv[T](current); mk != nil {
		return mk
	}
	return pick[convMicro[T]](convPortable32, convPortable64)
}

// ahead returns the n numbers that start bytes after p.
func ahead[T Float](p *T, bytes, n int) []T {
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(p), bytes)), n)
}

// convTilePortable computes up to 4 columns, two rows at a time.
func convTilePortable[T Float](t *convTile[T]) {
	off := unsafe.Slice(t.off, t.k)
	for i := 0; i < t.rows; i += 2 {
		a := at(t.a, i, (t.k-1)*maxMR+2) // what follows the last row is not stored
		var c0, c1, c2, c3, d0, d1, d2, d3 T
		for l, o := range off {
			b := ahead(t.b[0], o, 4)
			x, y := a[l*maxMR], a[l*maxMR+1]
			c0 += x * b[0]
			c1 += x * b[1]
			c2 += x * b[2]
			c3 += x * b[3]
			d0 += y * b[0]
			d1 += y * b[1]
			d2 += y * b[2]
			d3 += y * b[3]
		}
		acc := [2][4]T{{c0, c1, c2, c3}, {d0, d1, d2, d3}}
		for r := range min(2, t.rows-i) {
			storeRow(at(t.c, (i+r)*t.ldc, t.cols), acc[r][:t.cols], 1, T(t.add))
		}
	}
}

// convDotsPortable adds up one pair of rows and taps at a time.
func convDotsPortable[T Float](d *convDots[T]) {
	const lanes = 4
	n, size := d.whole*lanes+d.tail, sizeOf[T]()
	off := unsafe.Slice(d.off, d.taps)
	for i := range d.rows {
		out := at(d.out, i*d.ldo, d.taps)
		for j, o := range off {
			var sum [4]T
			for q := range d.images {
				x := ahead(d.x, q*(d.whole*lanes*size+d.skipX)+i*d.ldx*size, n)
				y := ahead(d.y, q*(d.whole*lanes*size+d.skipY)+o, n)
				addProducts(&sum, x, y)
			}
			out[j] += (sum[0] + sum[1]) + (sum[2] + sum[3])
		}
	}
}

func shiftRowsPortable[T Float](r *convRows[T]) { piecesPortable(r, 1) }

func evenColsPortable[T Float](r *convRows[T]) { piecesPortable(r, 2) }

// piecesPortable copies 4 of every step numbers of the pieces.
func piecesPortable[T Float](r *convRows[T], step int) {
	for c := range r.channels {
		for _, p := range unsafe.Slice(r.pieces, r.count) {
			dst, src := c*r.nextDst+p.dst, c*r.nextSrc+p.src
			mask := p.mask | p.mask2<<4
			for i := range p.top + p.rows + p.bottom {
				row := i - p.top
				to := (*[4]T)(ahead(r.dst, dst+i*r.ldd, 4))
				switch {
				case row < 0 || row >= p.rows || mask == 0:
					*to = [4]T{}
				case step == 1 && mask == 0xf:
					*to = [4]T(ahead(r.src, src+row*r.lds, 4))
				default:
					lanesPortable(to, r.src, src+row*r.lds, step, mask)
				}
			}
		}
	}
}

// lanesPortable sets the lanes with a bit in mask to every step-th number, and
// zeros the others.
func lanesPortable[T Float](to *[4]T, p *T, bytes, step int, mask uint64) {
	size := sizeOf[T]()
	for l := range to {
		to[l] = 0
		if mask>>(l*step)&1 != 0 {
			to[l] = ahead(p, bytes+l*step*size, 1)[0]
		}
	}
}

func interleavePortable[T Float](r *convMerge[T]) {
	n := 4 * r.vecs
	for i := range r.rows {
		dst, x, y := ahead(r.dst, i*r.ldd, 2*n), ahead(r.even, i*r.lde, n), ahead(r.odd, i*r.ldo, n)
		for l := range x {
			dst[2*l], dst[2*l+1] = x[l], y[l]
		}
	}
}

// sumTermsPortable adds up 4 lanes of each sum.
func sumTermsPortable[T Float](s *convSums[T]) {
	size := sizeOf[T]()
	sums, all := unsafe.Slice(s.sums, s.count), 0
	for _, v := range sums {
		all += v.terms
	}
	for c := range s.channels {
		terms := unsafe.Slice(s.terms, all)
		for _, v := range sums {
			var acc [4]T
			for _, t := range terms[:v.terms] {
				for l := range acc {
					if t.mask>>l&1 != 0 {
						acc[l] += ahead(s.src, c*s.nextSrc+t.src+l*size, 1)[0]
					}
				}
			}
			terms = terms[v.terms:]
			for l, x := range acc {
				if v.mask>>l&1 != 0 {
					ahead(s.dst, c*s.nextDst+v.dst+l*size, 1)[0] = x
				}
			}
		}
	}
}

// sparseRowsPortable multiplies sparse rows with n columns.
func sparseRowsPortable[T Float](r *convSparseRows[T], n int) {
	counts := unsafe.Slice(r.count, r.rows)
	for i, count := range counts {
		dst := ahead(r.dst, i*r.ldd, n)
		if r.add == 0 {
			clear(dst)
		}
		if count == 0 {
			continue
		}
		val := at(r.val, i*r.lde, count)
		for e, k := range at(r.idx, i*r.lde, count) {
			for j, v := range ahead(r.src, int(k)*r.lds, n) {
				dst[j] += val[e] * v
			}
		}
	}
}
