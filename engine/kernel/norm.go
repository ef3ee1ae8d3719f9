package kernel

// Normalisation works on x of shape N x C x S, S being the product of the
// spatial extents, one channel at a time. Statistics of a channel are sums over
// images, in order, of sums over S.

// chanTask computes statistics, or gradients, of ranges of channels.
type chanTask[T Float] struct {
	grad                            bool
	y, x, z, dy                     []T // N x C x S
	mean, vari, scale, bias, dscale []T // C
	n, c, s, step                   int
	act                             Act
}

var (
	chans32 freeList[chanTask[float32]]
	chans64 freeList[chanTask[float64]]
)

// Run implements Task.
func (t *chanTask[T]) Run(_, i int) {
	c0, c1 := i*t.step, min((i+1)*t.step, t.c)
	switch {
	case t.grad:
		normGradOf(t, c0, c1)
	case t.s == 1:
		statsOfColumns(t, c0, c1)
	default:
		statsOf(t, c0, c1)
	}
}

// eachChannel runs u over its channels, at least 16 a unit if rows are short.
func eachChannel[T Float](p *Pool, u chanTask[T]) {
	if u.n*u.c*u.s == 0 {
		return
	}
	l := pick[freeList[chanTask[T]]](&chans32, &chans64)
	t := l.take()
	parts, step := Split(u.c, max(1, min(16, vecGrain/(u.n*u.s))))
	*t = u
	t.step = step
	p.Do(t, parts)
	*t = chanTask[T]{}
	l.put(t)
}

// at returns the S elements of channel c of image n of v.
func (t *chanTask[T]) at(v []T, n, c int) []T {
	o := (n*t.c + c) * t.s
	return v[o : o+t.s]
}

// BatchNormStats computes the mean and the biased variance of each channel of x
// (N x C x S), in two passes. Ioffe and Szegedy, "Batch normalization", 2015.
func BatchNormStats[T Float](p *Pool, x []T, n, c, s int, mean, variance []T) {
	eachChannel(p, chanTask[T]{x: x, mean: mean[:c], vari: variance[:c], n: n, c: c, s: s})
}

func statsOf[T Float](t *chanTask[T], c0, c1 int) {
	o, count := ops[T](), float64(t.n*t.s)
	for c := c0; c < c1; c++ {
		sum := 0.0
		for n := range t.n {
			sum += float64(o.sum(t.at(t.x, n, c)))
		}
		t.mean[c] = T(sum / count)
		sum = 0
		for n := range t.n {
			sum += float64(o.sumSqDiff(t.at(t.x, n, c), t.mean[c]))
		}
		t.vari[c] = T(sum / count)
	}
}

// statsOfColumns is statsOf for S = 1, where channels are columns.
func statsOfColumns[T Float](t *chanTask[T], c0, c1 int) {
	mean, vari := t.mean[c0:c1], t.vari[c0:c1]
	clear(mean)
	clear(vari)
	for n := range t.n {
		Add(mean, mean, t.x[n*t.c+c0:n*t.c+c1])
	}
	MulScalar(mean, mean, 1/T(t.n))
	for n := range t.n {
		for i, v := range t.x[n*t.c+c0 : n*t.c+c1] {
			d := v - mean[i]
			vari[i] += d * d
		}
	}
	MulScalar(vari, vari, 1/T(t.n))
}

// ChannelAffine sets y = act(x scale + shift), where x and y are N x C x S and
// scale and shift have one number a channel. act has no parameters: it may not
// be leaky ReLU, clip or hard sigmoid. y may be x.
func ChannelAffine[T Float](p *Pool, y, x []T, n, c, s int, scale, shift []T, act Act) {
	eachImage(p, chanTask[T]{y: y, x: x, scale: scale[:c], bias: shift[:c], n: n, c: c, s: s, act: act})
}

// ChannelAffineAdd sets y = act(x scale + shift + z): the end of a residual
// block. y may be x or z.
func ChannelAffineAdd[T Float](p *Pool, y, x, z []T, n, c, s int, scale, shift []T, act Act) {
	eachImage(p, chanTask[T]{y: y, x: x, z: z, scale: scale[:c], bias: shift[:c], n: n, c: c, s: s, act: act})
}

// eachImage runs u with images as the units instead of channels.
func eachImage[T Float](p *Pool, u chanTask[T]) {
	if u.n*u.c*u.s == 0 {
		return
	}
	l := pick[freeList[imageTask[T]]](&images32, &images64)
	t := l.take()
	parts, step := Split(u.n, max(1, vecGrain/(u.c*u.s)))
	*t = imageTask[T]{u}
	t.step = step
	p.Do(t, parts)
	*t = imageTask[T]{}
	l.put(t)
}

// imageTask computes affine maps of all channels of ranges of images.
type imageTask[T Float] struct{ chanTask[T] }

var (
	images32 freeList[imageTask[float32]]
	images64 freeList[imageTask[float64]]
)

// Run implements Task.
func (t *imageTask[T]) Run(_, i int) { affineOf(&t.chanTask, i*t.step, min((i+1)*t.step, t.n)) }

