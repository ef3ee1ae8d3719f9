package op

import (
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// convCases are convolutions of x with w; for ConvTranspose w's first two axes change places.
var convCases = []struct {
	name string
	x, w []int
	attr graph.Attrs
}{
	{"3 x 3", []int{2, 3, 5, 6}, []int{4, 3, 3, 3}, graph.Attrs{"pads": ints(1, 1, 1, 1)}},
	{"1 x 1", []int{2, 3, 4, 5}, []int{6, 3, 1, 1}, nil},
	{"strides", []int{1, 2, 7, 6}, []int{3, 2, 3, 2}, graph.Attrs{"strides": ints(2, 3), "pads": ints(1, 0, 1, 1)}},
	{"dilations", []int{1, 2, 8, 7}, []int{2, 2, 3, 2}, graph.Attrs{"dilations": ints(2, 3), "pads": ints(1, 2, 0, 1)}},
	{"groups", []int{2, 4, 5, 5}, []int{6, 2, 3, 3}, graph.Attrs{"group": int64(2), "pads": ints(1, 1, 1, 1)}},
	{"depthwise", []int{2, 3, 6, 5}, []int{3, 1, 3, 3}, graph.Attrs{"group": int64(3), "pads": ints(1, 1, 1, 1), "strides": ints(2, 2)}},
	{"one axis", []int{2, 3, 9}, []int{4, 3, 4}, graph.Attrs{"strides": ints(2), "pads": ints(2, 1)}},
	{"same upper", []int{1, 2, 5, 6}, []int{2, 2, 2, 3}, graph.Attrs{"auto_pad": "SAME_UPPER", "strides": ints(2, 2)}},
	{"same lower", []int{1, 2, 5, 6}, []int{2, 2, 2, 3}, graph.Attrs{"auto_pad": "SAME_LOWER"}},
}

func init() {
	for _, c := range convCases {
		x, w := optest.Vals(c.x...), optest.Unit(c.w...)
		bias := optest.Unit(c.w[0])
		n := graph.Node{Op: "Conv", Attrs: c.attr}
		optest.Add(
			optest.Sample{Name: c.name, Node: n, In: optest.In(x, w), Want: optest.In(naiveConv(c.attr, x, w, nil))},
			optest.Sample{Name: c.name + ", bias", Node: n, In: optest.In(x, w, bias), Want: optest.In(naiveConv(c.attr, x, w, bias))},
		)
	}
	addVolumes()
	for _, c := range []struct {
		name string
		x, w []int
		attr graph.Attrs
	}{
		{"plain", []int{2, 3, 4, 5}, []int{3, 2, 3, 3}, nil},
		{"strides", []int{1, 3, 4, 3}, []int{3, 2, 3, 2}, graph.Attrs{"strides": ints(2, 3), "pads": ints(1, 0, 0, 1)}},
		{"output padding", []int{1, 2, 3, 3}, []int{2, 2, 3, 3}, graph.Attrs{"strides": ints(3, 2), "output_padding": ints(1, 1)}},
		{"output shape", []int{1, 2, 3, 3}, []int{2, 2, 3, 3}, graph.Attrs{"strides": ints(3, 2), "output_shape": ints(10, 8)}},
		{"same", []int{1, 2, 3, 3}, []int{2, 2, 3, 3}, graph.Attrs{"strides": ints(2, 2), "auto_pad": "SAME_UPPER"}},
		{"groups", []int{2, 4, 3, 3}, []int{4, 3, 2, 2}, graph.Attrs{"group": int64(2), "dilations": ints(2, 1)}},
		{"one axis", []int{2, 3, 5}, []int{3, 2, 4}, graph.Attrs{"strides": ints(2)}},
	} {
		x, w := optest.Vals(c.x...), optest.Unit(c.w...)
		bias := optest.Unit(c.w[1] * c.attr.Int("group", 1))
		n := graph.Node{Op: "ConvTranspose", Attrs: c.attr}
		optest.Add(
			optest.Sample{Name: c.name, Node: n, In: optest.In(x, w), Want: optest.In(naiveTransposed(c.attr, x, w, nil))},
			optest.Sample{Name: c.name + ", bias", Node: n, In: optest.In(x, w, bias), Want: optest.In(naiveTransposed(c.attr, x, w, bias))},
		)
	}
}

// addVolumes adds convolutions along three axes: of volumes that are one deep,
// which are those of their plane, and of others.
func addVolumes() {
	x, w, bias := optest.Vals(2, 4, 5, 4), optest.Unit(6, 2, 3, 2), optest.Unit(6)
	plane := graph.Attrs{"group": int64(2), "strides": ints(2, 1), "pads": ints(1, 0, 1, 1), "dilations": ints(1, 2)}
	flat := graph.Attrs{"group": int64(2), "strides": ints(1, 2, 1), "pads": ints(0, 1, 0, 0, 1, 1), "dilations": ints(1, 1, 2)}
	y := naiveConv(plane, x, w, bias)
	deep := func(t *tensor.Tensor) *tensor.Tensor {
		s := t.Shape()
		return t.View(tensor.Shape{s[0], s[1], 1, s[2], s[3]})
	}
	conv, transposed := graph.Node{Op: "Conv", Attrs: flat}, graph.Node{Op: "ConvTranspose"}
	optest.Add(
		optest.Sample{Name: "one deep", Node: conv, In: optest.In(deep(x), deep(w), bias), Want: optest.In(deep(y))},
		optest.Sample{Name: "three axes", Node: conv, In: optest.In(optest.Vals(2, 4, 2, 3, 4), optest.Unit(2, 2, 2, 2, 2), optest.Unit(2))},
		optest.Sample{Name: "three axes", Node: transposed, In: optest.In(optest.Vals(2, 2, 2, 3, 2), optest.Unit(2, 3, 2, 2, 2), optest.Unit(3))},
	)
}

// convTaps calls f for every product of a convolution: y[o] += x[i] w[j].
func convTaps(s kernel.ConvShape, f func(o, i, j int)) {
	for n := range s.N {
		for m := range s.M {
			for p := range s.OH * s.OW {
				for k := range s.C / s.Groups * s.KH * s.KW {
					a, b, c := k/s.KW%s.KH, k%s.KW, k/s.KW/s.KH
					h, w := p/s.OW*s.StrideH-s.PadTop+a*s.DilH, p%s.OW*s.StrideW-s.PadLeft+b*s.DilW
					if h < 0 || h >= s.H || w < 0 || w >= s.W {
						continue
					}
					c += m / (s.M / s.Groups) * (s.C / s.Groups)
					f((n*s.M+m)*s.OH*s.OW+p, ((n*s.C+c)*s.H+h)*s.W+w, m*(s.C/s.Groups*s.KH*s.KW)+k)
				}
			}
		}
	}
}

func naiveConv(a graph.Attrs, x, w, bias *tensor.Tensor) *tensor.Tensor {
	b := &graph.Bind{Node: &graph.Node{Attrs: a}, In: []graph.Spec{{Shape: x.Shape()}, {Shape: w.Shape()}}}
	s, err := readConv(b)
	if err != nil {
		panic(err)
	}
	y := tensor.New(tensor.F64, append([]int{s.n, s.m}, s.outDims()...))
	dx, dw, dy := tensor.Data[float64](x), tensor.Data[float64](w), tensor.Data[float64](y)
	convTaps(s.window.conv(s.n, s.c, s.m, s.groups), func(o, i, j int) { dy[o] += dx[i] * dw[j] })
	addBias(y, bias)
	return y
}

func addBias(y, bias *tensor.Tensor) {
	if bias == nil {
		return
	}
	s := product(y.Shape()[2:])
	for i := range y.Len() {
		tensor.Data[float64](y)[i] += tensor.Data[float64](bias)[i/s%bias.Len()]
	}
}

func naiveTransposed(a graph.Attrs, x, w, bias *tensor.Tensor) *tensor.Tensor {
	b := &graph.Bind{Node: &graph.Node{Attrs: a}, In: []graph.Spec{{DType: tensor.F64, Shape: x.Shape()}, {DType: tensor.F64, Shape: w.Shape()}}}
	k, err := bindConvTranspose[float64](b)
	if err != nil {
		panic(err)
	}
	y := tensor.New(tensor.F64, k.Out()[0].Shape)
	dx, dw, dy := tensor.Data[float64](x), tensor.Data[float64](w), tensor.Data[float64](y)
	s := k.(*convTranspose[float64]).shape
	convTaps(s.window.conv(s.n, s.c, s.m, s.groups), func(o, i, j int) { dy[i] += dx[o] * dw[j] })
	addBias(y, bias)
	return y
}

func TestConvRefuses(t *testing.T) {
	for _, c := range []struct {
		x, w []int
		attr graph.Attrs
		want string
	}{
		{[]int{1, 2, 3, 3}, []int{1, 3, 1, 1}, nil, "channels"},
		{[]int{1, 2, 3, 3}, []int{1, 2, 4, 1}, nil, "does not fit"},
		{[]int{1, 2}, []int{1, 2}, nil, "spatial axes"},
		{[]int{1, 2, 3, 3}, []int{1, 2, 1, 1}, graph.Attrs{"auto_pad": "SOME"}, "auto_pad"},
		{[]int{1, 2, 3, 3}, []int{1, 2, 1, 1}, graph.Attrs{"strides": ints(0, 1)}, "positive"},
		{[]int{1, 2, 3, 3}, []int{1, 2, 1, 1}, graph.Attrs{"pads": ints(1, 1)}, "pads"},
	} {
		_, err := optest.RunSession(optest.Sample{Node: graph.Node{Op: "Conv", Attrs: c.attr}, In: optest.In(optest.Vals(c.x...), optest.Vals(c.w...))})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v * %v %v: error %v, want one about %q", c.x, c.w, c.attr, err, c.want)
		}
	}
}
