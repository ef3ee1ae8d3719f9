package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "LpNormalization", min: 1, max: 1, f32: bindLpNorm[float32], f64: bindLpNorm[float64]})
}

// lpNorm divides by the norm along attribute axis, p = 1 or 2; zeros stay zeros.
//
//	y = x / |x|_p      dx = (dy - t sum dy y) / |x|_p,  t = y for p = 2, sign x for p = 1
type lpNorm[T kernel.Float] struct {
	*groupwise[T]
	p        int
	fwd, bwd func(base int)
}

func bindLpNorm[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	g, err := newGroupwise[T](b, b.Node.Attrs.Int("axis", -1))
	if err != nil {
		return nil, err
	}
	k := &lpNorm[T]{groupwise: g, p: b.Node.Attrs.Int("p", 2)}
	if k.p != 1 && k.p != 2 {
		return nil, b.Errorf("p is %d, want 1 or 2", k.p)
	}
	k.fwd, k.bwd = k.forward, k.backward
	return k, nil
}

func (k *lpNorm[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.setForward(in, out)
	k.run(x.Pool, k.fwd)
}

func (k *lpNorm[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.setBackward(in, dout, din)
	k.run(x.Pool, k.bwd)
}

// inverse returns 1/|x|_p of the group at base, 0 for zeros.
func (k *lpNorm[T]) inverse(base int) float64 {
	var sum float64
	for _, o := range k.groups.offsets {
		v := math.Abs(float64(k.x[base+o]))
		if k.p == 2 {
			v *= v
		}
		sum += v
	}
	if k.p == 2 {
		sum = math.Sqrt(sum)
	}
	if sum == 0 {
		return 0
	}
	return 1 / sum
}

func (k *lpNorm[T]) forward(base int) {
	inv := k.inverse(base)
	for _, o := range k.groups.offsets {
		k.y[base+o] = T(float64(k.x[base+o]) * inv)
	}
}

func (k *lpNorm[T]) backward(base int) {
	inv := k.inverse(base)
	var dot float64
	for _, o := range k.groups.offsets {
		dot += float64(k.dy[base+o]) * float64(k.x[base+o]) * inv
	}
	for _, o := range k.groups.offsets {
		t := float64(k.x[base+o]) * inv
		if k.p == 1 {
			t = sign(float64(k.x[base+o]))
		}
		k.dx[base+o] = T((float64(k.dy[base+o]) - t*dot) * inv)
	}
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
