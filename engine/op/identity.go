package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "Identity", min: 1, max: 1, bind: func(b *graph.Bind) (graph.Kernel, error) {
		return newIdentity(b), nil
	}})
}

// identity hands input 0 through.
type identity struct{ graph.Bound }

func newIdentity(b *graph.Bind) *identity {
	return &identity{graph.Bound{Outs: outLike(b, 0, b.In[0].Shape)}}
}

// Alias implements graph.Aliaser.
func (*identity) Alias() int { return 0 }

func (*identity) Forward(_ *graph.Exec, in, out []*tensor.Tensor) { out[0].CopyFrom(in[0]) }

func (*identity) Backward(_ *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if din[0] != nil {
		din[0].CopyFrom(dout[0])
	}
}
