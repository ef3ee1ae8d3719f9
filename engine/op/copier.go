package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/kernel"
)

const (
	tileRows = 32  // of a transposed block: elements along the source's rows
	tileCols = 256 // and along the destination's
	tileMin  = 256 // least elements of a matrix that is transposed in blocks
)

// copier copies the elements of a strided array to another of the same shape.
// Where the rows of one are the columns of the other, it copies in blocks.
type copier[T any] struct {
	w          *walk // over both: operand 0 is the destination, 1 the source
	outer      *walk // over the matrices when they are transposed, else nil
	rows, cols int   // of a matrix: along rows the source steps by 1, along columns the destination
	dstRow     int   // the destination's step along rows
	srcCol     int   // the source's step along columns
	run        pieces
	dst, src   []T
}

// newCopier makes a copier; the caller checks that its walk is ok.
func newCopier[T any](shape []int, dst, src strided) *copier[T] {
	c := &copier[T]{w: newWalk(shape, dst, src)}
	if p := c.crossing(); p >= 0 {
		c.cross(p)
	} else {
		c.run = newPieces(c.w.n, 1, c.piece)
	}
	return c
}

// crossing returns the axis along which the source steps by 1 when that is not
// the destination's last one, or -1.
func (c *copier[T]) crossing() int {
	last := len(c.w.dims) - 1
	if c.w.step(0) != 1 || c.w.step(1) == 1 {
		return -1
	}
	for p := range last {
		if c.w.st[1][p] == 1 && c.w.dims[p] >= 4 && c.w.dims[p]*c.w.dims[last] >= tileMin {
			return p
		}
	}
	return -1
}

// cross sets up the transposition of axis p and the last one.
func (c *copier[T]) cross(p int) {
	last := len(c.w.dims) - 1
	without := func(s []int) []int { return slices.Delete(slices.Clone(s[:last]), p, p+1) }
	c.outer = newWalk(without(c.w.dims), strided{c.w.base[0], without(c.w.st[0])}, strided{c.w.base[1], without(c.w.st[1])})
	c.rows, c.cols = c.w.dims[p], c.w.dims[last]
	c.dstRow, c.srcCol = c.w.st[0][p], c.w.st[1][last]
	rb, cb := c.blocks()
	c.run = newPieces(c.outer.n*rb*cb, min(c.rows, tileRows)*min(c.cols, tileCols), c.matrices)
}

// blocks returns the blocks of a matrix in both directions.
func (c *copier[T]) blocks() (rows, cols int) {
	return (c.rows + tileRows - 1) / tileRows, (c.cols + tileCols - 1) / tileCols
}

// do copies src to dst.
func (c *copier[T]) do(p *kernel.Pool, dst, src []T) {
	c.dst, c.src = dst, src
	c.run.do(p)
}

func (c *copier[T]) piece(from, to int) {
	sd, ss := c.w.step(0), c.w.step(1)
	c.w.rows(from, to, func(_, n int, at [3]int) {
		switch d, s := at[0], at[1]; {
		case sd == 1 && ss == 1:
			copy(c.dst[d:d+n], c.src[s:s+n])
		case sd == 1 && ss == 0:
			fill(c.dst[d:d+n], c.src[s])
		default:
			for i := range n {
				c.dst[d+i*sd] = c.src[s+i*ss]
			}
		}
	})
}

// matrices copies blocks [from, to) of the transposed matrices.
func (c *copier[T]) matrices(from, to int) {
	rb, cb := c.blocks()
	for u := from; u < to; u++ {
		r, col := u/cb%rb*tileRows, u%cb*tileCols
		rows, cols := min(tileRows, c.rows-r), min(tileCols, c.cols-col)
		m := u / (rb * cb)
		c.outer.rows(m, m+1, func(_, _ int, at [3]int) {
			d, s := c.dst[at[0]+r*c.dstRow+col:], c.src[at[1]+r+col*c.srcCol:]
			transposeBlock(d, s, c.dstRow, c.srcCol, rows, cols)
		})
	}
}

// transposeBlock sets dst[r*ld + c] = src[r + c*ls].
func transposeBlock[T any](dst, src []T, ld, ls, rows, cols int) {
	c := 0
	for ; c+4 <= cols; c += 4 {
		r := 0
		for ; r+4 <= rows; r += 4 {
			transpose4(dst[r*ld+c:], src[r+c*ls:], ld, ls)
		}
		for ; r < rows; r++ {
			for j := c; j < c+4; j++ {
				dst[r*ld+j] = src[r+j*ls]
			}
		}
	}
	for ; c < cols; c++ {
		for r := range rows {
			dst[r*ld+c] = src[r+c*ls]
		}
	}
}

// transpose4 transposes a matrix of 4x4.
func transpose4[T any](dst, src []T, ld, ls int) {
	a, b, c, d := src[:4], src[ls:][:4], src[2*ls:][:4], src[3*ls:][:4]
	for r := range 4 {
		y := dst[r*ld:][:4]
		y[0], y[1], y[2], y[3] = a[r], b[r], c[r], d[r]
	}
}
