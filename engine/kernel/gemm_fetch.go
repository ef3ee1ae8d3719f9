package kernel

// cacheLine is the number of bytes that a tile kernel fetches at a place.
const cacheLine = 64

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

// fetch lets the next tile, panel p times strip s of r, fetch a part of what is
// needed next: the next panel of an A in place, or, if A has few panels, the next
// strips of B to pack.
func (b *block[T]) fetch(k0, kb, p, s int, r region) {
	b.w.t.lines = 0
	switch {
	case kb == 0:
	case b.panels <= fewPanels:
		if b.fromB == private || b.fromB == kept {
			b.fetchB(k0, p-b.p0, s, r)
		}
	case b.fromA == direct && !b.g.TransA && p+1 < r.p1:
		b.fetchA(k0, kb, p+1, s-r.s0)
	}
}

// fetchA fetches the ith rows of panel p.
func (b *block[T]) fetchA(k0, kb, p, i int) {
	g, t := &b.g, &b.w.t
	if row := i * len(t.ahead); row < b.mk.mr {
		t.fetchRows(g.A[b.member*g.StrideA:], (p*b.mk.mr+row)*g.LDA+k0, g.LDA, kb)
	}
}

// fetchB lets the tile of the ith panel with strip s of r fetch a part of the
// strip that takes its place next.
func (b *block[T]) fetchB(k0, i, s int, r region) {
	t, g := &b.w.t, &b.g
	if s += r.s1 - r.s0; s >= b.s1 {
		s, k0 = b.s0+s-r.s1, k0+b.depth
	}
	if k0 >= g.K || (b.fromB == kept && b.w.haveB[k0/b.depth*b.strips+s] == b.stamp()) {
		return
	}
	kb, nr, n := min(b.depth, g.K-k0), b.mk.nr(), b.p1-b.p0
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
