package lowrank

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// naive is a forward recurrent layer by its definition: x is T N K, the result T N H.
func naive(op string, lbr bool, x, w, r *nd.Array, b []float64) *nd.Array {
	t, n, h, g := x.Shape[0], x.Shape[1], r.Shape[1], gates[op]
	y, state, cell := nd.New(t, n, h), linalg.NewMat(n, h), linalg.NewMat(n, h)
	sig := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	mul := func(a, m *linalg.Mat) *linalg.Mat {
		c := linalg.NewMat(a.Rows, m.Rows)
		linalg.Mul(c, 1, a, false, m, true, 0)
		return c
	}
	wm, rm := w.Mat(g*h), r.Mat(g*h)
	for s := range t {
		wx, rh := mul(x.Index(s).Mat(n), wm), mul(state, rm)
		reset := linalg.NewMat(n, h)
		at := func(i, gate, j int) float64 { return wx.At(i, gate*h+j) + b[gate*h+j] }
		re := func(i, gate, j int) float64 { return rh.At(i, gate*h+j) + b[(g+gate)*h+j] }
		next := linalg.NewMat(n, h)
		for i := range n {
			for j := range h {
				switch op {
				case "RNN":
					next.Set(i, j, math.Tanh(at(i, 0, j)+re(i, 0, j)))
				case "LSTM":
					c := sig(at(i, 2, j)+re(i, 2, j))*cell.At(i, j) + sig(at(i, 0, j)+re(i, 0, j))*math.Tanh(at(i, 3, j)+re(i, 3, j))
					cell.Set(i, j, c)
					next.Set(i, j, sig(at(i, 1, j)+re(i, 1, j))*math.Tanh(c))
				case "GRU":
					reset.Set(i, j, sig(at(i, 1, j)+re(i, 1, j))*state.At(i, j))
				}
			}
		}
		if op == "GRU" {
			rr := mul(reset, rm)
			for i := range n {
				for j := range h {
					in := rr.At(i, 2*h+j) + b[(g+2)*h+j]
					if lbr {
						in = sig(at(i, 1, j)+re(i, 1, j)) * re(i, 2, j)
					}
					z := sig(at(i, 0, j) + re(i, 0, j))
					next.Set(i, j, (1-z)*math.Tanh(at(i, 2, j)+in)+z*state.At(i, j))
				}
			}
		}
		state = next
		copy(y.Index(s).Data, state.Data)
	}
	return y
}

// Layers that are written out, unrolled or as a Scan, compute what the operators define.
func TestWrittenOutRecurrence(t *testing.T) {
	const steps, hidden, in = 5, 6, 8
	for op, g := range gates {
		for _, lbr := range []bool{false, true} {
			for _, method := range []string{"svd", "tt-matrix"} {
				for _, symbolic := range []bool{false, true} {
					if lbr && op != "GRU" {
						continue
					}
					name := fmt.Sprintf("%s/lbr=%v/%s/scan=%v", op, lbr, method, symbolic)
					t.Run(name, func(t *testing.T) {
						attrs := graph.Attrs{"hidden_size": int64(hidden)}
						if lbr {
							attrs["linear_before_reset"] = int64(1)
						}
						l := layer{name, node(op, attrs, []int{1, g * hidden, in}, []int{1, g * hidden, hidden}, []int{1, 2 * g * hidden}), []int{steps, 0, in}}
						if symbolic {
							l.in = []int{0, 3, in}
						}
						checkWritten(t, l, op, lbr, method)
					})
				}
			}
		}
	}
}

// A layer whose unrolled steps would outweigh what is saved becomes a Scan when nothing trains it.
func TestFrozenRecurrenceIsSmall(t *testing.T) {
	for _, hidden := range []int{6, 64} {
		l := layer{"", node("LSTM", graph.Attrs{"hidden_size": int64(hidden)}, []int{1, 4 * hidden, 8}, []int{1, 4 * hidden, hidden}), []int{5, 0, 8}}
		for _, frozen := range []bool{false, true} {
			out, rep := mustRun(t, l.model(t), Config{Method: "svd", Policy: FixedRank{Ranks{2}}, Frozen: frozen})
			scan := slices.ContainsFunc(out.Graph.Nodes, func(n *graph.Node) bool { return n.Op == "Scan" })
			if want := frozen && hidden == 6; scan != want {
				t.Errorf("%d units, frozen %v: Scan is %v", hidden, frozen, scan)
			}
			if _, dry := mustRun(t, l.model(t), Config{Method: "svd", Policy: FixedRank{Ranks{2}}, Frozen: frozen, DryRun: true}); *dry.MACsAfter != *rep.MACsAfter {
				t.Errorf("%d units, frozen %v: %d MACs, dry %d", hidden, frozen, *rep.MACsAfter, *dry.MACsAfter)
			}
		}
	}
}

func checkWritten(t *testing.T, l layer, op string, lbr bool, method string) {
	m := l.model(t)
	d, _ := Lookup(method)
	sites, err := Find(m, Selection{})
	if err != nil || len(sites) != 2 {
		t.Fatalf("%d sites, %v", len(sites), err)
	}
	b := m.Graph.Node("layer").In[3]
	bias, _ := float64s(m.Graph.Param(b).Data)
	var rs []Replacement
	ws := map[Kind]*nd.Array{}
	for _, s := range sites {
		w, err := s.Load()
		if err != nil {
			t.Fatal(err)
		}
		use := d
		most, err := d.MaxRanks(s)
		if err != nil { // a GRU that resets first
			use = svd{}
			most, _ = use.MaxRanks(s)
		}
		f, approx := factor(t, use, &Problem{Site: s, W: w, Seed: 1}, half(most))
		ws[s.Kind] = approx
		rs = append(rs, Replacement{Site: s, Factors: f})
	}
	if err := Apply(m, rs); err != nil {
		t.Fatal(err)
	}
	x := l.feed()
	if l.in[0] == 0 {
		x = f32(99, 5, 3, 8)
	}
	data, _ := float64s(x)
	h := ws[Recurrence].Shape[2]
	want := naive(op, lbr, nd.Of(data, x.Shape()...), ws[Input].Reshape(ws[Input].Shape[1], 8), ws[Recurrence].Reshape(ws[Recurrence].Shape[1], h), bias)
	got := runModel(t, m, x)
	if e := nd.RelError(want, nd.Of(got, want.Shape...)); !(e < 1e-5) {
		t.Errorf("off by %g", e)
	}
}
