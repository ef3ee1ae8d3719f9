package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of quads in package kernel.
const (
	quadA, quadB, quadC       = 0, 8, 16
	quadGroups, quadLDA       = 24, 32
	quadLDC, quadCols         = 40, 48
	quadStart, quadSW, quadSA = 56, 64, 72
)

// quad emits the products of narrow numbers: each 32-bit lane takes groups of
// four int8 or two bfloat16. All vector registers are fixed.
type quad struct {
	*flavour
	int8 bool
	rows int
	nr   int
	acc  [][]reg.VecPhysical
}

func emitQuad512(c *build.Context, d *decls) {
	f := &flavour{Context: c, isa: "AVX512", wide: true}
	f.quads(d, "Int8", 8, 48)
	f.quads(d, "BF16", 8, 48)
}

func emitQuad2(c *build.Context, d *decls) {
	f := &flavour{Context: c, isa: "AVX2"}
	emitMaskTable(c)
	f.quads(d, "Int8", 2, 16)
	f.quads(d, "BF16", 4, 16)
	f.absMax(d)
	f.quantise(d)
	f.toBF16(d)
}

// quads emits the tiles of up to mr rows and their table.
func (f *flavour) quads(d *decls, kind string, mr, nr int) {
	fmt.Fprintf(&d.tables, "\nvar quads%s%s = [maxQuadRows + 1]func(*quads){\n", kind, f.isa)
	for rows := 1; rows <= mr; rows++ {
		q := &quad{flavour: f, int8: kind == "Int8", rows: rows, nr: nr}
		name := fmt.Sprintf("quad%s%s_%d", kind, f.isa, rows)
		q.tile(d, name)
		fmt.Fprintf(&d.tables, "\t%d: %s,\n", rows, name)
	}
	d.tables.WriteString("}\n")
}

var zmm = []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10,
	reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15, reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}

var ymms = []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}

func (q *quad) tile(d *decls, name string) {
	arg := q.begin(d, name, "q", "quads", fmt.Sprintf("multiplies %d rows with %d packed columns.", q.rows, q.nr))
	r := &addresses{a: q.field(arg, quadA), b: q.field(arg, quadB), k: q.field(arg, quadGroups), ai: q.field(arg, quadLDA)}
	q.multiples(r, q.rows)
	q.clearAcc(arg)
	q.Label("group")
	switch {
	case q.wide:
		q.step512(r)
	case q.int8:
		q.stepInt8(r)
	default:
		q.stepBF16(r)
	}
	q.ADDQ(Imm(4), r.a)
	q.ADDQ(Imm(uint64(4*q.nr)), r.b)
	q.DECQ(r.k)
	q.JNZ(LabelRef("group"))
	if q.int8 && !q.wide {
		q.joinHalves()
	}
	if q.int8 {
		q.scale(arg)
	}
	q.storeRows(arg)
	q.VZEROUPPER()
	q.RET()
}

// clearAcc assigns the accumulators and sets them to zero.
func (q *quad) clearAcc(arg reg.GPVirtual) {
	per, next := q.nr/q.lanes(), zmm[8:]
	switch {
	case q.wide:
	case q.int8:
		per, next = 2*per, ymms[6:] // each column has two partial sums
	default:
		next = ymms[7:]
	}
	q.acc = nil
	for range q.rows {
		q.acc = append(q.acc, next[:per:per])
		next = next[per:]
	}
	for _, row := range q.acc {
		for _, v := range row {
			q.zero(v)
		}
	}
}

// step512 is one VPDPBUSD or VDPBF16PS for each accumulator.
func (q *quad) step512(r *addresses) {
	for v := range 3 {
		q.VMOVDQU32(Mem{Base: r.b, Disp: 64 * v}, zmm[v])
	}
	for i := range q.rows {
		a := zmm[3+i%4]
		q.VPBROADCASTD(r.row(i), a)
		for v, acc := range q.acc[i] {
			if q.int8 {
				q.VPDPBUSD(zmm[v], a, acc)
			} else {
				q.dotBF16(zmm[v], a, acc)
			}
		}
	}
}

// dotBF16 emits VDPBF16PS x, y, acc, which the assembler does not know.
func (q *quad) dotBF16(x, y, acc reg.VecPhysical) {
	X, Y, A := number(x), number(y), number(acc)
	not := func(v, bit, at int) int { return (^v >> bit & 1) << at }
	for _, b := range []int{0x62,
		not(A, 3, 7) | not(X, 4, 6) | not(X, 3, 5) | not(A, 4, 4) | 2,
		(^Y&15)<<3 | 4 | 2,
		0x40 | not(Y, 4, 3),
		0x52,
		0xc0 | A&7<<3 | X&7} {
		q.Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{U8(b)}})
	}
}

