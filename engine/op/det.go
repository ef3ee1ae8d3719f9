package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Det", min: 1, max: 1, f32: bindDet[float32], f64: bindDet[float64]})
}

// det is the determinant of each square matrix in the last two axes, by Gaussian
// elimination with partial pivoting. It has no gradient.
type det[T kernel.Float] struct {
	graph.Bound
	m int
	a []float64 // M M, being eliminated
}

func bindDet[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	if len(s) < 2 || s[len(s)-1] != s[len(s)-2] {
		return nil, b.Errorf("want square matrices in the last two axes")
	}
	k := &det[T]{m: s[len(s)-1]}
	k.a = make([]float64, k.m*k.m)
	k.Outs = outLike(b, 0, s[:len(s)-2])
	return k, nil
}

func (k *det[T]) Forward(_ *graph.Exec, in, out []*tensor.Tensor) {
	x := dataAt[T](in, 0)
	for i := range dataAt[T](out, 0) {
		for j := range k.a {
			k.a[j] = float64(x[i*len(k.a)+j])
		}
		dataAt[T](out, 0)[i] = T(k.eliminate())
	}
}

// eliminate returns the determinant of a.
func (k *det[T]) eliminate() float64 {
	d, m, a := 1.0, k.m, k.a
	for c := range m {
		best := c
		for r := c + 1; r < m; r++ {
			if math.Abs(a[r*m+c]) > math.Abs(a[best*m+c]) {
				best = r
			}
		}
		if best != c {
			d = -d
			for j := range m {
				a[c*m+j], a[best*m+j] = a[best*m+j], a[c*m+j]
			}
		}
		pivot := a[c*m+c]
		d *= pivot
		if pivot == 0 {
			return 0
		}
		for r := c + 1; r < m; r++ {
			f := a[r*m+c] / pivot
			for j := c; j < m; j++ {
				a[r*m+j] -= f * a[c*m+j]
			}
		}
	}
	return d
}
