package main

import (
	"fmt"
	"strings"
)

// neonVec is the number of columns that the convolutions call a vector, one
// register in single and two in double precision.
const neonVec = 4

// writeNEONConv writes the kernels of the convolutions.
func writeNEONConv() error {
	n := newNEON()
	for _, n.double = range []bool{false, true} {
		n.table("convTiles", "[maxMR + 1][maxNV + 1]func(*convTile[%s])", convMR, func(rows int) string {
			return n.list(3/n.regsOf(), func(nv int) string { return n.convTile(rows, nv) })
		})
		n.table("convDots", "[maxConvDots + 1][maxConvTaps + 1]func(*convDots[%s])", 4, func(rows int) string {
			return n.list(maxConvTaps, func(taps int) string { return n.convDots(rows, taps) })
		})
	}
	return n.write("conv")
}

// regsOf is the number of registers of a vector.
func (n *neon) regsOf() int { return neonVec * n.size() / 16 }

// list names kernels 1 to count.
func (n *neon) list(count int, kernel func(int) string) string {
	var s []string
	for i := 1; i <= count; i++ {
		s = append(s, fmt.Sprintf("%d: %s", i, kernel(i)))
	}
	return "{" + strings.Join(s, ", ") + "}"
}

// fmaLane emits FMLA with a lane of x, which the assembler does not know.
func (n *neon) fmaLane(x, lane, y, acc int) {
	code := 0x4f801000 | lane&1<<21 | lane>>1<<11
	if n.double {
		code = 0x4fc01000 | lane<<11
	}
	n.op("WORD $%#x // FMLA V%d[%d], V%d, V%d", code|x<<16|y<<5|acc, x, lane, y, acc)
}

// convTile emits C = A B, or C += A B, for rows x nv vectors of C, where vector v
// of row l of B starts off[l] bytes after b[v]. B's rows are in V0 and on, A's in
// V4 and on, the accumulators in V8 and on.
func (n *neon) convTile(rows, nv int) string {
	name := fmt.Sprintf("convTileF%dNEON_%dx%d", 8*n.size(), rows, nv)
	q := n.regsOf()
	n.begin(name, "convTile")
	for v := range nv {
		n.field(ctB+8*v, v)
	}
	n.field(ctA, 4)
	n.field(ctOff, 5)
	n.field(ctK, nCount)
	n.field(ctC, nC)
	n.stride(ctLDC, 14)
	n.field(ctAdd, 15)
	for v := range rows * nv * q {
		n.zero(8 + v)
	}
	n.label("step")
	n.op("MOVD.P 8(R5), R6")
	for v := range nv {
		n.op("ADD R6, R%d, R7", v)
		n.op("VLD1 (R7), %s", n.regs(v*q, q))
	}
	lanes := 16 / n.size()
	n.op("VLD1 (R4), %s", n.regs(4, (rows+lanes-1)/lanes))
	n.op("ADD $%d, R4, R4", convMR*n.size())
	for i := range rows {
		for v := range nv * q {
			n.fmaLane(4+i/lanes, i%lanes, v, 8+i*nv*q+v)
		}
	}
	n.op("SUBS $1, R%d, R%d", nCount, nCount)
	n.op("BNE step")
	n.op("CBZ R15, overwrite")
	for i := range rows {
		if i == 0 {
			n.op("MOVD R%d, R13", nC)
		}
		n.op("VLD1 (R13), %s", n.regs(0, nv*q))
		for v := range nv * q {
			n.sum(8+i*nv*q+v, v)
		}
		n.op("ADD R14, R13, R13")
	}
	n.label("overwrite")
	for i := range rows {
		n.op("VST1 %s, (R%d)", n.regs(8+i*nv*q, nv*q), nC)
		n.op("ADD R14, R%d, R%d", nC, nC)
	}
	n.op("RET")
	return name
}

// sum emits acc += x.
func (n *neon) sum(acc, x int) {
	n.op("WORD $%#x // FADD V%d, V%d, V%d", map[bool]int{false: 0x4e20d400, true: 0x4e60d400}[n.double]|x<<16|acc<<5|acc, x, acc, acc)
}

// convDots emits out[i*ldo+j] += sum over images and l of x[i*ldx+l] y_j[l],
// where y_j starts off[j] bytes after y. R0 to R3 point to rows of X, R4 to Y, R5
// to R10 hold the offsets.
func (n *neon) convDots(rows, taps int) string {
	name := fmt.Sprintf("convDotsF%dNEON_%dx%d", 8*n.size(), rows, taps)
	n.begin(name, "convDots")
	n.field(cdX, 0)
	n.stride(cdLDX, 13)
	for i := 1; i < rows; i++ {
		n.op("ADD R13, R%d, R%d", i-1, i)
	}
	n.field(cdY, 4)
	n.field(cdOff, 15)
	for j := range taps {
		n.op("MOVD.P 8(R15), R%d", 5+j)
	}
	for v := range rows * taps {
		n.zero(8 + v)
	}
	n.field(cdImages, 21)
	n.field(cdSkipX, 22)
	n.field(cdSkipY, 23)
	n.label("image")
	n.field(cdWhole, nCount)
	if n.double {
		n.op("LSL $1, R%d, R%d", nCount, nCount)
	}
	n.dotLoop("vector", "tail", "FMOVQ", 16, rows, taps)
	n.label("tail")
	n.field(cdTail, nCount)
	n.dotLoop("element", "next", map[bool]string{false: "FMOVS", true: "FMOVD"}[n.double], n.size(), rows, taps)
	n.label("next")
	for i := range rows {
		n.op("ADD R22, R%d, R%d", i, i)
	}
	n.op("ADD R23, R4, R4")
	n.op("SUBS $1, R21, R21")
	n.op("BNE image")
	n.dotSums(rows, taps)
	n.op("RET")
	return name
}

// dotLoop multiplies nCount pieces of some bytes, which an instruction loads.
func (n *neon) dotLoop(name, next, load string, bytes, rows, taps int) {
	n.op("CBZ R%d, %s", nCount, next)
	n.label(name)
	for i := range rows {
		n.op("%s.P %d(R%d), F%d", load, bytes, i, i)
	}
	for j := range taps {
		n.op("ADD R%d, R4, R24", 5+j)
		n.op("%s (R24), F%d", load, 4+j%4)
		for i := range rows {
			n.fma(i, 4+j%4, 8+i*taps+j)
		}
	}
	n.op("ADD $%d, R4, R4", bytes)
	n.op("SUBS $1, R%d, R%d", nCount, nCount)
	n.op("BNE %s", name)
}

// dotSums adds the sums of the lanes to out, 4 taps at a time; taps that there are
// not repeat the last.
func (n *neon) dotSums(rows, taps int) {
	n.field(cdOut, nC)
	n.stride(cdLDOut, 14)
	for i := range rows {
		at := func(j int) int { return 8 + i*taps + min(j, taps-1) }
		n.op("MOVD R%d, R15", nC)
		for j := 0; j < taps; j += 4 {
			n.addPairs(at(j), at(j+1), 0)
			n.addPairs(at(j+2), at(j+3), 1)
			if !n.double {
				n.addPairs(0, 1, 0)
			}
			q := n.regsOf()
			n.op("VLD1 (R15), %s", n.regs(2, q))
			for v := range q {
				n.sum(v, 2+v)
			}
			n.op("VST1.P %s, %d(R15)", n.regs(0, q), 16*q)
		}
		n.op("ADD R14, R%d, R%d", nC, nC)
	}
}
