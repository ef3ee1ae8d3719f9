package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of convRows in package kernel. Strides are in bytes.
const (
	crDst, crSrc, crPieces = 0, 8, 16
	crCount, crChannels    = 24, 32
	crNextDst, crNextSrc   = 40, 48
	crLDD, crLDS           = 56, 64
)

// Offsets of the fields of convPiece in package kernel, and its size.
const (
	cpDst, cpSrc            = 0, 8
	cpTop, cpRows, cpBottom = 16, 24, 32
	cpMask, cpMask2         = 40, 48
	cpSize                  = 56
)

// Offsets of the fields of convMerge in package kernel. Strides are in bytes.
const (
	cmDst, cmEven, cmOdd = 0, 8, 16
	cmRows, cmVecs       = 24, 32
	cmLDD, cmLDE, cmLDO  = 40, 48, 56
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

// shiftRows emits the copy of pieces of rows, with zeros in the lanes that are
// not in the mask.
func (f *flavour) shiftRows(d *decls) {
	f.pieces(d, "shiftRows", "copies pieces of rows.", func(piece reg.GPVirtual) func(src reg.GPVirtual) reg.VecVirtual {
		mask := f.bitMask(piece, cpMask)
		return func(src reg.GPVirtual) reg.VecVirtual {
			v := f.vec()
			f.loadMasked(Mem{Base: src}, mask, v)
			return v
		}
	})
}

// evenCols emits the copy of every other number of pieces of rows.
func (f *flavour) evenCols(d *decls) {
	f.pieces(d, "evenCols", "copies every other number of pieces of rows.", func(piece reg.GPVirtual) func(src reg.GPVirtual) reg.VecVirtual {
		lo, hi := f.bitMask(piece, cpMask), f.bitMask(piece, cpMask2)
		return func(src reg.GPVirtual) reg.VecVirtual {
			x, y := f.vec(), f.vec()
			f.loadMasked(Mem{Base: src}, lo, x)
			f.loadMasked(Mem{Base: src, Disp: f.bytes()}, hi, y)
			f.either(shuffleEven(f), f.VUNPCKLPD, y, x, x)
			f.VPERMPD(Imm(0xd8), x, x)
			return x
		}
	})
}

// shuffleEven takes the even lanes of each 16 bytes.
func shuffleEven(f *flavour) func(...Op) {
	return func(ops ...Op) { f.VSHUFPS(append([]Op{Imm(0x88)}, ops...)...) }
}

// pieces emits the loops over channels, pieces and rows; prepare is called for a
// piece and returns what loads a row of it.
func (f *flavour) pieces(d *decls, name, doc string, prepare func(reg.GPVirtual) func(reg.GPVirtual) reg.VecVirtual) {
	name += f.suffix()
	arg := f.begin(d, name, "r", "convRows["+f.typ()+"]", doc)
	dst, src, channels := f.field(arg, crDst), f.field(arg, crSrc), f.field(arg, crChannels)
	ldd, lds := f.field(arg, crLDD), f.field(arg, crLDS)
	none := f.vec()
	f.zero(none)
	f.Label("channel")
	piece, count := f.field(arg, crPieces), f.field(arg, crCount)
	f.Label("piece")
	to, from := f.GP64(), f.GP64()
	f.MOVQ(dst, to)
	f.ADDQ(Mem{Base: piece, Disp: cpDst}, to)
	f.MOVQ(src, from)
	f.ADDQ(Mem{Base: piece, Disp: cpSrc}, from)
	load := prepare(piece)
	f.eachRow(piece, cpTop, "top", func() {
		f.store(none, Mem{Base: to})
		f.ADDQ(ldd, to)
	})
	f.eachRow(piece, cpRows, "row", func() {
		f.store(load(from.(reg.GPVirtual)), Mem{Base: to})
		f.ADDQ(lds, from)
		f.ADDQ(ldd, to)
	})
	f.eachRow(piece, cpBottom, "bottom", func() {
		f.store(none, Mem{Base: to})
		f.ADDQ(ldd, to)
	})
	f.ADDQ(Imm(cpSize), piece)
	f.DECQ(count)
	f.JNZ(LabelRef("piece"))
	f.ADDQ(Mem{Base: arg, Disp: crNextDst}, dst)
	f.ADDQ(Mem{Base: arg, Disp: crNextSrc}, src)
	f.DECQ(channels)
	f.JNZ(LabelRef("channel"))
	f.VZEROUPPER()
	f.RET()
}

// eachRow emits a loop over a number of rows.
func (f *flavour) eachRow(piece reg.GPVirtual, off int, label string, body func()) {
	n := f.field(piece, off)
	f.TESTQ(n, n)
	f.JZ(LabelRef(label + "_end"))
	f.Label(label)
	body()
	f.DECQ(n)
	f.JNZ(LabelRef(label))
	f.Label(label + "_end")
}

// interleave emits dst[2j] = even[j], dst[2j+1] = odd[j] for some vectors of
// each row.
func (f *flavour) interleave(d *decls) {
	arg := f.begin(d, "interleave"+f.suffix(), "r", "convMerge["+f.typ()+"]", "merges vectors of rows.")
	dst, even, odd := f.field(arg, cmDst), f.field(arg, cmEven), f.field(arg, cmOdd)
	rows := f.field(arg, cmRows)
	f.Label("row")
	n, to, off := f.field(arg, cmVecs), f.GP64(), f.GP64()
	f.MOVQ(dst, to)
	f.XORQ(off, off)
	f.Label("vector")
	x, y, lo, hi := f.vec(), f.vec(), f.vec(), f.vec()
	f.load(Mem{Base: even, Index: off, Scale: 1}, x)
	f.load(Mem{Base: odd, Index: off, Scale: 1}, y)
	f.either(f.VUNPCKLPS, f.VUNPCKLPD, y, x, lo)
	f.either(f.VUNPCKHPS, f.VUNPCKHPD, y, x, hi)
	f.VPERM2F128(Imm(0x20), hi, lo, x)
	f.VPERM2F128(Imm(0x31), hi, lo, y)
	f.store(x, Mem{Base: to})
	f.store(y, Mem{Base: to, Disp: f.bytes()})
	f.ADDQ(Imm(32), off)
	f.ADDQ(Imm(64), to)
	f.DECQ(n)
	f.JNZ(LabelRef("vector"))
	f.ADDQ(Mem{Base: arg, Disp: cmLDD}, dst)
	f.ADDQ(Mem{Base: arg, Disp: cmLDE}, even)
	f.ADDQ(Mem{Base: arg, Disp: cmLDO}, odd)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	f.VZEROUPPER()
	f.RET()
}
