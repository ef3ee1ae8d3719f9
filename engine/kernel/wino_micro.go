package kernel

// winoRows is the argument of the kernels that transform rows a and b of channels
// planes to 4 positions of tiles next to each other, step bytes apart: r = a - b or
// a + b, and then
//
//	r[2t] - r[2t+2], r[2t+1] + r[2t+2], r[2t+2] - r[2t+1], r[2t+1] - r[2t+3]
//
// of an input or, of an output's gradient,
//
//	r[2t], r[2t] + r[2t+1], r[2t] - r[2t+1], r[2t+1].
//
// The first half of the tiles reads from a vector, the other from one second bytes
// later, which may be the next of the same row or the first of a row below; order
// says how many tiles a half has. mask has the lanes to read of both vectors and of
// those that start two numbers later; the others are 0. out has the lanes to
// store. The kernels do rows times so, ldd and lds bytes further each time. The
// offsets are known to the assembly.
type winoRows[T Float] struct {
	dst, a, b    *T
	channels     int
	nextDst      int // from a channel to the next, in bytes
	nextA, nextB int
	step         int
	mask         [4]uint64
	out          uint64
	atA, atB     int // where the rows start, in bytes from a and b
	rows         int
	second       int
	ldd, lds     int
	order        *winoOrder
}

// winoTiles is the argument of the kernel that transforms the 4 x 4 products of
// tiles next to each other, rows of them row bytes apart and columns step bytes, to
// 2 x 2 outputs:
//
//	y[i][j] = sum_a,b A[a][i] A[b][j] p[a][b], A^T = | 1  1  1  0 |
//	                                                 | 0  1 -1 -1 |
//
// mask has the lanes to store of two vectors, second bytes apart, for each of both
// rows; order and rows are as in winoRows. Whole vectors of products are read. The
// offsets are known to the assembly.
type winoTiles[T Float] struct {
	dst              [2]*T
	src              *T
	channels         int
	nextDst, nextSrc int // from a channel to the next, in bytes
	step, row        int
	mask             [4]uint64
	rows             int
	second           int
	ldd, lds         int
	order            *winoOrder
}

// winoTaps is the argument of the kernel that transforms weights of count channels,
// 9 rows of taps of maxMR output channels each, tap bytes apart, to rows of 16
// positions, step bytes apart: G w G^T, G^T = | 1  1/2  1/2  0 |
//
//	| 0  1/2 -1/2  0 |
//	| 0  1/2  1/2  1 |
//
// The offsets are known to the assembly.
type winoTaps[T Float] struct {
	dst, src    *T
	count, step int
	tap         int
}

// winoOrder says how many tiles half a vector has, by tables of lanes of two
// vectors for the assembly: the even and the odd numbers of the tiles, and the
// outputs of the first and of the second half of them in turns.
type winoOrder [4][64]byte

// newWinoOrder returns the order with half tiles in half a vector.
func newWinoOrder(half, lanes, size int) *winoOrder {
	o := &winoOrder{}
	put := func(table, i, lane int) { o[table][i*size] = byte(lane) }
	for i := range lanes {
		at := 2 * i
		if i >= half {
			at = min(lanes+2*(i-half), 2*lanes-2)
		}
		put(0, i, at)
		put(1, i, at+1)
		put(2, i, i/2+i%2*lanes)
		put(3, i, min(half+i/2, lanes-1)+i%2*lanes)
	}
	return o
}

// winoMicro is the set of transforms of one path: of the differences and of the sums
// of rows, and of products. anyHalf says that halves may have fewer tiles than half
// a vector.
type winoMicro[T Float] struct {
	input, grad [2]func(*winoRows[T])
	output      func(*winoTiles[T])
	weights     func(*winoTaps[T])
	anyHalf     bool
}

// newWinoPortable returns the transforms for vectors of 4.
func newWinoPortable[T Float]() *winoMicro[T] {
	return &winoMicro[T]{
		input: [2]func(*winoRows[T]){
			func(r *winoRows[T]) { winoRowsPortable(r, -1, 2) }, func(r *winoRows[T]) { winoRowsPortable(r, 1, 2) }},
		grad: [2]func(*winoRows[T]){
			func(r *winoRows[T]) { winoRowsPortable(r, -1, 1) }, func(r *winoRows[T]) { winoRowsPortable(r, 1, 1) }},
		output: winoOutputPortable[T], weights: winoWeightsPortable[T],
	}
}

