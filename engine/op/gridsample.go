package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "GridSample", min: 2, max: 2, f32: bindGridSample[float32], f64: bindGridSample[float64]})
}

// gridSample reads maps X (N C H W, or N C D H W) at the points of a grid (N, extents
// of the output, 2 or 3; x first) over [-1, 1]. Attributes mode, padding_mode and
// align_corners are those of Jaderberg et al. 2015 as ONNX defines them. The place
// between elements is the product of one-dimensional interpolations.
type gridSample[T kernel.Float] struct {
	graph.Bound
	axes              []gridAxis // as of X's spatial axes
	n, c, size        int        // size is that of a plane of X
	points            int        // of the grid, for one of N
	fwd, bwd, gridBwd pieces
	x, y, grid        []T
	dx, dy, dgrid     []T
}

// Reach of an interpolation, in elements.
const (
	gridNearest = 1
	gridLinear  = 2
	gridCubic   = 4
)

func bindGridSample[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	x, g := b.In[0].Shape, b.In[1].Shape
	d := len(x) - 2
	if d < 1 || d > 3 || len(g) != len(x) || g[0] != x[0] || g[d+1] != d {
		return nil, b.Errorf("want X N C and 1 to 3 spatial axes, and a grid N, as many axes, and that number of coordinates")
	}
	a, err := gridAxisOf(b)
	if err != nil {
		return nil, err
	}
	k := &gridSample[T]{n: x[0], c: x[1], size: product(x[2:]), points: product(g[1 : d+1])}
	for i, st := range x[2:].Strides() {
		if a.extent, a.stride = x[2+i], st; a.extent == 0 {
			return nil, b.Errorf("spatial axis %d is empty", i)
		}
		k.axes = append(k.axes, a)
	}
	k.Outs = []graph.Spec{specOf[T](append([]int{k.n, k.c}, g[1:d+1]...)...)}
	cost := 8 * a.reach * a.reach
	k.fwd = newPieces(k.n*k.c, cost*k.points, k.forward)
	k.bwd = newPieces(k.n*k.c, cost*k.points, k.backward)
	k.gridBwd = newPieces(k.n*k.points, cost*k.c, k.gridBackward)
	return k, nil
}

// gridAxisOf reads the attributes.
func gridAxisOf(b *graph.Bind) (a gridAxis, err error) {
	reach := map[string]int{"nearest": gridNearest, "linear": gridLinear, "bilinear": gridLinear, "cubic": gridCubic, "bicubic": gridCubic}
	mode, pad := b.Node.Attrs.Str("mode", "linear"), b.Node.Attrs.Str("padding_mode", "zeros")
	a.align, a.reach = b.Node.Attrs.Bool("align_corners", false), reach[mode]
	switch pad {
	case "border":
		a.pad = gridBorder
	case "reflection":
		a.pad = gridReflection
	case "zeros":
	default:
		return a, b.Errorf("padding_mode %q: want zeros, border or reflection", pad)
	}
	if a.reach == 0 {
		return a, b.Errorf("mode %q: want nearest, linear or cubic", mode)
	}
	return a, nil
}

// blend lists the elements that a point is made of.
type blend[T kernel.Float] struct {
	n  int
	at [gridCubic * gridCubic * gridCubic]int
	w  [gridCubic * gridCubic * gridCubic]T
}

// mix multiplies the axes' weights at point q of the grid, those of axis diff
// replaced by their derivatives.
func (k *gridSample[T]) mix(q, diff int, m *blend[T]) {
	m.n, m.at[0], m.w[0] = 1, 0, 1
	d := len(k.axes)
	for i, a := range k.axes {
		t := tapsOf(a, k.grid[q*d+d-1-i])
		w := &t.w
		if i == diff {
			w = &t.dw
		}
		m.times(t.at[:a.reach], w[:a.reach])
	}
}

// times multiplies the blend by a list of elements.
func (m *blend[T]) times(at []int, w []T) {
	var wasAt [gridCubic * gridCubic]int
	var wasW [gridCubic * gridCubic]T
	n := copy(wasAt[:], m.at[:m.n])
	copy(wasW[:], m.w[:n])
	m.n = 0
	for j, o := range at {
		if o < 0 {
			continue
		}
		for i := range n {
			m.at[m.n], m.w[m.n] = wasAt[i]+o, wasW[i]*w[j]
			m.n++
		}
	}
}

