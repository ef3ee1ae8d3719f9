package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of convTile in package kernel.
const (
	ctA, ctB      = 0, 8 // three of b
	ctC, ctOff    = 32, 40
	ctK, ctLDC    = 48, 56
	ctCols, ctAdd = 64, 72
)

// convMR is the distance of the rows of a packed A, in numbers.
const convMR = 8

// writeConv writes the kernels of the convolutions.
func writeConv() error {
	d := &decls{}
	for _, f := range []struct {
		name string
		emit func(*build.Context, *decls)
	}{
		{"conv_avx512_amd64.s", emitConv512},
		{"conv_avx2_amd64.s", emitConv2},
	} {
		c := build.NewContext()
		f.emit(c, d)
		if err := write(c, f.name); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return d.write("conv_decl_amd64.go")
}

func emitConv512(c *build.Context, d *decls) {
	for _, double := range []bool{false, true} {
		f := &flavour{Context: c, isa: "AVX512", wide: true, double: double}
		f.convPath(d, 8, 3, 4)
	}
}

func emitConv2(c *build.Context, d *decls) {
	emitMaskTable(c)
	for _, double := range []bool{false, true} {
		f := &flavour{Context: c, isa: "AVX2", double: double}
		emitLaneBits(f)
		f.convPath(d, 6, 2, 2)
		f.evenCols(d)
		f.interleave(d)
		if !double {
			emitPairTable(f)
			f.poolPairs(d)
			f.poolPairsGrad(d)
		}
	}
}

// convPath emits the kernels of one path and the tables that name them.
func (f *flavour) convPath(d *decls, mr, nv, dots int) {
	fmt.Fprintf(&d.tables, "\nvar convTiles%s = [maxMR + 1][maxNV + 1]func(*convTile[%s]){\n", f.suffix(), f.typ())
	for rows := 1; rows <= mr; rows++ {
		fmt.Fprintf(&d.tables, "\t%d: {", rows)
		for v := 1; v <= nv; v++ {
			if v > 1 {
				d.tables.WriteString(", ")
			}
			fmt.Fprintf(&d.tables, "%d: %s", v, f.convTile(d, rows, v))
		}
		d.tables.WriteString("},\n")
	}
	d.tables.WriteString("}\n")
	fmt.Fprintf(&d.tables, "\nvar convDots%s = [maxConvDots + 1][maxConvTaps + 1]func(*convDots[%s]){\n", f.suffix(), f.typ())
	for rows := 1; rows <= dots; rows++ {
		fmt.Fprintf(&d.tables, "\t%d: {", rows)
		for taps := 1; taps <= maxConvTaps; taps++ {
			if taps > 1 {
				d.tables.WriteString(", ")
			}
			fmt.Fprintf(&d.tables, "%d: %s", taps, f.convDots(d, rows, taps))
		}
		d.tables.WriteString("},\n")
	}
	d.tables.WriteString("}\n")
	f.shiftRows(d)
	f.sumTerms(d)
	f.sparseTable(d)
	f.wino(d)
}

// convTile emits C = A B, or C += A B, for rows x nv vectors of C, where vector v
// of row l of B starts off[l] bytes after b[v].
func (f *flavour) convTile(d *decls, rows, nv int) string {
	name := fmt.Sprintf("convTile%s_%dx%d", f.suffix(), rows, nv)
	arg := f.begin(d, name, "t", "convTile["+f.typ()+"]", fmt.Sprintf("computes %d rows of up to %d columns.", rows, nv*f.lanes()))
	a, off, k := f.field(arg, ctA), f.field(arg, ctOff), f.field(arg, ctK)
	var b []reg.GPVirtual
	for v := range nv {
		b = append(b, f.field(arg, ctB+8*v))
	}
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		for range nv {
			v := f.vec()
			f.zero(v)
			acc[i] = append(acc[i], v)
		}
	}
	n := f.GP64()
	f.MOVQ(k, n)
	f.SHRQ(Imm(1), n)
	f.JZ(LabelRef("odd"))
	f.Label("pair")
	f.PREFETCHT0(Mem{Base: a, Disp: prefetchA})
	f.convStep(a, b, off, 0, acc)
	f.convStep(a, b, off, 1, acc)
	f.ADDQ(Imm(uint64(2*convMR*f.size())), a)
	f.ADDQ(Imm(16), off)
	f.DECQ(n)
	f.JNZ(LabelRef("pair"))
	f.Label("odd")
	f.TESTQ(U32(1), k)
	f.JZ(LabelRef("sums"))
	f.convStep(a, b, off, 0, acc)
	f.Label("sums")
	f.convStore(arg, acc)
	return name
}

// convStep adds the outer product of one column of A and one row of B.
func (f *flavour) convStep(a reg.GPVirtual, b []reg.GPVirtual, off reg.GPVirtual, nth int, acc [][]reg.VecVirtual) {
	at := f.GP64()
	f.MOVQ(Mem{Base: off, Disp: 8 * nth}, at)
	var row []reg.VecVirtual
	for v := range acc[0] {
		row = append(row, f.vec())
		f.load(Mem{Base: b[v], Index: at, Scale: 1}, row[v])
	}
	for i := range acc {
		x := f.vec()
		f.broadcast(Mem{Base: a, Disp: (nth*convMR + i) * f.size()}, x)
		for v := range row {
			f.fma(x, row[v], acc[i][v])
		}
	}
}

// convStore stores the sums, or adds them to C; the last vector of a row may be
// incomplete.
func (f *flavour) convStore(arg reg.GPVirtual, acc [][]reg.VecVirtual) {
	rest := f.field(arg, ctCols)
	f.SUBQ(Imm(uint64((len(acc[0])-1)*f.lanes())), rest)
	c, ldc, add := f.field(arg, ctC), f.stride(arg, ctLDC), f.field(arg, ctAdd)
	mask := f.mask(rest)
	f.TESTQ(add, add)
	f.JZ(LabelRef("overwrite"))
	for _, update := range []bool{true, false} {
		if !update {
			f.Label("overwrite")
		}
		p := f.GP64()
		f.MOVQ(c, p)
		for _, row := range acc {
			for v, x := range row {
				var m reg.Register
				if v == len(row)-1 {
					m = mask
				}
				at := Mem{Base: p, Disp: v * f.bytes()}
				if update {
					old := f.vec()
					f.loadMasked(at, m, old)
					f.add(old, x, x)
				}
				f.storeMasked(x, m, at)
			}
			f.ADDQ(ldc, p)
		}
		f.VZEROUPPER()
		f.RET()
	}
}
