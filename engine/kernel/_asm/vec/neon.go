package main

import (
	"fmt"
	"math"
)

// neon is the machine of arm64 with an element type. It writes single static
// assignments, which assign.go gives registers. The assembler lacks most of the
// instructions on vectors of numbers, so that they are written as words.
type neon struct {
	double bool
	code   []*neonOp
	pinned map[neonConst]*neonReg // constants that stay in a register
	used   map[neonConst]int      // how often a constant is used
	pool   *neonPool
}

// neonReg is a virtual register. It is its own for the whole function if pinned,
// and else from its first definition to its last use.
type neonReg struct {
	pin     bool
	first   int // of the instructions that define or read it
	last    int
	machine int
}

// neonConst is a constant of 16 bytes.
type neonConst [2]uint64

// neonOp is an instruction: a word with the numbers of registers, or a line of
// text in which %d is that of dst, else of a. tied says that dst is read as well.
type neonOp struct {
	word uint32
	name string
	text string
	dst  *neonReg
	a, b *neonReg
	tied bool
}

// neonPool is the read-only data of the file.
type neonPool struct {
	offset map[neonConst]int
	list   []neonConst
}

func (p *neonPool) at(c neonConst) int {
	off, ok := p.offset[c]
	if !ok {
		off = 16 * len(p.list)
		p.offset[c], p.list = off, append(p.list, c)
	}
	return off
}

func (n *neon) size() int   { return map[bool]int{true: 8, false: 4}[n.double] }
func (n *neon) lanes() int  { return 16 / n.size() }
func (n *neon) typ() string { return fmt.Sprintf("float%d", 8*n.size()) }

// scalar is the letter of instructions on one number.
func (n *neon) scalar() string { return map[bool]string{true: "D", false: "S"}[n.double] }

// push appends an instruction and returns its destination.
func (n *neon) push(op *neonOp) *neonReg {
	n.code = append(n.code, op)
	return op.dst
}

// line emits text without vector registers.
func (n *neon) line(format string, args ...any) {
	n.code = append(n.code, &neonOp{text: fmt.Sprintf(format, args...)})
}

// def emits an instruction on the bits of up to two registers.
func (n *neon) def(name string, word uint32, a, b value) value {
	op := &neonOp{word: word, name: name, dst: &neonReg{}, a: n.reg(a)}
	if b != nil {
		op.b = n.reg(b)
	}
	return n.push(op)
}

// numbers emits an instruction on numbers, whose bit 22 says that they are double.
func (n *neon) numbers(name string, word uint32, a, b value) value {
	return n.def(name, n.wide(word), a, b)
}

// onto emits an instruction that changes a copy of c.
func (n *neon) onto(name string, word uint32, c, a, b value) value {
	d := n.copyOf(c)
	n.push(&neonOp{word: word, name: name, dst: d, a: n.reg(a), b: n.reg(b), tied: true})
	return d
}

// copyOf returns a register of its own.
func (n *neon) copyOf(a value) *neonReg {
	if c, ok := a.(neonConst); ok && n.pinned[c] == nil {
		return n.reg(c)
	}
	return n.push(n.move(&neonReg{}, n.reg(a)))
}

func (n *neon) move(dst, src *neonReg) *neonOp {
	return &neonOp{word: 0x4ea01c00, name: "MOV", dst: dst, a: src, b: src}
}

// reg returns a value in a register.
func (n *neon) reg(a value) *neonReg {
	c, ok := a.(neonConst)
	if !ok {
		return a.(*neonReg)
	}
	n.used[c]++
	if r := n.pinned[c]; r != nil {
		return r
	}
	return n.load(c)
}

func (n *neon) load(c neonConst) *neonReg {
	return n.push(&neonOp{text: fmt.Sprintf("FMOVQ %d(R25), F%%d", n.pool.at(c)), dst: &neonReg{}})
}

func (n *neon) num(x float64) value { return n.bits(floatBits(x, n.double)) }

// bits is a constant with the given bits in every lane.
func (n *neon) bits(b uint64) value {
	b = eachLane(b, n.double)
	return neonConst{b, b}
}

// first is the mask of the first lane.
func (n *neon) first() value { return neonConst{math.MaxUint64 >> (64 - 8*n.size())} }

func (n *neon) add(a, b value) value { return n.numbers("FADD", 0x4e20d400, a, b) }
func (n *neon) sub(a, b value) value { return n.numbers("FSUB", 0x4ea0d400, a, b) }
func (n *neon) mul(a, b value) value { return n.numbers("FMUL", 0x6e20dc00, a, b) }
func (n *neon) div(a, b value) value { return n.numbers("FDIV", 0x6e20fc00, a, b) }
func (n *neon) max(a, b value) value { return n.numbers("FMAX", 0x4e20f400, a, b) }
func (n *neon) min(a, b value) value { return n.numbers("FMIN", 0x4ea0f400, a, b) }
func (n *neon) sqrt(a value) value   { return n.numbers("FSQRT", 0x6ea1f800, a, nil) }
func (n *neon) abs(a value) value    { return n.numbers("FABS", 0x4ea0f800, a, nil) }

// wide sets bit 22 in double precision.
func (n *neon) wide(word uint32) uint32 {
	if n.double {
		return word | 1<<22
	}
	return word
}

func (n *neon) fma(a, b, c value) value  { return n.onto("FMLA", n.wide(0x4e20cc00), c, a, b) }
func (n *neon) fnma(a, b, c value) value { return n.onto("FMLS", n.wide(0x4ea0cc00), c, a, b) }

func (n *neon) greater(a, b value) value { return n.numbers("FCMGT", 0x6ea0e400, a, b) }
func (n *neon) equal(a, b value) value   { return n.numbers("FCMEQ", 0x4e20e400, a, b) }
func (n *neon) unordered(a value) value {
	return n.def("NOT", 0x6e205800, n.equal(a, a), nil)
}

func (n *neon) sel(mask, a, b value) value { return n.onto("BSL", 0x6e601c00, mask, a, b) }
func (n *neon) only(mask, a value) value   { return n.def("AND", 0x4e201c00, mask, a) }

func (n *neon) copySign(a, sign value) value {
	return n.def("ORR", 0x4ea01c00, a, n.only(n.num(math.Copysign(0, -1)), sign))
}

func (n *neon) round(a value) value { return n.numbers("FRINTN", 0x4e218800, a, nil) }

// pow2 multiplies by two powers, as one may not be a float32.
func (n *neon) pow2(a, e value) value {
	i := n.def("FCVTNS", 0x4e21a800, e, nil)
	half := n.def("SSHR $1", 0x4f3f0400, i, nil)
	rest := n.def("SUB", 0x6ea08400, i, half)
	return n.mul(n.mul(a, n.power(half)), n.power(rest))
}

// power returns 2^i for integers i.
func (n *neon) power(i value) value {
	return n.def("SHL $23", 0x4f375400, n.def("ADD", 0x4ea08400, i, n.bits(127)), nil)
}
