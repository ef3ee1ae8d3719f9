package op

import (
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Col2Im", min: 3, max: 3, other: []int{1, 2}, f32: bindCol2Im[float32], f64: bindCol2Im[float64]})
}

// col2Im adds up blocks of images: X is N C*K L with K elements in a block and L
// blocks, Y is N C and the image. Element k of block l belongs to the image's place
// l*stride + k*dilation - pad along each axis; places outside are dropped.
type col2Im[T kernel.Float] struct {
	graph.Bound
	axes     []col2ImAxis
	in, out  int     // elements of a plane of X and of Y
	at       []int32 // for each element of a plane of X its place in Y, or -1; made by the first run
	planes   int
	fwd, bwd pieces
	x, y     []T
	dx, dy   []T
}

// col2ImAxis is one axis of the image.
type col2ImAxis struct{ image, block, stride, dilation, pad, count int }

func bindCol2Im[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	image, err := b.ConstInts(1)
	if err != nil {
		return nil, err
	}
	block, err := b.ConstInts(2)
	if err != nil {
		return nil, err
	}
	k := &col2Im[T]{}
	if k.axes, err = col2ImAxes(b, image, block); err != nil {
		return nil, err
	}
	s, size, count := b.In[0].Shape, product(block), k.count()
	if _, ok := tensor.Shape(image).CheckedSize(math.MaxInt32); !ok {
		return nil, b.Errorf("images %v are too large", image)
	}
	if len(s) != 3 || size <= 0 || s[1]%size != 0 || s[2] != count {
		return nil, b.Errorf("want N C*%d %d for blocks %v of images %v", size, count, block, image)
	}
	k.in, k.out, k.planes = size*count, product(image), s[0]*(s[1]/size)
	k.Outs = []graph.Spec{specOf[T](append([]int{s[0], s[1] / size}, image...)...)}
	k.fwd, k.bwd = newPieces(k.planes, k.in, k.gather), newPieces(k.planes, k.in, k.scatter)
	return k, nil
}

// col2ImAxes describes the axes of the image.
func col2ImAxes(b *graph.Bind, image, block []int) ([]col2ImAxis, error) {
	n := len(image)
	list := func(name string, def, count int) []int {
		if b.Node.Attrs.Has(name) {
			return b.Node.Attrs.Ints(name)
		}
		return slices.Repeat([]int{def}, count)
	}
	strides, dilations, pads := list("strides", 1, n), list("dilations", 1, n), list("pads", 0, 2*n)
	if n == 0 || len(block) != n || len(strides) != n || len(dilations) != n || len(pads) != 2*n {
		return nil, b.Errorf("image %v, block %v, strides, dilations and pads do not have one number (pads two) an axis", image, block)
	}
	axes := make([]col2ImAxis, n)
	for d := range axes {
		a := col2ImAxis{image: image[d], block: block[d], stride: strides[d], dilation: dilations[d], pad: pads[d]}
		if min(a.image, a.block, a.stride, a.dilation) < 1 || min(a.pad, pads[n+d]) < 0 {
			return nil, b.Errorf("axis %d: extents, strides and dilations must be positive, pads not negative", d)
		}
		if span := a.image + a.pad + pads[n+d] - a.dilation*(a.block-1) - 1; span >= 0 {
			a.count = span/a.stride + 1
		}
		axes[d] = a
	}
	return axes, nil
}

// count returns the number of blocks.
func (k *col2Im[T]) count() int {
	n := 1
	for _, a := range k.axes {
		n *= a.count
	}
	return n
}

// place returns the place of element e of block l, or -1.
func (k *col2Im[T]) place(e, l int) int32 {
	at, step := 0, 1
	for _, a := range slices.Backward(k.axes) {
		i := l%a.count*a.stride + e%a.block*a.dilation - a.pad
		if i < 0 || i >= a.image {
			return -1
		}
		at += i * step
		step *= a.image
		l, e = l/a.count, e/a.block
	}
	return int32(at)
}

// need makes the table of places, once.
func (k *col2Im[T]) need() {
	if k.at != nil || k.in == 0 {
		return
	}
	count := k.count()
	k.at = make([]int32, k.in)
	for i := range k.at {
		k.at[i] = k.place(i/count, i%count)
	}
}

func (k *col2Im[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.need()
	k.x, k.y = elems[T](in, 0), elems[T](out, 0)
	k.fwd.do(x.Pool)
}

// gather adds up planes [from, to) of Y.
func (k *col2Im[T]) gather(from, to int) {
	for p := from; p < to; p++ {
		x, y := k.x[p*k.in:], k.y[p*k.out:(p+1)*k.out]
		clear(y)
		for i, at := range k.at {
			if at >= 0 {
				y[at] += x[i]
			}
		}
	}
}

// BackwardReads implements graph.Frugal.
func (k *col2Im[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *col2Im[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if k.dx, k.dy = elems[T](din, 0), elems[T](dout, 0); k.dx != nil {
		k.need()
		k.bwd.do(x.Pool)
	}
}

// scatter copies the places' gradients to planes [from, to) of X.
func (k *col2Im[T]) scatter(from, to int) {
	for p := from; p < to; p++ {
		dx, dy := k.dx[p*k.in:(p+1)*k.in], k.dy[p*k.out:]
		for i, at := range k.at {
			dx[i] = 0
			if at >= 0 {
				dx[i] = dy[at]
			}
		}
	}
}
