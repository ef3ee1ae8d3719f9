package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	const m, k, n = 5, 3, 7
	for i, c := range [][]int{nil, {1}, {n}, {1, n}, {m, 1}, {m, n}} {
		for flags := range 4 {
			a, b := optest.Vals(m, k), optest.Vals2(k, n)
			attr := graph.Attrs{}
			if flags&1 != 0 {
				a, attr["transA"] = optest.Vals(k, m), int64(1)
			}
			if flags&2 != 0 {
				b, attr["transB"] = optest.Vals2(n, k), int64(1)
			}
			addGemm(string(rune('a'+i))+" "+string(rune('0'+flags)), attr, a, b, c)
			scaled := attr.Clone()
			scaled["alpha"], scaled["beta"] = float32(0.5), float32(2)
			addGemm(string(rune('a'+i))+" "+string(rune('0'+flags))+" scaled", scaled, a, b, c)
		}
	}
	addGemm("no addend", graph.Attrs{"beta": float32(0)}, optest.Vals(m, k), optest.Vals2(k, n), []int{n})
	for _, c := range []struct {
		name string
		a, b []int
	}{
		{"matrices", []int{5, 3}, []int{3, 4}},
		{"batch", []int{2, 3, 4, 5}, []int{2, 3, 5, 2}},
		{"shared right", []int{2, 3, 4}, []int{4, 5}},
		{"shared left", []int{3, 4}, []int{2, 4, 5}},
		{"crossed", []int{2, 1, 3, 4}, []int{1, 3, 4, 2}},
		{"more axes", []int{3, 2, 1, 4}, []int{2, 4, 3}},
		{"row", []int{4}, []int{4, 3}},
		{"column", []int{3, 4}, []int{4}},
		{"vectors", []int{4}, []int{4}},
		{"row and batch", []int{4}, []int{2, 4, 3}},
		{"no rows", []int{0, 4}, []int{4, 3}},
	} {
		a, b := optest.Vals(c.a...), optest.Vals2(c.b...)
		optest.Add(optest.Sample{Name: c.name, Node: graph.Node{Op: "MatMul"}, In: optest.In(a, b), Want: optest.In(naiveMatMul(a, b))})
	}
}

func addGemm(name string, attr graph.Attrs, a, b *tensor.Tensor, c []int) {
	in := optest.In(a, b)
	var add *tensor.Tensor
	if c != nil {
		add = optest.Unit(c...)
		in = append(in, add)
	}
	optest.Add(optest.Sample{Name: name, Node: graph.Node{Op: "Gemm", Attrs: attr}, In: in, Want: optest.In(naiveGemm(attr, a, b, add))})
}

// elem returns element (i, j) of op(a).
func elem(a *tensor.Tensor, trans bool, i, j int) float64 {
	if trans {
		i, j = j, i
	}
	return tensor.Data[float64](a)[i*a.Shape()[1]+j]
}

func naiveGemm(attr graph.Attrs, a, b, c *tensor.Tensor) *tensor.Tensor {
	ta, tb := attr.Bool("transA", false), attr.Bool("transB", false)
	m, k := flip(ta, a.Shape()[0], a.Shape()[1])
	_, n := flip(tb, b.Shape()[0], b.Shape()[1])
	y := tensor.New(tensor.F64, []int{m, n})
	for i := range m {
		for j := range n {
			var sum float64
			for l := range k {
				sum += elem(a, ta, i, l) * elem(b, tb, l, j)
			}
			sum *= attr.Float("alpha", 1)
			if c != nil {
				s := repeated(y.Shape(), c.Shape()).strides
				sum += attr.Float("beta", 1) * tensor.Data[float64](c)[i*s[0]+j*s[1]]
			}
			tensor.Data[float64](y)[i*n+j] = sum
		}
	}
	return y
}

// naiveMatMul multiplies with operands of rank 1 made matrices.
func naiveMatMul(a, b *tensor.Tensor) *tensor.Tensor {
	sa, sb := a.Shape().Clone(), b.Shape().Clone()
	row, col := len(sa) == 1, len(sb) == 1
	if row {
		sa = tensor.Shape{1, sa[0]}
	}
	if col {
		sb = tensor.Shape{sb[0], 1}
	}
	m, k, n := sa[len(sa)-2], sa[len(sa)-1], sb[len(sb)-1]
	bind := &graph.Bind{Node: &graph.Node{}, In: []graph.Spec{{Shape: sa[:len(sa)-2]}, {Shape: sb[:len(sb)-2]}}}
	batch, err := broadcast(bind, 0, 1)
	if err != nil {
		panic(err)
	}
	out := batch.Clone()
	if !row {
		out = append(out, m)
	}
	if !col {
		out = append(out, n)
	}
	y := tensor.New(tensor.F64, out)
	w := newWalk(batch, repeated(batch, sa[:len(sa)-2]), repeated(batch, sb[:len(sb)-2]))
	w.rows(0, w.n, func(o, run int, at [3]int) {
		for r := range run {
			da, db := tensor.Data[float64](a)[(at[0]+r*w.step(0))*m*k:], tensor.Data[float64](b)[(at[1]+r*w.step(1))*k*n:]
			for i := range m * n {
				var sum float64
				for l := range k {
					sum += da[i/n*k+l] * db[l*n+i%n]
				}
				tensor.Data[float64](y)[(o+r)*m*n+i] = sum
			}
		}
	})
	return y
}
