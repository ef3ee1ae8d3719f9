package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "PRelu", min: 2, max: 2, types: floatTypes(bindPRelu[float32], bindPRelu[float64]).
		with(tensor.I32, bindIntPRelu[int32]).with(tensor.I64, bindIntPRelu[int64]).
		with(tensor.U32, bindIntPRelu[uint32]).with(tensor.U64, bindIntPRelu[uint64])})
}

// bindPRelu binds x, or slope x below zero; the slope, input 1, broadcasts to x. See
// He et al., "Delving deep into rectifiers", ICCV 2015.
func bindPRelu[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	if err := checkSlope(b); err != nil {
		return nil, err
	}
	return newDiffBinary(b, scalarPairing(leaky[T]), slope[T]{useA: true, useB: true,
		da: scalarSlope(func(x, s, _ T) T {
			if x < 0 {
				return s
			}
			return 1
		}),
		db: scalarSlope(func(x, _, _ T) T { return min(x, 0) }),
	})
}

func bindIntPRelu[T integer](b *graph.Bind) (graph.Kernel, error) {
	if err := checkSlope(b); err != nil {
		return nil, err
	}
	return newBinary(b, scalarPairing(leaky[T]))
}

func leaky[T real](x, slope T) T {
	if x < 0 {
		return x * slope
	}
	return x
}

func checkSlope(b *graph.Bind) error {
	if s, err := broadcast(b, 0, 1); err != nil {
		return err
	} else if !s.Equal(b.In[0].Shape) {
		return b.Errorf("the slope has shape %v, which does not broadcast to %v", b.In[1].Shape, b.In[0].Shape)
	}
	return nil
}
