package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of winoRows in package kernel. Strides are in bytes.
const (
	wrDst, wrA, wrB          = 0, 8, 16
	wrChannels, wrNextDst    = 24, 32
	wrNextA, wrNextB, wrStep = 40, 48, 56
	wrMask, wrOut            = 64, 96 // four masks
	wrAtA, wrAtB             = 104, 112
	wrRows, wrSecond         = 120, 128
	wrLDD, wrLDS, wrOrder    = 136, 144, 152
)

// Offsets of the fields of winoTaps in package kernel, strides in bytes.
const (
	wwDst, wwSrc    = 0, 8
	wwCount, wwStep = 16, 24
	wwTap           = 32
)

// Offsets of the fields of winoTiles in package kernel. Strides are in bytes.
const (
	wtDst, wtSrc             = 0, 16 // two of dst
	wtChannels, wtNextDst    = 24, 32
	wtNextSrc, wtStep, wtRow = 40, 48, 56
	wtMask                   = 64 // two for each row
	wtRows, wtSecond         = 96, 104
	wtLDD, wtLDS, wtOrder    = 112, 120, 128
)

// wino emits the transforms of the Winograd convolutions and the list of them.
func (f *flavour) wino(d *decls) {
	fmt.Fprintf(&d.tables, "\nvar wino%s = winoMicro[%s]{\n", f.suffix(), f.typ())
	f.winoRows(d, "winoInputSub", 4, false)
	f.winoRows(d, "winoInputAdd", 4, true)
	f.winoRows(d, "winoGradSub", 2, false)
	f.winoRows(d, "winoGradAdd", 2, true)
	f.winoOutput(d)
	f.winoWeights(d)
	fmt.Fprintf(&d.tables, "\tinput:   [2]func(*winoRows[%[1]s]){winoInputSub%[2]s, winoInputAdd%[2]s},\n"+
		"\tgrad:    [2]func(*winoRows[%[1]s]){winoGradSub%[2]s, winoGradAdd%[2]s},\n\toutput:  winoOutput%[2]s,\n\tweights: winoWeights%[2]s,\n\tanyHalf: %[3]t,\n}\n", f.typ(), f.suffix(), f.wide)
}

// winoOrder loads two of the tables of lanes that VPERMT2PS picks.
func (f *flavour) winoOrder(arg reg.GPVirtual, off, first int) (t [2]reg.VecVirtual) {
	if !f.wide {
		return t
	}
	p := f.field(arg, off)
	for i := range t {
		t[i] = f.vec()
		f.VMOVDQU64(Mem{Base: p, Disp: 64 * (first + i)}, t[i])
	}
	return t
}

// pick takes lanes of x and y in the order of a table.
func (f *flavour) pick(table, x, y reg.VecVirtual) reg.VecVirtual {
	v := f.vec()
	f.either(f.VMOVAPS, f.VMOVAPD, x, v)
	f.either(f.VPERMT2PS, f.VPERMT2PD, y, table, v)
	return v
}

// split returns the even and the odd numbers of two vectors.
func (f *flavour) split(tables [2]reg.VecVirtual, x, y reg.VecVirtual) (even, odd reg.VecVirtual) {
	if f.wide {
		return f.pick(tables[0], x, y), f.pick(tables[1], x, y)
	}
	even, odd = f.vec(), f.vec()
	shuffle := func(ops ...Op) { f.VSHUFPS(append([]Op{Imm(0xdd)}, ops...)...) }
	f.either(shuffleEven(f), f.VUNPCKLPD, y, x, even)
	f.either(shuffle, f.VUNPCKHPD, y, x, odd)
	f.VPERMPD(Imm(0xd8), even, even)
	f.VPERMPD(Imm(0xd8), odd, odd)
	return even, odd
}

// merge returns the lanes of x and y in turns.
func (f *flavour) merge(tables [2]reg.VecVirtual, x, y reg.VecVirtual) (low, high reg.VecVirtual) {
	if f.wide {
		return f.pick(tables[0], x, y), f.pick(tables[1], x, y)
	}
	a, b := f.vec(), f.vec()
	f.either(f.VUNPCKLPS, f.VUNPCKLPD, y, x, a)
	f.either(f.VUNPCKHPS, f.VUNPCKHPD, y, x, b)
	low, high = f.vec(), f.vec()
	f.VPERM2F128(Imm(0x20), b, a, low)
	f.VPERM2F128(Imm(0x31), b, a, high)
	return low, high
}

// plus and minus return a + b and a - b.
func (f *flavour) plus(a, b Op) reg.VecVirtual {
	v := f.vec()
	f.add(b, a, v)
	return v
}

func (f *flavour) minus(a, b Op) reg.VecVirtual {
	v := f.vec()
	f.either(f.VSUBPS, f.VSUBPD, b, a, v)
	return v
}

