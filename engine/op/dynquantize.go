package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "DynamicQuantizeLinear", min: 1, max: 1, types: byType{tensor.F32: bindDynQuantize}})
}

// dynQuantize quantises to uint8 with the scale and the zero point, outputs 1 and
// 2, that map the range of the elements, widened to contain 0, onto 0 to 255.
type dynQuantize struct {
	graph.Bound
	most, least *fold[float32]
	fwd         pieces
	x           []float32
	y           []uint8
	ends        [2]float32 // largest and minus the least
	scale       float32
	zero        uint8
}

func bindDynQuantize(b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	k := &dynQuantize{}
	all := make([]bool, len(s))
	fill(all, true)
	k.most = newFold(s, all, maxFolding[float32](), nil)
	k.least = newFold(s, all, maxFolding[float32](), func(dst []float32, from int) { kernel.Neg(dst, k.x[from:]) })
	k.fwd = newPieces(s.Size(), 4, k.piece)
	k.Outs = []graph.Spec{{DType: tensor.U8, Shape: s.Clone()}, specOf[float32](), {DType: tensor.U8, Shape: tensor.Shape{}}}
	return k, nil
}

func (k *dynQuantize) piece(from, to int) {
	for i, v := range k.x[from:to] {
		k.y[from+i] = saturate(math.RoundToEven(float64(v/k.scale)), k.zero)
	}
}

func (k *dynQuantize) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = in[0].F32s(), elems[uint8](out, 0)
	k.most.do(x.Pool, k.ends[:1], k.x)
	k.least.do(x.Pool, k.ends[1:], k.x)
	hi, lo := max(k.ends[0], 0), -max(k.ends[1], 0)
	if k.scale = (hi - lo) / 255; k.scale == 0 {
		k.scale = 1
	}
	k.zero = saturate(math.RoundToEven(float64(-lo/k.scale)), uint8(0))
	if k.y != nil {
		k.fwd.do(x.Pool)
	}
	put(elems[float32](out, 1), 0, k.scale)
	put(elems[uint8](out, 2), 0, k.zero)
}
