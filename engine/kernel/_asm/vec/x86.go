package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// x86 is the machine of an instruction set of amd64 with an element type. A
// constant is a memory operand: a whole vector of read-only data.
type x86 struct {
	*build.Context
	isa    string
	wide   bool // ZMM and mask registers, else YMM
	double bool
	consts map[uint64]Mem
}

func (f *x86) bytes() int  { return map[bool]int{true: 64, false: 32}[f.wide] }
func (f *x86) size() int   { return map[bool]int{true: 8, false: 4}[f.double] }
func (f *x86) lanes() int  { return f.bytes() / f.size() }
func (f *x86) typ() string { return fmt.Sprintf("float%d", 8*f.size()) }
func (f *x86) vec() reg.VecVirtual {
	if f.wide {
		return f.ZMM()
	}
	return f.YMM()
}

// either emits the single or the double form of an instruction.
func (f *x86) either(ps, pd func(...Op), ops ...Op) {
	if f.double {
		pd(ops...)
	} else {
		ps(ops...)
	}
}

// binary emits an instruction on a and b, of which b may be a constant.
func (f *x86) binary(ps, pd func(...Op), a, b value) value {
	d := f.vec()
	f.either(ps, pd, b.(Op), f.reg(a), d)
	return d
}

// reg returns a value in a register.
func (f *x86) reg(a value) Op {
	if m, ok := a.(Mem); ok {
		return f.move(m)
	}
	return a.(Op)
}

func (f *x86) move(a Op) Op {
	d := f.vec()
	f.either(f.VMOVUPS, f.VMOVUPD, a, d)
	return d
}

func isConst(a value) bool { _, ok := a.(Mem); return ok }

// floatBits returns the bits of x in double or single precision.
func floatBits(x float64, double bool) uint64 {
	if double {
		return math.Float64bits(x)
	}
	return uint64(math.Float32bits(float32(x)))
}

// eachLane fills 8 bytes with b, which in single precision has 4.
func eachLane(b uint64, double bool) uint64 {
	if !double {
		b |= b << 32
	}
	return b
}

func (f *x86) num(x float64) value { return f.bits(floatBits(x, f.double)) }

// bits is a constant with the given bits in every lane.
func (f *x86) bits(b uint64) value {
	b = eachLane(b, f.double)
	if m, ok := f.consts[b]; ok {
		return m
	}
	m := NewDataAddr(Symbol{Name: fmt.Sprintf("vec%s_%016x", f.isa, b), Static: true}, 0)
	f.consts[b] = m
	return m
}

// emitConsts defines the constants used.
func emitConsts(c *build.Context, isa string, bytes int, consts []uint64) {
	for _, b := range consts {
		c.StaticGlobal(fmt.Sprintf("vec%s_%016x", isa, b))
		c.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range bytes / 8 {
			c.AddDatum(8*i, U64(b))
		}
	}
}

func (f *x86) add(a, b value) value {
	if isConst(a) {
		a, b = b, a
	}
	return f.binary(f.VADDPS, f.VADDPD, a, b)
}

func (f *x86) mul(a, b value) value {
	if isConst(a) {
		a, b = b, a
	}
	return f.binary(f.VMULPS, f.VMULPD, a, b)
}

func (f *x86) sub(a, b value) value { return f.binary(f.VSUBPS, f.VSUBPD, a, b) }
func (f *x86) div(a, b value) value { return f.binary(f.VDIVPS, f.VDIVPD, a, b) }
func (f *x86) max(a, b value) value { return f.binary(f.VMAXPS, f.VMAXPD, a, b) }
func (f *x86) min(a, b value) value { return f.binary(f.VMINPS, f.VMINPD, a, b) }

func (f *x86) sqrt(a value) value {
	d := f.vec()
	f.either(f.VSQRTPS, f.VSQRTPD, a.(Op), d)
	return d
}

