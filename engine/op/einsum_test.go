package op

import (
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	for _, c := range []struct {
		eq   string
		dims [][]int
	}{
		{"ij->ji", [][]int{{3, 4}}},
		{"ij->i", [][]int{{3, 4}}},
		{"ij->", [][]int{{3, 4}}},
		{"ii->i", [][]int{{4, 4}}},
		{"ii", [][]int{{4, 4}}},
		{"ba", [][]int{{3, 4}}},
		{"...ii->...i", [][]int{{2, 3, 3}}},
		{"i,i", [][]int{{5}, {5}}},
		{"i,j->ij", [][]int{{3}, {4}}},
		{"ij,jk->ik", [][]int{{3, 4}, {4, 5}}},
		{"ij, kj -> ki", [][]int{{3, 4}, {5, 4}}},
		{"bij,bjk->bik", [][]int{{2, 3, 4}, {2, 4, 5}}},
		{"bhid,bhjd->bhij", [][]int{{2, 2, 3, 4}, {2, 2, 5, 4}}},
		{"bihd,bjhd->bhij", [][]int{{2, 3, 2, 4}, {2, 5, 2, 4}}},
		{"...ij,...jk->...ik", [][]int{{2, 3, 4}, {1, 4, 5}}},
		{"...ij,jk", [][]int{{2, 3, 4}, {4, 5}}},
		{"ij,ik->i", [][]int{{3, 2}, {3, 4}}},
		{"iij,jk->ik", [][]int{{3, 3, 2}, {2, 4}}},
		{"ij,jk,kl->il", [][]int{{2, 3}, {3, 4}, {4, 5}}},
		{"a,b,ab->", [][]int{{2}, {3}, {2, 3}}},
		{"ij,ij->ij", [][]int{{2, 3}, {2, 3}}},
	} {
		var in []*tensor.Tensor
		for i, d := range c.dims {
			in = append(in, []func(...int) *tensor.Tensor{optest.Vals, optest.Vals2, optest.Unit}[i](d...))
		}
		n := graph.Node{Op: "Einsum", Attrs: graph.Attrs{"equation": c.eq}}
		optest.Add(optest.Sample{Name: c.eq, Node: n, In: in, Want: optest.In(naiveEinsum(n, in))})
	}
	x := optest.F64([]int{2, 3}, 1, 5, 5, 2, -1, 0)
	optest.Add(
		optest.Sample{Name: "rows", Node: graph.Node{Op: "Hardmax"}, In: optest.In(x), NoGrad: true, Want: optest.In(optest.F64([]int{2, 3}, 0, 1, 0, 1, 0, 0))},
		optest.Sample{Name: "columns", Node: graph.Node{Op: "Hardmax", Attrs: graph.Attrs{"axis": int64(0)}}, In: optest.In(x), NoGrad: true,
			Want: optest.In(optest.F64([]int{2, 3}, 0, 1, 1, 1, 0, 0))},
	)
}

// naiveEinsum runs through all values of all labels.
func naiveEinsum(n graph.Node, in []*tensor.Tensor) *tensor.Tensor {
	b := &graph.Bind{Node: &n}
	for _, t := range in {
		b.In = append(b.In, graph.Spec{DType: t.DType(), Shape: t.Shape()})
	}
	e, err := parseEquation(b)
	if err != nil {
		panic(err)
	}
	var labels []rune
	for l := range e.extent {
		labels = append(labels, l)
	}
	y := tensor.New(tensor.F64, e.dims(e.out))
	at := map[rune]int{}
	offset := func(ls []rune, s tensor.Shape) int {
		o := 0
		for d, l := range ls {
			o = o*s[d] + at[l]%s[d]
		}
		return o
	}
	for i := range product(e.dims(labels)) {
		for _, l := range labels {
			at[l], i = i%e.extent[l], i/e.extent[l]
		}
		v := 1.0
		for j, t := range in {
			v *= tensor.Data[float64](t)[offset(e.in[j], t.Shape())]
		}
		tensor.Data[float64](y)[offset(e.out, y.Shape())] += v
	}
	return y
}

func TestEinsumRefuses(t *testing.T) {
	for eq, want := range map[string]string{"ij,jk": "operands", "ijk": "labels", "i1": "letters", "ij->ik": "output label", "ij->ii": "output label"} {
		_, err := optest.RunSession(optest.Sample{Node: graph.Node{Op: "Einsum", Attrs: graph.Attrs{"equation": eq}}, In: optest.In(optest.Vals(2, 3))})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one about %q", eq, err, want)
		}
	}
}
