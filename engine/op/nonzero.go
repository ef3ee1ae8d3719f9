package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() { graph.Register("", anyOp{name: "NonZero", min: 1, max: 1, bind: bindNonZero}) }

// nonZero lists the coordinates of the elements of input 0 that are not zero, false
// or empty: one row for each axis, in the order of the elements.
type nonZero struct {
	graph.Bound
	shape tensor.Shape
	test  convert // to bool
}

// bindNonZero counts the elements, for which it needs the value of input 0.
func bindNonZero(b *graph.Bind) (graph.Kernel, error) {
	x := b.In[0]
	if x.Const == nil {
		return nil, graph.ErrNeedValue
	}
	k := &nonZero{shape: x.Shape, test: truth(x.DType)}
	mask := tensor.New(tensor.Bool, x.Shape)
	k.test(mask, x.Const, 0, mask.Len())
	k.Outs = []graph.Spec{{DType: tensor.I64, Shape: tensor.Shape{len(x.Shape), countTrue(tensor.Data[bool](mask))}}}
	return k, nil
}

// truth returns the conversion to bool.
func truth(t tensor.DType) convert {
	switch t {
	case tensor.String:
		return loop(func(s string) bool { return s != "" })
	case tensor.Bool:
		return loop(func(v bool) bool { return v })
	}
	return convertFrom(t, tensor.Bool)
}

func countTrue(mask []bool) int {
	n := 0
	for _, v := range mask {
		if v {
			n++
		}
	}
	return n
}

// Workspace implements graph.Workspacer.
func (k *nonZero) Workspace() (saved, scratch []graph.Spec) {
	return nil, []graph.Spec{{DType: tensor.Bool, Shape: k.shape}}
}

func (k *nonZero) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	mask := x.Scratch[0]
	k.test(mask, in[0], 0, mask.Len())
	y, n, j := out[0].I64s(), out[0].Dim(1), 0
	for i, v := range tensor.Data[bool](mask) {
		if !v || j == n {
			continue
		}
		for d := len(k.shape) - 1; d >= 0; d-- {
			y[d*n+j] = int64(i % k.shape[d])
			i /= k.shape[d]
		}
		j++
	}
}
