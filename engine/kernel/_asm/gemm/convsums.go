package main

import . "github.com/mmcloughlin/avo/operand"

// Offsets of the fields of convSums, convSum and convTerm in package kernel, and
// the sizes of the latter two.
const (
	csDst, csSrc          = 0, 8
	csSums, csTerms       = 16, 24
	csCount, csChannels   = 32, 40
	csNextDst, csNextSrc  = 48, 56
	csSumDst, csSumMask   = 0, 8
	csSumTerms, csSumSize = 16, 24
	csTermSrc, csTermMask = 0, 8
	csTermSize            = 16
)

// sumTerms emits sums of vectors that lie anywhere, lanes without a bit in the
// mask being zero.
func (f *flavour) sumTerms(d *decls) {
	arg := f.begin(d, "sumTerms"+f.suffix(), "s", "convSums["+f.typ()+"]", "adds up terms.")
	dst, src, channels := f.field(arg, csDst), f.field(arg, csSrc), f.field(arg, csChannels)
	f.Label("channel")
	sum, term, count := f.field(arg, csSums), f.field(arg, csTerms), f.field(arg, csCount)
	f.Label("sum")
	acc := f.vec()
	f.zero(acc)
	n := f.field(sum, csSumTerms)
	f.TESTQ(n, n)
	f.JZ(LabelRef("store"))
	f.Label("term")
	v, from := f.vec(), f.field(term, csTermSrc)
	f.loadMasked(Mem{Base: src, Index: from, Scale: 1}, f.bitMask(term, csTermMask), v)
	f.add(v, acc, acc)
	f.ADDQ(Imm(csTermSize), term)
	f.DECQ(n)
	f.JNZ(LabelRef("term"))
	f.Label("store")
	to := f.field(sum, csSumDst)
	f.storeMasked(acc, f.bitMask(sum, csSumMask), Mem{Base: dst, Index: to, Scale: 1})
	f.ADDQ(Imm(csSumSize), sum)
	f.DECQ(count)
	f.JNZ(LabelRef("sum"))
	f.ADDQ(Mem{Base: arg, Disp: csNextDst}, dst)
	f.ADDQ(Mem{Base: arg, Disp: csNextSrc}, src)
	f.DECQ(channels)
	f.JNZ(LabelRef("channel"))
	f.VZEROUPPER()
	f.RET()
}
