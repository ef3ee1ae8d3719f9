package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
)

// emitAVX512 writes the kernels of the avx512 path: tiles of 8 x 48 float32 and
// 8 x 24 float64, 24 of the 32 registers.
func emitAVX512(c *build.Context, d *decls) {
	for _, double := range []bool{false, true} {
		f := &flavour{Context: c, isa: "AVX512", wide: true, double: double}
		f.path(d, 8, 3, 4)
	}
}

// emitAVX2 writes the kernels of the avx2 path: tiles of 6 x 16 float32 and
// 6 x 8 float64, 12 of the 16 registers, and the packing of both paths.
func emitAVX2(c *build.Context, d *decls) {
	emitMaskTable(c)
	for _, double := range []bool{false, true} {
		f := &flavour{Context: c, isa: "AVX2", double: double}
		f.path(d, 6, 2, 2)
		f.transpose(d)
		f.copyRows(d)
		if !double {
			f.copyPair(d)
		}
	}
}

// path emits the kernels of one path and the table that names them.
func (f *flavour) path(d *decls, mr, nv, dots int) {
	fmt.Fprintf(&d.tables, "\nvar tiles%s = [maxMR + 1][maxNV + 1]func(*tile[%s]){\n", f.suffix(), f.typ())
	for rows := 1; rows <= mr; rows++ {
		fmt.Fprintf(&d.tables, "\t%d: {", rows)
		for v := 1; v <= nv; v++ {
			if v > 1 {
				d.tables.WriteString(", ")
			}
			fmt.Fprintf(&d.tables, "%d: %s", v, f.tile(d, rows, v))
		}
		d.tables.WriteString("},\n")
	}
	d.tables.WriteString("}\n")
	fmt.Fprintf(&d.tables, "\nvar dots%s = [maxDots + 1]func(*dots[%s]){\n", f.suffix(), f.typ())
	for rows := 1; rows <= dots; rows++ {
		fmt.Fprintf(&d.tables, "\t%d: %s,\n", rows, f.dot(d, rows))
	}
	d.tables.WriteString("}\n")
	fmt.Fprintf(&d.tables, "\nvar axpys%s = [maxAxpys + 1]func(*axpys[%s]){\n", f.suffix(), f.typ())
	for rows := 1; rows <= maxAxpys; rows++ {
		fmt.Fprintf(&d.tables, "\t%d: %s,\n", rows, f.axpy(d, rows))
	}
	d.tables.WriteString("}\n")
	f.finish(d)
	f.weightStep(d)
}