// number is the index of a vector register.
func number(r reg.VecPhysical) int {
	for i, z := range zmm {
		if z == r {
			return i
		}
	}
	panic("not a ZMM register")
}

// stepInt8 widens to 16 bits: VPMADDUBSW would saturate.
func (q *quad) stepInt8(r *addresses) {
	for v := range 4 {
		q.VPMOVSXBW(Mem{Base: r.b, Disp: 16 * v}, ymms[v])
	}
	for i := range q.rows {
		q.VPBROADCASTD(r.row(i), reg.X4)
		q.VPMOVZXBW(reg.X4, reg.Y4)
		for v, acc := range q.acc[i] {
			q.VPMADDWD(ymms[v], reg.Y4, reg.Y5)
			q.VPADDD(reg.Y5, acc, acc)
		}
	}
}

// joinHalves adds the partial sums of each column: 4 registers become 2.
func (q *quad) joinHalves() {
	for i, acc := range q.acc {
		for v := range 2 {
			q.VPHADDD(acc[2*v+1], acc[2*v], acc[v])
			q.VPERMQ(Imm(0xd8), acc[v], acc[v])
		}
		q.acc[i] = acc[:2]
	}
}

// stepBF16 widens to float32: the even number of a pair by a shift, the odd one
// by clearing the other.
func (q *quad) stepBF16(r *addresses) {
	q.VPCMPEQD(reg.Y6, reg.Y6, reg.Y6)
	q.VPSLLD(Imm(16), reg.Y6, reg.Y6)
	for v := range 2 {
		m := Mem{Base: r.b, Disp: 32 * v}
		q.VMOVDQU(m, ymms[2*v])
		q.VPAND(reg.Y6, ymms[2*v], ymms[2*v+1])
		q.VPSLLD(Imm(16), ymms[2*v], ymms[2*v])
	}
	for i := range q.rows {
		q.VPBROADCASTD(r.row(i), reg.Y4)
		q.VPAND(reg.Y6, reg.Y4, reg.Y5)
		q.VPSLLD(Imm(16), reg.Y4, reg.Y4)
		for v, acc := range q.acc[i] {
			q.VFMADD231PS(ymms[2*v], reg.Y4, acc)
			q.VFMADD231PS(ymms[2*v+1], reg.Y5, acc)
		}
	}
}

// scale turns integer sums into float32(sum + start) * sw * sa.
func (q *quad) scale(arg reg.GPVirtual) {
	start, sw, sa := q.field(arg, quadStart), q.field(arg, quadSW), q.field(arg, quadSA)
	t := ymms
	if q.wide {
		t = zmm
	}
	for v := range q.acc[0] {
		m := Mem{Base: start, Disp: v * q.bytes()}
		if q.wide {
			q.VMOVDQU32(m, t[0])
		} else {
			q.VMOVDQU(m, t[0])
		}
		q.VMOVUPS(Mem{Base: sw, Disp: v * q.bytes()}, t[1])
		for i := range q.acc {
			acc := q.acc[i][v]
			q.VBROADCASTSS(Mem{Base: sa, Disp: 4 * i}, t[2])
			q.VPADDD(t[0], acc, acc)
			q.VCVTDQ2PS(acc, acc)
			q.VMULPS(t[1], acc, acc)
			q.VMULPS(t[2], acc, acc)
		}
	}
}

// storeRows writes the columns that there are.
func (q *quad) storeRows(arg reg.GPVirtual) {
	c, ldc := q.field(arg, quadC), q.stride(arg, quadLDC)
	var masks []reg.Register
	cols, zero := q.field(arg, quadCols), q.GP64()
	q.XORQ(zero, zero)
	for v := range q.acc[0] {
		n := q.GP64()
		q.MOVQ(cols, n)
		q.SUBQ(Imm(uint64(v*q.lanes())), n)
		q.CMOVQLT(zero, n)
		if !q.wide { // the table ends after a whole vector
			most := q.GP64()
			q.MOVQ(U64(uint64(q.lanes())), most)
			q.CMPQ(n, most)
			q.CMOVQGT(most, n)
		}
		masks = append(masks, q.mask(n.(reg.GPVirtual)))
	}
	for _, row := range q.acc {
		for v, acc := range row {
			q.storeMasked(acc, masks[v], Mem{Base: c, Disp: v * q.bytes()})
		}
		q.ADDQ(ldc, c)
	}
}
