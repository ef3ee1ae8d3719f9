package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loop is a kernel being emitted.
type loop struct {
	*x86
	k    spec
	ptr  map[string]reg.GPVirtual
	off  reg.GPVirtual
	n    reg.GPVirtual
	s    []value
	accs [][]reg.VecVirtual // by vector of a round
}

// emit writes the function of a spec and returns its name.
func (f *x86) emit(k spec) string {
	name := fmt.Sprintf("%sF%d%s", k.name, 8*f.size(), f.isa)
	f.Function(name)
	f.Attributes(attr.NOSPLIT)
	f.SignatureExpr("func" + signature(k, f.typ(), true))
	f.Doc(name + " is a kernel of vecOps.")
	l := &loop{x86: f, k: k, off: f.GP64().(reg.GPVirtual), n: f.GP64().(reg.GPVirtual)}
	l.pointers()
	l.scalars()
	l.rounds()
	l.results()
	f.VZEROUPPER()
	f.RET()
	return name
}

// signature is the Go signature of a kernel; avo does not know our structs.
func signature(k spec, typ string, plain bool) string {
	p := k.params
	if i := strings.Index(p, ", u "); plain && i >= 0 {
		p = p[:i] + ", u struct{" + strings.Join(k.update, ", ") + " " + typ
		if strings.Contains(k.params, "SGDUpdate") {
			p += "; Nesterov bool"
		}
		p += "})"
	}
	s := strings.NewReplacer(" T", " "+typ, "]T", "]"+typ, "[T]", "["+typ+"]").Replace(p)
	switch {
	case k.accs == 1:
		s += " " + typ
	case k.accs == 2:
		s += " (s, d " + typ + ")"
	}
	return s
}

// pointers loads the addresses of the slices and the length.
func (l *loop) pointers() {
	l.Load(l.Param(l.k.size).Len(), l.n)
	part := l.GP64()
	l.MOVQ(l.n, part)
	l.SHLQ(Imm(uint64(2+l.size()/8)), part)
	l.ptr = map[string]reg.GPVirtual{}
	for _, s := range append(append([]string{}, l.k.in...), l.k.out...) {
		if l.ptr[s] != nil {
			continue
		}
		base, index, _ := strings.Cut(s, ":")
		p := l.GP64().(reg.GPVirtual)
		l.Load(l.Param(base).Base(), p)
		i, _ := strconv.Atoi(index)
		for range i {
			l.ADDQ(part, p)
		}
		l.ptr[s] = p
	}
	l.XORQ(l.off, l.off)
}

func (l *loop) broadcast(m Op) value {
	v := l.vec()
	l.either(func(o ...Op) { l.VBROADCASTSS(o...) }, func(o ...Op) { l.VBROADCASTSD(o...) }, m, v)
	return v
}

func (l *loop) scalars() {
	for _, s := range l.k.scalars {
		a, err := l.Param(s).Resolve()
		if err != nil {
			panic(err)
		}
		l.s = append(l.s, l.broadcast(a.Addr))
	}
	for _, s := range l.k.update {
		a, err := l.Param("u").Field(s).Resolve()
		if err != nil {
			panic(err)
		}
		l.s = append(l.s, l.broadcast(a.Addr))
	}
	if l.k.prepare != nil {
		l.s = l.k.prepare(l, l.s)
	}
}

// rounds emits the loops over unroll vectors, over one, and the rest.
func (l *loop) rounds() {
	if l.k.unroll == 0 {
		l.k.unroll = 4
	}
	for range l.k.unroll {
		var a []reg.VecVirtual
		for range l.k.accs {
			v := l.vec()
			l.fill(v)
			a = append(a, v)
		}
		l.accs = append(l.accs, a)
	}
	l.repeat("round", "vectors", l.k.unroll)
	l.Label("vectors")
	l.repeat("vector", "rest", 1)
	l.Label("rest")
	l.TESTQ(l.n, l.n)
	l.JZ(LabelRef("end"))
	l.step(0, l.mask())
	l.Label("end")
}

// repeat runs count vectors as long as there are so many.
func (l *loop) repeat(name, next string, count int) {
	n := count * l.lanes()
	l.CMPQ(l.n, U32(uint32(n)))
	l.JLT(LabelRef(next))
	l.Label(name)
	for i := range count {
		l.step(i, nil)
	}
	l.ADDQ(U32(uint32(count*l.bytes())), l.off)
	l.SUBQ(U32(uint32(n)), l.n)
	l.CMPQ(l.n, U32(uint32(n)))
	l.JGE(LabelRef(name))
}

