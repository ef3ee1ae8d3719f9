package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of tile in package kernel.
const (
	tileA, tileB, tileC       = 0, 8, 16
	tileK, tileAI, tileAK     = 24, 32, 40
	tileBK, tileLDC, tileCols = 48, 56, 64
	tileAlpha                 = 72
	// beta follows alpha, then rows, then what tileAhead returns
)

// Places from which lines are fetched into the second cache level.
const places = 3

// tileAhead returns the offsets of those places, of the number of lines at each, and
// of the distance between lines.
func (f *flavour) tileAhead() (ahead [places]int, lines, step int) {
	at := tileAlpha + 2*f.size() + 8
	for i := range ahead {
		ahead[i] = at + 8*i
	}
	return ahead, at + 8*places, at + 8*places + 8
}

// tileTurns returns the offset of the turns that are left after the tile of C is fetched.
func (f *flavour) tileTurns() int {
	_, _, step := f.tileAhead()
	return step + 8
}

// prefetchA is how many bytes ahead of their use the rows of a packed A are
// fetched into the first cache level.
const prefetchA = 4096

// lastTurns is how many steps of K, in pairs, before the end the tile of C is fetched.
const lastTurns = 32

// addresses are the registers of the loop over K. Strides are in bytes.
type addresses struct {
	a, b, k           reg.GPVirtual // k counts down
	ai, ai3, ai5, ai7 reg.GPVirtual // multiples of the row stride of A
	ak, bk            reg.GPVirtual
	ahead             [places]reg.GPVirtual
	lines             reg.GPVirtual
	arg               reg.GPVirtual
}

// tile emits a kernel for rows x nv vectors of C.
func (f *flavour) tile(d *decls, rows, nv int) string {
	name := fmt.Sprintf("tile%s_%dx%d", f.suffix(), rows, nv)
	arg := f.begin(d, name, "t", "tile["+f.typ()+"]", fmt.Sprintf("computes %d rows of up to %d columns.", rows, nv*f.lanes()))
	r := f.addresses(arg, rows)
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		for range nv {
			v := f.vec()
			f.zero(v)
			acc[i] = append(acc[i], v)
		}
	}
	f.sum(r, acc)
	f.storeTile(arg, acc)
	return name
}

func (f *flavour) addresses(arg reg.GPVirtual, rows int) *addresses {
	r := &addresses{arg: arg, a: f.field(arg, tileA), b: f.field(arg, tileB), k: f.field(arg, tileK),
		ak: f.stride(arg, tileAK), bk: f.stride(arg, tileBK), ai: f.stride(arg, tileAI)}
	f.multiples(r, rows)
	ahead, lines, _ := f.tileAhead()
	r.lines = f.field(arg, lines)
	for i := range ahead {
		r.ahead[i] = f.field(arg, ahead[i])
	}
	return r
}

// multiples computes the multiples of the row stride of A.
func (f *flavour) multiples(r *addresses, rows int) {
	times := func(base reg.GPVirtual, scale uint8, index reg.GPVirtual) reg.GPVirtual {
		p := f.GP64().(reg.GPVirtual)
		f.LEAQ(Mem{Base: base, Index: index, Scale: scale}, p)
		return p
	}
	if rows > 3 {
		r.ai3 = times(r.ai, 2, r.ai)
	}
	if rows > 5 {
		r.ai5 = times(r.ai, 4, r.ai)
	}
	if rows > 7 {
		r.ai7 = times(r.ai3, 4, r.ai)
	}
}

// row returns the address of row i of A.
func (r *addresses) row(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: r.a}
	case 1, 2, 4:
		return Mem{Base: r.a, Index: r.ai, Scale: uint8(i)}
	case 3:
		return Mem{Base: r.a, Index: r.ai3, Scale: 1}
	case 5:
		return Mem{Base: r.a, Index: r.ai5, Scale: 1}
	case 6:
		return Mem{Base: r.a, Index: r.ai3, Scale: 2}
	}
	return Mem{Base: r.a, Index: r.ai7, Scale: 1}
}

// prefetchC fetches the tile of C, with the pointer c.
func (f *flavour) prefetchC(arg, c reg.GPVirtual, rows, nv int) {
	f.MOVQ(Mem{Base: arg, Disp: tileC}, c)
	ldc := f.stride(arg, tileLDC)
	for i := range rows {
		for v := 0; v < nv*f.bytes(); v += 64 {
			f.PREFETCHT0(Mem{Base: c, Disp: v})
		}
		if i+1 < rows {
			f.ADDQ(ldc, c)
		}
	}
}

