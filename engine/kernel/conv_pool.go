package kernel

// ConvPool is a convolution whose output goes into maximum pooling by 2 x 2 windows
// next to each other and nowhere else: N C H W to N M OH/2 OW/2. Its gradients know
// that three of four numbers of the gradient of the convolution's output are zero.
// It must not be used by two goroutines at a time.
type ConvPool[T Float] struct {
	conv   *Conv[T]
	pool   PoolShape
	sparse *convSparse[T] // nil where dense gradients are better
	bias   ConvShape      // as large as the pooled output
}

// NewConvPool plans a convolution with pooling.
func NewConvPool[T Float](s ConvShape) *ConvPool[T] {
	c := &ConvPool[T]{conv: NewConv[T](s), bias: s}
	c.bias.OH, c.bias.OW = s.OH/2, s.OW/2
	c.pool = PoolShape{N: s.N, C: s.M, H: s.OH, W: s.OW, KH: 2, KW: 2, OH: s.OH / 2, OW: s.OW / 2, StrideH: 2, StrideW: 2, DilH: 1, DilW: 1}
	c.sparse = newConvSparse[T](&c.conv.s)
	return c
}

// Forward sets y = maxpool(act(x * w + bias)), and arg to where the maxima are in the
// planes of the convolution's output, which full is work space for.
func (c *ConvPool[T]) Forward(p *Pool, x, w, y []T, arg []int32, full []T, e *Epilogue[T]) {
	c.conv.Forward(p, x, w, full, e)
	MaxPool(p, &c.pool, y, arg, full)
}

// Backward sets those of dx, dw and db that are not nil to the gradients at the
// gradient g of the pooled output before act. full is work space of the size of the
// convolution's output.
func (c *ConvPool[T]) Backward(p *Pool, x, w, g []T, arg []int32, full, dx, dw, db []T) {
	if c.sparse == nil && (dx != nil || dw != nil) {
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

func (c *ConvPool[T]) input(p *Pool, w, g []T, arg []int32, full, dx []T) {
	if c.sparse == nil {
		c.conv.BackwardInput(p, full, w, dx)
		return
	}
	c.sparse.input(p, g, arg, w, dx)
}

func (c *ConvPool[T]) weight(p *Pool, x, g []T, arg []int32, full, dw []T) {
	if c.sparse == nil {
		c.conv.BackwardWeight(p, x, full, dw)
		return
	}
	c.sparse.weight(p, x, g, arg, dw)
}
