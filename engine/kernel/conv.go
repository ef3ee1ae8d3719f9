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

// Conv is the plan of a convolution and its gradients: the algorithms and their
// work space. It must not be used by two goroutines at a time.
type Conv[T Float] struct {
	s    ConvShape
	cols []T // taps x OH OW of one group of one image
	g    GemmArgs[T]
	epi  Epilogue[T]
}

// NewConv plans a convolution.
func NewConv[T Float](s ConvShape) *Conv[T] {
	if s.Groups < 1 || s.C%s.Groups != 0 || s.M%s.Groups != 0 {
		panic(fmt.Sprintf("kernel: NewConv: %d and %d channels in %d groups", s.C, s.M, s.Groups))
	}
	if min(s.StrideH, s.StrideW, s.DilH, s.DilW) < 1 {
		panic(fmt.Sprintf("kernel: NewConv: strides %dx%d, dilations %dx%d", s.StrideH, s.StrideW, s.DilH, s.DilW))
	}
	return &Conv[T]{s: s, cols: make([]T, s.taps()*s.OH*s.OW)}
}

// Prepack tells the plan that the weights are w in every later Forward.
func (c *Conv[T]) Prepack(w []T) {}

// Forward sets y = act(x * w + bias + residual). The bias has one number an
// output channel, and the residual is laid out as y.
func (c *Conv[T]) Forward(p *Pool, x, w, y []T, e *Epilogue[T]) {
	s, sp := &c.s, c.s.OH*c.s.OW
	for n := range s.N {
		for g := range s.Groups {
			c.gather(x, n, g)
			c.g = GemmArgs[T]{M: s.mg(), N: sp, K: s.taps(), Alpha: 1, A: w[g*s.mg()*s.taps():], LDA: s.taps(),
				B: c.cols, LDB: sp, C: y[(n*s.M+g*s.mg())*sp:], LDC: sp}
			if e != nil {
				c.epi = *e
				c.epi.BiasRow, c.epi.ResidualLD, c.g.Epi = true, sp, &c.epi
				if e.Bias != nil {
					c.epi.Bias = e.Bias[g*s.mg():]
				}
				if e.Residual != nil {
					c.epi.Residual = e.Residual[(n*s.M+g*s.mg())*sp:]
				}
			}
			Gemm(p, &c.g)
		}
	}
}

// BackwardInput sets dx to the gradient of the input.
func (c *Conv[T]) BackwardInput(p *Pool, dy, w, dx []T) {
	s, sp := &c.s, c.s.OH*c.s.OW
	clear(dx[:s.lenX()])
	for n := range s.N {
		for g := range s.Groups {
			c.g = GemmArgs[T]{TransA: true, M: s.taps(), N: sp, K: s.mg(), Alpha: 1, A: w[g*s.mg()*s.taps():], LDA: s.taps(),
				B: dy[(n*s.M+g*s.mg())*sp:], LDB: sp, C: c.cols, LDC: sp}
			Gemm(p, &c.g)
			c.scatter(dx, n, g)
		}
	}
}

// BackwardWeight sets dw to the gradient of the weights.
func (c *Conv[T]) BackwardWeight(p *Pool, x, dy, dw []T) {
	s, sp := &c.s, c.s.OH*c.s.OW
	clear(dw[:s.lenW()])
	for n := range s.N {
		for g := range s.Groups {
			c.gather(x, n, g)
			c.g = GemmArgs[T]{TransB: true, M: s.mg(), N: s.taps(), K: sp, Alpha: 1, Beta: 1, A: dy[(n*s.M+g*s.mg())*sp:], LDA: sp,
				B: c.cols, LDB: sp, C: dw[g*s.mg()*s.taps():], LDC: s.taps()}
			Gemm(p, &c.g)
		}
	}
}

// BackwardBias sets db to the gradient of the bias: the sums of dy.
func (c *Conv[T]) BackwardBias(_ *Pool, dy, db []T) {
	s, sp := &c.s, c.s.OH*c.s.OW
	clear(db[:s.M])
	for n := range s.N {
		for m := range s.M {
			for _, v := range dy[(n*s.M+m)*sp : (n*s.M+m+1)*sp] {
				db[m] += v
			}
		}
	}
}

// gather copies what the outputs of group g of image n see to the columns.
func (c *Conv[T]) gather(x []T, n, g int) {
	clear(c.cols)
	c.eachTap(n, g, func(col, at int) { c.cols[col] = x[at] })
}

// scatter adds the columns to what they see.
func (c *Conv[T]) scatter(dx []T, n, g int) {
	c.eachTap(n, g, func(col, at int) { dx[at] += c.cols[col] })
}

// eachTap goes over the columns of group g of image n that lie inside of it.
func (c *Conv[T]) eachTap(n, g int, f func(col, at int)) {
	s, col := &c.s, 0
	for ch := range s.cg() {
		plane := (n*s.C + g*s.cg() + ch) * s.H * s.W
		for a := range s.KH {
			for b := range s.KW {
				for i := range s.OH {
					for j := range s.OW {
						h, w := i*s.StrideH-s.PadTop+a*s.DilH, j*s.StrideW-s.PadLeft+b*s.DilW
						if h >= 0 && h < s.H && w >= 0 && w < s.W {
							f(col, plane+h*s.W+w)
						}
						col++
					}
				}
			}
		}
	}
}
