package op

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "SoftmaxCrossEntropyLoss", min: 2, max: 3, other: []int{1}, f32: bindCrossEntropy[float32], f64: bindCrossEntropy[float64]})
	graph.Register("", floatOp{name: "NegativeLogLikelihoodLoss", min: 2, max: 3, other: []int{1}, f32: bindNLL[float32], f64: bindNLL[float64]})
}

// labelLoss is a loss of labels: X is N C and further axes D, labels N D, the
// weights C. With l the log-probabilities,
//
//	loss = -w[label] l[label]
//
// for every element of N D, or their sum, or their mean weighted by w; labels
// equal to ignore_index count as nothing. l is X itself in NegativeLogLikelihoodLoss
// and the logarithm of softmax(X) in SoftmaxCrossEntropyLoss, where
//
//	dX = w[label] (softmax(X) - onehot(label)) dloss
//
// divided by the sum of the weights for a mean.
type labelLoss[T kernel.Float] struct {
	graph.Bound
	n, c, s   int // N, C and the elements of D
	reduction lossReduction
	ignore    int
	hasIgnore bool
	label     []int // N D, -1 where ignored
	total     float64
	back      pieces
	w, dx     []T
	dloss     []T
	l         []T // log-probabilities
	softmax   bool
}

type lossReduction uint8

const (
	lossMean lossReduction = iota
	lossSum
	lossNone
)

var lossReductions = map[string]lossReduction{"mean": lossMean, "sum": lossSum, "none": lossNone}

func (k *labelLoss[T]) bind(b *graph.Bind) error {
	x, y := b.In[0].Shape, b.In[1]
	if len(x) < 2 || !y.Shape.Equal(append(tensor.Shape{x[0]}, x[2:]...)) {
		return b.Errorf("want scores N C and further axes, and labels of the same shape without C")
	}
	if y.DType != tensor.I64 && y.DType != tensor.I32 {
		return b.Errorf("labels are %v, want int64 or int32", y.DType)
	}
	if w := b.Input(2); w.Present() && !w.Shape.Equal(x[1:2]) {
		return b.Errorf("weights have shape %v, want [%d]", w.Shape, x[1])
	}
	name := b.Node.Attrs.Str("reduction", "mean")
	r, ok := lossReductions[name]
	if !ok {
		return b.Errorf("reduction %q: want none, sum or mean", name)
	}
	k.n, k.c, k.s, k.reduction = x[0], x[1], product(x[2:]), r
	k.ignore, k.hasIgnore = b.Node.Attrs.Int("ignore_index", 0), b.Node.Attrs.Has("ignore_index")
	k.label = make([]int, k.n*k.s)
	k.back = newPieces(k.n, k.c*k.s, k.backwardSamples)
	out := tensor.Shape{}
	if r == lossNone {
		out = y.Shape
	}
	k.Outs = []graph.Spec{specOf[T](out...)}
	return nil
}

// readLabels notes the labels and the sum of their weights.
func (k *labelLoss[T]) readLabels(t *tensor.Tensor, w []T) error {
	k.w, k.total = w, 0
	for i := range k.label {
		var v int
		if t.DType() == tensor.I64 {
			v = int(t.I64s()[i])
		} else {
			v = int(tensor.Data[int32](t)[i])
		}
		switch {
		case k.hasIgnore && v == k.ignore:
			v = -1
		case v < 0 || v >= k.c:
			return fmt.Errorf("label %d at %d is outside [0, %d)", v, i, k.c)
		default:
			k.total += float64(k.weight(v))
		}
		k.label[i] = v
	}
	return nil
}

func (k *labelLoss[T]) weight(label int) T {
	if k.w == nil {
		return 1
	}
	return k.w[label]
}

// forward computes the loss from log-probabilities.
func (k *labelLoss[T]) forward(loss, l []T) {
	var sum float64
	for i, v := range k.label {
		var e T
		if v >= 0 {
			e = -k.weight(v) * l[(i/k.s*k.c+v)*k.s+i%k.s]
		}
		if k.reduction == lossNone {
			loss[i] = e
		}
		sum += float64(e)
	}
	switch k.reduction {
	case lossMean:
		loss[0] = T(sum / k.total)
	case lossSum:
		loss[0] = T(sum)
	}
}

// factor returns the gradient of -l[label] of element i.
func (k *labelLoss[T]) factor(i int) T {
	v := k.label[i]
	if v < 0 || k.dloss == nil {
		return 0
	}
	switch k.reduction {
	case lossNone:
		return k.dloss[i] * k.weight(v)
	case lossSum:
		return k.dloss[0] * k.weight(v)
	}
	return T(float64(k.dloss[0]) * float64(k.weight(v)) / k.total)
}

// backward sets dx from the gradient of the loss.
func (k *labelLoss[T]) backward(p *kernel.Pool, dx, l, dloss []T) {
	k.dx, k.l, k.dloss = dx, l, dloss
	k.back.do(p)
}