// sum emits acc += A B, two steps of K a turn, and fetches the tile of C before the
// last turns: earlier, B would push it out of the first cache level.
func (f *flavour) sum(r *addresses, acc [][]reg.VecVirtual) {
	n, last := r.k, f.GP64()
	f.SHRQ(Imm(1), n)
	f.MOVQ(U32(lastTurns), last)
	f.CMPQ(n, last)
	f.CMOVQLT(n, last)
	f.MOVQ(last, Mem{Base: r.arg, Disp: f.tileTurns()})
	f.SUBQ(last, n)
	f.JZ(LabelRef("last"))
	f.Label("pair")
	f.PREFETCHT0(Mem{Base: r.a, Disp: prefetchA})
	f.lookAhead(r)
	f.step(r, acc)
	if f.double {
		f.PREFETCHT0(Mem{Base: r.a, Disp: prefetchA})
	}
	f.step(r, acc)
	f.DECQ(n)
	f.JNZ(LabelRef("pair"))
	f.Label("last")
	f.CMPQ(Mem{Base: r.arg, Disp: f.tileTurns()}, Imm(0))
	f.JE(LabelRef("odd"))
	f.prefetchC(r.arg, n, len(acc), len(acc[0]))
	f.MOVQ(Mem{Base: r.arg, Disp: f.tileTurns()}, n)
	f.MOVQ(U32(0), Mem{Base: r.arg, Disp: f.tileTurns()})
	f.JMP(LabelRef("pair"))
	f.Label("odd")
	f.TESTB(U8(1), Mem{Base: r.arg, Disp: tileK})
	f.JZ(LabelRef("sums"))
	f.step(r, acc)
	f.Label("sums")
}

// lookAhead fetches one more line of each place, if some are left.
func (f *flavour) lookAhead(r *addresses) {
	f.SUBQ(Imm(1), r.lines)
	f.JLT(LabelRef("fetched"))
	_, _, step := f.tileAhead()
	for _, p := range r.ahead {
		f.PREFETCHT1(Mem{Base: p})
		f.ADDQ(Mem{Base: r.arg, Disp: step}, p)
	}
	f.Label("fetched")
}

// step adds the outer product of one column of A and one row of B.
func (f *flavour) step(r *addresses, acc [][]reg.VecVirtual) {
	var b []reg.VecVirtual
	for v := range acc[0] {
		b = append(b, f.vec())
		f.load(Mem{Base: r.b, Disp: v * f.bytes()}, b[v])
	}
	for i := range acc {
		x := f.vec()
		f.broadcast(r.row(i), x)
		for v := range b {
			f.fma(x, b[v], acc[i][v])
		}
	}
	f.ADDQ(r.ak, r.a)
	f.ADDQ(r.bk, r.b)
}

// storeTile emits C = alpha acc + beta C, where beta 0 does not read C.
func (f *flavour) storeTile(arg reg.GPVirtual, acc [][]reg.VecVirtual) {
	rest := f.field(arg, tileCols) // columns of the last vector
	f.SUBQ(Imm(uint64((len(acc[0])-1)*f.lanes())), rest)
	t := &target{c: f.field(arg, tileC), ldc: f.stride(arg, tileLDC), alpha: f.vec(), beta: f.vec()}
	f.broadcast(Mem{Base: arg, Disp: tileAlpha}, t.alpha)
	f.broadcast(Mem{Base: arg, Disp: tileAlpha + f.size()}, t.beta)
	bits := f.GP64()
	f.MOVQ(Mem{Base: arg, Disp: tileAlpha + f.size()}, bits)
	f.SHLQ(Imm(uint64(65-8*f.size())), bits) // the sign of a zero does not count
	if f.wide {
		t.mask = f.mask(rest)
		f.storeEither(t, acc, bits, "")
		return
	}
	f.CMPQ(rest, Imm(uint64(f.lanes())))
	f.JEQ(LabelRef("full"))
	full := *t
	t.mask = f.mask(rest)
	f.storeEither(t, acc, bits, "masked_")
	f.Label("full")
	f.storeEither(&full, acc, bits, "")
}

// target is where a tile goes.
type target struct {
	c, ldc      reg.GPVirtual
	alpha, beta reg.VecVirtual
	mask        reg.Register // of the last vector of a row, nil for all columns
}

// storeEither emits the store for beta = 0 and for others. All of C is read before any
// of it is written: rows often are a multiple of 4096 bytes apart, and the processor
// takes a load for one of the store before it if the last 12 bits of both are the same.
func (f *flavour) storeEither(t *target, acc [][]reg.VecVirtual, bits reg.Register, prefix string) {
	f.TESTQ(bits, bits)
	f.JZ(LabelRef(prefix + "overwrite"))
	for _, update := range []bool{true, false} {
		if !update {
			f.Label(prefix + "overwrite")
		}
		f.each(t, acc, func(at Mem, x reg.VecVirtual, mask reg.Register) {
			f.mul(t.alpha, x, x)
			if update {
				old := f.vec()
				f.loadMasked(at, mask, old)
				f.fma(t.beta, old, x)
			}
		})
		f.each(t, acc, func(at Mem, x reg.VecVirtual, mask reg.Register) { f.storeMasked(x, mask, at) })
		f.VZEROUPPER()
		f.RET()
	}
}

// each emits do for each vector of a tile with its place in C.
func (f *flavour) each(t *target, acc [][]reg.VecVirtual, do func(at Mem, x reg.VecVirtual, mask reg.Register)) {
	c := f.GP64()
	f.MOVQ(t.c, c)
	for _, row := range acc {
		for v, x := range row {
			var m reg.Register
			if v == len(row)-1 {
				m = t.mask
			}
			do(Mem{Base: c, Disp: v * f.bytes()}, x, m)
		}
		f.ADDQ(t.ldc, c)
	}
}