// fill sets an accumulator to the neutral element.
func (l *loop) fill(v reg.VecVirtual) {
	if l.k.acc == foldMax {
		l.either(l.VMOVUPS, l.VMOVUPD, l.num(math.Inf(-1)).(Op), v)
	} else if l.wide {
		l.VPXORD(v, v, v)
	} else {
		l.VXORPS(v, v, v)
	}
}

// step emits vector i of a round, or its lanes in mask.
func (l *loop) step(i int, mask value) {
	var x, acc []value
	for _, s := range l.k.in {
		x = append(x, l.load(Mem{Base: l.ptr[s], Index: l.off, Scale: 1, Disp: i * l.bytes()}, mask))
	}
	for _, a := range l.accs[i] {
		acc = append(acc, a)
	}
	out, sums := l.k.body(l, x, l.s, acc, mask)
	for j, s := range l.k.out {
		l.store(l.reg(out[j]), Mem{Base: l.ptr[s], Index: l.off, Scale: 1, Disp: i * l.bytes()}, mask)
	}
	for j, a := range sums {
		l.either(l.VMOVAPS, l.VMOVAPD, a.(Op), l.accs[i][j])
	}
}

// mask returns a mask of the first n lanes.
func (l *loop) mask() value {
	if l.wide {
		b, k := l.GP32(), l.K()
		l.MOVL(I32(-1), b)
		l.BZHIL(l.n.As32(), b, b)
		l.KMOVW(b, k)
		return k
	}
	m, p, off := l.YMM(), l.GP64(), l.GP64()
	l.LEAQ(NewDataAddr(Symbol{Name: "vecMasks", Static: true}, 0), p)
	l.MOVQ(l.n, off)
	l.NEGQ(off)
	l.VMOVUPS(Mem{Base: p, Index: off, Scale: uint8(l.size()), Disp: 32}, m)
	return m
}

func (l *loop) load(m Mem, mask value) value {
	if mask == nil {
		return l.move(m)
	}
	d := l.vec()
	if l.wide {
		l.either(func(o ...Op) { l.VMOVUPS_Z(o[0], o[1], o[2]) }, func(o ...Op) { l.VMOVUPD_Z(o[0], o[1], o[2]) }, m, mask.(Op), d)
	} else {
		l.either(func(o ...Op) { l.VMASKMOVPS(o[0], o[1], o[2]) }, func(o ...Op) { l.VMASKMOVPD(o[0], o[1], o[2]) }, m, mask.(Op), d)
	}
	return d
}

func (l *loop) store(v Op, m Mem, mask value) {
	switch {
	case mask == nil:
		l.either(l.VMOVUPS, l.VMOVUPD, v, m)
	case l.wide:
		l.either(l.VMOVUPS, l.VMOVUPD, v, mask.(Op), m)
	default:
		l.either(func(o ...Op) { l.VMASKMOVPS(o[0], o[1], o[2]) }, func(o ...Op) { l.VMASKMOVPD(o[0], o[1], o[2]) }, v, mask.(Op), m)
	}
}

// results folds the accumulators, in a fixed order, and stores what is returned.
func (l *loop) results() {
	for j := range l.k.accs {
		v := make([]value, len(l.accs))
		for i := range v {
			v[i] = l.accs[i][j]
		}
		for len(v) > 1 {
			h := len(v) / 2
			for i := range h {
				v[i] = l.fold(v[i], v[i+h])
			}
			v = v[:h]
		}
		x := l.across(v[0].(reg.VecVirtual))
		a, err := l.ReturnIndex(j).Resolve()
		if err != nil {
			panic(err)
		}
		if l.double {
			l.VMOVSD(x, a.Addr)
		} else {
			l.VMOVSS(x, a.Addr)
		}
	}
}

func (l *loop) fold(a, b value) value {
	if l.k.acc == foldMax {
		return maxNaN(l, a, b)
	}
	return l.add(a, b)
}

// across folds the lanes of a vector into the first.
func (l *loop) across(v reg.VecVirtual) Op {
	narrow := &loop{x86: &x86{Context: l.Context, isa: l.isa, double: l.double, consts: l.consts}, k: l.k}
	y := v
	if l.wide {
		high := l.YMM()
		l.VEXTRACTF64X4(Imm(1), v, high)
		y = narrow.fold(v.AsY(), high).(reg.VecVirtual)
	}
	for _, order := range []uint64{0, 0x4e, 0xb1} {
		t := l.YMM()
		if order == 0 {
			l.VPERM2F128(Imm(1), y, y, t)
		} else if l.double {
			if order == 0xb1 {
				break
			}
			l.VPERMILPD(Imm(5), y, t)
		} else {
			l.VPERMILPS(Imm(order), y, t)
		}
		y = narrow.fold(y, t).(reg.VecVirtual)
	}
	return y.AsX()
}
