package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of convSparseRows in package kernel. ldd and lds are in
// bytes, lde in entries.
const (
	srDst, srSrc   = 0, 8
	srIdx, srVal   = 16, 24
	srCount        = 32
	srRows         = 40
	srLDD, srLDS   = 48, 56
	srLDE, srAdd   = 64, 72
	sparseVecs     = 8
	sparseIdxBytes = 4
)

// sparseTable emits the products of sparse rows for every width and the table that
// names them.
func (f *flavour) sparseTable(d *decls) {
	fmt.Fprintf(&d.tables, "\nvar convSparse%s = [maxSparse + 1]func(*convSparseRows[%s]){\n", f.suffix(), f.typ())
	for nv := 1; nv <= sparseVecs; nv++ {
		fmt.Fprintf(&d.tables, "\t%d: %s,\n", nv, f.sparseRows(d, nv))
	}
	d.tables.WriteString("}\n")
}

// sparseRows emits the product of sparse rows with nv vectors of each row of src.
func (f *flavour) sparseRows(d *decls, nv int) string {
	name := fmt.Sprintf("convSparse%s_%d", f.suffix(), nv)
	arg := f.begin(d, name, "r", "convSparseRows["+f.typ()+"]", fmt.Sprintf("multiplies sparse rows with %d columns.", nv*f.lanes()))
	dst, src, idx, val := f.field(arg, srDst), f.field(arg, srSrc), f.field(arg, srIdx), f.field(arg, srVal)
	count, rows, lds := f.field(arg, srCount), f.field(arg, srRows), f.field(arg, srLDS)
	lde := f.field(arg, srLDE)
	acc := make([]reg.VecVirtual, nv)
	for v := range acc {
		acc[v] = f.vec()
	}
	f.Label("row")
	f.CMPQ(Mem{Base: arg, Disp: srAdd}, Imm(0))
	f.JEQ(LabelRef("zero"))
	for v := range acc {
		f.load(Mem{Base: dst, Disp: v * f.bytes()}, acc[v])
	}
	f.JMP(LabelRef("entries"))
	f.Label("zero")
	for v := range acc {
		f.zero(acc[v])
	}
	f.Label("entries")
	n, p, q := f.field(count, 0), f.GP64(), f.GP64()
	f.MOVQ(idx, p)
	f.MOVQ(val, q)
	f.TESTQ(n, n)
	f.JZ(LabelRef("store"))
	f.Label("entry")
	at, x := f.GP64(), f.vec()
	f.MOVLQSX(Mem{Base: p}, at)
	f.IMULQ(lds, at)
	f.broadcast(Mem{Base: q}, x)
	for v := range acc {
		f.fma(Mem{Base: src, Index: at, Scale: 1, Disp: v * f.bytes()}, x, acc[v])
	}
	f.ADDQ(Imm(sparseIdxBytes), p)
	f.ADDQ(Imm(uint64(f.size())), q)
	f.DECQ(n)
	f.JNZ(LabelRef("entry"))
	f.Label("store")
	for v := range acc {
		f.store(acc[v], Mem{Base: dst, Disp: v * f.bytes()})
	}
	f.ADDQ(Mem{Base: arg, Disp: srLDD}, dst)
	f.LEAQ(Mem{Base: idx, Index: lde, Scale: sparseIdxBytes}, idx)
	f.LEAQ(Mem{Base: val, Index: lde, Scale: uint8(f.size())}, val)
	f.ADDQ(Imm(8), count)
	f.DECQ(rows)
	f.JNZ(LabelRef("row"))
	f.VZEROUPPER()
	f.RET()
	return name
}
