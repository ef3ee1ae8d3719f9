package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "LayerNormalization", min: 2, max: 3, f32: bindLayerNorm[float32], f64: bindLayerNorm[float64]})
}

// layerNorm normalises over the axes from axis on; scale and bias have their
// shape. Outputs are Y, the means and the inverse standard deviations.
type layerNorm[T kernel.Float] struct {
	graph.Bound
	norm rowNorm[T]
}

func bindLayerNorm[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", -1), len(s))
	if err != nil {
		return nil, err
	}
	rows, cols := product(s[:axis]), product(s[axis:])
	for i := 1; i < len(b.In); i++ {
		if p := b.In[i]; p.Present() && !isSuffix(p.Shape, s[axis:]) {
			return nil, b.Errorf("input %d has shape %v, want %v", i, p.Shape, s[axis:])
		}
	}
	k := &layerNorm[T]{norm: rowNorm[T]{rows: rows, segs: cols, seg: 1, period: 1, eps: b.Node.Attrs.Float("epsilon", 1e-5)}}
	stat := s.Clone()
	for i := axis; i < len(stat); i++ {
		stat[i] = 1
	}
	k.Outs = []graph.Spec{specOf[T](s...), specOf[T](stat...), specOf[T](stat...)}
	return k, nil
}

// isSuffix reports whether p is want, perhaps after leading axes of extent 1.
func isSuffix(p, want tensor.Shape) bool {
	for len(p) > len(want) && p[0] == 1 {
		p = p[1:]
	}
	return p.Equal(want)
}

// Workspace implements graph.Workspacer.
func (k *layerNorm[T]) Workspace() (saved, scratch []graph.Spec) { return k.norm.saved(), nil }

func (k *layerNorm[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	mean, inv := dataAt[T](x.Saved, 0), dataAt[T](x.Saved, 1)
	k.norm.forward(x.Pool, dataAt[T](out, 0), dataAt[T](in, 0), dataAt[T](in, 1), dataAt[T](in, 2), mean, inv)
	copy(dataAt[T](out, 1), mean)
	copy(dataAt[T](out, 2), inv)
}

// BackwardReads implements graph.Frugal.
func (k *layerNorm[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, nil }

func (k *layerNorm[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	dx, xs, mean, inv := dataAt[T](din, 0), dataAt[T](in, 0), dataAt[T](x.Saved, 0), dataAt[T](x.Saved, 1)
	if dy := dataAt[T](dout, 0); dy != nil {
		k.norm.backward(x.Pool, dx, dataAt[T](din, 1), dataAt[T](din, 2), xs, dataAt[T](in, 1), dy, mean, inv)
	} else {
		clear(dx)
		clear(dataAt[T](din, 1))
		clear(dataAt[T](din, 2))
	}
	if dx != nil {
		k.statsGrad(dx, xs, mean, inv, dataAt[T](dout, 1), dataAt[T](dout, 2))
	}
}

// statsGrad adds to dx what the statistics contribute as outputs: of C numbers,
// dmean/C - dinv inv^3 (x - mean)/C.
func (k *layerNorm[T]) statsGrad(dx, x, mean, inv, dmean, dinv []T) {
	n := k.norm.cols()
	for r := range k.norm.rows {
		row := dx[r*n : (r+1)*n]
		if dmean != nil {
			kernel.AddScalar(row, row, dmean[r]/T(n))
		}
		if dinv != nil {
			f := -dinv[r] * inv[r] * inv[r] * inv[r] / T(n)
			kernel.Axpy(row, f, x[r*n:])
			kernel.AddScalar(row, row, -f*mean[r])
		}
	}
}
