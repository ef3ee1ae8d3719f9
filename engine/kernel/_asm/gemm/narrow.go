package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of narrowing in package kernel.
const (
	narrowDst, narrowSrc, narrowN = 0, 8, 16
	narrowFactor, narrowMax       = 24, 28
)

// narrowLoop emits a loop over a positive multiple of 16 numbers.
func (f *flavour) narrowLoop(arg reg.GPVirtual, src reg.GPVirtual, body func()) {
	n := f.field(arg, narrowN)
	f.Label("numbers")
	body()
	f.ADDQ(Imm(64), src)
	f.SUBQ(Imm(16), n)
	f.JNZ(LabelRef("numbers"))
}

// absMax emits the largest magnitude as bits, which NaN exceeds.
func (f *flavour) absMax(d *decls) {
	arg := f.begin(d, "absMaxF32", "n", "narrowing", "finds the largest magnitude of a multiple of 16 numbers.")
	src := f.field(arg, narrowSrc)
	f.VPCMPEQD(reg.Y0, reg.Y0, reg.Y0)
	f.VPSRLD(Imm(1), reg.Y0, reg.Y0)
	f.zero(reg.Y1)
	f.zero(reg.Y2)
	f.narrowLoop(arg, src, func() {
		f.VPAND(Mem{Base: src}, reg.Y0, reg.Y3)
		f.VPMAXUD(reg.Y3, reg.Y1, reg.Y1)
		f.VPAND(Mem{Base: src, Disp: 32}, reg.Y0, reg.Y4)
		f.VPMAXUD(reg.Y4, reg.Y2, reg.Y2)
	})
	f.VPMAXUD(reg.Y2, reg.Y1, reg.Y1)
	f.VEXTRACTI128(Imm(1), reg.Y1, reg.X2)
	f.VPMAXUD(reg.X2, reg.X1, reg.X1)
	for _, order := range []uint64{0x4e, 0xb1} {
		f.VPSHUFD(Imm(order), reg.X1, reg.X2)
		f.VPMAXUD(reg.X2, reg.X1, reg.X1)
	}
	f.VMOVD(reg.X1, Mem{Base: arg, Disp: narrowMax})
	f.VZEROUPPER()
	f.RET()
}

// quantise emits dst[i] = round(src[i] factor) + 128 as bytes; the products are
// between -127 and 127.
func (f *flavour) quantise(d *decls) {
	arg := f.begin(d, "quantiseF32", "n", "narrowing", "rounds a multiple of 16 scaled numbers to bytes around 128.")
	src, dst := f.field(arg, narrowSrc), f.field(arg, narrowDst)
	f.VBROADCASTSS(Mem{Base: arg, Disp: narrowFactor}, reg.Y0)
	f.VPCMPEQD(reg.Y1, reg.Y1, reg.Y1) // 16 bits of 1, shifted to 128
	f.VPSRLW(Imm(15), reg.Y1, reg.Y1)
	f.VPSLLW(Imm(7), reg.Y1, reg.Y1)
	f.narrowLoop(arg, src, func() {
		f.VMULPS(Mem{Base: src}, reg.Y0, reg.Y2)
		f.VMULPS(Mem{Base: src, Disp: 32}, reg.Y0, reg.Y3)
		f.VCVTPS2DQ(reg.Y2, reg.Y2)
		f.VCVTPS2DQ(reg.Y3, reg.Y3)
		f.VPACKSSDW(reg.Y3, reg.Y2, reg.Y2)
		f.VPADDW(reg.Y1, reg.Y2, reg.Y2)
		f.VPERMQ(Imm(0xd8), reg.Y2, reg.Y2)
		f.VEXTRACTI128(Imm(1), reg.Y2, reg.X3)
		f.VPACKUSWB(reg.X3, reg.X2, reg.X2)
		f.VMOVDQU(reg.X2, Mem{Base: dst})
		f.ADDQ(Imm(16), dst)
	})
	f.VZEROUPPER()
	f.RET()
}

// toBF16 emits the rounding to nearest even of float32 to bfloat16; a NaN
// becomes quiet.
func (f *flavour) toBF16(d *decls) {
	arg := f.begin(d, "toBF16F32", "n", "narrowing", "rounds a multiple of 16 numbers to bfloat16.")
	src, dst := f.field(arg, narrowSrc), f.field(arg, narrowDst)
	f.VPCMPEQD(reg.Y0, reg.Y0, reg.Y0)
	f.VPSRLD(Imm(31), reg.Y0, reg.Y1) // 1
	f.VPSRLD(Imm(17), reg.Y0, reg.Y2) // 0x7fff
	f.VPSLLD(Imm(22), reg.Y1, reg.Y3) // the quiet bit
	f.narrowLoop(arg, src, func() {
		for v, y := range []reg.VecPhysical{reg.Y4, reg.Y5} {
			f.VMOVUPS(Mem{Base: src, Disp: 32 * v}, y)
			f.VCMPPS(Imm(3), y, y, reg.Y6) // unordered: NaN
			f.VPOR(reg.Y3, y, reg.Y7)
			f.VPSRLD(Imm(16), y, reg.Y8)
			f.VPAND(reg.Y1, reg.Y8, reg.Y8)
			f.VPADDD(reg.Y2, reg.Y8, reg.Y8)
			f.VPADDD(reg.Y8, y, y)
			f.VPBLENDVB(reg.Y6, reg.Y7, y, y)
			f.VPSRLD(Imm(16), y, y)
		}
		f.VPACKUSDW(reg.Y5, reg.Y4, reg.Y4)
		f.VPERMQ(Imm(0xd8), reg.Y4, reg.Y4)
		f.VMOVDQU(reg.Y4, Mem{Base: dst})
		f.ADDQ(Imm(32), dst)
	})
	f.VZEROUPPER()
	f.RET()
}