// winoRowsPortable transforms inputs from 2 pairs of vectors, and gradients from 1.
func winoRowsPortable[T Float](r *winoRows[T], sign T, pairs int) {
	for c := range r.channels {
		for i := range r.rows {
			var v [2][8]T
			for p := range pairs {
				for l := range v[p] {
					v[p][l] = r.read(c, i, 2*p, l, sign)
				}
			}
			for l := range 4 {
				if r.out>>l&1 != 0 {
					r.write(c, i, l, [2]T(v[0][2*l:]), [2]T(v[1][2*l:]), pairs == 2)
				}
			}
		}
	}
}

// read returns lane l of the pair of vectors that starts two numbers later.
func (r *winoRows[T]) read(c, i, later, l int, sign T) T {
	if r.mask[later+l/4]>>(l%4)&1 == 0 {
		return 0
	}
	off := i*r.lds + l/4*r.second + (later+l%4)*sizeOf[T]()
	return ahead(r.a, c*r.nextA+r.atA+off, 1)[0] + sign*ahead(r.b, c*r.nextB+r.atB+off, 1)[0]
}

// write stores the positions of a tile that starts with x and goes on with y.
func (r *winoRows[T]) write(c, i, tile int, x, y [2]T, input bool) {
	p := [4]T{x[0], x[0] + x[1], x[0] - x[1], x[1]}
	if input {
		p = [4]T{x[0] - y[0], x[1] + y[0], y[0] - x[1], x[1] - y[1]}
	}
	for j, v := range p {
		ahead(r.dst, c*r.nextDst+i*r.ldd+j*r.step, tile+1)[tile] = v
	}
}

func winoOutputPortable[T Float](t *winoTiles[T]) {
	for c := range t.channels {
		for i := range t.rows {
			for l := range 4 {
				t.tile(c, i, l)
			}
		}
	}
}

// tile computes the outputs of tile l.
func (t *winoTiles[T]) tile(c, i, l int) {
	var y [2][2]T
	for k := range 4 {
		var p [4]T
		for j := range p {
			p[j] = ahead(t.src, c*t.nextSrc+i*t.lds+k*t.row+j*t.step, l+1)[l]
		}
		winoAdd(&y, k, [2]T{p[0] + p[1] + p[2], p[1] - p[2] - p[3]})
	}
	for r := range y {
		for j, v := range y[r] {
			if k := l%2*2 + j; t.mask[2*r+l/2]>>k&1 != 0 {
				ahead(t.dst[r], c*t.nextDst+i*t.ldd+l/2*t.second, k+1)[k] = v
			}
		}
	}
}

// winoAdd adds row i of the products, transformed, to the outputs.
func winoAdd[T Float](y *[2][2]T, i int, row [2]T) {
	for j, x := range row {
		if i < 3 {
			y[0][j] += x
		}
		switch i {
		case 1:
			y[1][j] += x
		case 2, 3:
			y[1][j] -= x
		}
	}
}

func winoWeightsPortable[T Float](t *winoTaps[T]) {
	row := maxMR * sizeOf[T]()
	for c := range t.count {
		for m := range maxMR {
			var w [9]T
			for k := range w {
				w[k] = ahead(t.src, 9*c*row+k*t.tap, maxMR)[m]
			}
			for pos, v := range winoWeights(&w) {
				ahead(t.dst, c*row+pos*t.step, maxMR)[m] = v
			}
		}
	}
}

// winoWeights returns G w G^T.
func winoWeights[T Float](w *[9]T) (u [winoTile]T) {
	var down [4][3]T
	for j := range 3 {
		down[0][j], down[1][j], down[2][j], down[3][j] = winoFour(w[j], w[3+j], w[6+j])
	}
	for i, r := range down {
		u[4*i], u[4*i+1], u[4*i+2], u[4*i+3] = winoFour(r[0], r[1], r[2])
	}
	return u
}

// winoFour multiplies G with a vector.
func winoFour[T Float](a, b, c T) (p, q, r, s T) { return a, (a + c + b) / 2, (a + c - b) / 2, c }