func (k *labelLoss[T]) backwardSamples(from, to int) {
	size := k.c * k.s
	for n := from; n < to; n++ {
		dx := k.dx[n*size : (n+1)*size]
		switch {
		case !k.softmax:
			clear(dx)
		case k.s == 1:
			kernel.Exp(dx, k.l[n*size:(n+1)*size])
			kernel.MulScalar(dx, dx, k.factor(n))
		default:
			kernel.Exp(dx, k.l[n*size:(n+1)*size])
			k.scaleColumns(dx, n)
		}
		for j := range k.s {
			if v := k.label[n*k.s+j]; v >= 0 {
				dx[v*k.s+j] -= k.factor(n*k.s + j)
			}
		}
	}
}

// scaleColumns multiplies each column of a sample with its factor.
func (k *labelLoss[T]) scaleColumns(dx []T, n int) {
	for j := range k.s {
		f := k.factor(n*k.s + j)
		for c := range k.c {
			dx[c*k.s+j] *= f
		}
	}
}

// nll takes log-probabilities.
type nll[T kernel.Float] struct{ labelLoss[T] }

func bindNLL[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k := &nll[T]{}
	return k, k.bind(b)
}

func (k *nll[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if err := k.readLabels(in[1], dataAt[T](in, 2)); err != nil {
		x.Fail(err)
		return
	}
	k.forward(dataAt[T](out, 0), dataAt[T](in, 0))
}

// BackwardReads implements graph.Frugal.
func (k *nll[T]) BackwardReads() (in, out []bool) { return []bool{true, false, true}, nil }

func (k *nll[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.w = dataAt[T](in, 2)
	l, dloss := dataAt[T](in, 0), dataAt[T](dout, 0)
	if dx := dataAt[T](din, 0); dx != nil {
		k.backward(x.Pool, dx, l, dloss)
	}
	if dw := dataAt[T](din, 2); dw != nil {
		k.weightGrad(dw, l, dloss)
	}
}

// weightGrad sets dw, the gradient of the weights: with S the sum of the weights,
// -l[label] dloss for each label, for a mean (-l[label] - loss) dloss / S.
func (k *labelLoss[T]) weightGrad(dw, l, dloss []T) {
	clear(dw)
	if dloss == nil {
		return
	}
	mean := k.meanLoss(l)
	for i, v := range k.label {
		if v < 0 {
			continue
		}
		e := -float64(l[(i/k.s*k.c+v)*k.s+i%k.s])
		switch k.reduction {
		case lossNone:
			dw[v] += T(e) * dloss[i]
		case lossSum:
			dw[v] += T(e) * dloss[0]
		case lossMean:
			dw[v] += T((e - mean) / k.total * float64(dloss[0]))
		}
	}
}

// meanLoss returns the weighted mean of the losses.
func (k *labelLoss[T]) meanLoss(l []T) float64 {
	var sum float64
	for i, v := range k.label {
		if v >= 0 {
			sum -= float64(k.weight(v)) * float64(l[(i/k.s*k.c+v)*k.s+i%k.s])
		}
	}
	return sum / max(k.total, math.SmallestNonzeroFloat64)
}

// crossEntropy takes scores; its second output are the log-probabilities.
type crossEntropy[T kernel.Float] struct {
	labelLoss[T]
	log *axisSoftmax[T]
}

func bindCrossEntropy[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k := &crossEntropy[T]{}
	if err := k.bind(b); err != nil {
		return nil, err
	}
	k.labelLoss.softmax = true
	k.log = &axisSoftmax[T]{outer: k.n, n: k.c, inner: k.s, log: true}
	k.Outs = append(k.Outs, specOf[T](b.In[0].Shape...))
	return k, nil
}

// Workspace implements graph.Workspacer: the log-probabilities are saved.
func (k *crossEntropy[T]) Workspace() (saved, scratch []graph.Spec) {
	return k.Outs[1:2], k.Outs[1:2]
}

func (k *crossEntropy[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	l := dataAt[T](x.Saved, 0)
	k.log.forward(x.Pool, l, dataAt[T](in, 0))
	copy(dataAt[T](out, 1), l)
	if err := k.readLabels(in[1], dataAt[T](in, 2)); err != nil {
		x.Fail(err)
		return
	}
	if loss := dataAt[T](out, 0); loss != nil {
		k.forward(loss, l)
	}
}

// BackwardReads implements graph.Frugal.
func (k *crossEntropy[T]) BackwardReads() (in, out []bool) { return []bool{false, false, true}, nil }

func (k *crossEntropy[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.w = dataAt[T](in, 2)
	l, dloss, dlog := dataAt[T](x.Saved, 0), dataAt[T](dout, 0), dataAt[T](dout, 1)
	if dx := dataAt[T](din, 0); dx != nil {
		k.backward(x.Pool, dx, l, dloss)
		if dlog != nil {
			more := dataAt[T](x.Scratch, 0)
			k.log.backward(x.Pool, more, l, dlog)
			kernel.Add(dx, dx, more)
		}
	}
	if dw := dataAt[T](din, 2); dw != nil {
		k.weightGrad(dw, l, dloss)
	}
}
