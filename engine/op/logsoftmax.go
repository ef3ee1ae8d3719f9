package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

func init() {
	graph.Register("", floatOp{name: "LogSoftmax", min: 1, max: 1, f32: bindLogSoftmax[float32], f64: bindLogSoftmax[float64]})
}

// bindLogSoftmax binds x - log sum exp x along attribute axis.
func bindLogSoftmax[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	return newSoftmax[T](b, true)
}
