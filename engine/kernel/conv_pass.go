package kernel

// convTap is a row or a column of the kernel: output i sees input i step + shift.
type convTap struct{ index, shift int }

// convPhase is the input rows first + i step, which lie next to each other in the
// work space from row base on.
type convPhase struct{ first, base, extra int }

// convPass is a sum over taps,
//
//	out[m](i,j) = sum_c,a,b w[m,c,a,b] in[c](i stepH + a.shift, j stepW + b.shift),
//
// of which a forward convolution is one, and an input gradient one for each
// combination of residues of the output's row and column by the strides. The
// input rows that some output rows need are copied to a work space (c, copy, row,
// column), once for each column of the kernel and so shifted that outputs in the
// order of memory see numbers in the order of memory. If rows of outputs are
// whole vectors, one copy with padding is enough. Each vector of outputs sees
// vectors of the work space: the product reads its columns in place, at a table
// of offsets.
type convPass[T Float] struct {
	c, h, w, m, oh, ow int // of a group of an image
	stepH, stepW       int
	rowTaps, colTaps   []convTap
	phases             []convPhase
	unitRows           int   // output rows in a unit of work
	block              int   // channels that are packed at a time
	copies             []int // shifts of the copies
	width              int   // of their rows
	pitch              int   // numbers of a copy of a channel
	inPlace            bool  // the input needs no packing
	off                []int // of the taps (c,a,b) of a block, in bytes
}

// perChannel is the number of taps of a channel.
func (q *convPass[T]) perChannel() int { return len(q.rowTaps) * len(q.colTaps) }

// taps is the number of products in an output.
func (q *convPass[T]) taps() int { return q.c * q.perChannel() }

// convSpare is how many numbers behind the work space kernels may touch.
const convSpare = 2 * 64

// packed is the size of the work space of a block of an image.
func (q *convPass[T]) packed() int { return q.block * len(q.copies) * q.pitch }

// forwardPass is the pass of the convolution itself.
func forwardPass[T Float](s *ConvShape) *convPass[T] {
	q := &convPass[T]{c: s.cg(), h: s.H, w: s.W, m: s.mg(), oh: s.OH, ow: s.OW, stepH: s.StrideH, stepW: s.StrideW}
	for a := range s.KH {
		q.rowTaps = append(q.rowTaps, convTap{a, a*s.DilH - s.PadTop})
	}
	for b := range s.KW {
		q.colTaps = append(q.colTaps, convTap{b, b*s.DilW - s.PadLeft})
	}
	return q
}

// inputPass is the pass of the input gradient at rows r + i StrideH and columns
// t + j StrideW.
func inputPass[T Float](s *ConvShape, r, t int) *convPass[T] {
	return &convPass[T]{c: s.mg(), h: s.OH, w: s.OW, m: s.cg(), stepH: 1, stepW: 1,
		oh: max(0, (s.H-r+s.StrideH-1)/s.StrideH), ow: max(0, (s.W-t+s.StrideW-1)/s.StrideW),
		rowTaps: backTaps(s.KH, s.DilH, s.StrideH, r+s.PadTop), colTaps: backTaps(s.KW, s.DilW, s.StrideW, t+s.PadLeft)}
}

// backTaps lists the taps a < k that lead from outputs to inputs at - pad + i
// stride: output i + (at - a dil) / stride, if that is whole.
func backTaps(k, dil, stride, at int) (taps []convTap) {
	for a := range k {
		if d := at - a*dil; d%stride == 0 {
			taps = append(taps, convTap{a, d / stride})
		}
	}
	return taps
}

