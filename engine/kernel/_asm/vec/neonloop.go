package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// neonLoop is a kernel being emitted: R0 and on point to the slices, R20 counts
// numbers, R25 points to the constants.
type neonLoop struct {
	*neon
	k     spec
	frame frame
	ptr   map[string]int
	s     []value
	accs  [][]*neonReg // by vector of a round
}

// frame holds the offsets of arguments and results.
type frame struct {
	at   map[string]int
	size int
}

// layout places the arguments of a kernel as the compiler does.
func layout(k spec, size int) frame {
	f := frame{at: map[string]int{}}
	put := func(name string, align, bytes int) {
		f.size = (f.size + align - 1) / align * align
		f.at[name] = f.size
		f.size += bytes
	}
	var names []string
	for _, p := range strings.Split(strings.Trim(k.params, "()"), ", ") {
		name, typ, typed := strings.Cut(p, " ")
		if names = append(names, name); !typed {
			continue
		}
		for _, name := range names {
			switch typ {
			case "[]T":
				put(name, 8, 24)
			case "T":
				put(name, size, size)
			default: // the struct of an update
				for _, field := range k.update {
					put("u_"+field, size, size)
				}
				if typ == "SGDUpdate[T]" {
					put("u_Nesterov", size, size)
				}
			}
		}
		names = nil
	}
	if k.accs > 0 {
		f.size = (f.size + 7) &^ 7
		for _, name := range results(k) {
			put(name, size, size)
		}
	}
	return f
}

// results names what a kernel returns.
func results(k spec) []string { return [][]string{nil, {"ret"}, {"s", "d"}}[k.accs] }

// emitNEON writes the function of a spec and returns its name. As many constants
// as possible stay in registers, the most used first.
func emitNEON(k spec, double bool, pool *neonPool, out *bytes.Buffer) string {
	name := fmt.Sprintf("%sF%dNEON", k.name, map[bool]int{true: 64, false: 32}[double])
	first := newNeonLoop(k, double, pool, nil)
	consts := slices.SortedFunc(maps.Keys(first.used), func(a, b neonConst) int {
		return cmp.Or(first.used[b]-first.used[a], slices.Compare(a[:], b[:]))
	})
	for count := min(len(consts), 24); count >= 0; count-- {
		if l := newNeonLoop(k, double, pool, consts[:count]); l.assign() {
			fmt.Fprintf(out, "\n// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", name, signature(k, l.typ(), false), name, l.frame.size)
			l.text(out)
			return name
		}
	}
	panic("vec: " + name + " needs more than 32 registers")
}

// newNeonLoop emits a kernel with the given constants in registers.
func newNeonLoop(k spec, double bool, pool *neonPool, keep []neonConst) *neonLoop {
	n := &neon{double: double, pinned: map[neonConst]*neonReg{}, used: map[neonConst]int{}, pool: pool}
	l := &neonLoop{neon: n, k: k, frame: layout(k, n.size()), ptr: map[string]int{}}
	l.pointers()
	for _, c := range keep {
		r := n.load(c)
		r.pin, n.pinned[c] = true, r
	}
	l.scalars()
	l.rounds()
	l.results()
	n.line("RET")
	return l
}

// pointers loads the addresses of the slices, the length and that of constants.
func (l *neonLoop) pointers() {
	l.line("MOVD $vecNEON<>(SB), R25")
	l.line("MOVD %s_len+%d(FP), R20", l.k.size, l.frame.at[l.k.size]+8)
	for _, s := range append(l.k.in[:len(l.k.in):len(l.k.in)], l.k.out...) {
		if _, ok := l.ptr[s]; ok {
			continue
		}
		p := len(l.ptr)
		l.ptr[s] = p
		base, index, _ := strings.Cut(s, ":")
		l.line("MOVD %s_base+%d(FP), R%d", base, l.frame.at[base], p)
		parts, _ := strconv.Atoi(index)
		for range parts {
			l.line("ADD R20<<%d, R%d, R%d", 2+l.size()/8, p, p)
		}
	}
}

// scalars fills vectors with the other arguments.
func (l *neonLoop) scalars() {
	names := l.k.scalars[:len(l.k.scalars):len(l.k.scalars)]
	for _, u := range l.k.update {
		names = append(names, "u_"+u)
	}
	for _, s := range names {
		x := l.push(&neonOp{text: fmt.Sprintf("FMOV%s %s+%d(FP), F%%d", l.scalar(), s, l.frame.at[s]), dst: &neonReg{}})
		word := map[bool]uint32{true: 0x4e080400, false: 0x4e040400}[l.double]
		l.s = append(l.s, l.def("DUP", word, x, nil))
	}
	if l.k.prepare != nil {
		l.s = l.k.prepare(l, l.s)
	}
	for _, s := range l.s {
		s.(*neonReg).pin = true
	}
}

