package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// SpectrumOptions bound the work of Spectra.
type SpectrumOptions struct {
	Sites int // the weights shown, the largest ones; 8 when 0
	Side  int // weights with more rows and columns than this are left out; 2048 when 0
}

// Spectra finds the weights of each model that another one has factors of: nodes whose
// names begin with the weight's node and a slash, the last of them pointwise. It
// returns the singular values of the M x K·KH·KW matrix of each such weight, and the
// ranks that the others have. Without factors the first model's weights are shown.
func Spectra(models []bench.Model, o SpectrumOptions) ([]Spectrum, error) {
	var found []site
	for i, m := range models {
		for _, s := range sites(m) {
			if seen(found, s) {
				continue
			}
			for k, other := range models {
				if r, ok := rankIn(other.Model, s.node.Name); k != i && ok {
					s.ranks = append(s.ranks, Rank{other.Path, r})
				}
			}
			if len(s.ranks) > 0 {
				found = append(found, s)
			}
		}
	}
	if len(found) == 0 && len(models) > 0 {
		found = sites(models[0])
	}
	return spectraOf(o.choose(found))
}

// choose keeps the largest sites, in the models' order.
func (o SpectrumOptions) choose(found []site) []site {
	side := cmp.Or(o.Side, 2048)
	found = slices.DeleteFunc(found, func(s site) bool {
		rows, cols := s.extents()
		return min(rows, cols) > side || min(rows, cols) < 2
	})
	order := slices.Clone(found)
	slices.SortStableFunc(order, func(a, b site) int { return b.param.Shape.Size() - a.param.Shape.Size() })
	order = order[:min(len(order), cmp.Or(o.Sites, 8))]
	return slices.DeleteFunc(found, func(s site) bool {
		return !slices.ContainsFunc(order, func(x site) bool { return x.param == s.param })
	})
}

// site is a node with a weight.
type site struct {
	model string
	node  *graph.Node
	param *graph.Param
	ranks []Rank
}

func seen(found []site, s site) bool {
	return slices.ContainsFunc(found, func(f site) bool { return f.node.Name == s.node.Name })
}

// extents of the weight as a matrix.
func (s site) extents() (rows, cols int) {
	rows = s.param.Shape[0]
	return rows, s.param.Shape.Size() / max(rows, 1)
}

// sites are the dense and convolution nodes whose weights are float32 parameters.
func sites(m bench.Model) []site {
	var out []site
	params := m.Model.Graph.ParamIndex()
	for _, n := range m.Model.Graph.Nodes {
		if !slices.Contains([]string{"Gemm", "MatMul", "Conv"}, n.Op) || len(n.In) < 2 {
			continue
		}
		if p := params[n.In[1]]; p != nil && p.DType == tensor.F32 && len(p.Shape) >= 2 && p.Shape.Size() > 0 {
			out = append(out, site{model: m.Path, node: n, param: p})
		}
	}
	return out
}

// rankIn returns the rank of the product that stands in m for the node name.
func rankIn(m *graph.Model, name string) (int, bool) {
	if m.Graph.Node(name) != nil {
		return 0, false
	}
	var parts []site
	for _, s := range sites(bench.Model{Model: m}) {
		if strings.HasPrefix(s.node.Name, name+"/") {
			parts = append(parts, s)
		}
	}
	if len(parts) < 2 {
		return 0, false
	}
	last := parts[len(parts)-1]
	if last.param.Shape.Size() != last.param.Shape[0]*last.param.Shape[1] {
		return 0, false // not pointwise: the rank is of another matrix
	}
	inf, err := m.InferAny()
	if err != nil {
		return 0, false
	}
	in := inf.Specs[last.node.In[0]].Shape
	switch {
	case last.node.Op == "Conv" && len(in) > 1:
		return in[1], true
	case len(in) > 0:
		return in[len(in)-1], true
	}
	return 0, false
}

func spectraOf(found []site) ([]Spectrum, error) {
	var out []Spectrum
	for _, s := range found {
		t, err := s.param.Load()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.model, err)
		}
		rows, cols := s.extents()
		w := linalg.NewMat(rows, cols)
		for i, v := range t.F32s() {
			w.Data[i] = float64(v)
		}
		values, err := linalg.SingularValues(w)
		if err != nil {
			return nil, fmt.Errorf("%s: weight of %s: %w", s.model, s.node.Name, err)
		}
		out = append(out, Spectrum{Site: s.node.Name, Model: s.model, Values: values, Ranks: s.ranks})
	}
	return out, nil
}
