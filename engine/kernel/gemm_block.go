package kernel

// block is the work of one task: a region of one batch member.
type block[T Float] struct {
	*job[T]
	w      *scratch[T]
	member int
	region
}

// run goes over K in blocks; C holds the partial sums between them.
func (b *block[T]) run() {
	g, t := &b.g, &b.w.t
	t.alpha, t.beta, t.ldc = g.Alpha, g.Beta, g.LDC
	for k0 := 0; k0 == 0 || k0 < g.K; k0 += b.depth {
		t.k = min(b.depth, g.K-k0)
		if b.step.W != nil {
			b.stepPanels(k0, t.k)
		} else {
			b.multiply(k0, t.k)
		}
		t.beta = 1
	}
}

// multiply multiplies the panels, some at a time, with all strips, a group at a time.
func (b *block[T]) multiply(k0, kb int) {
	all := b.s1 - b.s0
	groups, panels := (all+b.group-1)/b.group, max(1, blockM/b.mk.mr)
	for p := b.p0; p < b.p1; p += panels {
		for n := range groups {
			r := region{b.s0 + n*all/groups, b.s0 + (n+1)*all/groups, p, min(p+panels, b.p1)}
			b.multiplyGroup(k0, kb, r)
		}
	}
}

// multiplyGroup multiplies the panels of r, one after the other, with its strips.
func (b *block[T]) multiplyGroup(k0, kb int, r region) {
	for p := r.p0; p < r.p1; p++ {
		b.setA(k0, kb, p)
		for s := r.s0; s < r.s1; s++ {
			b.setB(k0, kb, s, p == b.p0)
			b.fetch(k0, kb, p, s, r)
			b.tile(k0+kb == b.g.K, p, s)
		}
	}
}

// setB points the tile at strip s, which it packs first when pack is true and
// the task packs for itself. A kernel reads whole vectors, so that an incomplete
// one cannot be read in place.
func (b *block[T]) setB(k0, kb, s int, pack bool) {
	g, t, nr := &b.g, &b.w.t, b.mk.nr()
	t.cols, t.bk = min(nr, g.N-s*nr), nr
	if kb == 0 {
		t.b = nil
		return
	}
	from := b.fromB
	if from == direct && t.cols%b.mk.lanes != 0 {
		from = private
	}
	switch from {
	case direct:
		t.b, t.bk = &g.B[b.member*g.StrideB+k0*g.LDB+s*nr], g.LDB
	case private:
		dst := b.w.b[(s-b.s0)*kb*nr:]
		if pack {
			b.mk.packB(g, g.B[b.member*g.StrideB:], k0, kb, s, dst)
		}
		t.b = &dst[0]
	case kept:
		dst := b.w.b[(k0*b.strips+s*kb)*nr:]
		if b.first(&b.w.haveB[k0/b.depth*b.strips+s]) {
			b.mk.packB(g, g.B[b.member*g.StrideB:], k0, kb, s, dst)
		}
		t.b = &dst[0]
	case shared:
		t.b = &b.b[(k0*b.strips+s*kb)*nr]
	}
}

// first reports whether the worker meets a block of a kept operand for the first time
// in this product, and marks it.
func (b *block[T]) first(mark *uint64) bool {
	stamp := b.stamp()
	if *mark == stamp {
		return false
	}
	*mark = stamp
	return true
}

// stamp marks what is kept of a product.
func (b *block[T]) stamp() uint64 { return b.serial + uint64(b.member) }

// setA points the tile at panel p.
func (b *block[T]) setA(k0, kb, p int) {
	g, t := &b.g, &b.w.t
	m0 := p * b.mk.mr
	t.rows, t.ai, t.ak = min(b.mk.mr, g.M-m0), 1, maxMR
	if kb == 0 {
		t.a = nil
		return
	}
	switch b.fromA {
	case direct:
		off := b.member * g.StrideA
		if g.TransA {
			t.a, t.ak = &g.A[off+k0*g.LDA+m0], g.LDA
		} else {
			t.a, t.ai, t.ak = &g.A[off+m0*g.LDA+k0], g.LDA, 1
		}
	case kept:
		b.keepA(k0, kb, p)
		t.a = &b.w.a[(k0*b.panels+p*kb)*maxMR]
	case shared:
		t.a = &b.a[(k0*b.panels+p*kb)*maxMR]
	}
}

// keepA packs panel p, alone or with its neighbour, unless the worker has it.
func (b *block[T]) keepA(k0, kb, p int) {
	g := &b.g
	if b.mk.pairs(g) {
		p &^= 1
	}
	if b.first(&b.w.haveA[k0/b.depth*b.panels+p]) {
		b.mk.packA(g, g.A[b.member*g.StrideA:], k0, kb, p, b.w.a[(k0*b.panels+p*kb)*maxMR:])
	}
}

// tile computes one tile, and its epilogue if the sums are complete.
func (b *block[T]) tile(last bool, p, s int) {
	t, mk := &b.w.t, b.mk
	m0, n0 := p*mk.mr, s*mk.nr()
	if b.inTiles() {
		t.c, t.ldc = &b.w.s.tile[0], mk.nr()
	} else {
		t.c = &b.g.C[b.member*b.g.StrideC+m0*t.ldc+n0]
	}
	mk.kern[t.rows][(t.cols+mk.lanes-1)/mk.lanes](t)
	switch {
	case !last:
	case b.g.Epi != nil:
		b.finish(m0, n0)
	case b.step.W != nil:
		b.takeStep(p, s)
	}
}

// finish applies the epilogue to the tile at row m0, column n0.
func (b *block[T]) finish(m0, n0 int) {
	t, x, e := &b.w.t, b.g.Epi, &b.w.e
	*e = epilogue[T]{c: t.c, ldc: t.ldc, ldr: x.ResidualLD, rows: t.rows, cols: t.cols}
	if x.Residual != nil {
		e.residual = &x.Residual[b.member*b.g.StrideC+m0*x.ResidualLD+n0]
	}
	e.apply(b.mk, x, m0, n0)
}
