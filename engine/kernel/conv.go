package kernel

import "fmt"

// ConvShape describes a convolution of N C H W inputs with weights M C/G KH KW
// to outputs N M OH OW. Output (i,j) sees rows i StrideH - PadTop + a DilH and
// columns j StrideW - PadLeft + b DilW of the input, which is zero outside of
// the image. A convolution in one dimension has H = KH = OH = 1.
type ConvShape struct {
	N, C, H, W, M, KH, KW, OH, OW                                      int
	StrideH, StrideW, DilH, DilW, PadTop, PadLeft, PadBottom, PadRight int
	Groups                                                             int
}

// cg and mg are the input and output channels of a group.
func (s *ConvShape) cg() int { return s.C / s.Groups }
func (s *ConvShape) mg() int { return s.M / s.Groups }

// taps is the number of products in an output.
func (s *ConvShape) taps() int { return s.cg() * s.KH * s.KW }

func (s *ConvShape) lenX() int { return s.N * s.C * s.H * s.W }
func (s *ConvShape) lenY() int { return s.N * s.M * s.OH * s.OW }
func (s *ConvShape) lenW() int { return s.M * s.taps() }

// check panics if the numbers make no convolution.
func (s *ConvShape) check() {
	if s.Groups < 1 || s.C%s.Groups != 0 || s.M%s.Groups != 0 {
		panic(fmt.Sprintf("kernel: NewConv: %d and %d channels in %d groups", s.C, s.M, s.Groups))
	}
	if min(s.StrideH, s.StrideW, s.DilH, s.DilW) < 1 {
		panic(fmt.Sprintf("kernel: NewConv: strides %dx%d, dilations %dx%d", s.StrideH, s.StrideW, s.DilH, s.DilW))
	}
	if min(s.N, s.C, s.H, s.W, s.M, s.KH, s.KW, s.OH, s.OW) < 0 {
		panic(fmt.Sprintf("kernel: NewConv: negative extent in %+v", *s))
	}
}

// Conv is the plan of a convolution and of its gradients, with their work space.
// It must not be used by two goroutines at a time. A plan stays with the path
// that was in use when it was made.
type Conv[T Float] struct {
	s       ConvShape
	forward convPlan[T]
	depth   *convDepth[T]   // forward and the gradient of the input, or nil
	input   []convPlan[T]   // by the residue of the row; made by the first BackwardInput
	scatter *convScatter[T] // instead of input, or nil
	weight  weightGrad[T]   // made by the first BackwardWeight
	bias    biasTask[T]
	packed  bool // the weights of every later Forward
}

// NewConv plans a convolution.
func NewConv[T Float](s ConvShape) *Conv[T] {
	s.check()
	if depthFits[T](&s) {
		c := &Conv[T]{s: s}
		c.depth = newConvDepth[T](&c.s)
		c.forward = c.depth
		return c
	}
	if convMicroFor[T]().winoFits(&s) {
		return &Conv[T]{s: s, forward: newWinoForward[T](&s)}
	}
	return &Conv[T]{s: s, forward: newForward[T](&s)}
}

// convPlan computes a convolution y of x with weights that it packs first.
type convPlan[T Float] interface {
	packWeights(p *Pool, w []T)
	run(p *Pool, x, y []T, e *Epilogue[T])
}

// Prepack arranges the weights for every later Forward, which then takes these
// and not its argument.
func (c *Conv[T]) Prepack(w []T) {
	c.need("w", len(w), c.s.lenW())
	c.forward.packWeights(nil, w)
	c.packed = true
}

// Forward sets y = act(x * w + bias + residual). The bias has one number an
// output channel, and the residual is laid out as y.
func (c *Conv[T]) Forward(p *Pool, x, w, y []T, e *Epilogue[T]) {
	s := &c.s
	c.need("x", len(x), s.lenX())
	c.need("y", len(y), s.lenY())
	if e != nil && e.Bias != nil {
		c.need("bias", len(e.Bias), s.M)
	}
	if e != nil && e.Residual != nil {
		c.need("residual", len(e.Residual), s.lenY())
	}
	if e != nil && e.Bias == nil && e.Residual == nil && e.Act == ActNone {
		e = nil
	}
	if !c.packed {
		c.need("w", len(w), s.lenW())
		c.forward.packWeights(p, w)
	}
	c.forward.run(p, x, y, e)
}

// BackwardInput sets dx to the gradient of the input.
func (c *Conv[T]) BackwardInput(p *Pool, dy, w, dx []T) {
	s := &c.s
	c.need("dy", len(dy), s.lenY())
	c.need("w", len(w), s.lenW())
	c.need("dx", len(dx), s.lenX())
	if c.depth != nil {
		c.depth.backward(p, dy, w, dx)
		return
	}
	if c.input == nil && c.scatter == nil {
		c.planInput()
	}
	if c.scatter != nil {
		c.scatter.run(p, dy, w, dx)
		return
	}
	for _, r := range c.input {
		r.packWeights(p, w)
		r.run(p, dy, dx, nil)
	}
}

// planInput plans the gradient of the input.
func (c *Conv[T]) planInput() {
	if c.scatter = newScatter[T](&c.s); c.scatter != nil {
		return
	}
	if convMicroFor[T]().winoFits(&c.s) {
		c.input = append(c.input, newWinoInput[T](&c.s))
		return
	}
	for r := range c.s.StrideH {
		c.input = append(c.input, newBackward[T](&c.s, r))
	}
}

// BackwardWeight sets dw to the gradient of the weights.
func (c *Conv[T]) BackwardWeight(p *Pool, x, dy, dw []T) {
	s := &c.s
	c.need("x", len(x), s.lenX())
	c.need("dy", len(dy), s.lenY())
	c.need("dw", len(dw), s.lenW())
	if c.weight == nil {
		c.planWeight()
	}
	c.weight.run(p, x, dy, dw[:s.lenW()])
}

// weightGrad computes the gradient of the weights.
type weightGrad[T Float] interface{ run(p *Pool, x, dy, dw []T) }

// planWeight plans the gradient of the weights.
func (c *Conv[T]) planWeight() {
	if c.s.winoGradFits() {
		c.weight = newWinoGrad[T](&c.s)
		return
	}
	c.weight = newConvGrad[T](&c.s)
}

// BackwardBias sets db to the gradient of the bias: the sums of dy.
func (c *Conv[T]) BackwardBias(p *Pool, dy, db []T) {
	c.need("dy", len(dy), c.s.lenY())
	c.need("db", len(db), c.s.M)
	sumChannels(p, &c.bias, &c.s, dy, db)
}

// sumChannels sets db to the sums of the output channels of dy.
func sumChannels[T Float](p *Pool, t *biasTask[T], s *ConvShape, dy, db []T) {
	*t = biasTask[T]{s: s, dy: dy, db: db}
	p.Do(t, s.M)
	*t = biasTask[T]{}
}

func (c *Conv[T]) need(name string, have, want int) {
	if have < want {
		panic(fmt.Sprintf("kernel: Conv: %s has %d elements, need %d", name, have, want))
	}
}

// biasTask adds up the numbers of an output channel.
type biasTask[T Float] struct {
	s      *ConvShape
	dy, db []T
}

func (t *biasTask[T]) Run(_, m int) {
	sp, o, sum := t.s.OH*t.s.OW, ops[T](), 0.0
	for n := range t.s.N {
		at := (n*t.s.M + m) * sp
		sum += float64(o.sum(t.dy[at : at+sp]))
	}
	t.db[m] = T(sum)
}
