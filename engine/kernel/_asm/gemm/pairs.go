package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of poolRows in package kernel. Strides are in bytes.
const (
	prX, prY, prArg      = 0, 8, 16
	prRows, prWhole      = 24, 32
	prWidth, prLDY       = 40, 48
	prDown               = 56
	prOut, prLow, prHigh = 64, 72, 80
)

// pairTable holds the even numbers from 0 to 14.
const pairTable = "evenLanes"

func emitPairTable(f *flavour) {
	f.StaticGlobal(pairTable)
	f.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range f.lanes() {
		f.AddDatum(4*i, U32(2*i))
	}
}

// pairs is what the loops over vectors of pooled pairs have: of the row, of the
// vector, and the indices of the upper left elements, of which step are 1, the
// width and the width plus 1.
type pairs struct {
	f               *flavour
	x, y, arg, line reg.GPVirtual // line is the width in bytes
	index           reg.VecVirtual
	step            [3]reg.VecVirtual
}

// eachPairs emits a function that calls body for every vector of 8 outputs, with
// masks for a shorter one: of the outputs, and of both vectors of a row of inputs.
func (f *flavour) eachPairs(d *decls, name, doc string, body func(p *pairs, out, low, high reg.Register)) {
	arg := f.begin(d, name+f.suffix(), "r", "poolRows["+f.typ()+"]", doc)
	p := &pairs{f: f, x: f.GP64().(reg.GPVirtual), y: f.GP64().(reg.GPVirtual), arg: f.GP64().(reg.GPVirtual), line: f.field(arg, prWidth)}
	x, y, to, rows := f.field(arg, prX), f.field(arg, prY), f.field(arg, prArg), f.field(arg, prRows)
	first, next, after := f.vec(), f.vec(), f.vec()
	f.VMOVDQU(NewDataAddr(Symbol{Name: pairTable, Static: true}, 0), first)
	ones := f.vec()
	f.VPCMPEQD(ones, ones, ones)
	f.VPSRLD(Imm(31), ones, ones)
	f.VPSLLD(Imm(4), ones, after)
	down, below := f.vec(), f.vec()
	f.VPBROADCASTD(Mem{Base: arg, Disp: prDown}, down)
	f.VPADDD(ones, down, below)
	f.VPADDD(down, down, next)
	p.index, p.step = f.vec(), [3]reg.VecVirtual{ones, down, below}
	f.Label("row")
	f.MOVQ(x, p.x)
	f.MOVQ(y, p.y)
	f.MOVQ(to, p.arg)
	f.VMOVDQA(first, p.index)
	n := f.field(arg, prWhole)
	f.TESTQ(n, n)
	f.JZ(LabelRef("rest"))
	f.Label("vector")
	body(p, nil, nil, nil)
	f.ADDQ(Imm(64), p.x)
	f.ADDQ(Imm(32), p.y)
	f.ADDQ(Imm(32), p.arg)
	f.VPADDD(after, p.index, p.index)
	f.DECQ(n)
	f.JNZ(LabelRef("vector"))
	f.Label("rest")
	f.CMPQ(Mem{Base: arg, Disp: prOut}, Imm(0))
	f.JEQ(LabelRef("next"))
	body(p, f.bitMask(arg, prOut), f.bitMask(arg, prLow), f.bitMask(arg, prHigh))
	f.Label("next")
	f.LEAQ(Mem{Base: x, Index: p.line, Scale: 2}, x)
	f.ADDQ(Mem{Base: arg, Disp: prLDY}, y)
	f.ADDQ(Mem{Base: arg, Disp: prLDY}, to)
	f.VPADDD(next, first, first)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	f.VZEROUPPER()
	f.RET()
}

// poolPairs emits the maximum of 2 x 2 windows and its index.
func (f *flavour) poolPairs(d *decls) {
	f.eachPairs(d, "poolPairs", "sets y and arg to the maxima of pairs of rows.", func(p *pairs, out, low, high reg.Register) {
		best, right := f.evenAndOdd(Mem{Base: p.x}, low, high)
		left, last := f.evenAndOdd(Mem{Base: p.x, Index: p.line, Scale: 1}, low, high)
		at := f.vec()
		f.VMOVDQA(p.index, at)
		for i, v := range []reg.VecVirtual{right, left, last} {
			take, number, k := f.vec(), f.vec(), f.vec()
			f.VCMPPS(Imm(0x16), best, v, take) // not less or equal: greater or NaN
			f.VCMPPS(Imm(7), best, best, number)
			f.VANDPS(number, take, take)
			f.VPADDD(p.step[i], p.index, k)
			f.VBLENDVPS(take, v, best, best)
			f.VBLENDVPS(take, k, at, at)
		}
		f.storeMasked(best, out, Mem{Base: p.y})
		f.storeMasked(at, out, Mem{Base: p.arg})
	})
}

// evenAndOdd loads two vectors and returns their even and their odd lanes.
func (f *flavour) evenAndOdd(m Mem, low, high reg.Register) (even, odd reg.VecVirtual) {
	x, y, even, odd := f.vec(), f.vec(), f.vec(), f.vec()
	f.loadMasked(m, low, x)
	m.Disp += 32
	f.loadMasked(m, high, y)
	f.VSHUFPS(Imm(0x88), y, x, even)
	f.VSHUFPS(Imm(0xdd), y, x, odd)
	f.VPERMPD(Imm(0xd8), even, even)
	f.VPERMPD(Imm(0xd8), odd, odd)
	return even, odd
}

// poolPairsGrad emits the gradient of poolPairs.
func (f *flavour) poolPairsGrad(d *decls) {
	f.eachPairs(d, "poolPairsGrad", "sets pairs of rows of x to y at arg and to zeros.", func(p *pairs, out, low, high reg.Register) {
		dy, at := f.vec(), f.vec()
		f.loadMasked(Mem{Base: p.y}, out, dy)
		f.loadMasked(Mem{Base: p.arg}, out, at)
		var v [4]reg.VecVirtual
		for i := range v {
			v[i] = f.vec()
			k := p.index
			if i > 0 {
				k = v[i]
				f.VPADDD(p.step[i-1], p.index, k)
			}
			f.VPCMPEQD(k, at, v[i])
			f.VANDPS(dy, v[i], v[i])
		}
		f.storePairs(v[0], v[1], low, high, Mem{Base: p.x})
		f.storePairs(v[2], v[3], low, high, Mem{Base: p.x, Index: p.line, Scale: 1})
	})
}

// storePairs stores the lanes of two vectors in turn.
func (f *flavour) storePairs(even, odd reg.VecVirtual, low, high reg.Register, m Mem) {
	lo, hi, x := f.vec(), f.vec(), f.vec()
	f.VUNPCKLPS(odd, even, lo)
	f.VUNPCKHPS(odd, even, hi)
	f.VPERM2F128(Imm(0x20), hi, lo, x)
	f.VPERM2F128(Imm(0x31), hi, lo, hi)
	f.storeMasked(x, low, m)
	m.Disp += 32
	f.storeMasked(hi, high, m)
}