// winoRows emits a row of the transform of the input, from 4 vectors of each of
// two rows, or of that of the output's gradient, from 2.
func (f *flavour) winoRows(d *decls, name string, vecs int, add bool) {
	arg := f.begin(d, name+f.suffix(), "r", "winoRows["+f.typ()+"]", "transforms the sums or differences of two rows.")
	dst, a, b, channels := f.field(arg, wrDst), f.field(arg, wrA), f.field(arg, wrB), f.field(arg, wrChannels)
	f.ADDQ(Mem{Base: arg, Disp: wrAtA}, a)
	f.ADDQ(Mem{Base: arg, Disp: wrAtB}, b)
	step, second, step3 := f.field(arg, wrStep), f.field(arg, wrSecond), f.GP64()
	f.LEAQ(Mem{Base: step, Index: step, Scale: 2}, step3)
	var masks []reg.Register
	for i := range vecs {
		masks = append(masks, f.bitMask(arg, wrMask+8*i))
	}
	out, order := f.bitMask(arg, wrOut), f.winoOrder(arg, wrOrder, 0)
	f.Label("channel")
	to, p, q, rows := f.GP64(), f.GP64(), f.GP64(), f.field(arg, wrRows)
	f.MOVQ(dst, to)
	f.MOVQ(a, p)
	f.MOVQ(b, q)
	f.Label("row")
	var v []reg.VecVirtual
	for i := range vecs {
		x, y := f.vec(), f.vec()
		for k, from := range []reg.Register{p, q} {
			at := Mem{Base: from, Disp: i / 2 * 2 * f.size()}
			if i%2 == 1 {
				at.Index, at.Scale = second, 1
			}
			f.loadMasked(at, masks[i], []reg.VecVirtual{x, y}[k])
		}
		if add {
			v = append(v, f.plus(x, y))
		} else {
			v = append(v, f.minus(x, y))
		}
	}
	even, odd := f.split(order, v[0], v[1])
	t := []reg.VecVirtual{even, nil, nil, odd}
	if vecs == 4 {
		even2, odd2 := f.split(order, v[2], v[3])
		t = []reg.VecVirtual{f.minus(even, even2), f.plus(odd, even2), f.minus(even2, odd), f.minus(odd, odd2)}
	} else {
		t[1], t[2] = f.plus(even, odd), f.minus(even, odd)
	}
	for j, at := range f.fourSteps(to, step, step3) {
		f.storeMasked(t[j], out, at)
	}
	f.ADDQ(Mem{Base: arg, Disp: wrLDD}, to)
	f.ADDQ(Mem{Base: arg, Disp: wrLDS}, p)
	f.ADDQ(Mem{Base: arg, Disp: wrLDS}, q)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	f.ADDQ(Mem{Base: arg, Disp: wrNextDst}, dst)
	f.ADDQ(Mem{Base: arg, Disp: wrNextA}, a)
	f.ADDQ(Mem{Base: arg, Disp: wrNextB}, b)
	f.DECQ(channels)
	f.JNZ(LabelRef("channel"))
	f.VZEROUPPER()
	f.RET()
}

// fourSteps are the places 0 to 3 steps after p.
func (f *flavour) fourSteps(p, step, step3 reg.Register) []Mem {
	return []Mem{{Base: p}, {Base: p, Index: step, Scale: 1}, {Base: p, Index: step, Scale: 2}, {Base: p, Index: step3, Scale: 1}}
}

// winoOutput emits the transform of the products, of which row i of 4 starts row
// bytes after the one before.
func (f *flavour) winoOutput(d *decls) {
	arg := f.begin(d, "winoOutput"+f.suffix(), "t", "winoTiles["+f.typ()+"]", "transforms products to two rows of outputs.")
	dst := [2]reg.GPVirtual{f.field(arg, wtDst), f.field(arg, wtDst+8)}
	src, channels := f.field(arg, wtSrc), f.field(arg, wtChannels)
	step, second, step3, off := f.field(arg, wtStep), f.field(arg, wtSecond), f.GP64(), f.GP64()
	f.LEAQ(Mem{Base: step, Index: step, Scale: 2}, step3)
	var masks []reg.Register
	for i := range 4 {
		masks = append(masks, f.bitMask(arg, wtMask+8*i))
	}
	order := f.winoOrder(arg, wtOrder, 2)
	f.Label("channel")
	from, p, rows := f.GP64(), f.GP64(), f.field(arg, wtRows)
	f.XORQ(off, off)
	f.MOVQ(src, from)
	f.Label("row")
	f.MOVQ(from, p)
	var y [2][2]reg.VecVirtual // of rows, even and odd columns
	for i := range 4 {
		var m [4]reg.VecVirtual
		for j, at := range f.fourSteps(p, step, step3) {
			m[j] = f.vec()
			f.load(at, m[j])
		}
		if i < 3 {
			f.ADDQ(Mem{Base: arg, Disp: wtRow}, p)
		}
		f.winoSum(&y, i, [2]reg.VecVirtual{f.plus(f.plus(m[0], m[1]), m[2]), f.minus(f.minus(m[1], m[2]), m[3])})
	}
	for r := range y {
		low, high := f.merge(order, y[r][0], y[r][1])
		f.LEAQ(Mem{Base: dst[r], Index: off, Scale: 1}, p)
		f.storeMasked(low, masks[2*r], Mem{Base: p})
		f.storeMasked(high, masks[2*r+1], Mem{Base: p, Index: second, Scale: 1})
	}
	f.ADDQ(Mem{Base: arg, Disp: wtLDD}, off)
	f.ADDQ(Mem{Base: arg, Disp: wtLDS}, from)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	for _, p := range dst {
		f.ADDQ(Mem{Base: arg, Disp: wtNextDst}, p)
	}
	f.ADDQ(Mem{Base: arg, Disp: wtNextSrc}, src)
	f.DECQ(channels)
	f.JNZ(LabelRef("channel"))
	f.VZEROUPPER()
	f.RET()
}

