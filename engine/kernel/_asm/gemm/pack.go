package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of packing in package kernel.
const (
	packDst, packSrc   = 0, 8
	packLD, packLDS    = 16, 24
	packRows, packCols = 32, 40
)

// transpose emits dst[l*ld+i] = src[i*lds+l] for i < 8 and l < cols, a multiple
// of 8. Rows from the argument's rows on repeat the last.
func (f *flavour) transpose(d *decls) {
	arg := f.begin(d, "transpose8F"+f.typ()[5:], "p", "packing["+f.typ()+"]", "transposes up to 8 rows of a multiple of 8 columns.")
	src := f.rowPointers(arg)
	dst, ld, n := f.field(arg, packDst), f.stride(arg, packLD), f.field(arg, packCols)
	off := f.GP64()
	f.XORQ(off, off)
	f.Label("columns")
	if f.double {
		f.transpose8x4(src, off, 0, dst, ld)
		f.transpose8x4(src, off, 32, dst, ld)
	} else {
		f.transpose8x4(src, off, 0, dst, ld)
		f.transpose8x4(src, off, 16, dst, ld)
	}
	f.ADDQ(Imm(uint64(8*f.size())), off)
	f.SUBQ(Imm(8), n)
	f.JNZ(LabelRef("columns"))
	f.VZEROUPPER()
	f.RET()
}

// rowPointers returns the addresses of 8 rows of src.
func (f *flavour) rowPointers(arg reg.GPVirtual) [8]reg.GPVirtual {
	var r [8]reg.GPVirtual
	lds, rows := f.stride(arg, packLDS), f.field(arg, packRows)
	zero := f.GP64()
	f.XORQ(zero, zero)
	r[0] = f.field(arg, packSrc)
	for i := 1; i < 8; i++ {
		f.CMPQ(rows, Imm(uint64(i)))
		f.CMOVQLE(zero, lds)
		r[i] = f.GP64()
		f.LEAQ(Mem{Base: r[i-1], Index: lds, Scale: 1}, r[i])
	}
	return r
}

// transpose8x4 writes the 4 columns at off+disp of 8 rows as 4 rows of dst,
// which it moves on. The registers are fixed: to avo the load of half a register
// leaves the other half live from the start of the function on.
func (f *flavour) transpose8x4(src [8]reg.GPVirtual, off reg.GPVirtual, disp int, dst, ld reg.GPVirtual) {
	var cols [][4]reg.Register // by vector of the result
	if f.double {
		for v := range 2 {
			out := [4]reg.Register(ymm[4+4*v:])
			f.columns4F64(src[4*v:], off, disp, out)
			cols = append(cols, out)
		}
	} else {
		out := [4]reg.Register(ymm[4:])
		f.columns4F32(src, off, disp, out)
		cols = append(cols, out)
	}
	for l := range 4 {
		for v := range cols {
			f.store(cols[v][l], Mem{Base: dst, Disp: 32 * v})
		}
		f.ADDQ(ld, dst)
	}
}

var (
	xmm = []reg.Register{reg.X0, reg.X1, reg.X2, reg.X3}
	ymm = []reg.Register{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}
)

// halves loads 16 bytes of row lo and 16 of row hi into register i below 4.
func (f *flavour) halves(i int, lo, hi, off reg.GPVirtual, disp int) reg.Register {
	f.VMOVUPS(Mem{Base: lo, Index: off, Scale: 1, Disp: disp}, xmm[i])
	f.VINSERTF128(Imm(1), Mem{Base: hi, Index: off, Scale: 1, Disp: disp}, ymm[i], ymm[i])
	return ymm[i]
}

// columns4F32 loads 4 columns of 8 rows.
func (f *flavour) columns4F32(src [8]reg.GPVirtual, off reg.GPVirtual, disp int, out [4]reg.Register) {
	var t [4]reg.Register
	for i := range t {
		t[i] = f.halves(i, src[i], src[i+4], off, disp)
	}
	for h, unpack := range []func(...Op){f.VUNPCKLPS, f.VUNPCKHPS} {
		a, b := ymm[8+2*h], ymm[9+2*h]
		unpack(t[1], t[0], a)
		unpack(t[3], t[2], b)
		f.VSHUFPS(Imm(0x44), b, a, out[2*h])
		f.VSHUFPS(Imm(0xee), b, a, out[2*h+1])
	}
}