// rounds emits the loops over unroll vectors, over one, and over what is left.
func (l *neonLoop) rounds() {
	l.k.unroll = cmp.Or(l.k.unroll, 4)
	for range l.k.unroll {
		var a []*neonReg
		for range l.k.accs {
			zero := l.num(0)
			if l.k.acc == foldMax {
				zero = l.num(math.Inf(-1))
			}
			r := l.copyOf(zero)
			r.pin = true
			a = append(a, r)
		}
		l.accs = append(l.accs, a)
	}
	l.repeat("round", "vectors", l.k.unroll)
	l.line("vectors:")
	l.repeat("vector", "rest", 1)
	l.line("rest:")
	l.line("CBZ R20, end")
	l.line("element:")
	l.step(0, l.first(), "FMOV"+l.scalar())
	l.advance(1)
	l.line("CBNZ R20, element")
	l.line("end:")
}

// repeat runs count vectors as long as there are so many.
func (l *neonLoop) repeat(name, next string, count int) {
	l.line("CMP $%d, R20", count*l.lanes())
	l.line("BLT %s", next)
	l.line("%s:", name)
	for i := range count {
		l.step(i, nil, "FMOVQ")
	}
	l.advance(count * l.lanes())
	l.line("CMP $%d, R20", count*l.lanes())
	l.line("BGE %s", name)
}

// advance moves on by some numbers.
func (l *neonLoop) advance(numbers int) {
	for p := range len(l.ptr) {
		l.line("ADD $%d, R%d, R%d", numbers*l.size(), p, p)
	}
	l.line("SUB $%d, R20, R20", numbers)
}

// step emits vector i of a round with an instruction that moves what lies in mask.
func (l *neonLoop) step(i int, mask value, move string) {
	var x, acc []value
	for _, s := range l.k.in {
		x = append(x, l.push(&neonOp{text: fmt.Sprintf("%s %d(R%d), F%%d", move, 16*i, l.ptr[s]), dst: &neonReg{}}))
	}
	for _, a := range l.accs[i] {
		acc = append(acc, a)
	}
	out, sums := l.k.body(l, x, l.s, acc, mask)
	for j, s := range l.k.out {
		l.code = append(l.code, &neonOp{text: fmt.Sprintf("%s F%%d, %d(R%d)", move, 16*i, l.ptr[s]), a: l.reg(out[j])})
	}
	for j, a := range sums {
		l.into(l.accs[i][j], a.(*neonReg))
	}
}

// results folds the accumulators, in a fixed order, and stores what is returned.
func (l *neonLoop) results() {
	for j, name := range results(l.k) {
		v := make([]value, len(l.accs))
		for i := range v {
			v[i] = l.accs[i][j]
		}
		for ; len(v) > 1; v = v[:len(v)/2] {
			for i := range len(v) / 2 {
				v[i] = l.fold("", v[i], v[i+len(v)/2])
			}
		}
		for range 3 - l.size()/4 {
			v[0] = l.fold("P", v[0], v[0])
		}
		l.code = append(l.code, &neonOp{text: fmt.Sprintf("FMOV%s F%%d, %s+%d(FP)", l.scalar(), name, l.frame.at[name]), a: v[0].(*neonReg)})
	}
}

// fold joins two vectors or, with pairs "P", neighbours in them.
func (l *neonLoop) fold(pairs string, a, b value) value {
	word := uint32(0x4e20d400)
	name := "FADD"
	if l.k.acc == foldMax {
		word, name = 0x4e20f400, "FMAX"
	}
	if pairs != "" {
		word |= 1 << 29
	}
	return l.numbers(name+pairs, word, a, b)
}

// writeNEON writes the arm64 files.
func writeNEON() error {
	t, pool, code := &tables{}, &neonPool{offset: map[neonConst]int{}}, &bytes.Buffer{}
	for _, double := range []bool{false, true} {
		typ := map[bool]string{true: "float64", false: "float32"}[double]
		t.begin(typ, "NEON")
		for _, k := range specs() {
			if !double || !k.single {
				t.add(k, emitNEON(k, double, pool, code), typ)
			}
		}
		t.end()
	}
	out := bytes.NewBufferString("// Code generated by command: _asm/vec. DO NOT EDIT.\n\n//go:build !purego\n\n#include \"textflag.h\"\n\n")
	for i, c := range pool.list {
		fmt.Fprintf(out, "DATA vecNEON<>+%d(SB)/8, $%#016x\nDATA vecNEON<>+%d(SB)/8, $%#016x\n", 16*i, c[0], 16*i+8, c[1])
	}
	fmt.Fprintf(out, "GLOBL vecNEON<>(SB), RODATA|NOPTR, $%d\n", 16*len(pool.list))
	out.Write(code.Bytes())
	if err := os.WriteFile(filepath.Join(*dir, "vec_neon_arm64.s"), out.Bytes(), 0o644); err != nil {
		return err
	}
	return t.write("vec_decl_arm64.go")
}