// affineOf computes images n0 to n1.
func affineOf[T Float](t *chanTask[T], n0, n1 int) {
	o := ops[T]()
	if t.s == 1 {
		affineColumns(t, n0, n1)
		return
	}
	for n := n0; n < n1; n++ {
		for c := range t.c {
			y, x := t.at(t.y, n, c), t.at(t.x, n, c)
			switch {
			case t.z != nil:
				o.affine2(y, x, t.at(t.z, n, c), t.scale[c], 1, t.bias[c])
				activateFast(o, y, t.act)
			case t.act == ActRelu:
				o.affineRelu(y, x, t.scale[c], t.bias[c])
			default:
				o.affine(y, x, t.scale[c], t.bias[c])
				activateFast(o, y, t.act)
			}
		}
	}
}

// affineColumns is affineOf for S = 1.
func affineColumns[T Float](t *chanTask[T], n0, n1 int) {
	o := ops[T]()
	for n := n0; n < n1; n++ {
		y, x := t.y[n*t.c:(n+1)*t.c], t.x[n*t.c:(n+1)*t.c]
		if t.z != nil {
			o.mulAdd(y, x, t.scale, t.z[n*t.c:(n+1)*t.c])
			o.add(y, y, t.bias)
		} else {
			o.mulAdd(y, x, t.scale, t.bias)
		}
		activateFast(o, y, t.act)
	}
}

// activateFast applies an activation without parameters in place.
func activateFast[T Float](o *vecOps[T], y []T, act Act) {
	switch act {
	case ActNone:
	case ActRelu:
		o.relu(y, y)
	case ActSigmoid:
		o.sigmoid(y, y)
	case ActTanh:
		o.tanh(y, y)
	case ActGelu:
		Gelu(y, y)
	case ActSilu:
		Silu(y, y)
	default:
		activate(y, act, 0, 0)
	}
}

// BatchNormGrad computes the gradients of y = (x - mean) invstd scale + bias,
// mean and invstd being those of x, from dy. With xn = (x - mean) invstd and R =
// N S numbers a channel:
//
//	dbias  = sum(dy)
//	dscale = sum(dy xn)
//	dx     = scale invstd (dy - dbias/R - xn dscale/R)
//
// dx, x and dy are N x C x S, the others have one number a channel. dx may be
// dy, or nil if it is not needed.
func BatchNormGrad[T Float](p *Pool, dx, dscale, dbias, x, dy, mean, invstd, scale []T, n, c, s int) {
	BatchNormReluGrad(p, dx, dscale, dbias, x, nil, dy, mean, invstd, scale, n, c, s)
}

// BatchNormReluGrad is BatchNormGrad for a ReLU after the normalisation, whose
// output is y: dy counts where y > 0 only. It overwrites dy with that.
func BatchNormReluGrad[T Float](p *Pool, dx, dscale, dbias, x, y, dy, mean, invstd, scale []T, n, c, s int) {
	eachChannel(p, chanTask[T]{grad: true, y: dx, x: x, z: y, dy: dy, n: n, c: c, s: s,
		mean: mean[:c], vari: invstd[:c], scale: scale[:c], bias: dbias[:c], dscale: dscale[:c]})
}

func normGradOf[T Float](t *chanTask[T], c0, c1 int) {
	if t.s == 1 {
		normGradColumns(t, c0, c1)
		return
	}
	o, count := ops[T](), T(t.n*t.s)
	for c := c0; c < c1; c++ {
		sum, dot := t.gradSums(o, c)
		mean, inv := t.mean[c], t.vari[c]
		ds := T(dot * float64(inv))
		t.bias[c], t.dscale[c] = T(sum), ds
		if t.y == nil {
			continue
		}
		k := t.scale[c] * inv
		kx := -k * inv * ds / count
		k0 := -k*T(sum)/count - kx*mean
		for n := range t.n {
			o.affine2(t.at(t.y, n, c), t.at(t.dy, n, c), t.at(t.x, n, c), k, kx, k0)
		}
	}
}

// gradSums returns the sums of dy and dy (x - mean) of channel c.
func (t *chanTask[T]) gradSums(o *vecOps[T], c int) (sum, dot float64) {
	for n := range t.n {
		dy := t.at(t.dy, n, c)
		if t.z != nil {
			o.reluGrad(dy, t.at(t.z, n, c), dy)
		}
		s, d := o.sumAndDot(dy, t.at(t.x, n, c), t.mean[c])
		sum, dot = sum+float64(s), dot+float64(d)
	}
	return sum, dot
}

// normGradColumns is normGradOf for S = 1.
func normGradColumns[T Float](t *chanTask[T], c0, c1 int) {
	db, ds, mean, inv := t.bias[c0:c1], t.dscale[c0:c1], t.mean[c0:c1], t.vari[c0:c1]
	clear(db)
	clear(ds)
	for n := range t.n {
		x, dy := t.x[n*t.c+c0:n*t.c+c1], t.dy[n*t.c+c0:n*t.c+c1]
		if t.z != nil {
			ReluGrad(dy, t.z[n*t.c+c0:n*t.c+c1], dy)
		}
		for i, d := range dy {
			db[i] += d
			ds[i] += d * (x[i] - mean[i]) * inv[i]
		}
	}
	if t.y == nil {
		return
	}
	scale, r := t.scale[c0:c1], 1/T(t.n)
	for n := range t.n {
		x, dy, dx := t.x[n*t.c+c0:n*t.c+c1], t.dy[n*t.c+c0:n*t.c+c1], t.y[n*t.c+c0:n*t.c+c1]
		for i, d := range dy {
			dx[i] = scale[i] * inv[i] * (d - db[i]*r - (x[i]-mean[i])*inv[i]*ds[i]*r)
		}
	}
}
