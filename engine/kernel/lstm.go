package kernel

// Recurrent cells: what happens in one time step between the matrix products,
// on rows of a batch. The products X W^T + H R^T + biases of all gates are made
// by the caller. Cells run in the caller's goroutine on the rows given; callers
// split a batch by rows. Letters: B rows, H hidden units.

// LSTM is a long short-term memory cell with the gates i o f c of ONNX:
//
//	i = f(zi + Pi c')     f = f(zf + Pf c')     g = G(zc)
//	c = f c' + i g        o = f(zo + Po c)      h = o Hh(c)
//
// where z are the sums of the products and biases and c' is the cell state
// before. Hochreiter and Schmidhuber, 1997; peepholes after Gers and
// Schmidhuber, 2000.
type LSTM[T Float] struct {
	Hidden int
	Gate   Act // f: ActSigmoid, usually
	Cell   Act // G: ActTanh, usually
	Out    Act // Hh: ActTanh, usually
	// P holds the peephole weights i, o, f, 3 H numbers, or is nil.
	P []T
	// CoupleInput takes 1 - i for f (zf and Pf are not used).
	CoupleInput bool
}

// usual reports a cell of the plain kind, which has kernels of its own.
func (l *LSTM[T]) usual() bool {
	return l.Gate == ActSigmoid && l.Cell == ActTanh && l.Out == ActTanh && l.P == nil && !l.CoupleInput
}

// Forward does b rows. gates (B x 4H) holds z and is overwritten with the values
// of the gates, cPrev is c' and c, h and hc are outputs, each B x H; hc is Hh(c),
// which Backward wants. Every activation must be one whose gradient follows from
// its value: ReLU, sigmoid, tanh or none.
func (l *LSTM[T]) Forward(b int, gates, cPrev, c, h, hc []T) {
	n, o := l.Hidden, ops[T]()
	for r := range b {
		z := gates[r*4*n : (r+1)*4*n]
		if l.usual() {
			o.lstm(z, cPrev[r*n:(r+1)*n], c[r*n:(r+1)*n], h[r*n:(r+1)*n], hc[r*n:(r+1)*n])
			continue
		}
		l.forwardRow(z[:n], z[n:2*n], z[2*n:3*n], z[3*n:], cPrev[r*n:(r+1)*n],
			c[r*n:(r+1)*n], h[r*n:(r+1)*n], hc[r*n:(r+1)*n])
	}
}

func (l *LSTM[T]) forwardRow(i, o, f, g, cPrev, c, h, hc []T) {
	ops := ops[T]()
	l.peep(i, 0, cPrev)
	activateFast(ops, i, l.Gate)
	if l.CoupleInput {
		ops.affine(f, i, -1, 1)
	} else {
		l.peep(f, 2, cPrev)
		activateFast(ops, f, l.Gate)
	}
	activateFast(ops, g, l.Cell)
	ops.mul(c, i, g)
	ops.mulAdd(c, f, cPrev, c)
	l.peep(o, 1, c)
	activateFast(ops, o, l.Gate)
	copy(hc, c)
	activateFast(ops, hc, l.Out)
	ops.mul(h, o, hc)
}

// peep adds peephole weights k times c to z.
func (l *LSTM[T]) peep(z []T, k int, c []T) {
	if l.P == nil {
		return
	}
	addProduct(z, l.P[k*l.Hidden:(k+1)*l.Hidden], c)
}

// Backward does b rows of the gradient. gates, cPrev, c and hc are as after
// Forward; dh is the gradient of h. dc (B x H) comes in as the gradient of c from
// the step after and goes out as that of c'. gates is overwritten with the
// gradient of z. dP (3 H) is added to unless it is nil.
func (l *LSTM[T]) Backward(b int, gates, cPrev, c, hc, dh, dc, dP []T) {
	n, o := l.Hidden, ops[T]()
	for r := range b {
		z := gates[r*4*n : (r+1)*4*n]
		if l.usual() {
			o.lstmGrad(z, cPrev[r*n:(r+1)*n], hc[r*n:(r+1)*n], dh[r*n:(r+1)*n], dc[r*n:(r+1)*n])
			continue
		}
		l.backwardRow(z[:n], z[n:2*n], z[2*n:3*n], z[3*n:], cPrev[r*n:(r+1)*n],
			c[r*n:(r+1)*n], hc[r*n:(r+1)*n], dh[r*n:(r+1)*n], dc[r*n:(r+1)*n], dP)
	}
}