func (f *x86) fma(a, b, c value) value {
	if isConst(a) {
		a, b = b, a
	}
	if isConst(c) {
		d := f.move(a.(Op))
		f.either(f.VFMADD213PS, f.VFMADD213PD, c.(Op), f.reg(b), d)
		return d
	}
	d := f.move(c.(Op))
	f.either(f.VFMADD231PS, f.VFMADD231PD, b.(Op), f.reg(a), d)
	return d
}

func (f *x86) fnma(a, b, c value) value {
	d := f.move(c.(Op))
	f.either(f.VFNMADD231PS, f.VFNMADD231PD, b.(Op), f.reg(a), d)
	return d
}

func (f *x86) signBit() value { return f.num(math.Copysign(0, -1)) }

func (f *x86) abs(a value) value {
	if f.double {
		return f.binary(f.VANDPS, f.VANDPD, a, f.bits(1<<63-1))
	}
	return f.binary(f.VANDPS, f.VANDPD, a, f.bits(1<<31-1))
}

func (f *x86) copySign(a, sign value) value {
	return f.binary(f.VORPS, f.VORPD, a, f.binary(f.VANDPS, f.VANDPD, sign, f.signBit()))
}

// Predicates of VCMPPS.
const (
	equal     = 0
	unordered = 3
	greater   = 0x1e
)

func (f *x86) compare(pred int, a, b value) value {
	if f.wide {
		k := f.K()
		f.either(f.VCMPPS, f.VCMPPD, Imm(uint64(pred)), b.(Op), f.reg(a), k)
		return k
	}
	d := f.vec()
	f.either(f.VCMPPS, f.VCMPPD, Imm(uint64(pred)), b.(Op), f.reg(a), d)
	return d
}

func (f *x86) greater(a, b value) value { return f.compare(greater, a, b) }
func (f *x86) equal(a, b value) value   { return f.compare(equal, a, b) }
func (f *x86) unordered(a value) value  { return f.compare(unordered, a, a) }

func (f *x86) sel(mask, a, b value) value {
	d := f.vec()
	if f.wide {
		f.either(f.VBLENDMPS, f.VBLENDMPD, a.(Op), f.reg(b), mask.(Op), d)
	} else {
		blend := func(o ...Op) { f.VBLENDVPS(o[0], o[1], o[2], o[3]) }
		f.either(blend, func(o ...Op) { f.VBLENDVPD(o[0], o[1], o[2], o[3]) }, mask.(Op), a.(Op), f.reg(b), d)
	}
	return d
}

func (f *x86) only(mask, a value) value {
	if !f.wide {
		return f.binary(f.VANDPS, f.VANDPD, a, mask)
	}
	d := f.vec()
	move := func(o ...Op) { f.VMOVAPS_Z(o[0], o[1], o[2]) }
	f.either(move, func(o ...Op) { f.VMOVAPD_Z(o[0], o[1], o[2]) }, a.(Op), mask.(Op), d)
	return d
}

func (f *x86) round(a value) value {
	d := f.vec()
	if f.wide {
		f.VRNDSCALEPS(Imm(8), a.(Op), d)
	} else {
		f.VROUNDPS(Imm(8), a.(Op), d)
	}
	return d
}

// pow2 multiplies by two powers in AVX2, as one may not be a float32.
func (f *x86) pow2(a, n value) value {
	d := f.vec()
	if f.wide {
		f.VSCALEFPS(n.(Op), a.(Op), d)
		return d
	}
	half, rest := f.vec(), f.vec()
	f.VCVTPS2DQ(n.(Op), d)
	f.VPSRAD(Imm(1), d, half)
	f.VPSUBD(half, d, rest)
	return f.mul(f.mul(a, f.power(half)), f.power(rest))
}

// power returns 2^n for integers n.
func (f *x86) power(n Op) value {
	d := f.vec()
	f.VPADDD(f.bits(127).(Op), n, d)
	f.VPSLLD(Imm(23), d, d)
	return d
}
