package op

import (
	"math"
	"strconv"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// newStringCast binds a cast between numbers and their decimal text. Such a cast
// allocates: it is meant for the edges of a model.
func newStringCast(b *graph.Bind, to tensor.DType) (graph.Kernel, error) {
	outs := graph.Bound{Outs: []graph.Spec{{DType: to, Shape: b.In[0].Shape.Clone()}}}
	if to == tensor.String {
		return &formatCast{outs}, nil
	}
	return &parseCast{outs, b}, nil
}

// middle returns the type through which numbers of type d become text.
func middle(d tensor.DType) tensor.DType {
	switch {
	case d == tensor.F64:
		return tensor.F64
	case d.IsFloat():
		return tensor.F32
	}
	return tensor.I64
}

// formatCast writes numbers with as few digits as tell them apart. Infinities are
// INF and -INF.
type formatCast struct{ graph.Bound }

func (k *formatCast) Forward(_ *graph.Exec, in, out []*tensor.Tensor) {
	y, m := tensor.Data[string](out[0]), middle(in[0].DType())
	x := tensor.New(m, in[0].Shape())
	convertFrom(in[0].DType(), m)(x, in[0], 0, x.Len())
	for i := range y {
		switch m {
		case tensor.F64:
			y[i] = formatFloat(tensor.Data[float64](x)[i], 64)
		case tensor.F32:
			y[i] = formatFloat(float64(x.F32s()[i]), 32)
		default:
			y[i] = strconv.FormatInt(x.I64s()[i], 10)
		}
	}
}

func formatFloat(v float64, bits int) string {
	switch {
	case math.IsInf(v, 1):
		return "INF"
	case math.IsInf(v, -1):
		return "-INF"
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// parseCast reads numbers; text that is none fails the run.
type parseCast struct {
	graph.Bound
	bind *graph.Bind
}

func (k *parseCast) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	to := out[0].DType()
	v := tensor.New(tensor.F64, in[0].Shape())
	if middle(to) == tensor.I64 {
		v = tensor.New(tensor.I64, in[0].Shape())
	}
	for i, s := range tensor.Data[string](in[0]) {
		if err := parseInto(v, i, s); err != nil {
			x.Fail(k.bind.Errorf("element %d: %w", i, err))
			return
		}
	}
	convertFrom(v.DType(), to)(out[0], v, 0, v.Len())
}

// parseInto reads a number as the i-th element of v, float64 or int64. An integer
// may be written as a float; it is truncated.
func parseInto(v *tensor.Tensor, i int, s string) error {
	if v.DType() == tensor.I64 {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			v.I64s()[i] = n
			return nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return err
	}
	if v.DType() == tensor.I64 {
		v.I64s()[i] = int64(f)
	} else {
		tensor.Data[float64](v)[i] = f
	}
	return nil
}
