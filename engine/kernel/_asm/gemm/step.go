package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of stepTile in package kernel.
const (
	stepG, stepW, stepM = 0, 8, 16
	stepSums            = 24
	stepLDG, stepLDW    = 32, 40
	stepRows, stepCols  = 48, 56
	stepNesterov        = 64
	stepRate            = 72
	// momentum and weight decay follow rate
)

// stepper holds the registers of a step kernel.
type stepper struct {
	*flavour
	g, w, m, nesterov     reg.GPVirtual
	rate, momentum, decay reg.VecVirtual
	sums                  reg.VecVirtual
}

// weightStep emits a step of SGDMomentum on a tile of weights, and adds
// the squares of the gradient to sums, one a lane.
func (f *flavour) weightStep(d *decls) {
	name := "weightStep" + f.suffix()
	arg := f.begin(d, name, "s", "stepTile["+f.typ()+"]", "updates a tile of weights.")
	x := &stepper{flavour: f, g: f.field(arg, stepG), w: f.field(arg, stepW), m: f.field(arg, stepM),
		nesterov: f.field(arg, stepNesterov),
		rate:     f.vec(), momentum: f.vec(), decay: f.vec(), sums: f.vec()}
	for i, v := range []reg.VecVirtual{x.rate, x.momentum, x.decay} {
		f.broadcast(Mem{Base: arg, Disp: stepRate + i*f.size()}, v)
	}
	f.load(Mem{Base: f.field(arg, stepSums)}, x.sums)
	rows := f.field(arg, stepRows)
	f.Label("row")
	x.row(arg)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	f.store(x.sums, Mem{Base: f.field(arg, stepSums)})
	f.VZEROUPPER()
	f.RET()
}

// row handles the columns of one row and moves on to the next.
func (x *stepper) row(arg reg.GPVirtual) {
	x.columns(x.field(arg, stepCols), x.vector)
	ldw := x.stride(arg, stepLDW)
	x.ADDQ(x.stride(arg, stepLDG), x.g)
	x.ADDQ(ldw, x.w)
	x.ADDQ(ldw, x.m)
}

// vector handles one vector, or its lanes in mask.
func (x *stepper) vector(off reg.GPVirtual, mask reg.Register, label string) {
	at := func(p reg.GPVirtual) Mem { return Mem{Base: p, Index: off, Scale: 1} }
	g, w, m := x.vec(), x.vec(), x.vec()
	x.loadMasked(at(x.g), mask, g)
	x.loadMasked(at(x.w), mask, w)
	x.loadMasked(at(x.m), mask, m)
	x.fma(g, g, x.sums)
	x.fma(x.decay, w, g)
	x.either(x.VFMADD213PS, x.VFMADD213PD, g, x.momentum, m)
	x.storeMasked(m, mask, at(x.m))
	x.TESTQ(x.nesterov, x.nesterov)
	x.JZ(LabelRef(label + "_plain"))
	x.either(x.VFMADD213PS, x.VFMADD213PD, g, x.momentum, m)
	x.Label(label + "_plain")
	x.either(x.VFNMADD231PS, x.VFNMADD231PD, x.rate, m, w)
	x.storeMasked(w, mask, at(x.w))
}
