package linalg

// A block of B elementary reflectors H_i = I - tau_i v_i v_i^T multiplies as
// one, H_0 H_1 ... H_{B-1} = I - V^T T V, with the v_i as the rows of V
// (B x M) and T upper triangular (Schreiber and Van Loan 1989).

// wyFactor returns T for the rows of v. T^-1 = diag(1/tau) + striu(V V^T)
// (Puglisi 1992), solved column by column so that tau may be 0.
func wyFactor(v *Mat, tau []float64) *Mat {
	b := v.Rows
	g := NewMat(b, b)
	Mul(g, 1, v, false, v, true, 0)
	t := NewMat(b, b)
	for j := range b {
		for i := range j {
			s := 0.0
			for k := i; k < j; k++ {
				s += t.Data[i*b+k] * g.Data[k*b+j]
			}
			t.Data[i*b+j] = -tau[j] * s
		}
		t.Data[j*b+j] = tau[j]
	}
	return t
}

// applyRight overwrites X (R x M) by X (I - V^T T V), or by
// X (I - V^T T^T V) when trans is set.
func applyRight(x, v, t *Mat, trans bool) {
	b := v.Rows
	w, wt := NewMat(x.Rows, b), NewMat(x.Rows, b)
	Mul(w, 1, x, false, v, true, 0)
	Mul(wt, 1, w, false, t, trans, 0)
	Mul(x, -1, wt, false, v, false, 1)
}

// wyBlock is the number of reflectors applied at once.
const wyBlock = 64

// applyReflectors overwrites X (R x M) by X H_{B-1} ... H_1 H_0 where row i of
// V (B x M) is v_i, zero before column first+i.
func applyReflectors(x, v *Mat, tau []float64, first int) {
	for hi := v.Rows; hi > 0; hi -= wyBlock {
		lo := max(hi-wyBlock, 0)
		c := min(first+lo, v.Cols)
		blk := v.Slice(lo, hi, c, v.Cols)
		applyRight(x.Slice(0, x.Rows, c, x.Cols), blk, wyFactor(blk, tau[lo:hi]), true)
	}
}
