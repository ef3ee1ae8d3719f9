package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "AffineGrid", min: 2, max: 2, other: []int{1}, f32: bindAffineGrid[float32], f64: bindAffineGrid[float64]})
}

// affineGrid maps the points of a grid over [-1, 1]^D by matrices theta (N D D+1):
//
//	y[n, p] = theta[n] (x, y, .., 1)
//
// Y is N H W 2 or N D H W 3 for the size N C H W or N C D H W in input 1.
type affineGrid[T kernel.Float] struct {
	graph.Bound
	dims       tensor.Shape // of the grid
	align      bool
	points     int
	fwd, bwd   pieces
	theta, y   []T
	dtheta, dy []T
}

func bindAffineGrid[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	size, err := b.ConstInts(1)
	if err != nil {
		return nil, err
	}
	t := b.In[0].Shape
	if _, ok := tensor.Shape(size).CheckedSize(maxElems); !ok || len(size) < 4 || len(size) > 5 {
		return nil, b.Errorf("size %v: want N C H W or N C D H W", size)
	}
	d := len(size) - 2
	if !t.Equal(tensor.Shape{size[0], d, d + 1}) {
		return nil, b.Errorf("theta has shape %v, want [%d %d %d]", t, size[0], d, d+1)
	}
	k := &affineGrid[T]{dims: size[2:], align: b.Node.Attrs.Bool("align_corners", false)}
	k.points = product(k.dims)
	k.Outs = []graph.Spec{specOf[T](append(append([]int{size[0]}, k.dims...), d)...)}
	k.MACs = int64(product(k.Outs[0].Shape)) * int64(d+1)
	k.fwd = newPieces(size[0]*k.points, d*(d+1), k.forward)
	k.bwd = newPieces(size[0], k.points*d*(d+1), k.backward)
	return k, nil
}

// point returns the coordinates of point p, x first, followed by 1.
func (k *affineGrid[T]) point(p int) (at [4]T) {
	d := len(k.dims)
	for i := range d {
		n := k.dims[d-1-i]
		at[i] = gridCoordinate[T](p%n, n, k.align)
		p /= n
	}
	at[d] = 1
	return at
}

// gridCoordinate returns the place of point i of n in [-1, 1]: with align the first
// and the last are at the ends, a single one at 0, else half a step inside.
func gridCoordinate[T kernel.Float](i, n int, align bool) T {
	switch {
	case !align:
		return (2*T(i)+1)/T(n) - 1
	case n == 1:
		return 0
	}
	return 2*T(i)/T(n-1) - 1
}

func (k *affineGrid[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.theta, k.y = elems[T](in, 0), elems[T](out, 0)
	k.fwd.do(x.Pool)
}

func (k *affineGrid[T]) forward(from, to int) {
	d := len(k.dims)
	for q := from; q < to; q++ {
		at, m := k.point(q%k.points), k.theta[q/k.points*d*(d+1):]
		for i := range d {
			var sum T
			for j := range d + 1 {
				sum += m[i*(d+1)+j] * at[j]
			}
			k.y[q*d+i] = sum
		}
	}
}

// BackwardReads implements graph.Frugal.
func (k *affineGrid[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *affineGrid[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if k.dtheta, k.dy = elems[T](din, 0), elems[T](dout, 0); k.dtheta != nil {
		k.bwd.do(x.Pool)
	}
}

// backward sums dtheta[n] = sum over p of dy[n, p] (x, y, .., 1)^T.
func (k *affineGrid[T]) backward(from, to int) {
	d := len(k.dims)
	for n := from; n < to; n++ {
		m := k.dtheta[n*d*(d+1) : (n+1)*d*(d+1)]
		clear(m)
		for p := range k.points {
			at, dy := k.point(p), k.dy[(n*k.points+p)*d:]
			for i := range d {
				for j := range d + 1 {
					m[i*(d+1)+j] += dy[i] * at[j]
				}
			}
		}
	}
}
