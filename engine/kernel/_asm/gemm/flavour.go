package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// flavour is an instruction set with an element type.
type flavour struct {
	*build.Context
	isa    string // as in function names
	wide   bool   // ZMM registers and mask registers, else YMM
	double bool   // float64
	masks  Mem    // table for the masks of YMM registers
}

func (f *flavour) size() int {
	if f.double {
		return 8
	}
	return 4
}

// typ is the element type.
func (f *flavour) typ() string { return fmt.Sprintf("float%d", 8*f.size()) }

// suffix ends the name of a function: F32AVX2.
func (f *flavour) suffix() string { return fmt.Sprintf("F%d%s", 8*f.size(), f.isa) }

// bytes is the size of a vector.
func (f *flavour) bytes() int {
	if f.wide {
		return 64
	}
	return 32
}

func (f *flavour) lanes() int { return f.bytes() / f.size() }

func (f *flavour) vec() reg.VecVirtual {
	if f.wide {
		return f.ZMM()
	}
	return f.YMM()
}

// begin starts a function with one argument and returns it.
func (f *flavour) begin(d *decls, name, arg, typ, doc string) reg.GPVirtual {
	d.add(name, arg, typ)
	f.Function(name)
	f.Attributes(attr.NOSPLIT)
	f.SignatureExpr("func(" + arg + " *byte)")
	f.Doc(name + " " + doc)
	r := f.GP64()
	f.Load(f.Param(arg), r)
	return r
}

// field loads a 64-bit field of the argument.
func (f *flavour) field(arg reg.GPVirtual, off int) reg.GPVirtual {
	r := f.GP64()
	f.MOVQ(Mem{Base: arg, Disp: off}, r)
	return r
}

// stride loads a stride and scales it from elements to bytes.
func (f *flavour) stride(arg reg.GPVirtual, off int) reg.GPVirtual {
	r := f.field(arg, off)
	if f.double {
		f.SHLQ(Imm(3), r)
	} else {
		f.SHLQ(Imm(2), r)
	}
	return r
}

// either emits the single or the double form of an instruction.
func (f *flavour) either(ps, pd func(...Op), ops ...Op) {
	if f.double {
		pd(ops...)
	} else {
		ps(ops...)
	}
}

func (f *flavour) load(m Mem, v Op)  { f.either(f.VMOVUPS, f.VMOVUPD, m, v) }
func (f *flavour) store(v Op, m Mem) { f.either(f.VMOVUPS, f.VMOVUPD, v, m) }
func (f *flavour) fma(x, y, acc Op)  { f.either(f.VFMADD231PS, f.VFMADD231PD, x, y, acc) }
func (f *flavour) mul(x, y, z Op)    { f.either(f.VMULPS, f.VMULPD, x, y, z) }
func (f *flavour) add(x, y, z Op)    { f.either(f.VADDPS, f.VADDPD, x, y, z) }
func (f *flavour) broadcast(m Mem, v Op) {
	f.either(f.VBROADCASTSS, f.VBROADCASTSD, m, v)
}

// max and min return y if one of x and y is NaN.
func (f *flavour) max(x, y, z Op) { f.either(f.VMAXPS, f.VMAXPD, y, x, z) }
func (f *flavour) min(x, y, z Op) { f.either(f.VMINPS, f.VMINPD, y, x, z) }

func (f *flavour) zero(v Op) {
	if f.wide {
		f.VPXORD(v, v, v)
	} else {
		f.VXORPS(v, v, v)
	}
}

// mask returns a mask for the first n lanes of a vector.
func (f *flavour) mask(n reg.GPVirtual) reg.Register {
	if f.wide {
		bits, k := f.GP32(), f.K()
		f.MOVL(I32(-1), bits)
		f.BZHIL(n.As32(), bits, bits)
		f.KMOVW(bits, k)
		return k
	}
	m, p, off := f.YMM(), f.GP64(), f.GP64()
	f.LEAQ(f.maskTable(), p)
	f.MOVQ(n, off)
	f.NEGQ(off)
	f.VMOVUPS(Mem{Base: p, Index: off, Scale: uint8(f.size()), Disp: 32}, m)
	return m
}

// maskTable holds 32 bytes of ones and 32 of zeros.
func (f *flavour) maskTable() Mem {
	return NewDataAddr(Symbol{Name: "laneMasks", Static: true}, 0)
}

// emitMaskTable defines the table once a file.
func emitMaskTable(c *build.Context) {
	c.StaticGlobal("laneMasks")
	c.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 8 {
		v := ^uint64(0)
		if i >= 4 {
			v = 0
		}
		c.AddDatum(8*i, U64(v))
	}
}

// loadMasked loads the lanes of a mask, nil for all, and zeros the others.
func (f *flavour) loadMasked(m Mem, mask reg.Register, v Op) {
	switch {
	case mask == nil:
		f.load(m, v)
	case f.wide && f.double:
		f.VMOVUPD_Z(m, mask, v)
	case f.wide:
		f.VMOVUPS_Z(m, mask, v)
	case f.double:
		f.VMASKMOVPD(m, mask, v)
	default:
		f.VMASKMOVPS(m, mask, v)
	}
}

func (f *flavour) storeMasked(v Op, mask reg.Register, m Mem) {
	switch {
	case mask == nil:
		f.store(v, m)
	case f.wide && f.double:
		f.VMOVUPD(v, mask, m)
	case f.wide:
		f.VMOVUPS(v, mask, m)
	case f.double:
		f.VMASKMOVPD(v, mask, m)
	default:
		f.VMASKMOVPS(v, mask, m)
	}
}
