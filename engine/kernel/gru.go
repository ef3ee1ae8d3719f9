package kernel

// GRU is a gated recurrent unit with the gates z r h of ONNX:
//
//	z = f(xz + sz)    r = f(xr + sr)    n = G(xn + (r h') Rn^T + bn)
//	h = (1 - z) n + z h'
//
// or with LinearBeforeReset n = G(xn + r (h' Rn^T + bn)). x is the product of the
// input with its bias, s = h' R^T with its bias, h' the state before. Cho et al.,
// "Learning phrase representations using RNN encoder-decoder", 2014.
//
// Without LinearBeforeReset a step is Gates, the product (r h') Rn^T by the
// caller, then Output; with it, it is Gates and Output on the same products.
type GRU[T Float] struct {
	Hidden            int
	Gate              Act // f: ActSigmoid, usually
	Cell              Act // G: ActTanh, usually
	LinearBeforeReset bool
}

// Gates turns the columns z and r of x (B x 3H) into the values of the gates.
// s is B x 3H, of which z and r are read. rh, B x H, is set to r h' unless it is
// nil.
func (g *GRU[T]) Gates(b int, x, s, hPrev, rh []T) {
	o, n := ops[T](), g.Hidden
	for i := range b {
		zr := x[i*3*n : i*3*n+2*n]
		o.add(zr, zr, s[i*3*n:i*3*n+2*n])
		activateFast(o, zr, g.Gate)
		if rh != nil {
			o.mul(rh[i*n:(i+1)*n], zr[n:], hPrev[i*n:(i+1)*n])
		}
	}
}

// Output turns the column n of x into the value of n and sets h, B x H. The
// column n of s (B x 3H) holds (r h') Rn^T + bn, or with LinearBeforeReset
// h' Rn^T + bn.
func (g *GRU[T]) Output(b int, x, s, hPrev, h []T) {
	o, n := ops[T](), g.Hidden
	for i := range b {
		row := x[i*3*n : (i+1)*3*n]
		z, r, nn, sn := row[:n], row[n:2*n], row[2*n:], s[i*3*n+2*n:(i+1)*3*n]
		if g.LinearBeforeReset {
			addProduct(nn, r, sn)
		} else {
			o.add(nn, nn, sn)
		}
		activateFast(o, nn, g.Cell)
		for k, v := range hPrev[i*n : (i+1)*n] {
			h[i*n+k] = nn[k] + z[k]*(v-nn[k])
		}
	}
}

// BackwardOutput starts the gradient of a step. x holds the gates as Output left
// them and s what Output read. dh is the gradient of h; it goes out as the part
// of the gradient of h' that is z dh. The columns z and n of dx (B x 3H) are set
// to the gradients of the sums under the activations. With LinearBeforeReset the
// column r of dx is set too, and ds is set to the gradient of s, all three
// columns: BackwardGates is not needed then.
func (g *GRU[T]) BackwardOutput(b int, x, s, hPrev, dh, dx, ds []T) {
	n := g.Hidden
	for i := range b {
		v, d := x[i*3*n:(i+1)*3*n], dx[i*3*n:(i+1)*3*n]
		for k := range n {
			z, c, dy := v[k], v[2*n+k], dh[i*n+k]
			d[k] = dy * (hPrev[i*n+k] - c) * slope(g.Gate, z)
			d[2*n+k] = dy * (1 - z) * slope(g.Cell, c)
			dh[i*n+k] = dy * z
		}
		if g.LinearBeforeReset {
			g.resetGrad(v[n:2*n], s[i*3*n+2*n:(i+1)*3*n], d, ds[i*3*n:(i+1)*3*n])
		}
	}
}

// resetGrad does the reset gate of a row with LinearBeforeReset.
func (g *GRU[T]) resetGrad(r, sn, d, ds []T) {
	n := g.Hidden
	for k, v := range r {
		dn := d[2*n+k]
		d[n+k] = dn * sn[k] * slope(g.Gate, v)
		ds[2*n+k] = dn * v
	}
	copy(ds[:2*n], d[:2*n])
}

// BackwardGates ends the gradient of a step without LinearBeforeReset. drh (B x
// H) is the gradient of r h', the product of column n of dx and Rn. The column r
// of dx is set and r drh is added to dh.
func (g *GRU[T]) BackwardGates(b int, x, hPrev, drh, dh, dx []T) {
	n := g.Hidden
	for i := range b {
		for k := range n {
			r, d := x[i*3*n+n+k], drh[i*n+k]
			dx[i*3*n+n+k] = d * hPrev[i*n+k] * slope(g.Gate, r)
			dh[i*n+k] += d * r
		}
	}
}