func (k *gridSample[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.grid, k.y = elems[T](in, 0), elems[T](in, 1), elems[T](out, 0)
	k.fwd.do(x.Pool)
}

func (k *gridSample[T]) forward(from, to int) { k.planes(from, to, false) }

func (k *gridSample[T]) backward(from, to int) {
	clear(k.dx[from*k.size : to*k.size])
	k.planes(from, to, true)
}

// planes reads planes [from, to) of X at all points, or adds to their gradient.
func (k *gridSample[T]) planes(from, to int, back bool) {
	var m blend[T]
	for from < to {
		n := from / k.c
		end := min(to, (n+1)*k.c)
		for p := range k.points {
			k.mix(n*k.points+p, -1, &m)
			for c := from; c < end; c++ {
				if back {
					m.scatter(k.dx[c*k.size:], k.dy[c*k.points+p])
				} else {
					k.y[c*k.points+p] = m.of(k.x[c*k.size:])
				}
			}
		}
		from = end
	}
}

// of returns the blend of a plane's elements.
func (m *blend[T]) of(x []T) T {
	var sum T
	for i, at := range m.at[:m.n] {
		sum += m.w[i] * x[at]
	}
	return sum
}

// scatter adds the blend's part in dy to the elements' gradients.
func (m *blend[T]) scatter(dx []T, dy T) {
	for i, at := range m.at[:m.n] {
		dx[at] += m.w[i] * dy
	}
}

// BackwardReads implements graph.Frugal.
func (k *gridSample[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, nil }

func (k *gridSample[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.x, k.grid, k.dy = elems[T](in, 0), elems[T](in, 1), elems[T](dout, 0)
	if k.dx = elems[T](din, 0); k.dx != nil {
		k.bwd.do(x.Pool)
	}
	if k.dgrid = elems[T](din, 1); k.dgrid != nil {
		k.gridBwd.do(x.Pool)
	}
}

func (k *gridSample[T]) gridBackward(from, to int) {
	var m blend[T]
	d := len(k.axes)
	for q := from; q < to; q++ {
		n, p := q/k.points, q%k.points
		for i := range d {
			k.mix(q, i, &m)
			var sum T
			for c := n * k.c; c < (n+1)*k.c; c++ {
				sum += m.of(k.x[c*k.size:]) * k.dy[c*k.points+p]
			}
			k.dgrid[q*d+d-1-i] = sum
		}
	}
}

// Ways to continue a map beyond its ends.
const (
	gridZeros = iota
	gridBorder
	gridReflection
)

// gridAxis is one axis of a map that a grid reads.
type gridAxis struct {
	extent, stride int
	reach, pad     int
	align          bool // -1 and 1 are the first and last elements' centers, not their outer ends
}

// bounds returns where the axis ends, in elements.
func (a gridAxis) bounds() (lo, hi float64) {
	if a.align {
		return 0, float64(a.extent - 1)
	}
	return -0.5, float64(a.extent) - 0.5
}

// reflect mirrors v at the ends until it is between them; slope is 1 or -1.
func (a gridAxis) reflect(v float64) (in, slope float64) {
	lo, hi := a.bounds()
	width := hi - lo
	if width <= 0 {
		return lo, 0
	}
	r := math.Mod(v-lo, 2*width)
	if r < 0 {
		r += 2 * width
	}
	if r > width {
		return lo + 2*width - r, -1
	}
	return lo + r, 1
}

// inside moves v into the axis as the padding says; slope is its derivative.
func (a gridAxis) inside(v float64) (in, slope float64) {
	lo, hi := a.bounds()
	switch {
	case v >= lo && v <= hi || a.pad == gridZeros:
		return v, 1
	case a.pad == gridReflection:
		return a.reflect(v)
	}
	return min(max(v, 0), float64(a.extent-1)), 0
}

// element returns the offset of element i, or -1 where there is a zero.
func (a gridAxis) element(i int) int {
	switch {
	case i >= 0 && i < a.extent:
	case a.pad == gridBorder:
		i = min(max(i, 0), a.extent-1)
	case a.pad == gridReflection:
		v, _ := a.reflect(float64(i))
		i = min(max(int(v), 0), a.extent-1)
	default:
		return -1
	}
	return i * a.stride
}

// taps are the elements that a coordinate lies between, with their weights and the
// weights' derivatives.
type taps[T kernel.Float] struct {
	at    [gridCubic]int
	w, dw [gridCubic]T
}

// tapsOf interpolates at coordinate g in [-1, 1].
func tapsOf[T kernel.Float](a gridAxis, g T) (t taps[T]) {
	scale := float64(a.extent) / 2
	v := (float64(g)+1)*scale - 0.5
	if a.align {
		scale = float64(a.extent-1) / 2
		v = (float64(g) + 1) * scale
	}
	if a.reach == gridNearest {
		v, scale = math.RoundToEven(v), 0
	}
	v, slope := a.inside(v)
	first := math.Floor(v)
	if a.reach == gridNearest {
		first = math.Trunc(v)
	}
	w, dw := gridWeights(a.reach, v-first)
	first -= float64((a.reach - 1) / 2)
	for j := range a.reach {
		i := -1 - a.reach // NaN and what is far away
		if math.Abs(first) < 1<<30 {
			i = int(first) + j
		}
		t.at[j], t.w[j], t.dw[j] = a.element(i), T(w[j]), T(dw[j]*slope*scale)
	}
	return t
}

// gridWeights returns the weights of the elements around a place that is f after one
// of them, and their derivatives. The cubic ones are those of Keys 1981 with a = -0.75.
func gridWeights(reach int, f float64) (w, dw [gridCubic]float64) {
	switch reach {
	case gridNearest:
		w[0] = 1
	case gridLinear:
		w[0], w[1], dw[0], dw[1] = 1-f, f, -1, 1
	default:
		for j := range w {
			w[j], dw[j] = keys(f - float64(j-1))
		}
	}
	return w, dw
}

// keys is the cubic convolution kernel and its derivative.
func keys(x float64) (w, dw float64) {
	const a = -0.75
	sign := 1.0
	if x < 0 {
		x, sign = -x, -1
	}
	switch {
	case x <= 1:
		return ((a+2)*x-(a+3))*x*x + 1, sign * (3*(a+2)*x - 2*(a+3)) * x
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a, sign * ((3*a*x-10*a)*x + 8*a)
	}
	return 0, 0
}
