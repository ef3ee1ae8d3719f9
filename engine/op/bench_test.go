package op

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// BenchmarkElementwise runs both passes of common element-wise operators and
// reductions at the sizes of a small network, bytes being those of the larger input.
func BenchmarkElementwise(b *testing.B) {
	defer func(g int) { pieceGrain = g }(pieceGrain)
	pieceGrain = 1 << 14
	maps := tensor.Shape{32, 64, 16, 16}
	cases := []struct {
		name, op string
		in       []*tensor.Tensor
	}{
		{"relu", "Relu", optest.In(tensor.New(tensor.F32, maps))},
		{"clip", "Clip", optest.In(tensor.New(tensor.F32, maps), tensor.Scalar[float32](0), tensor.Scalar[float32](6))},
		{"residual", "Add", optest.In(tensor.New(tensor.F32, maps), tensor.New(tensor.F32, maps))},
		{"channel", "Mul", optest.In(tensor.New(tensor.F32, maps), tensor.New(tensor.F32, tensor.Shape{64, 1, 1}))},
		{"gate", "Mul", optest.In(tensor.New(tensor.F32, maps), tensor.New(tensor.F32, tensor.Shape{32, 64, 1, 1}))},
		{"row", "Add", optest.In(tensor.New(tensor.F32, tensor.Shape{256, 512}), tensor.New(tensor.F32, tensor.Shape{512}))},
		{"scalar", "Mul", optest.In(tensor.New(tensor.F32, maps), tensor.Scalar[float32](2))},
		{"planes", "ReduceMean", optest.In(tensor.New(tensor.F32, maps), tensor.Vec[int64](2, 3))},
		{"batch", "ReduceSum", optest.In(tensor.New(tensor.F32, tensor.Shape{256, 512}), tensor.Vec[int64](0))},
		{"all", "ReduceSum", optest.In(tensor.New(tensor.F32, maps))},
	}
	for _, c := range cases {
		b.Run(c.op+"/"+c.name, func(b *testing.B) { benchmark(b, c.op, c.in) })
	}
}

// benchmark runs a kernel forward and backward.
func benchmark(b *testing.B, name string, in []*tensor.Tensor) {
	o, _ := graph.LookupOp("", name)
	bind := &graph.Bind{Node: &graph.Node{Op: name}}
	din := make([]*tensor.Tensor, len(in))
	for i, t := range in {
		s := graph.Spec{DType: t.DType(), Shape: t.Shape()}
		if t.DType().IsFloat() {
			din[i] = tensor.New(t.DType(), t.Shape())
		} else {
			s.Const = t
		}
		bind.In = append(bind.In, s)
	}
	k, err := o.Bind(bind)
	if err != nil {
		b.Fatal(err)
	}
	out := optest.In(tensor.New(tensor.F32, k.Out()[0].Shape))
	dout := optest.In(tensor.New(tensor.F32, k.Out()[0].Shape))
	x := &graph.Exec{Pool: kernel.Default()}
	b.SetBytes(int64(in[0].Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		k.Forward(x, in, out)
		k.(graph.Backwarder).Backward(x, in, out, dout, din)
	}
}
