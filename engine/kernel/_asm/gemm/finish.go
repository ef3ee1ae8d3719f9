package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of epilogue in package kernel.
const (
	epiC, epiBias, epiResidual = 0, 8, 16
	epiLDC, epiLDR             = 24, 32
	epiRows, epiCols           = 40, 48
	epiFlags                   = 56
	epiAlpha                   = 64
	// beta follows alpha
)

// Bits of the flags.
const (
	flagRows  = 1 // the bias is one number a row
	flagClip  = 2 // min(max(x, alpha), beta)
	flagLeaky = 4 // alpha x where x is negative
)

// finisher holds the registers of an epilogue kernel.
type finisher struct {
	*flavour
	c, residual, flags reg.GPVirtual
	bias               reg.GPVirtual // nil pointer for none
	rowBias            reg.VecVirtual
	alpha, beta        reg.VecVirtual
}

// finish emits c = act(c + bias + residual) on the rows and columns of a tile.
func (f *flavour) finish(d *decls) {
	name := "finish" + f.suffix()
	arg := f.begin(d, name, "e", "epilogue["+f.typ()+"]", "applies an epilogue.")
	x := &finisher{flavour: f, c: f.field(arg, epiC), residual: f.field(arg, epiResidual),
		flags: f.field(arg, epiFlags), bias: f.field(arg, epiBias),
		rowBias: f.vec(), alpha: f.vec(), beta: f.vec()}
	f.broadcast(Mem{Base: arg, Disp: epiAlpha}, x.alpha)
	f.broadcast(Mem{Base: arg, Disp: epiAlpha + f.size()}, x.beta)
	rows := f.field(arg, epiRows)
	f.Label("row")
	x.startRow()
	x.row(arg)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	f.VZEROUPPER()
	f.RET()
}

// startRow takes the bias of a row.
func (x *finisher) startRow() {
	x.zero(x.rowBias)
	x.TESTQ(U32(flagRows), x.flags)
	x.JZ(LabelRef("columns"))
	x.broadcast(Mem{Base: x.bias}, x.rowBias)
	x.ADDQ(Imm(uint64(x.size())), x.bias)
	x.Label("columns")
}

// row handles the columns of one row and moves on to the next.
func (x *finisher) row(arg reg.GPVirtual) {
	x.columns(x.field(arg, epiCols), x.vector)
	x.ADDQ(x.stride(arg, epiLDC), x.c)
	x.TESTQ(x.residual, x.residual)
	x.JZ(LabelRef("moved"))
	x.ADDQ(x.stride(arg, epiLDR), x.residual)
	x.Label("moved")
}

// columns emits the loop over the vectors of a row of cols numbers, of which the last
// has a mask if it is not whole. Labels in vector begin with label.
func (f *flavour) columns(cols reg.GPVirtual, vector func(off reg.GPVirtual, mask reg.Register, label string)) {
	off := f.GP64()
	f.XORQ(off, off)
	f.Label("vector")
	f.CMPQ(cols, Imm(uint64(f.lanes())))
	f.JLT(LabelRef("tail"))
	vector(off, nil, "full")
	f.ADDQ(Imm(uint64(f.bytes())), off)
	f.SUBQ(Imm(uint64(f.lanes())), cols)
	f.JNZ(LabelRef("vector"))
	f.JMP(LabelRef("next"))
	f.Label("tail")
	vector(off, f.mask(cols), "masked")
	f.Label("next")
}

// vector handles one vector, or its lanes in mask.
func (x *finisher) vector(off reg.GPVirtual, mask reg.Register, label string) {
	y, other := x.vec(), x.vec()
	c := Mem{Base: x.c, Index: off, Scale: 1}
	x.loadMasked(c, mask, y)
	x.add(x.rowBias, y, y)

	x.TESTQ(U32(flagRows), x.flags)
	x.JNZ(LabelRef(label + "_residual"))
	x.TESTQ(x.bias, x.bias)
	x.JZ(LabelRef(label + "_residual"))
	x.loadMasked(Mem{Base: x.bias, Index: off, Scale: 1}, mask, other)
	x.add(other, y, y)

	x.Label(label + "_residual")
	x.TESTQ(x.residual, x.residual)
	x.JZ(LabelRef(label + "_clip"))
	x.loadMasked(Mem{Base: x.residual, Index: off, Scale: 1}, mask, other)
	x.add(other, y, y)

	x.Label(label + "_clip")
	x.TESTQ(U32(flagClip), x.flags)
	x.JZ(LabelRef(label + "_leaky"))
	x.max(x.alpha, y, y)
	x.min(x.beta, y, y)

	x.Label(label + "_leaky")
	x.TESTQ(U32(flagLeaky), x.flags)
	x.JZ(LabelRef(label + "_store"))
	x.leaky(y, other)

	x.Label(label + "_store")
	x.storeMasked(y, mask, c)
}

// leaky multiplies the negative lanes of y by alpha.
func (x *finisher) leaky(y, other reg.VecVirtual) {
	switch {
	case x.wide && x.double:
		k := x.K()
		x.VPMOVQ2M(y, k)
		x.VMULPD(x.alpha, y, k, y)
	case x.wide:
		k := x.K()
		x.VPMOVD2M(y, k)
		x.VMULPS(x.alpha, y, k, y)
	case x.double:
		x.VMULPD(x.alpha, y, other)
		x.VBLENDVPD(y, other, y, y)
	default:
		x.VMULPS(x.alpha, y, other)
		x.VBLENDVPS(y, other, y, y)
	}
}
