//go:build !purego

package kernel

var (
	convNEONF32 = newConvNEON(3, &convTilesF32NEON, &convDotsF32NEON)
	convNEONF64 = newConvNEON(1, &convTilesF64NEON, &convDotsF64NEON)
)

// newConvNEON wraps tiles that know whole vectors only. A vector is of 4 numbers
// in both precisions, so that the rest is that of the portable path.
func newConvNEON[T Float](nv int, tiles *[maxMR + 1][maxNV + 1]func(*convTile[T]), dots *[maxConvDots + 1][maxConvTaps + 1]func(*convDots[T])) *convMicro[T] {
	mk := newConvPortable[T]()
	mk.mr, mk.nv, mk.dots, mk.dot = maxMR, nv, maxConvDots, dots
	for r := 1; r <= mk.mr; r++ {
		for v := 1; v <= nv; v++ {
			mk.tile[r][v] = func(t *convTile[T]) { convTileNEON(t, tiles[r][v], v*mk.lanes) }
		}
	}
	return mk
}

// nativeConv returns the assembly kernels of a path, nil if none.
func nativeConv[T Float](s isa) *convMicro[T] {
	if s != isaNEON {
		return nil
	}
	return pick[convMicro[T]](convNEONF32, convNEONF64)
}

// convTileNEON computes a tile of fewer columns than width beside C.
func convTileNEON[T Float](t *convTile[T], kernel func(*convTile[T]), width int) {
	if t.cols == width {
		kernel(t)
		return
	}
	c, ldc, add := t.c, t.ldc, t.add
	t.c, t.ldc, t.add = &t.spare[0], width, 0
	kernel(t)
	t.c, t.ldc, t.add = c, ldc, add
	for i := range t.rows {
		storeRow(at(c, i*ldc, t.cols), t.spare[i*width:i*width+t.cols], 1, T(add))
	}
}
