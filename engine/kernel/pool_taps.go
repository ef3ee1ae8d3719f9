package kernel

import "math"

// poolTaps is the work space of one worker for maximum pooling tap by tap: the image,
// with its padding, is cut into one image for each remainder of the row and the column
// by the strides, so that a tap of all windows is a run of elements of one of them.
// Rows of y, at and pos are as long as theirs.
type poolTaps[T Float] struct {
	images []T // image p StrideW + q holds rows i StrideH + p and columns j StrideW + q
	y, at  []T // the maxima and their indices in the plane
	pos    []T // the index of each window's first element, without padding
}

const (
	// tapsLeast is the least number of windows that are worth cutting an image for.
	tapsLeast = 24
	// tapsBand is the number of windows that are computed together, in whole rows.
	tapsBand = 1 << 11
)

// inTaps reports whether a plane is computed tap by tap: it has windows enough, other
// than pairs, its indices are exact in float32, and the images are not much larger than it,
// whatever strides, dilations and padding a file names.
func (s *PoolShape) inTaps() bool {
	if s.OH*s.OW < tapsLeast || s.H*s.W > 1<<24 || s.pairs() {
		return false
	}
	wide, rows := s.band()
	images := float64(s.StrideH) * float64(s.StrideW) * float64(s.rowsOf(rows)) * float64(wide)
	return images <= 8*float64(max(s.H*s.W, tapsBand))
}

// band returns the length of the images' rows and the number of output rows that are
// computed together.
func (s *PoolShape) band() (wide, rows int) {
	wide = s.OW + (s.KW-1)*s.DilW/s.StrideW
	return wide, min(s.OH, max(1, tapsBand/wide))
}

// rowsOf returns how many rows of an image so many output rows need.
func (s *PoolShape) rowsOf(rows int) int { return rows + (s.KH-1)*s.DilH/s.StrideH }

// need makes room for pooling of a shape: which worker meets it first is not known before.
func (t *poolTaps[T]) need(s *PoolShape) {
	wide, rows := s.band()
	t.images = grow(t.images, s.StrideH*s.StrideW*s.rowsOf(rows)*wide)
	t.y, t.at, t.pos = grow(t.y, rows*wide), grow(t.at, rows*wide), grow(t.pos, rows*wide)
}

// plane computes y and arg from x in bands of rows.
func (t *poolTaps[T]) plane(s *PoolShape, y, x []T, arg []int32) {
	wide, step := s.band()
	for i := 0; i < s.OH; i += step {
		t.rows(s, i, min(i+step, s.OH), wide, y, x, arg)
	}
}

// rows computes rows [from,to) of the output.
func (t *poolTaps[T]) rows(s *PoolShape, from, to, wide int, y, x []T, arg []int32) {
	size := s.rowsOf(to-from) * wide
	t.cut(s, from, wide, size, x)
	n := (to-from-1)*wide + s.OW
	t.y = t.y[:n]
	copy(t.y, t.tap(s, 0, wide, size))
	o := ops[T]()
	for k := 1; k < s.KH*s.KW; k++ {
		o.max(t.y, t.y, t.tap(s, k, wide, size)[:n])
	}
	for i := from; i < to; i++ {
		copy(y[i*s.OW:(i+1)*s.OW], t.y[(i-from)*wide:])
	}
	if arg != nil {
		t.indices(s, from, wide, size)
		t.args(s, from, to, wide, x, arg)
	}
}

// cut fills the images with the rows from that of the first output row on, and with
// -Inf outside of x.
func (t *poolTaps[T]) cut(s *PoolShape, from, wide, size int, x []T) {
	t.images = t.images[:s.StrideH*s.StrideW*size]
	for i := range t.images {
		t.images[i] = T(math.Inf(-1))
	}
	for i := range s.StrideH * (size / wide) {
		h := from*s.StrideH - s.PadTop + i
		if h < 0 || h >= s.H {
			continue
		}
		row := x[h*s.W : (h+1)*s.W]
		for q := range s.StrideW {
			dst := t.images[(i%s.StrideH*s.StrideW+q)*size+i/s.StrideH*wide:][:wide]
			stride(dst, row, q-s.PadLeft, s.StrideW)
		}
	}
}

// stride copies the elements of row from first on, step apart, to dst; dst stays as it is
// where there are none.
func stride[T Float](dst, row []T, first, step int) {
	j := 0
	if first < 0 {
		j = (-first + step - 1) / step
	}
	if step == 1 && j < len(dst) && first+j < len(row) {
		copy(dst[j:], row[first+j:])
		return
	}
	for k := first + j*step; j < len(dst) && k < len(row); k += step {
		dst[j] = row[k]
		j++
	}
}

// tap returns the kth tap of the first window, which those of the others follow.
func (t *poolTaps[T]) tap(s *PoolShape, k, wide, size int) []T {
	a, b := k/s.KW*s.DilH, k%s.KW*s.DilW
	image := a%s.StrideH*s.StrideW + b%s.StrideW
	return t.images[image*size+a/s.StrideH*wide+b/s.StrideW:]
}

// indices sets at to the index of the first element of each window that is its
// maximum: taps are taken from the last to the first.
func (t *poolTaps[T]) indices(s *PoolShape, from, wide, size int) {
	n := len(t.y)
	t.at, t.pos = t.at[:n], t.pos[:n]
	for k := range t.pos {
		t.pos[k] = T((from+k/wide)*s.StrideH*s.W + k%wide*s.StrideW)
	}
	o := ops[T]()
	for k := s.KH*s.KW - 1; k >= 0; k-- {
		shift := (k/s.KW*s.DilH-s.PadTop)*s.W + k%s.KW*s.DilW - s.PadLeft
		o.indexEqual(t.at, t.tap(s, k, wide, size)[:n], t.y, t.pos, T(shift))
	}
}

// args converts the indices. Where the maximum is NaN, or -Inf as outside of x, the
// window is looked at again.
func (t *poolTaps[T]) args(s *PoolShape, from, to, wide int, x []T, arg []int32) {
	for i := from; i < to; i++ {
		row, out := (i-from)*wide, arg[i*s.OW:(i+1)*s.OW]
		for j := range out {
			if v := t.y[row+j]; v > T(math.Inf(-1)) {
				out[j] = int32(t.at[row+j])
			} else {
				_, out[j] = maxWindow(s, x, i, j)
			}
		}
	}
}
