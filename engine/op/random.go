package op

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	for _, like := range []bool{false, true} {
		graph.Register("", randomOp("Normal", like, func(b *graph.Bind) sampler {
			mean, scale := b.Node.Attrs.Float("mean", 0), b.Node.Attrs.Float("scale", 1)
			return func(r tensor.Rand, i uint64) float64 { return mean + scale*r.Normal(i) }
		}))
		graph.Register("", randomOp("Uniform", like, func(b *graph.Bind) sampler {
			low, high := b.Node.Attrs.Float("low", 0), b.Node.Attrs.Float("high", 1)
			return func(r tensor.Rand, i uint64) float64 { return low + (high-low)*r.Float64(i) }
		}))
	}
	graph.Register("", anyOp{name: "Bernoulli", min: 1, max: 1, bind: bindBernoulli})
}

// sampler draws number i of a stream.
type sampler func(r tensor.Rand, i uint64) float64

// random is a tensor of random numbers. They are a function of the session's seed,
// the node's name, the step and the element's index; attribute seed picks another
// stream.
type random struct {
	graph.Bound
	draw   sampler
	set    func(t *tensor.Tensor, i int, v float64)
	seed   uint64
	fwd    pieces
	r      tensor.Rand
	x, y   *tensor.Tensor // x are Bernoulli's probabilities
	chance func(t *tensor.Tensor, i int) float64
}

// randomOp is RandomNormal or RandomUniform with attribute shape, or the form that
// takes the shape of input 0.
func randomOp(name string, like bool, of func(*graph.Bind) sampler) graph.Op {
	bind := func(b *graph.Bind) (graph.Kernel, error) {
		s, t := tensor.Shape(b.Node.Attrs.Ints("shape")), tensor.F32
		if like {
			s, t = b.In[0].Shape, b.In[0].DType
		} else if len(b.In) > 0 {
			return nil, b.Errorf("%d inputs, want none", len(b.In))
		} else if _, ok := s.CheckedSize(maxElems); !ok || !b.Node.Attrs.Has("shape") {
			return nil, b.Errorf("attribute shape is missing, negative or too large: %v", s)
		}
		k, err := newRandom(b, s, t, of(b))
		if err == nil && !k.Outs[0].DType.IsFloat() {
			err = b.Errorf("element type %v: want a floating-point one", k.Outs[0].DType)
		}
		return k, err
	}
	if like {
		return anyOp{name: "Random" + name + "Like", min: 1, max: 1, bind: bind}
	}
	return anyOp{name: "Random" + name, bind: bind}
}

// newRandom makes numbers of type t, unless attribute dtype says otherwise.
func newRandom(b *graph.Bind, s tensor.Shape, t tensor.DType, draw sampler) (*random, error) {
	if b.Node.Attrs.Has("dtype") {
		t = onnxTypes[b.Node.Attrs.Int("dtype", 0)]
	}
	set, ok := numberWriters[t]
	if !ok {
		return nil, b.Errorf("element type %v (attribute dtype %d) is not numeric", t, b.Node.Attrs.Int("dtype", 0))
	}
	k := &random{draw: draw, set: set}
	if b.Node.Attrs.Has("seed") {
		k.seed = 1 + uint64(math.Float32bits(float32(b.Node.Attrs.Float("seed", 0))))
	}
	k.Outs = []graph.Spec{{DType: t, Shape: append(tensor.Shape{}, s...)}}
	k.fwd = newPieces(s.Size(), 16, k.piece)
	return k, nil
}

// Random keeps the compiler from computing the node once for all.
func (k *random) Random() {}

func (k *random) piece(from, to int) {
	for i := from; i < to; i++ {
		v := k.draw(k.r, uint64(i))
		if k.chance != nil {
			v = float64(bit(v < k.chance(k.x, i)))
		}
		k.set(k.y, i, v)
	}
}

func (k *random) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.y, k.r = out[0], x.Rand
	if k.seed != 0 {
		k.r = k.r.Sub(k.seed)
	}
	if k.chance != nil {
		k.x = in[0]
		for i := range k.x.Len() {
			if p := k.chance(k.x, i); !(p >= 0 && p <= 1) {
				x.Fail(fmt.Errorf("probability %v at element %d is outside [0, 1]", p, i))
				return
			}
		}
	}
	k.fwd.do(x.Pool)
}

// bindBernoulli gives 1 with the probability that is the element of input 0, else 0.
func bindBernoulli(b *graph.Bind) (graph.Kernel, error) {
	chance, ok := floatReaders[b.In[0].DType]
	if !ok {
		return nil, b.Errorf("element type %v: want a floating-point one", b.In[0].DType)
	}
	k, err := newRandom(b, b.In[0].Shape, b.In[0].DType, tensor.Rand.Float64)
	if err != nil {
		return nil, err
	}
	k.chance = chance
	return k, nil
}

// floatReaders read an element of a floating-point tensor.
var floatReaders = map[tensor.DType]func(t *tensor.Tensor, i int) float64{
	tensor.F32:  func(t *tensor.Tensor, i int) float64 { return float64(t.F32s()[i]) },
	tensor.F64:  func(t *tensor.Tensor, i int) float64 { return tensor.Data[float64](t)[i] },
	tensor.F16:  func(t *tensor.Tensor, i int) float64 { return float64(tensor.Data[tensor.Float16](t)[i].Float32()) },
	tensor.BF16: func(t *tensor.Tensor, i int) float64 { return float64(tensor.Data[tensor.BFloat16](t)[i].Float32()) },
}

// numberWriters set an element of a tensor to a number.
var numberWriters = map[tensor.DType]func(t *tensor.Tensor, i int, v float64){
	tensor.F32: writer[float32], tensor.F64: writer[float64],
	tensor.I8: writer[int8], tensor.I16: writer[int16], tensor.I32: writer[int32], tensor.I64: writer[int64],
	tensor.U8: writer[uint8], tensor.U16: writer[uint16], tensor.U32: writer[uint32], tensor.U64: writer[uint64],
	tensor.F16: func(t *tensor.Tensor, i int, v float64) {
		tensor.Data[tensor.Float16](t)[i] = tensor.ToFloat16(float32(v))
	},
	tensor.BF16: func(t *tensor.Tensor, i int, v float64) {
		tensor.Data[tensor.BFloat16](t)[i] = tensor.ToBFloat16(float32(v))
	},
	tensor.Bool: func(t *tensor.Tensor, i int, v float64) { tensor.Data[bool](t)[i] = v != 0 },
}

func writer[T interface {
	real
	tensor.Elem
}](t *tensor.Tensor, i int, v float64) {
	tensor.Data[T](t)[i] = T(v)
}
