package kernel

// cacheLine is the number of bytes that a tile kernel fetches at a place.
const cacheLine = 64

// fetchNothing makes the next tiles fetch nothing.
func (t *tile[T]) fetchNothing() { t.lines = 0 }

// fetchRows makes the next tile fetch n numbers of each of three rows of x, of
// which the first starts at from and the others ld numbers further each.
func (t *tile[T]) fetchRows(x []T, from, ld, n int) {
	t.lines, t.step = (n*sizeOf[T]()+cacheLine-1)/cacheLine, cacheLine
	t.places(x, from, ld)
}

// fetchColumns makes the next tile fetch three lines of each of n rows of x.
func (t *tile[T]) fetchColumns(x []T, from, ld, n int) {
	size := sizeOf[T]()
	t.lines, t.step = n, ld*size
	t.places(x, from, cacheLine/size)
}

// places sets where fetching starts; places after the end of x become the first.
func (t *tile[T]) places(x []T, from, apart int) {
	if from >= len(x) {
		t.lines = 0
		return
	}
	for i := range t.ahead {
		if at := from + i*apart; at < len(x) {
			t.ahead[i] = &x[at]
		} else {
			t.ahead[i] = &x[from]
		}
	}
}

// fetchB lets tile i of n, which multiply with strip s, fetch a part of what is packed
// next: the next strip, or the first of the next block of K.
func (b *block[T]) fetchB(k0, s, i, n int) {
	t, g := &b.w.t, &b.g
	if s++; s == b.s1 {
		s, k0 = b.s0, k0+b.depth
	}
	if t.lines = 0; k0 >= g.K || (b.fromB == kept && b.w.have[k0/b.depth*b.strips+s] == b.serial) {
		return
	}
	kb, nr := min(b.depth, g.K-k0), b.mk.nr()
	x := g.B[b.member*g.StrideB:]
	if g.TransB {
		if row := i * len(t.ahead); row < nr {
			t.fetchRows(x, (s*nr+row)*g.LDB+k0, g.LDB, kb)
		}
		return
	}
	from := i * kb / n
	t.fetchColumns(x, (k0+from)*g.LDB+s*nr, g.LDB, (i+1)*kb/n-from)
}
