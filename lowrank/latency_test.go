package lowrank

import (
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
)

// A layer is measured alone wherever its weight and its other operands come from.
func TestLatencyOfEveryOrigin(t *testing.T) {
	transposed := func(b *graph.Builder, x graph.Value) graph.Value {
		return b.Node("layer", "MatMul", nil, x, b.Node("turned", "Transpose", nil, b.Param("w", f32(1, 64, 48))))
	}
	computed := func(b *graph.Builder, x graph.Value) graph.Value {
		bias := b.Node("bias", "Abs", nil, b.Param("c", f32(2, 64)))
		return b.Node("layer", "Gemm", graph.Attrs{"transB": int64(1)}, x, b.Param("w", f32(1, 64, 48)), bias)
	}
	for name, m := range map[string]*graph.Model{
		"a transpose":      layer{"", transposed, []int{0, 48}}.model(t),
		"a computed bias":  layer{"", computed, []int{0, 48}}.model(t),
		"the graph around": looped(t),
	} {
		_, rep := mustRun(t, m, Config{Method: "svd", Policy: FixedRank{Ranks{3}}, Guard: Latency})
		if l := rep.Sites[0]; l.Method == "" && !strings.Contains(l.Skipped, "takes") {
			t.Errorf("%s: %s", name, l.Skipped)
		}
	}
}
