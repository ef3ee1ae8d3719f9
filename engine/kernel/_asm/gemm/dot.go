package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of dots in package kernel.
const (
	dotX, dotY           = 0, 8
	dotK, dotLDX, dotLDY = 16, 24, 32
	dotCols, dotOut      = 40, 48
)

// dotWidth rows of Y are multiplied at a time.
const dotWidth = 4

// prefetchDot is how many bytes ahead of their use rows of Y are fetched.
const prefetchDot = 1024

// dot emits the products of rows rows of X with up to 4 rows of Y, out[i*4+j] =
// sum_l x[i*ldx+l] y[j*ldy+l].
func (f *flavour) dot(d *decls, rows int) string {
	name := fmt.Sprintf("dot%s_%d", f.suffix(), rows)
	arg := f.begin(d, name, "d", "dots["+f.typ()+"]", fmt.Sprintf("multiplies %d rows with up to 4.", rows))
	x, y := f.dotPointers(arg, rows)
	acc := make([][dotWidth]reg.VecVirtual, rows)
	for i := range acc {
		for j := range acc[i] {
			acc[i][j] = f.vec()
			f.zero(acc[i][j])
		}
	}
	k, off := f.field(arg, dotK), f.GP64()
	f.XORQ(off, off)
	f.SUBQ(Imm(uint64(f.lanes())), k)
	f.JLT(LabelRef("tail"))
	f.Label("vector")
	f.dotStep(x, y, off, nil, acc)
	f.ADDQ(Imm(uint64(f.bytes())), off)
	f.SUBQ(Imm(uint64(f.lanes())), k)
	f.JGE(LabelRef("vector"))
	f.Label("tail")
	f.ADDQ(Imm(uint64(f.lanes())), k)
	f.JZ(LabelRef("sums"))
	f.dotStep(x, y, off, f.mask(k), acc)
	f.Label("sums")
	for i := range acc {
		f.dotSums(acc[i], Mem{Base: arg, Disp: dotOut + i*dotWidth*f.size()})
	}
	f.VZEROUPPER()
	f.RET()
	return name
}

// dotPointers returns the addresses of the rows; rows of Y that there are not
// repeat the last.
func (f *flavour) dotPointers(arg reg.GPVirtual, rows int) (x []reg.GPVirtual, y [dotWidth]reg.GPVirtual) {
	ldx, ldy := f.stride(arg, dotLDX), f.stride(arg, dotLDY)
	cols, zero := f.field(arg, dotCols), f.GP64()
	f.XORQ(zero, zero)
	x = append(x, f.field(arg, dotX))
	for i := 1; i < rows; i++ {
		x = append(x, f.GP64().(reg.GPVirtual))
		f.LEAQ(Mem{Base: x[i-1], Index: ldx, Scale: 1}, x[i])
	}
	y[0] = f.field(arg, dotY)
	for j := 1; j < dotWidth; j++ {
		f.CMPQ(cols, Imm(uint64(j)))
		f.CMOVQLE(zero, ldy)
		y[j] = f.GP64().(reg.GPVirtual)
		f.LEAQ(Mem{Base: y[j-1], Index: ldy, Scale: 1}, y[j])
	}
	return x, y
}

// dotStep adds the products of one vector of each row, or its lanes in mask.
func (f *flavour) dotStep(x []reg.GPVirtual, y [dotWidth]reg.GPVirtual, off reg.GPVirtual, mask reg.Register, acc [][dotWidth]reg.VecVirtual) {
	var b [dotWidth]reg.VecVirtual
	for j := range b {
		b[j] = f.vec()
		f.loadMasked(Mem{Base: y[j], Index: off, Scale: 1}, mask, b[j])
		if mask == nil {
			f.PREFETCHT0(Mem{Base: y[j], Index: off, Scale: 1, Disp: prefetchDot})
		}
	}
	for i := range acc {
		a := f.vec()
		f.loadMasked(Mem{Base: x[i], Index: off, Scale: 1}, mask, a)
		for j := range b {
			f.fma(a, b[j], acc[i][j])
		}
	}
}

// dotSums adds up the lanes of four vectors and stores the four sums.
func (f *flavour) dotSums(v [dotWidth]reg.VecVirtual, at Mem) {
	var h [dotWidth]reg.Register
	for j := range v {
		h[j] = v[j]
		if f.wide {
			top := f.YMM()
			f.VEXTRACTF64X4(Imm(1), v[j], top)
			h[j] = v[j].AsY()
			f.add(top, h[j], h[j])
		}
	}
	if f.double {
		f.VHADDPD(h[1], h[0], h[0])
		f.VHADDPD(h[3], h[2], h[2])
		f.VPERM2F128(Imm(0x20), h[2], h[0], h[1])
		f.VPERM2F128(Imm(0x31), h[2], h[0], h[3])
		f.VADDPD(h[3], h[1], h[1])
		f.VMOVUPD(h[1], at)
		return
	}
	f.VHADDPS(h[1], h[0], h[0])
	f.VHADDPS(h[3], h[2], h[2])
	f.VHADDPS(h[2], h[0], h[0])
	top := f.XMM()
	f.VEXTRACTF128(Imm(1), h[0], top)
	low := h[0].(reg.VecVirtual).AsX()
	f.VADDPS(top, low, low)
	f.VMOVUPS(low, at)
}