// lay decides how much is packed at a time: rows output rows, as few as fit into
// limit bytes, of at most block channels. Vectors are of lanes outputs; with 1 all
// outputs of a unit see one run of numbers.
func (q *convPass[T]) lay(rows, block, limit, lanes int) {
	q.layCols(lanes)
	row := max(1, len(q.copies)*q.width*sizeOf[T]()*q.stepHTaps()) // bytes of a row of a channel
	some := min(rows, q.oh, 3*q.reach()+1)                         // that are worth the rows that they share with others
	q.block = max(1, min(block, q.c, limit/(row*max(1, some+q.reach()))))
	q.unitRows = even(q.oh, max(1, min(rows, q.oh, limit/(row*q.block)-q.reach())))
	q.inPlace = len(q.rowTaps) == 1 && len(q.colTaps) == 1 && q.rowTaps[0].shift == 0 && q.colTaps[0].shift == 0 &&
		q.stepH == 1 && q.stepW == 1 && q.oh == q.h && q.ow == q.w && q.oh*q.ow%lanes == 0 && q.unitRows*q.ow%lanes == 0
	q.layRows()
	q.off = q.off[:0]
	for c := range q.block {
		for _, a := range q.rowTaps {
			for b := range q.colTaps {
				at := c*len(q.copies)*q.pitch + q.rowAt(a)*q.width + q.colAt(b)
				if q.inPlace {
					at = c * q.h * q.w
				}
				q.off = append(q.off, at*sizeOf[T]())
			}
		}
	}
}

// layCols decides on the copies.
func (q *convPass[T]) layCols(lanes int) {
	q.copies, q.width = q.copies[:0], q.ow
	lo, hi := 0, 0
	for b, tap := range q.colTaps {
		q.copies = append(q.copies, tap.shift)
		if b == 0 {
			lo, hi = tap.shift, tap.shift
		}
		lo, hi = min(lo, tap.shift), max(hi, tap.shift)
	}
	if len(q.copies) > 1 && q.stepW == 1 && lanes > 1 && q.ow%lanes == 0 && hi-lo <= q.ow {
		q.copies, q.width = append(q.copies[:0], lo), q.ow+hi-lo
	}
}

// padded says that rows of the work space are longer than those of the output.
func (q *convPass[T]) padded() bool { return q.width > q.ow }

// colAt is what output column 0 sees through tap b, in numbers from the first copy.
func (q *convPass[T]) colAt(b int) int {
	if q.padded() {
		return q.colTaps[b].shift - q.copies[0]
	}
	return b * q.pitch
}

// vector is the place in the work space of output j of a unit, the first of a vector.
func (q *convPass[T]) vector(j int) int {
	if q.padded() {
		return j/q.ow*q.width + j%q.ow
	}
	return j
}

// even returns the size of the parts, equal but for the last, into which n is cut
// by a limit.
func even(n, limit int) int {
	parts := max(1, (n+limit-1)/limit)
	return max(1, (n+parts-1)/parts)
}

// stepHTaps is the number of phases at most.
func (q *convPass[T]) stepHTaps() int { return max(1, min(q.stepH, len(q.rowTaps))) }

// reach is how many more rows than it has outputs a phase may need.
func (q *convPass[T]) reach() int {
	lo, hi := 0, 0
	for i, a := range q.rowTaps {
		if i == 0 {
			lo, hi = a.shift, a.shift
		}
		lo, hi = min(lo, a.shift), max(hi, a.shift)
	}
	return (hi - lo) / q.stepH
}

// layRows assigns the rows of the work space.
func (q *convPass[T]) layRows() {
	q.phases = q.phases[:0]
	for _, a := range q.rowTaps {
		i := q.phaseOf(a)
		if i == len(q.phases) {
			q.phases = append(q.phases, convPhase{first: a.shift})
		}
		f := &q.phases[i]
		last := max(f.first+f.extra*q.stepH, a.shift)
		f.first = min(f.first, a.shift)
		f.extra = (last - f.first) / q.stepH
	}
	rows := 0
	for i := range q.phases {
		q.phases[i].base = rows
		rows += q.unitRows + q.phases[i].extra
	}
	q.pitch = rows * q.width
}

// phaseOf returns the index of the phase of a row of the kernel, the number of
// phases if there is none yet.
func (q *convPass[T]) phaseOf(a convTap) int {
	for i, f := range q.phases {
		if (a.shift-f.first)%q.stepH == 0 {
			return i
		}
	}
	return len(q.phases)
}

// rowAt is the row of the work space that output row 0 sees through tap a.
func (q *convPass[T]) rowAt(a convTap) int {
	f := q.phases[q.phaseOf(a)]
	return f.base + (a.shift-f.first)/q.stepH
}