// columns4F64 loads 4 columns of the first 4 rows of src.
func (f *flavour) columns4F64(src []reg.GPVirtual, off reg.GPVirtual, disp int, out [4]reg.Register) {
	for h := range 2 {
		x := f.halves(2*h, src[0], src[2], off, disp+16*h)
		y := f.halves(2*h+1, src[1], src[3], off, disp+16*h)
		f.VUNPCKLPD(y, x, out[2*h])
		f.VUNPCKHPD(y, x, out[2*h+1])
	}
}

// maxCopy is the number of vectors of the widest row that copyRows copies: 48
// float32 or 24 float64.
const maxCopy = 6

// copyRows emits dst[l*ld+j] = src[l*lds+j] for l < rows and j < cols, with
// zeros up to a whole vector.
func (f *flavour) copyRows(d *decls) {
	arg := f.begin(d, "copyRowsF"+f.typ()[5:], "p", "packing["+f.typ()+"]", "copies rows of at most 192 bytes.")
	dst, src := f.field(arg, packDst), f.field(arg, packSrc)
	ld, lds := f.stride(arg, packLD), f.stride(arg, packLDS)
	rows, cols := f.field(arg, packRows), f.field(arg, packCols)
	for q := 1; q <= maxCopy; q++ {
		if q < maxCopy {
			f.CMPQ(cols, Imm(uint64(q*f.lanes())))
			f.JGT(LabelRef(fmt.Sprintf("more%d", q)))
		}
		f.SUBQ(Imm(uint64((q-1)*f.lanes())), cols)
		f.copyLoop(dst, src, ld, lds, rows, f.mask(cols), q)
		f.Label(fmt.Sprintf("more%d", q))
	}
}

// copyLoop copies rows of q vectors.
func (f *flavour) copyLoop(dst, src, ld, lds, rows reg.GPVirtual, mask reg.Register, q int) {
	label := fmt.Sprintf("copy%d", q)
	f.Label(label)
	for v := range q {
		y, m := f.YMM(), mask
		if v < q-1 {
			m = nil
		}
		f.loadMasked(Mem{Base: src, Disp: 32 * v}, m, y)
		f.store(y, Mem{Base: dst, Disp: 32 * v})
	}
	for v := 0; v < 32*q; v += 64 {
		f.PREFETCHT0(Mem{Base: src, Index: lds, Scale: 8, Disp: v})
	}
	f.ADDQ(lds, src)
	f.ADDQ(ld, dst)
	f.DECQ(rows)
	f.JNZ(LabelRef(label))
	f.VZEROUPPER()
	f.RET()
}

// copyPair emits dst[l*8+i] = src[l*lds+i] and dst[ld+l*8+i] = src[l*lds+8+i] for l <
// rows and i < 8: two panels of A from whole lines.
func (f *flavour) copyPair(d *decls) {
	arg := f.begin(d, "copyPairF"+f.typ()[5:], "p", "packing["+f.typ()+"]", "copies rows of 16 numbers to two places.")
	dst, src := f.field(arg, packDst), f.field(arg, packSrc)
	apart, lds, rows := f.stride(arg, packLD), f.stride(arg, packLDS), f.field(arg, packRows)
	f.Label("rows")
	lo, hi := f.YMM(), f.YMM()
	f.load(Mem{Base: src}, lo)
	f.load(Mem{Base: src, Disp: 32}, hi)
	f.PREFETCHT0(Mem{Base: src, Index: lds, Scale: 8})
	f.store(lo, Mem{Base: dst})
	f.store(hi, Mem{Base: dst, Index: apart, Scale: 1})
	f.ADDQ(lds, src)
	f.ADDQ(Imm(32), dst)
	f.DECQ(rows)
	f.JNZ(LabelRef("rows"))
	f.VZEROUPPER()
	f.RET()
}