// winoSum adds row i of the products, transformed, to the outputs' rows.
func (f *flavour) winoSum(y *[2][2]reg.VecVirtual, i int, row [2]reg.VecVirtual) {
	for c, x := range row {
		switch i {
		case 0:
			y[0][c] = x
		case 1:
			y[0][c], y[1][c] = f.plus(y[0][c], x), x
		case 2:
			y[0][c], y[1][c] = f.plus(y[0][c], x), f.minus(y[1][c], x)
		case 3:
			y[1][c] = f.minus(y[1][c], x)
		}
	}
}

// winoWeights emits the transform of the weights, of convMR output channels at a
// time.
func (f *flavour) winoWeights(d *decls) {
	arg := f.begin(d, "winoWeights"+f.suffix(), "t", "winoTaps["+f.typ()+"]", "transforms weights of 3 x 3 taps.")
	dst, src, count, step := f.field(arg, wwDst), f.field(arg, wwSrc), f.field(arg, wwCount), f.field(arg, wwStep)
	half := f.winoHalf()
	f.Label("channel")
	for part := 0; part < convMR*f.size(); part += int(half.Size()) {
		f.winoGroup(arg, half, dst, src, step, part)
	}
	f.ADDQ(Imm(uint64(convMR*f.size())), dst)
	f.ADDQ(U32(uint32(9*convMR*f.size())), src)
	f.DECQ(count)
	f.JNZ(LabelRef("channel"))
	f.VZEROUPPER()
	f.RET()
}

// winoHalf returns a vector of halves. They are of convMR numbers, or as wide as
// vectors are.
func (f *flavour) winoHalf() reg.VecVirtual {
	h := f.YMM()
	if f.double && f.wide {
		h = f.ZMM()
	}
	bits, x := f.GP64(), f.XMM()
	if f.double {
		f.MOVQ(U64(0x3fe0000000000000), bits)
		f.VMOVQ(bits, x)
		f.VBROADCASTSD(x, h)
	} else {
		f.MOVL(U32(0x3f000000), bits.As32())
		f.VMOVD(bits.As32(), x)
		f.VBROADCASTSS(x, h)
	}
	return h
}

// winoGroup transforms the numbers part bytes into every row.
func (f *flavour) winoGroup(arg reg.GPVirtual, half reg.VecVirtual, dst, src, step reg.GPVirtual, part int) {
	like := func() reg.VecVirtual {
		if half.Size() == 64 {
			return f.ZMM()
		}
		return f.YMM()
	}
	apply := func(do func(...Op), a, b Op) reg.VecVirtual {
		v := like()
		do(b, a, v)
		return v
	}
	add := func(a, b Op) reg.VecVirtual { return apply(func(o ...Op) { f.add(o[0], o[1], o[2]) }, a, b) }
	sub := func(a, b Op) reg.VecVirtual { return apply(func(o ...Op) { f.either(f.VSUBPS, f.VSUBPD, o...) }, a, b) }
	mul := func(a, b Op) reg.VecVirtual { return apply(func(o ...Op) { f.mul(o[0], o[1], o[2]) }, a, b) }
	four := func(a, b, c reg.VecVirtual) []reg.VecVirtual {
		sum := add(a, c)
		return []reg.VecVirtual{a, mul(add(sum, b), half), mul(sub(sum, b), half), c}
	}
	tap, p, q := f.field(arg, wwTap), f.GP64(), f.GP64()
	f.MOVQ(src, p)
	f.MOVQ(dst, q)
	var down [4][3]reg.VecVirtual
	for j := range 3 {
		var w [3]reg.VecVirtual
		for i := range w {
			w[i] = like()
		}
		from := f.GP64()
		f.MOVQ(p, from)
		for i := range w {
			f.load(Mem{Base: from, Disp: part}, w[i])
			if i < 2 {
				f.ADDQ(tap, from)
				f.ADDQ(tap, from)
				f.ADDQ(tap, from)
			}
		}
		f.ADDQ(tap, p)
		for i, v := range four(w[0], w[1], w[2]) {
			down[i][j] = v
		}
	}
	for i := range down {
		for _, v := range four(down[i][0], down[i][1], down[i][2]) {
			f.store(v, Mem{Base: q, Disp: part})
			f.ADDQ(step, q)
		}
	}
}
