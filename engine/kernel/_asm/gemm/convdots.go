package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of convDots in package kernel.
const (
	cdX, cdY, cdOut = 0, 8, 16
	cdOff           = 24
	cdLDX, cdLDOut  = 32, 40
	cdImages        = 48
	cdSkipX         = 56 // in bytes, like the next
	cdSkipY         = 64
	cdWhole, cdTail = 72, 80
)

// maxConvTaps is the number of taps of the widest kernel, in two groups of 4.
const maxConvTaps = 6

// convDots emits out[i*ldo+j] += sum over images and l of x[i*ldx+l] y_j[l],
// where y_j starts off[j] bytes after y.
func (f *flavour) convDots(d *decls, rows, taps int) string {
	name := fmt.Sprintf("convDots%s_%dx%d", f.suffix(), rows, taps)
	arg := f.begin(d, name, "d", "convDots["+f.typ()+"]", fmt.Sprintf("multiplies %d rows with %d taps.", rows, taps))
	r := &dotAddresses{x: f.field(arg, cdX), y: f.field(arg, cdY)}
	if rows > 1 {
		r.ldx = f.stride(arg, cdLDX)
	}
	if rows > 3 {
		r.ldx3 = f.GP64().(reg.GPVirtual)
		f.LEAQ(Mem{Base: r.ldx, Index: r.ldx, Scale: 2}, r.ldx3)
	}
	off := f.field(arg, cdOff)
	for j := range taps {
		r.off = append(r.off, f.field(off, 8*j))
	}
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		for range taps {
			v := f.vec()
			f.zero(v)
			acc[i] = append(acc[i], v)
		}
	}
	tail := f.field(arg, cdTail)
	mask := f.mask(tail)
	images := f.field(arg, cdImages)
	f.Label("image")
	n := f.field(arg, cdWhole)
	f.TESTQ(n, n)
	f.JZ(LabelRef("tail"))
	f.Label("vector")
	f.tapStep(r, nil, acc)
	f.ADDQ(Imm(uint64(f.bytes())), r.x)
	f.ADDQ(Imm(uint64(f.bytes())), r.y)
	f.DECQ(n)
	f.JNZ(LabelRef("vector"))
	f.Label("tail")
	f.CMPQ(Mem{Base: arg, Disp: cdTail}, Imm(0))
	f.JEQ(LabelRef("next"))
	f.tapStep(r, mask, acc)
	f.Label("next")
	f.ADDQ(Mem{Base: arg, Disp: cdSkipX}, r.x)
	f.ADDQ(Mem{Base: arg, Disp: cdSkipY}, r.y)
	f.DECQ(images)
	f.JNZ(LabelRef("image"))
	f.tapSums(arg, acc)
	f.VZEROUPPER()
	f.RET()
	return name
}

// dotAddresses are the registers of the loop. Strides are in bytes.
type dotAddresses struct {
	x, y      reg.GPVirtual
	ldx, ldx3 reg.GPVirtual
	off       []reg.GPVirtual
}

// row returns the address of row i of X.
func (r *dotAddresses) row(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: r.x}
	case 3:
		return Mem{Base: r.x, Index: r.ldx3, Scale: 1}
	}
	return Mem{Base: r.x, Index: r.ldx, Scale: uint8(i)}
}

// tapStep adds the products of one vector of each row, or its lanes in mask.
func (f *flavour) tapStep(r *dotAddresses, mask reg.Register, acc [][]reg.VecVirtual) {
	var x []reg.VecVirtual
	for i := range acc {
		x = append(x, f.vec())
		f.loadMasked(r.row(i), mask, x[i])
	}
	for j, off := range r.off {
		y := f.vec()
		f.loadMasked(Mem{Base: r.y, Index: off, Scale: 1}, mask, y)
		for i := range acc {
			f.fma(x[i], y, acc[i][j])
		}
	}
}

// tapSums adds the sums of the lanes to out, 4 taps at a time; the taps that
// there are not repeat the last.
func (f *flavour) tapSums(arg reg.GPVirtual, acc [][]reg.VecVirtual) {
	out, ld := f.field(arg, cdOut), f.stride(arg, cdLDOut)
	for _, row := range acc {
		for j := 0; j < len(row); j += dotWidth {
			var four [dotWidth]reg.VecVirtual
			for q := range four {
				four[q] = row[min(j+q, len(row)-1)]
			}
			f.addSums(four, Mem{Base: out, Disp: j * f.size()})
		}
		f.ADDQ(ld, out)
	}
}

// addSums adds the sums of the lanes of four vectors, some perhaps the same, to
// four numbers.
func (f *flavour) addSums(v [dotWidth]reg.VecVirtual, at Mem) {
	var h [dotWidth]reg.Register
	for j := range v {
		h[j] = v[j]
		if !f.wide {
			continue
		}
		if j > 0 && v[j] == v[j-1] {
			h[j] = h[j-1]
			continue
		}
		top := f.YMM()
		f.VEXTRACTF64X4(Imm(1), v[j], top)
		f.add(top, v[j].AsY(), top)
		h[j] = top
	}
	low, high := f.pairSums(h[0], h[1]), f.pairSums(h[2], h[3])
	if f.double {
		a, b := f.YMM(), f.YMM()
		f.halvesOf(low, high, a, b)
		f.VADDPD(b, a, a)
		f.VADDPD(at, a, a)
		f.VMOVUPD(a, at)
		return
	}
	a, b, top := f.YMM(), f.YMM(), f.XMM()
	f.VSHUFPS(Imm(0x44), high, low, a)
	f.VSHUFPS(Imm(0xee), high, low, b)
	f.VADDPS(b, a, a)
	if f.wide {
		f.VEXTRACTF32X4(Imm(1), a, top)
	} else {
		f.VEXTRACTF128(Imm(1), a, top)
	}
	f.VADDPS(top, a.AsX(), top)
	f.VADDPS(at, top, top)
	f.VMOVUPS(top, at)
}

// pairSums adds halves of the 16 bytes of each of two registers: x, y, x, y for
// float32, x, y for float64.
func (f *flavour) pairSums(x, y reg.Register) reg.VecVirtual {
	a, b := f.YMM(), f.YMM()
	f.either(f.VUNPCKLPS, f.VUNPCKLPD, y, x, a)
	f.either(f.VUNPCKHPS, f.VUNPCKHPD, y, x, b)
	f.add(b, a, a)
	return a
}

// halvesOf sets lo and hi to the low and the high 16 bytes of both x and y.
func (f *flavour) halvesOf(x, y, lo, hi reg.VecVirtual) {
	if f.wide {
		f.VSHUFF64X2(Imm(0), y, x, lo)
		f.VSHUFF64X2(Imm(3), y, x, hi)
		return
	}
	f.VPERM2F128(Imm(0x20), y, x, lo)
	f.VPERM2F128(Imm(0x31), y, x, hi)
}