// window sets what of each plane output rows i0 to i0+rows see. pieces is work
// space that r keeps.
func (q *convPass[T]) window(mk *convMicro[T], r *convRows[T], pieces []convPiece, i0, rows int) {
	if q.stepW > 2 || q.inPlace {
		return
	}
	lanes := mk.lanes
	if q.stepW == 2 {
		lanes = mk.evenLanes
	}
	pieces = pieces[:0]
	for b, shift := range q.copies {
		for _, f := range q.phases {
			// a vector may end in the next row, so that the last column comes first
			for j := (q.width - 1) / lanes * lanes; j >= 0; j -= lanes {
				pieces = append(pieces, q.piece(b*q.pitch+f.base*q.width+j, j*q.stepW+shift, i0*q.stepH+f.first, rows+f.extra, lanes))
			}
		}
	}
	*r = convRows[T]{pieces: &pieces[0], count: len(pieces),
		nextDst: len(q.copies) * q.pitch * sizeOf[T](), nextSrc: q.h * q.w * sizeOf[T](),
		ldd: q.width * sizeOf[T](), lds: q.stepH * q.w * sizeOf[T]()}
}

// pack copies the window of output rows i0 to i0+rows from the planes of channels
// channels of in to dst.
func (q *convPass[T]) pack(mk *convMicro[T], r *convRows[T], dst, in []T, channels, i0, rows int) {
	r.dst, r.src, r.channels = &dst[0], &in[0], channels
	switch q.stepW {
	case 1:
		mk.shift(r)
	case 2:
		mk.even(r)
	default:
		q.packSlow(dst, in, channels, i0, rows)
	}
}

// maxPieces is the number of pieces of the longest list.
func (q *convPass[T]) maxPieces(mk *convMicro[T]) int {
	lanes := min(mk.lanes, mk.evenLanes)
	return len(q.copies) * len(q.phases) * ((q.width + lanes - 1) / lanes)
}

// piece copies columns from on of rows rows of a plane, first + i stepH, to dst.
func (q *convPass[T]) piece(dst, from, first, rows, lanes int) convPiece {
	lo, hi := q.inside(first, rows)
	return convPiece{dst: dst * sizeOf[T](), src: ((first+lo*q.stepH)*q.w + from) * sizeOf[T](), top: lo, rows: hi - lo, bottom: rows - hi,
		mask: laneMask(from, lanes, q.w), mask2: laneMask(from+lanes, lanes, q.w)}
}

// inside returns which of rows rows first + i stepH lie inside of the image.
func (q *convPass[T]) inside(first, rows int) (lo, hi int) {
	hi = rows
	if first < 0 {
		lo = min(rows, (-first+q.stepH-1)/q.stepH)
	}
	if last := first + (rows-1)*q.stepH; last >= q.h {
		hi = max(lo, (q.h-first+q.stepH-1)/q.stepH)
	}
	return lo, hi
}

// laneMask has the bits of those of lanes columns from on that are below w.
func laneMask(from, lanes, w int) uint64 {
	lo, hi := min(max(0, -from), lanes), min(max(0, w-from), lanes)
	return (1<<hi - 1) &^ (1<<lo - 1)
}

// packSlow is pack for any step.
func (q *convPass[T]) packSlow(dst, in []T, channels, i0, rows int) {
	for c := range channels {
		for b, shift := range q.copies {
			for _, f := range q.phases {
				for i := range rows + f.extra {
					at := (c*len(q.copies)+b)*q.pitch + (f.base+i)*q.width
					h := (i0+i)*q.stepH + f.first
					q.slowRow(dst[at:at+q.width], in[c*q.h*q.w:(c+1)*q.h*q.w], h, shift)
				}
			}
		}
	}
}

// slowRow copies what a row of outputs sees of row h of a plane.
func (q *convPass[T]) slowRow(row, plane []T, h, shift int) {
	for j := range row {
		row[j] = 0
		if at := j*q.stepW + shift; h >= 0 && h < q.h && at >= 0 && at < q.w {
			row[j] = plane[h*q.w+at]
		}
	}
}
