package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register(graph.PrivateDomain, floatOp{name: "DotLinear", min: 2, max: 4, f32: bindDotLinear, f64: bindLinear[float64]})
}

// maxDotK is the longest sum that int8 products keep within 32 bits.
const maxDotK = 1 << 16

// dotLinear is linear with W and the rows of x rounded to the precision of the node's
// attribute. It exists for float32 only; float64 computes exactly.
type dotLinear struct {
	linear[float32]
	bits string
	args kernel.DotArgs
	run  product8 // nil until the weights are packed
	once bool     // W is constant: pack it once
}

// product8 computes one product with packed weights.
type product8 func(*kernel.Pool, *kernel.DotArgs)

func bindDotLinear(b *graph.Bind) (graph.Kernel, error) {
	k, err := bindLinear[float32](b)
	if err != nil {
		return nil, err
	}
	bits := b.Node.Attrs.Str(attrPrecision, "")
	if bits != tensor.I8.String() && bits != tensor.BF16.String() {
		return nil, b.Errorf("precision %q: want int8 or bfloat16", bits)
	}
	d := &dotLinear{linear: *k.(*linear[float32]), bits: bits, once: b.In[1].Const != nil}
	if d.fwd.K < 1 || d.fwd.K > maxDotK {
		return nil, b.Errorf("inner extent %d: want 1 to %d", d.fwd.K, maxDotK)
	}
	d.args = kernel.DotArgs{M: d.fwd.M, LDA: d.fwd.K, LDC: d.fwd.N, Epi: &d.epi}
	return d, nil
}

// Prepare implements graph.Preparer.
func (d *dotLinear) Prepare(in []*tensor.Tensor) {
	if w := dataAt[float32](in, 1); len(w) > 0 {
		d.run = d.pack(w)
	}
}

func (d *dotLinear) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	run := d.run
	if run == nil { // not prepared
		run = d.pack(dataAt[float32](in, 1))
	}
	if d.once {
		d.run = run
	}
	d.args.A, d.args.C = dataAt[float32](in, 0), dataAt[float32](out, 0)
	d.epi.Bias, d.epi.Residual = dataAt[float32](in, 2), dataAt[float32](in, 3)
	run(x.Pool, &d.args)
}

// pack rounds and rearranges W.
func (d *dotLinear) pack(w []float32) product8 {
	n, k := d.fwd.N, d.fwd.K
	if !d.fwd.TransB {
		w = transposed(w, k, n)
	}
	if d.bits == tensor.BF16.String() {
		p := kernel.PackBF16(n, k, roundedBF16(w), k)
		return func(pool *kernel.Pool, g *kernel.DotArgs) { kernel.GemmBF16(pool, g, p) }
	}
	codes, scales := roundedInt8(w, n, k)
	p := kernel.PackInt8(n, k, codes, k, scales)
	return func(pool *kernel.Pool, g *kernel.DotArgs) { kernel.GemmInt8(pool, g, p) }
}

// transposed returns the K x N matrix w as N x K.
func transposed(w []float32, k, n int) []float32 {
	t := make([]float32, len(w))
	for i := range k {
		for j := range n {
			t[j*k+i] = w[i*n+j]
		}
	}
	return t
}

func roundedBF16(w []float32) []uint16 {
	h := make([]uint16, len(w))
	for i, v := range w {
		h[i] = uint16(tensor.ToBFloat16(v))
	}
	return h
}

// roundedInt8 rounds each row of the N x K matrix w to int8:
//
//	scale = max|w| / 127,  q = round(w / scale)
//
// A row with a NaN or an infinity has the scale NaN, and so outputs that are NaN.
func roundedInt8(w []float32, n, k int) (q []int8, scales []float32) {
	q, scales = make([]int8, len(w)), make([]float32, n)
	for j := range n {
		row, top := w[j*k:][:k], 0.0
		for _, v := range row {
			top = max(top, math.Abs(float64(v))) // NaN if one is
		}
		scales[j] = float32(top / 127)
		if math.IsInf(top, 0) || math.IsNaN(top) {
			scales[j] = float32(math.NaN())
			continue
		}
		for i, v := range row {
			if s := float64(scales[j]); s > 0 {
				q[j*k+i] = int8(max(-127, min(127, math.RoundToEven(float64(v)/s))))
			}
		}
	}
	return q, scales
}
