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
		o.gruMix(h[i*n:(i+1)*n], z, nn, hPrev[i*n:(i+1)*n])
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
		g.mixGrad(d[:n], d[2*n:], dh[i*n:(i+1)*n], v[:n], v[2*n:], hPrev[i*n:(i+1)*n])
		if g.LinearBeforeReset {
			g.resetGrad(v[n:2*n], s[i*3*n+2*n:(i+1)*3*n], d, ds[i*3*n:(i+1)*3*n])
		}
	}
}

// usual reports a cell of the plain kind, which has kernels of its own.
func (g *GRU[T]) usual() bool { return g.Gate == ActSigmoid && g.Cell == ActTanh }

// mixGrad does the gates z and n of a row.
func (g *GRU[T]) mixGrad(dz, dn, dh, z, n, prev []T) {
	if g.usual() {
		ops[T]().gruMixGrad(dz, dn, dh, z, n, prev)
		return
	}
	for k, dy := range dh {
		dz[k] = dy * (prev[k] - n[k]) * slope(g.Gate, z[k])
		dn[k] = dy * (1 - z[k]) * slope(g.Cell, n[k])
		dh[k] = dy * z[k]
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
		j := i * 3 * n
		g.gateGrad(dx[j+n:j+2*n], dh[i*n:(i+1)*n], x[j+n:j+2*n], drh[i*n:(i+1)*n], hPrev[i*n:(i+1)*n])
	}
}

// gateGrad does the gate r of a row.
func (g *GRU[T]) gateGrad(dr, dh, r, drh, prev []T) {
	if g.usual() {
		ops[T]().gruResetGrad(dr, dh, r, drh, prev)
		return
	}
	for k, d := range drh {
		dr[k] = d * prev[k] * slope(g.Gate, r[k])
		dh[k] += d * r[k]
	}
}

func gruMixPortable[T Float](h, z, n, prev []T) {
	for k := range h {
		h[k] = n[k] + z[k]*(prev[k]-n[k])
	}
}

func gruMixGradPortable[T Float](dz, dn, dh, z, n, prev []T) {
	for k, dy := range dh {
		dz[k] = dy * (prev[k] - n[k]) * z[k] * (1 - z[k])
		dn[k] = dy * (1 - z[k]) * (1 - n[k]*n[k])
		dh[k] = dy * z[k]
	}
}

func gruResetGradPortable[T Float](dr, dh, r, drh, prev []T) {
	for k, d := range drh {
		dr[k] = d * prev[k] * r[k] * (1 - r[k])
		dh[k] += d * r[k]
	}
}