func (l *LSTM[T]) backwardRow(i, o, f, g, cPrev, c, hc, dh, dc, dP []T) {
	var pi, po, pf []T
	if l.P != nil {
		n := l.Hidden
		pi, po, pf = l.P[:n], l.P[n:2*n], l.P[2*n:3*n]
	}
	for k := range dc {
		do := dh[k] * hc[k] * slope(l.Gate, o[k])
		d := dc[k] + dh[k]*o[k]*slope(l.Out, hc[k])
		if po != nil {
			d += do * po[k]
		}
		di, df := d*g[k], d*cPrev[k]
		dg := d * i[k] * slope(l.Cell, g[k])
		back := d * f[k]
		if l.CoupleInput {
			di, df = di-df, 0
		} else {
			df *= slope(l.Gate, f[k])
		}
		di *= slope(l.Gate, i[k])
		if pi != nil {
			back += di*pi[k] + df*pf[k]
		}
		i[k], o[k], f[k], g[k], dc[k] = di, do, df, dg, back
	}
	if dP != nil {
		n := l.Hidden
		addProduct(dP[:n], i, cPrev)
		addProduct(dP[n:2*n], o, c)
		addProduct(dP[2*n:3*n], f, cPrev)
	}
}

func addProduct[T Float](dst, a, b []T) { ops[T]().mulAdd(dst, a[:len(dst)], b[:len(dst)], dst) }

// lstmPortable does a row of the usual cell.
func lstmPortable[T Float](gates, cPrev, c, h, hc []T) {
	n := len(c)
	sigmoidPortable(gates[:3*n], gates)
	tanhPortable(gates[3*n:4*n], gates[3*n:])
	i, o, f, g := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:4*n]
	for k := range c {
		c[k] = f[k]*cPrev[k] + i[k]*g[k]
	}
	tanhPortable(hc, c)
	mulPortable(h, o, hc)
}

// lstmGradPortable does a row of the gradient of the usual cell.
func lstmGradPortable[T Float](gates, cPrev, hc, dh, dc []T) {
	n := len(dc)
	i, o, f, g := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:4*n]
	for k := range dc {
		d := dc[k] + dh[k]*o[k]*(1-hc[k]*hc[k])
		dc[k] = d * f[k]
		i[k], o[k], f[k], g[k] = d*g[k]*i[k]*(1-i[k]), dh[k]*hc[k]*o[k]*(1-o[k]),
			d*cPrev[k]*f[k]*(1-f[k]), d*i[k]*(1-g[k]*g[k])
	}
}

// slope returns the derivative of an activation whose value is y.
func slope[T Float](act Act, y T) T {
	switch act {
	case ActNone:
		return 1
	case ActSigmoid:
		return y * (1 - y)
	case ActTanh:
		return 1 - y*y
	case ActRelu:
		if y > 0 {
			return 1
		}
		return 0
	}
	panic("kernel: the gradient of this activation does not follow from its value")
}

// RNN is the plain cell h = act(z).
type RNN[T Float] struct {
	Hidden int
	Act    Act // ActTanh, usually
}

// Forward sets h = act(z), B x H each; z may be h.
func (c *RNN[T]) Forward(b int, z, h []T) {
	n := b * c.Hidden
	copy(h[:n], z[:n])
	activateFast(ops[T](), h[:n], c.Act)
}

// Backward sets dz to the gradient of z from h and its gradient dh.
func (c *RNN[T]) Backward(b int, h, dh, dz []T) {
	n := b * c.Hidden
	actGrad(c.Act, dz[:n], h[:n], dh[:n])
}

// actGrad sets dx = dy act'(x), where y = act(x).
func actGrad[T Float](act Act, dx, y, dy []T) {
	switch act {
	case ActSigmoid:
		SigmoidGrad(dx, y, dy)
	case ActTanh:
		TanhGrad(dx, y, dy)
	case ActRelu:
		ReluGrad(dx, y, dy)
	default:
		for i := range dx {
			dx[i] = dy[i] * slope(act, y[i])
		}
	}
}
