package linalg

// TransposeTo writes the transpose into dst (N x M), which must not overlap m (M x N).
func (m *Mat) TransposeTo(dst *Mat) { transpose(dst, m) }

// transpose writes the N x M transpose of the M x N src into dst in tiles
// that fit the first-level cache.
func transpose(dst, src *Mat) {
	const tile = 16
	for i0 := 0; i0 < src.Rows; i0 += tile {
		i1 := min(i0+tile, src.Rows)
		for j0 := 0; j0 < src.Cols; j0 += tile {
			transposeTile(dst, src, i0, i1, j0, min(j0+tile, src.Cols))
		}
	}
}

func transposeTile(dst, src *Mat, i0, i1, j0, j1 int) {
	for j := j0; j < j1; j++ {
		d := dst.Data[j*dst.Stride+i0 : j*dst.Stride+i1]
		s := src.Data[i0*src.Stride+j:]
		for i := range d {
			d[i] = s[i*src.Stride]
		}
	}
}
