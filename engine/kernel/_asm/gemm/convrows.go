package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of convRows in package kernel. Strides and the distance
// from src are in bytes.
const (
	crDst, crSrc, crFrom = 0, 8, 16
	crRows               = 24
	crLDD, crLDS         = 32, 40
	crMask, crMask2      = 48, 56
)

// laneBits names a table of a bit for each lane of a YMM register.
func (f *flavour) laneBits() string { return "laneBitsF" + f.typ()[5:] }

func emitLaneBits(f *flavour) {
	f.StaticGlobal(f.laneBits())
	f.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range f.lanes() {
		if f.double {
			f.AddDatum(8*i, U64(1<<i))
		} else {
			f.AddDatum(4*i, U32(1<<i))
		}
	}
}

// bitMask makes the lanes of which a field has the bits into a mask.
func (f *flavour) bitMask(arg reg.GPVirtual, off int) reg.Register {
	if f.wide {
		k, bits := f.K(), f.GP32()
		f.MOVL(Mem{Base: arg, Disp: off}, bits)
		f.KMOVW(bits, k)
		return k
	}
	m, bits := f.YMM(), f.YMM()
	f.VMOVDQU(NewDataAddr(Symbol{Name: f.laneBits(), Static: true}, 0), bits)
	if f.double {
		f.VPBROADCASTQ(Mem{Base: arg, Disp: off}, m)
		f.VPAND(bits, m, m)
		f.VPCMPEQQ(bits, m, m)
	} else {
		f.VPBROADCASTD(Mem{Base: arg, Disp: off}, m)
		f.VPAND(bits, m, m)
		f.VPCMPEQD(bits, m, m)
	}
	return m
}

// shiftRows emits a copy of one vector of each row, with zeros in the lanes that
// are not in the mask.
func (f *flavour) shiftRows(d *decls) {
	arg := f.begin(d, "shiftRows"+f.suffix(), "r", "convRows["+f.typ()+"]", "copies a vector of each row, zeros where the mask has no bit.")
	dst, src, rows := f.field(arg, crDst), f.field(arg, crSrc), f.field(arg, crRows)
	ldd, lds := f.field(arg, crLDD), f.field(arg, crLDS)
	f.ADDQ(Mem{Base: arg, Disp: crFrom}, src)
	mask := f.bitMask(arg, crMask)
	f.Label("row")
	v := f.vec()
	f.loadMasked(Mem{Base: src}, mask, v)
	f.store(v, Mem{Base: dst})
	f.ADDQ(lds, src)
	f.ADDQ(ldd, dst)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	f.VZEROUPPER()
	f.RET()
}

// evenCols emits a copy of the even ones of two vectors of each row.
func (f *flavour) evenCols(d *decls) {
	arg := f.begin(d, "evenCols"+f.suffix(), "r", "convRows["+f.typ()+"]", "copies every other number of two vectors of each row, zeros where the masks have no bit.")
	dst, src, rows := f.field(arg, crDst), f.field(arg, crSrc), f.field(arg, crRows)
	ldd, lds := f.field(arg, crLDD), f.field(arg, crLDS)
	f.ADDQ(Mem{Base: arg, Disp: crFrom}, src)
	lo, hi := f.bitMask(arg, crMask), f.bitMask(arg, crMask2)
	f.Label("row")
	x, y := f.vec(), f.vec()
	f.loadMasked(Mem{Base: src}, lo, x)
	f.loadMasked(Mem{Base: src, Disp: f.bytes()}, hi, y)
	if f.double {
		f.VUNPCKLPD(y, x, x)
	} else {
		f.VSHUFPS(Imm(0x88), y, x, x)
	}
	f.VPERMPD(Imm(0xd8), x, x)
	f.store(x, Mem{Base: dst})
	f.ADDQ(lds, src)
	f.ADDQ(ldd, dst)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	f.VZEROUPPER()
	f.RET()
}

// interleave emits dst[2j] = src[j], dst[2j+1] = src2[j] for rows vectors, src2
// being crFrom bytes after src.
func (f *flavour) interleave(d *decls) {
	arg := f.begin(d, "interleave"+f.suffix(), "r", "convRows["+f.typ()+"]", "merges vectors from two sources.")
	dst, src, n := f.field(arg, crDst), f.field(arg, crSrc), f.field(arg, crRows)
	other := f.GP64()
	f.MOVQ(src, other)
	f.ADDQ(Mem{Base: arg, Disp: crFrom}, other)
	f.Label("vector")
	x, y, lo, hi := f.vec(), f.vec(), f.vec(), f.vec()
	f.load(Mem{Base: src}, x)
	f.load(Mem{Base: other}, y)
	if f.double {
		f.VUNPCKLPD(y, x, lo)
		f.VUNPCKHPD(y, x, hi)
	} else {
		f.VUNPCKLPS(y, x, lo)
		f.VUNPCKHPS(y, x, hi)
	}
	f.VPERM2F128(Imm(0x20), hi, lo, x)
	f.VPERM2F128(Imm(0x31), hi, lo, y)
	f.store(x, Mem{Base: dst})
	f.store(y, Mem{Base: dst, Disp: f.bytes()})
	f.ADDQ(Imm(32), src)
	f.ADDQ(Imm(32), other)
	f.ADDQ(Imm(64), dst)
	f.DECQ(n)
	f.JNZ(LabelRef("vector"))
	f.VZEROUPPER()
	f.RET()
}
