package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of axpys in package kernel.
const (
	axpyX, axpyY, axpyB = 0, 8, 16
	axpyLD, axpyN       = 24, 32
)

// maxAxpys is the number of rows of B that are added at a time.
const maxAxpys = 8

// axpy emits y[j] += sum_i x[i] b[i*ld+j] over rows rows of B.
func (f *flavour) axpy(d *decls, rows int) string {
	name := fmt.Sprintf("axpy%s_%d", f.suffix(), rows)
	arg := f.begin(d, name, "a", "axpys["+f.typ()+"]", fmt.Sprintf("adds multiples of %d rows.", rows))
	x, y, ld := f.field(arg, axpyX), f.field(arg, axpyY), f.stride(arg, axpyLD)
	b := []reg.GPVirtual{f.field(arg, axpyB)}
	var coef []reg.VecVirtual
	for i := range rows {
		if i > 0 {
			b = append(b, f.GP64().(reg.GPVirtual))
			f.LEAQ(Mem{Base: b[i-1], Index: ld, Scale: 1}, b[i])
		}
		coef = append(coef, f.vec())
		f.broadcast(Mem{Base: x, Disp: i * f.size()}, coef[i])
	}
	n, off := f.field(arg, axpyN), f.GP64()
	f.XORQ(off, off)
	f.SUBQ(Imm(uint64(f.lanes())), n)
	f.JLT(LabelRef("tail"))
	f.Label("vector")
	f.axpyStep(y, b, off, nil, coef)
	f.ADDQ(Imm(uint64(f.bytes())), off)
	f.SUBQ(Imm(uint64(f.lanes())), n)
	f.JGE(LabelRef("vector"))
	f.Label("tail")
	f.ADDQ(Imm(uint64(f.lanes())), n)
	f.JZ(LabelRef("end"))
	f.axpyStep(y, b, off, f.mask(n), coef)
	f.Label("end")
	f.VZEROUPPER()
	f.RET()
	return name
}

// axpyStep adds one vector of each row, in two chains, or its lanes in mask.
func (f *flavour) axpyStep(y reg.GPVirtual, b []reg.GPVirtual, off reg.GPVirtual, mask reg.Register, coef []reg.VecVirtual) {
	sum, second := f.vec(), f.vec()
	f.loadMasked(Mem{Base: y, Index: off, Scale: 1}, mask, sum)
	for i, p := range b {
		v := f.vec()
		f.loadMasked(Mem{Base: p, Index: off, Scale: 1}, mask, v)
		switch {
		case i == 1:
			f.mul(coef[i], v, second)
		case i%2 == 1:
			f.fma(coef[i], v, second)
		default:
			f.fma(coef[i], v, sum)
		}
	}
	if len(b) > 1 {
		f.add(second, sum, sum)
	}
	f.storeMasked(sum, mask, Mem{Base: y, Index: off, Scale: 1})
}
