package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	for name, c := range map[string][3]float64{
		"HannWindow":     {0.5, 0.5, 0},
		"HammingWindow":  {25. / 46, 21. / 46, 0},
		"BlackmanWindow": {0.42, 0.5, 0.08},
	} {
		graph.Register("", anyOp{name: name, min: 1, max: 1, bind: bindWindow(c)})
	}
	graph.Register("", anyOp{name: "MelWeightMatrix", min: 5, max: 5, bind: bindMel})
}

// table is an output that is known when the node is bound.
type table struct {
	graph.Bound
	v []float64
}

// newTable makes a table of the type of attribute output_datatype.
func newTable(b *graph.Bind, shape tensor.Shape, v []float64) (graph.Kernel, error) {
	types := map[int]tensor.DType{1: tensor.F32, 11: tensor.F64}
	t, ok := types[b.Node.Attrs.Int("output_datatype", 1)]
	if !ok {
		return nil, b.Errorf("output_datatype %d: the engine has 1 (float32) and 11 (float64)", b.Node.Attrs.Int("output_datatype", 1))
	}
	k := &table{v: v}
	k.Outs = []graph.Spec{{DType: t, Shape: shape}}
	return k, nil
}

func (k *table) Forward(_ *graph.Exec, _, out []*tensor.Tensor) {
	if out[0].DType() == tensor.F64 {
		copy(tensor.Data[float64](out[0]), k.v)
		return
	}
	for i, v := range k.v {
		out[0].F32s()[i] = float32(v)
	}
}

// scalarInt returns a constant input of one integer between 0 and maxWindow.
func scalarInt(b *graph.Bind, i int) (int, error) {
	v, err := b.ConstInts(i)
	if err != nil {
		return 0, err
	}
	if len(v) != 1 || v[0] < 0 || v[0] > maxWindow {
		return 0, b.Errorf("input %d is %v, want one number from 0 to %d", i, v, maxWindow)
	}
	return v[0], nil
}

// bindWindow binds c0 - c1 cos(2 pi n / N) + c2 cos(4 pi n / N), where N is the
// number of samples, or one less without attribute periodic.
func bindWindow(c [3]float64) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		n, err := scalarInt(b, 0)
		if err != nil {
			return nil, err
		}
		period := float64(n)
		if !b.Node.Attrs.Bool("periodic", true) {
			period--
		}
		v := make([]float64, n)
		for i := range v {
			t := 2 * math.Pi * float64(i) / max(1, period)
			v[i] = c[0] - c[1]*math.Cos(t) + c[2]*math.Cos(2*t)
		}
		return newTable(b, tensor.Shape{n}, v)
	}
}

// bindMel binds the matrix, spectrum bins by mel bins, of triangular filters whose
// corners are equally spaced in mel = 2595 log10(1 + f/700).
func bindMel(b *graph.Bind) (graph.Kernel, error) {
	var num [3]int // mel bins, length of the transform, sample rate
	for i := range num {
		var err error
		if num[i], err = scalarInt(b, i); err != nil {
			return nil, err
		}
	}
	var edge [2]float64
	for i := range edge {
		v, err := constFloats(b, 3+i)
		if err != nil {
			return nil, err
		}
		if len(v) != 1 {
			return nil, b.Errorf("input %d is %v, want one number", 3+i, v)
		}
		edge[i] = 2595 * math.Log10(1+v[0]/700)
	}
	bins, rows := num[0], num[1]/2+1
	corner := make([]int, bins+2)
	for i := range corner {
		f := 700 * (math.Pow(10, (edge[0]+float64(i)*(edge[1]-edge[0])/float64(len(corner)))/2595) - 1)
		corner[i] = int(math.Floor(float64(num[1]+1) * f / float64(max(1, num[2]))))
		if corner[i] < 0 || corner[i] >= rows {
			return nil, b.Errorf("frequency %.4g Hz is outside of the %d bins of the spectrum", f, rows)
		}
	}
	v := make([]float64, rows*bins)
	for m := range bins {
		melFilter(v[m:], bins, corner[m:m+3])
	}
	return newTable(b, tensor.Shape{rows, bins}, v)
}

// melFilter writes the triangle with the given corners to a column.
func melFilter(col []float64, step int, corner []int) {
	lo, mid, hi := corner[0], corner[1], corner[2]
	for j := lo; j < mid; j++ {
		col[j*step] = float64(j-lo) / float64(mid-lo)
	}
	col[mid*step] = 1
	for j := mid + 1; j < hi; j++ {
		col[j*step] = float64(hi-j) / float64(hi-mid)
	}
}
