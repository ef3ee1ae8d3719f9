package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "BatchNormalization", min: 5, max: 5, f32: bindBatchNorm[float32], f64: bindBatchNorm[float64]})
}

// normShape is what both forms of batch normalisation know: X is N C S.
type normShape[T kernel.Float] struct {
	graph.Bound
	n, c, s int
	eps     float64
	act     kernel.Act
}

// Workspace implements graph.Workspacer: mean and 1/sqrt(var+eps) are saved.
func (k *normShape[T]) Workspace() (saved, scratch []graph.Spec) {
	c := specOf[T](k.c)
	return []graph.Spec{c, c}, []graph.Spec{c, c}
}

// InPlace implements graph.InPlacer.
func (k *normShape[T]) InPlace() (forward, backward bool) { return true, true }

// BackwardReads implements graph.Frugal.
func (k *normShape[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, nil }

// normalise computes out[0] and inv from the mean and the variance in inv. Input
// 5, which only the fused form has, is added before the activation.
func (k *normShape[T]) normalise(x *graph.Exec, in, out []*tensor.Tensor, mean, inv []T) {
	scale, shift := dataAt[T](x.Scratch, 0), dataAt[T](x.Scratch, 1)
	gamma, beta := dataAt[T](in, 1), dataAt[T](in, 2)
	for c, v := range inv {
		inv[c] = T(1 / math.Sqrt(float64(v)+k.eps))
		scale[c] = gamma[c] * inv[c]
		shift[c] = beta[c] - mean[c]*scale[c]
	}
	if z := dataAt[T](in, 5); z != nil {
		kernel.ChannelAffineAdd(x.Pool, dataAt[T](out, 0), dataAt[T](in, 0), z, k.n, k.c, k.s, scale, shift, k.act)
		return
	}
	kernel.ChannelAffine(x.Pool, dataAt[T](out, 0), dataAt[T](in, 0), k.n, k.c, k.s, scale, shift, k.act)
}

// bindBatchNorm binds batch normalisation (Ioffe, Szegedy 2015). X has axes N C
// and spatial ones; in each channel
//
//	y = scale (x - mean) / sqrt(var + eps) + bias
func bindBatchNorm[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	x := b.In[0].Shape
	if len(x) < 2 {
		return nil, b.Errorf("want an input with axes N C")
	}
	for i := 1; i < 5; i++ {
		if !b.In[i].Shape.Equal(tensor.Shape{x[1]}) {
			return nil, b.Errorf("input %d has shape %v, want [%d]", i, b.In[i].Shape, x[1])
		}
	}
	a := b.Node.Attrs
	n := normShape[T]{n: x[0], c: x[1], s: product(x[2:]), eps: a.Float("epsilon", 1e-5)}
	n.Outs = []graph.Spec{specOf[T](x...)}
	mode := a.Bool("training_mode", false)
	if !mode && len(b.Node.Out) > 1 {
		return nil, b.Errorf("running statistics are outputs only with training_mode=1")
	}
	if !mode && !b.Train {
		return &fixedNorm[T]{normShape: n}, nil
	}
	if n.n*n.s == 0 {
		return nil, b.Errorf("no elements to take statistics of")
	}
	if mode {
		n.Outs = append(n.Outs, specOf[T](x[1]), specOf[T](x[1]))
	}
	return &batchNorm[T]{normShape: n, momentum: T(a.Float("momentum", 0.9)), inPlace: !mode}, nil
}

// batchNorm is batch normalisation in training: the statistics are those of X
// over N and S, and the running ones, which come as inputs, move,
//
//	running = momentum running + (1 - momentum) batch
//
// with the population's variance, as ONNX has it. A node with training_mode
// returns them; any other node of a session that trains updates the inputs.
type batchNorm[T kernel.Float] struct {
	normShape[T]
	momentum T
	inPlace  bool
	stats    unit
	x, dx    []T
	dm, dv   []T // gradients of the running statistics, or nil
	mean     []T
}

func (k *batchNorm[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	mean, inv := dataAt[T](x.Saved, 0), dataAt[T](x.Saved, 1)
	kernel.BatchNormStats(x.Pool, dataAt[T](in, 0), k.n, k.c, k.s, mean, inv)
	runMean, runVar := dataAt[T](in, 3), dataAt[T](in, 4)
	if k.inPlace {
		k.move(runMean, runMean, mean)
		k.move(runVar, runVar, inv)
	} else {
		k.move(dataAt[T](out, 1), runMean, mean)
		k.move(dataAt[T](out, 2), runVar, inv)
	}
	k.normalise(x, in, out, mean, inv)
}

// move sets dst, if it is wanted, to the moved running statistic.
func (k *batchNorm[T]) move(dst, running, batch []T) {
	for c := range dst {
		dst[c] = running[c]*k.momentum + batch[c]*(1-k.momentum)
	}
}

func (k *batchNorm[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	mean, inv := dataAt[T](x.Saved, 0), dataAt[T](x.Saved, 1)
	dx, dscale, dbias := dataAt[T](din, 0), dataAt[T](x.Scratch, 0), dataAt[T](x.Scratch, 1)
	if dy := dataAt[T](dout, 0); dy != nil {
		kernel.BatchNormGrad(x.Pool, dx, dscale, dbias, dataAt[T](in, 0), dy, mean, inv, dataAt[T](in, 1), k.n, k.c, k.s)
	} else {
		clear(dx)
		clear(dscale)
		clear(dbias)
	}
	copy(dataAt[T](din, 1), dscale)
	copy(dataAt[T](din, 2), dbias)
	k.dm, k.dv = dataAt[T](dout, 1), dataAt[T](dout, 2)
	if dx != nil && (k.dm != nil || k.dv != nil) {
		k.statsGrad(x.Pool, dx, dataAt[T](in, 0), mean)
	}
	k.keep(dataAt[T](din, 3), k.dm)
	k.keep(dataAt[T](din, 4), k.dv)
}

// keep sets the gradient of a running statistic that came in.
func (k *batchNorm[T]) keep(din, dout []T) {
	if clear(din); din != nil && dout != nil {
		kernel.MulScalar(din, dout, k.momentum)
	}
}

// statsGrad adds to dx what the returned running statistics contribute:
// (1 - momentum) (dmean + 2 dvar (x - mean)) / (N S).
func (k *batchNorm[T]) statsGrad(p *kernel.Pool, dx, x, mean []T) {
	if k.stats == nil {
		k.stats = k.statsRow
	}
	k.dx, k.x, k.mean = dx, x, mean
	p.Do(k.stats, k.n*k.c)
}

func (k *batchNorm[T]) statsRow(_, i int) {
	c, f := i%k.c, (1-k.momentum)/T(k.n*k.s)
	dx, x := k.dx[i*k.s:(i+1)*k.s], k.x[i*k.s:]
	if k.dm != nil {
		kernel.AddScalar(dx, dx, f*k.dm[c])
	}
	if k.dv != nil {
		kernel.Axpy(dx, 2*f*k.dv[c], x)
		kernel.AddScalar(dx, dx, -2*f*k.dv[c]*k.mean[c])
	}
}
