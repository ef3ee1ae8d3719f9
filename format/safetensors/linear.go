package safetensors

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// MetaFactors is the key of the metadata that says which tensors are factors: a JSON
// object that maps the name of each replaced tensor to a Factored.
const MetaFactors = "compress.factors"

// Factored says how a replaced matrix W (M x K, as in y = W x) is made of two:
// W = U V with U (M x R) and V (R x K).
type Factored struct {
	U     string `json:"u"`
	V     string `json:"v"`
	Shape []int  `json:"shape"` // M K
	Rank  int    `json:"rank"`
}

// AddLinear gives m, which has parameters only, a node for each matrix whose name
// matches include (all when nil): a Gemm y = x W^T from an input of its own. What
// factorises a graph's weights then works on them; [CollectFactors] undoes it. It
// returns the number of matrices.
func AddLinear(m *graph.Model, include *regexp.Regexp) (int, error) {
	if len(m.Graph.Nodes) > 0 {
		return 0, fmt.Errorf("safetensors: the model has a graph already")
	}
	n := 0
	for _, p := range m.Graph.Params {
		if len(p.Shape) != 2 || !p.DType.IsFloat() || include != nil && !include.MatchString(string(p.Name)) {
			continue
		}
		x, y := p.Name+"/x", p.Name+"/y"
		m.Graph.Inputs = append(m.Graph.Inputs, graph.Port{Name: x, DType: p.DType, Shape: []graph.Dim{{Sym: "N"}, {N: p.Shape[1]}}})
		m.Graph.Outputs = append(m.Graph.Outputs, graph.Port{Name: y, DType: p.DType})
		m.Graph.Nodes = append(m.Graph.Nodes, &graph.Node{
			Name: string(p.Name), Op: "Gemm", In: []graph.Value{x, p.Name}, Out: []graph.Value{y}, Attrs: graph.Attrs{"transB": int64(1)},
		})
		n++
	}
	if n == 0 {
		return 0, fmt.Errorf("safetensors: no floating-point matrix's name matches %v: `compress inspect` lists the names", include)
	}
	return n, m.Check()
}

// CollectFactors removes what AddLinear added. A matrix NAME that the factorisation
// made two of, NAME/v (K x R) and NAME/u (R x M), becomes NAME.V (R x K) and NAME.U
// (M x R), as their names say in W = U V, and is noted in the metadata.
func CollectFactors(m *graph.Model) error {
	notes := map[string]Factored{}
	if text := m.Meta[MetaFactors]; text != "" { // of an earlier run
		if err := json.Unmarshal([]byte(text), &notes); err != nil {
			return fmt.Errorf("safetensors: metadata %q: %w", MetaFactors, err)
		}
	}
	for _, out := range m.Graph.Outputs {
		name, _ := strings.CutSuffix(string(out.Name), "/y")
		if m.Graph.Param(graph.Value(name)) != nil {
			continue // left dense
		}
		u, err := takeFactor(m.Graph, name, "/u", ".U")
		if err != nil {
			return err
		}
		v, err := takeFactor(m.Graph, name, "/v", ".V")
		if err != nil {
			return err
		}
		notes[name] = Factored{U: string(u.Name), V: string(v.Name), Shape: []int{u.Shape[0], v.Shape[1]}, Rank: v.Shape[0]}
	}
	m.Graph.Nodes, m.Graph.Inputs, m.Graph.Outputs = nil, nil, nil
	sortParams(m)
	if err := m.Check(); err != nil || len(notes) == 0 {
		return err
	}
	text, err := json.Marshal(notes)
	if err != nil {
		return err
	}
	if m.Meta == nil {
		m.Meta = map[string]string{}
	}
	m.Meta[MetaFactors] = string(text)
	return nil
}

// takeFactor transposes and renames one factor.
func takeFactor(g *graph.Graph, name, from, to string) (*graph.Param, error) {
	p := g.Param(graph.Value(name + from))
	if p == nil || len(p.Shape) != 2 {
		return nil, fmt.Errorf("safetensors: %q is not a product of two matrices: use the method svd", name)
	}
	t, err := p.Load()
	if err != nil {
		return nil, err
	}
	p.Name, p.Data, p.Lazy = graph.Value(name+to), transposed(t), nil
	p.Shape = p.Data.Shape()
	return p, nil
}

// transposed returns the transpose of a matrix of any element size.
func transposed(t *tensor.Tensor) *tensor.Tensor {
	rows, cols, w := t.Dim(0), t.Dim(1), t.DType().Size()
	out := tensor.New(t.DType(), tensor.Shape{cols, rows})
	src, dst := t.Raw(), out.Raw()
	for i := range rows {
		for j := range cols {
			copy(dst[(j*rows+i)*w:][:w], src[(i*cols+j)*w:])
		}
	}
	return out
}

func sortParams(m *graph.Model) {
	slices.SortFunc(m.Graph.Params, func(a, b *graph.Param) int { return strings.Compare(string(a.Name), string(b.Name)) })
}
