package op

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Dropout", min: 1, max: 3, other: []int{1, 2}, f32: bindDropout[float32], f64: bindDropout[float64]})
}

// dropout keeps each element with probability 1 - ratio and divides it by that
// (Srivastava et al. 2014), in sessions that train or when the input
// training_mode says so. The numbers are a function of the node's stream and the
// element's index. The second output tells what was kept.
type dropout[T kernel.Float] struct {
	graph.Bound
	train     bool
	fwd, bwd  unit
	n, size   int
	y, x      []T
	keep      []bool
	threshold uint64 // keep where 32 random bits reach it
	scale     T
	rand      tensor.Rand
	active    bool
}

func bindDropout[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	if s := b.Input(1); s.Present() && (s.Shape.Size() != 1 || s.DType != tensor.F32 && s.DType != tensor.F64) {
		return nil, b.Errorf("ratio must be one float32 or float64")
	}
	if s := b.Input(2); s.Present() && (s.Shape.Size() != 1 || s.DType != tensor.Bool) {
		return nil, b.Errorf("training_mode must be one bool")
	}
	s := b.In[0].Shape
	mask := graph.Spec{DType: tensor.Bool, Shape: s.Clone()}
	k := &dropout[T]{train: b.Train, n: s.Size()}
	k.fwd, k.bwd = k.forward, k.backward
	k.Outs = []graph.Spec{specOf[T](s...), mask}
	mode := b.Input(2)
	off := !mode.Present() || mode.Const != nil && !tensor.Data[bool](mode.Const)[0]
	if !b.Train && off && len(b.Node.Out) == 1 {
		return &dropoutOff[T]{k}, nil
	}
	return k, nil
}

// dropoutOff is dropout at inference: nothing happens.
type dropoutOff[T kernel.Float] struct{ *dropout[T] }

// Alias implements graph.Aliaser.
func (dropoutOff[T]) Alias() int { return 0 }

// Random keeps the compiler from computing the node once for all.
func (k *dropout[T]) Random() {}

// Workspace implements graph.Workspacer.
func (k *dropout[T]) Workspace() (saved, scratch []graph.Spec) {
	return []graph.Spec{{DType: tensor.Bool, Shape: tensor.Shape{k.n}}}, nil
}

// InPlace implements graph.InPlacer.
func (k *dropout[T]) InPlace() (forward, backward bool) { return true, true }

// BackwardReads implements graph.Frugal.
func (k *dropout[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *dropout[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if err := k.setUp(x, in); err != nil {
		x.Fail(err)
		return
	}
	k.y, k.x = dataAt[T](out, 0), dataAt[T](in, 0)
	if k.active {
		k.do(x.Pool, k.fwd)
	} else {
		copy(k.y, k.x)
		fill(k.keep, true)
	}
	if len(out) > 1 && out[1] != nil {
		copy(tensor.Data[bool](out[1]), k.keep)
	}
}

// setUp reads ratio and mode.
func (k *dropout[T]) setUp(x *graph.Exec, in []*tensor.Tensor) error {
	ratio := 0.5
	if len(in) > 1 && in[1] != nil {
		ratio = scalarFloat(in[1])
	}
	k.active = k.train || len(in) > 2 && in[2] != nil && tensor.Data[bool](in[2])[0]
	if k.active && !(ratio >= 0 && ratio < 1) {
		return fmt.Errorf("ratio %v is outside [0, 1)", ratio)
	}
	k.active = k.active && ratio > 0
	k.threshold, k.scale = uint64(ratio*(1<<32)), T(1/(1-ratio))
	k.keep, k.rand = tensor.Data[bool](x.Saved[0]), x.Rand
	return nil
}

func scalarFloat(t *tensor.Tensor) float64 {
	if t.DType() == tensor.F64 {
		return tensor.Data[float64](t)[0]
	}
	return float64(t.F32s()[0])
}

// do runs pieces that start at even elements, two elements a random number.
func (k *dropout[T]) do(p *kernel.Pool, u unit) {
	pairs, size := kernel.Split((k.n+1)/2, 1<<12)
	k.size = 2 * size
	p.Do(u, pairs)
}

func (k *dropout[T]) forward(_, i int) {
	for j := i * k.size; j < min((i+1)*k.size, k.n); j++ {
		bits := k.rand.Uint64(uint64(j / 2))
		if j%2 == 1 {
			bits >>= 32
		}
		k.keep[j] = bits&(1<<32-1) >= k.threshold
	}
	k.backward(0, i)
}

// backward scales what was kept; it is the map of both passes.
func (k *dropout[T]) backward(_, i int) {
	from, to := i*k.size, min((i+1)*k.size, k.n)
	y, x := k.y[from:to], k.x[from:to]
	for j, keep := range k.keep[from:to] {
		v := k.scale * x[j]
		if !keep {
			v = 0
		}
		y[j] = v
	}
}

func (k *dropout[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	k.y, k.x = dataAt[T](din, 0), dataAt[T](dout, 0)
	if !k.active {
		copy(k.y, k.x)
		return
	}
	k.do(x.Pool, k.bwd)
}
