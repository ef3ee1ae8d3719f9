package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// fixedNorm is batch normalisation with given statistics: an affine map of each
// channel. With i = 1/sqrt(var + eps),
//
//	dx = scale i dy   dbias = sum dy   dscale = i sum dy (x - mean)
//	dmean = -scale i sum dy   dvar = -scale i^3/2 sum dy (x - mean)
type fixedNorm[T kernel.Float] struct {
	normShape[T]
	sums        unit
	x, dy, mean []T
	sum, dot    []T        // C: sums of dy and of dy (x - mean)
	tmp         workTmp[T] // S
}

func (k *fixedNorm[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	mean, inv := dataAt[T](x.Saved, 0), dataAt[T](x.Saved, 1)
	copy(mean, dataAt[T](in, 3))
	copy(inv, dataAt[T](in, 4))
	k.normalise(x, in, out, mean, inv)
}

func (k *fixedNorm[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	inv, gamma := dataAt[T](x.Saved, 1), dataAt[T](in, 1)
	sum, dot := dataAt[T](x.Scratch, 0), dataAt[T](x.Scratch, 1)
	k.reduce(x, dataAt[T](in, 0), dataAt[T](dout, 0), sum, dot)
	copy(dataAt[T](din, 2), sum)
	for c := range inv {
		put(dataAt[T](din, 1), c, inv[c]*dot[c])
		put(dataAt[T](din, 3), c, -gamma[c]*inv[c]*sum[c])
		put(dataAt[T](din, 4), c, -gamma[c]*inv[c]*inv[c]*inv[c]/2*dot[c])
	}
	if dx := dataAt[T](din, 0); dx != nil {
		for c, g := range gamma {
			dot[c], sum[c] = g*inv[c], 0
		}
		kernel.ChannelAffine(x.Pool, dx, dataAt[T](dout, 0), k.n, k.c, k.s, dot, sum, kernel.ActNone)
	}
}

// reduce computes sum and dot.
func (k *fixedNorm[T]) reduce(x *graph.Exec, xs, dy, sum, dot []T) {
	if k.sums == nil {
		k.sums = k.channel
	}
	k.tmp.need(x.Pool, k.s)
	k.x, k.dy, k.mean, k.sum, k.dot = xs, dy, dataAt[T](x.Saved, 0), sum, dot
	x.Pool.Do(k.sums, k.c)
}

func (k *fixedNorm[T]) channel(w, c int) {
	k.sum[c], k.dot[c] = 0, 0
	for n := range k.n {
		at := (n*k.c + c) * k.s
		kernel.AddScalar(k.tmp[w], k.x[at:at+k.s], -k.mean[c])
		k.sum[c] += kernel.Sum(k.dy[at : at+k.s])
		k.dot[c] += kernel.Dot(k.dy[at:at+k.s], k.tmp[w])
	}
}
