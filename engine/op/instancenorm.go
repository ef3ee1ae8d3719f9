package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

func init() {
	graph.Register("", floatOp{name: "InstanceNormalization", min: 3, max: 3, f32: bindInstanceNorm[float32], f64: bindInstanceNorm[float64]})
}

// bindInstanceNorm binds group normalisation with a group for each channel.
func bindInstanceNorm[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	if len(b.In[0].Shape) < 2 {
		return nil, b.Errorf("want an input with axes N C")
	}
	return newGroupNorm[T](b, b.In[0].Shape[1])
}
