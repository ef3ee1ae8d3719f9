package op

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// BenchmarkTranspose measures permutations that networks are made of.
func BenchmarkTranspose(b *testing.B) {
	defer func(g int) { pieceGrain = g }(pieceGrain)
	pieceGrain = 1 << 14
	for _, c := range []struct {
		name  string
		shape tensor.Shape
		perm  []int64
	}{
		{"matrix", tensor.Shape{1024, 1024}, []int64{1, 0}},
		{"odd matrix", tensor.Shape{1000, 1037}, []int64{1, 0}},
		{"heads", tensor.Shape{8, 128, 12, 64}, []int64{0, 2, 1, 3}},
		{"keys", tensor.Shape{8, 128, 12, 64}, []int64{0, 2, 3, 1}},
		{"channels last", tensor.Shape{8, 64, 56, 56}, []int64{0, 2, 3, 1}},
		{"image", tensor.Shape{8, 3, 224, 224}, []int64{0, 2, 3, 1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			k, err := bindTranspose[float32](&graph.Bind{Node: &graph.Node{Attrs: graph.Attrs{"perm": c.perm}},
				In: []graph.Spec{{DType: tensor.F32, Shape: c.shape}}})
			if err != nil {
				b.Fatal(err)
			}
			in, out := []*tensor.Tensor{tensor.New(tensor.F32, c.shape)}, []*tensor.Tensor{tensor.New(tensor.F32, k.Out()[0].Shape)}
			x := &graph.Exec{Pool: kernel.Default()}
			b.SetBytes(int64(2 * in[0].Bytes()))
			for b.Loop() {
				k.Forward(x, in, out)
			}
		})
	}
}
