package kernel

// ConvPool is a convolution whose output goes into maximum pooling by 2 x 2 windows
// next to each other and nowhere else: N C H W to N M OH/2 OW/2. Its gradients know
// that three of four numbers of the gradient of the convolution's output are zero.
// It must not be used by two goroutines at a time.
type ConvPool[T Float] struct {
	conv   *Conv[T]
	pool   PoolShape
	sparse *convSparse[T]  // nil where dense gradients are better
	grad   *convGrad[T]    // dense, of pooled gradients, or nil
	bias   ConvShape       // as large as the pooled output
	within *convPooling[T] // of the forward pass, nil where that pools last
}

// NewConvPool plans a convolution with pooling.
func NewConvPool[T Float](s ConvShape) *ConvPool[T] {
	c := &ConvPool[T]{conv: NewConv[T](s), bias: s}
	c.bias.OH, c.bias.OW = s.OH/2, s.OW/2
	c.pool = PoolShape{N: s.N, C: s.M, H: s.OH, W: s.OW, KH: 2, KW: 2, OH: s.OH / 2, OW: s.OW / 2, StrideH: 2, StrideW: 2, DilH: 1, DilW: 1}
	c.sparse, c.within = newConvSparse[T](&c.conv.s), c.newPooling()
	return c
}

// Forward sets y = act(maxpool(x * w) + bias), where act does not decrease, and arg
// to where the maxima are in the planes of the convolution's output, which full is
// work space for.
func (c *ConvPool[T]) Forward(p *Pool, x, w, y []T, arg []int32, full []T, e *Epilogue[T]) {
	if c.within == nil {
		c.conv.Forward(p, x, w, full, e)
		MaxPool(p, &c.pool, y, arg, full)
		return
	}
	t := c.within
	t.y, t.arg, t.epi = y, arg, *e
	t.epi.BiasRow = true
	c.conv.Forward(p, x, w, full, nil)
	t.y, t.arg, t.epi = nil, nil, Epilogue[T]{}
}

// convPooling pools the output of a convRun unit by unit, while it is in the cache.
type convPooling[T Float] struct {
	s   PoolShape
	y   []T
	arg []int32
	epi Epilogue[T]
}

// newPooling returns nil if units are not whole images.
func (c *ConvPool[T]) newPooling() *convPooling[T] {
	r, ok := c.conv.forward.(*convRun[T])
	if !ok || r.blocks != 1 || r.cuts != 1 || !r.direct() || r.passes[0].taps() == 0 {
		return nil
	}
	r.pool = &convPooling[T]{s: c.pool}
	return r.pool
}

// do pools the planes of a unit, and adds the bias and applies the activation then.
func (t *convPooling[T]) do(b *convBlock[T]) {
	s, m := &t.s, b.passes[0].m
	in, out, first := s.H*s.W, s.OH*s.OW, b.group*m
	at := (b.image*b.groups + b.group) * m * out
	if out == 0 {
		return
	}
	for i := range m {
		o := at + i*out
		maxPairs(s, t.y[o:o+out], b.out[i*in:(i+1)*in], t.arg[o:o+out])
	}
	if t.epi.Bias != nil || t.epi.Act != ActNone {
		b.e = epilogue[T]{c: &t.y[at], ldc: out, ldr: out, rows: m, cols: out}
		b.e.apply(b.finish, &t.epi, first, 0)
	}
}

// Backward sets those of dx, dw and db that are not nil to the gradients at the
// gradient g of the pooled output before act. full is work space of the size of the
// convolution's output.
func (c *ConvPool[T]) Backward(p *Pool, x, w, g []T, arg []int32, full, dx, dw, db []T) {
	if dw != nil && c.sparse == nil && c.conv.weight == nil {
		c.planWeight()
	}
	if c.sparse == nil && (dx != nil || dw != nil && c.grad == nil) {
		MaxPoolGrad(p, &c.pool, full, g, arg)
	}
	if dx != nil {
		c.input(p, w, g, arg, full, dx)
	}
	if dw != nil {
		c.weight(p, x, g, arg, full, dw)
	}
	if db != nil {
		sumChannels(p, &c.conv.bias, &c.bias, g, db)
	}
}

// planWeight plans a dense gradient of the weights, which spreads that of the pooled
// output itself where it passes it once.
func (c *ConvPool[T]) planWeight() {
	c.conv.planWeight()
	if g, ok := c.conv.weight.(*convGrad[T]); ok && g.cuts == 1 && g.s.Groups == 1 {
		c.grad, g.pool = g, &c.pool
	}
}

func (c *ConvPool[T]) input(p *Pool, w, g []T, arg []int32, full, dx []T) {
	if c.sparse == nil {
		c.conv.BackwardInput(p, full, w, dx)
		return
	}
	c.sparse.input(p, g, arg, w, dx)
}

func (c *ConvPool[T]) weight(p *Pool, x, g []T, arg []int32, full, dw []T) {
	switch {
	case c.sparse != nil:
		c.sparse.weight(p, x, g, arg, dw)
	case c.grad != nil:
		c.grad.arg = arg
		c.grad.run(p, x, g, dw)
		c.grad.arg = nil
	default:
		c.conv.BackwardWeight(p, x, full, dw)
	}
}
