package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "MeanVarianceNormalization", min: 1, max: 1, f32: bindMVN[float32], f64: bindMVN[float64]})
}

// mvnEpsilon is added to the deviation, as in ONNX's definition.
const mvnEpsilon = 1e-9

// mvn normalises over attribute axes: with m the mean, s the deviation of the R
// elements of a group and d = s + 1e-9,
//
//	y = (x - m) / d      dx = (dy - mean dy)/d - (x - m) sum dy (x - m) / (R s d^2)
type mvn[T kernel.Float] struct {
	*groupwise[T]
	fwd, bwd func(base int)
}

func bindMVN[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	axes := b.Node.Attrs.Ints("axes")
	if axes == nil {
		axes = []int{0, 2, 3}
	}
	g, err := newGroupwise[T](b, axes...)
	if err != nil {
		return nil, err
	}
	k := &mvn[T]{groupwise: g}
	k.fwd, k.bwd = k.forward, k.backward
	return k, nil
}

func (k *mvn[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.setForward(in, out)
	k.run(x.Pool, k.fwd)
}

func (k *mvn[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.setBackward(in, dout, din)
	k.run(x.Pool, k.bwd)
}

// moments returns the mean and the deviation of the group at base.
func (k *mvn[T]) moments(base int) (mean, dev float64) {
	var sum, sq float64
	for _, o := range k.groups.offsets {
		sum += float64(k.x[base+o])
	}
	n := float64(len(k.groups.offsets))
	mean = sum / n
	for _, o := range k.groups.offsets {
		d := float64(k.x[base+o]) - mean
		sq += d * d
	}
	return mean, math.Sqrt(sq / n)
}

func (k *mvn[T]) forward(base int) {
	mean, dev := k.moments(base)
	for _, o := range k.groups.offsets {
		k.y[base+o] = T((float64(k.x[base+o]) - mean) / (dev + mvnEpsilon))
	}
}

func (k *mvn[T]) backward(base int) {
	mean, dev := k.moments(base)
	var sum, dot float64
	for _, o := range k.groups.offsets {
		dy := float64(k.dy[base+o])
		sum += dy
		dot += dy * (float64(k.x[base+o]) - mean)
	}
	n, d := float64(len(k.groups.offsets)), dev+mvnEpsilon
	if dev > 0 {
		dot /= n * dev * d * d
	}
	for _, o := range k.groups.offsets {
		k.dx[base+o] = T((float64(k.dy[base+o])-sum/n)/d - (float64(k.x[base+o])-mean)*dot)
	}
}
