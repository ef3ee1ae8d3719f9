package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func inspectCommand() *cli.Command {
	return command("inspect", "show a model's graph, costs, value names and provenance", "MODEL", commonFlags(
		batchFlag("MACs"), dimsFlag(),
	), inspectAction)
}

type inspected struct {
	Version    int               `json:"version"`
	Params     int64             `json:"params"`
	ParamBytes int64             `json:"param_bytes"`
	FileBytes  int64             `json:"file_bytes"`
	MACs       int64             `json:"macs"`
	Opset      int               `json:"opset"`
	Inputs     []valueInfo       `json:"inputs"`
	Outputs    []valueInfo       `json:"outputs"`
	Nodes      []nodeInfo        `json:"nodes"`
	Provenance map[string]string `json:"provenance"`

	NonFinite map[string]int `json:"non_finite"` // elements of parameters that are NaN or infinite
	Unknown   []string       `json:"unknown"`    // nodes whose shapes could not be inferred
}

type valueInfo struct {
	Name  string   `json:"name"`
	DType string   `json:"dtype,omitempty"`
	Shape []string `json:"shape"`
}

// String is "name float32[N 10]", without the type where there is none.
func (v valueInfo) String() string {
	shape := "?"
	if v.Shape != nil {
		shape = strings.Join(v.Shape, " ")
	}
	if v.DType == "" {
		return fmt.Sprintf("%s[%s]", v.Name, shape)
	}
	return fmt.Sprintf("%s %s[%s]", v.Name, v.DType, shape)
}

type nodeInfo struct {
	Name    string      `json:"name"`
	Op      string      `json:"op"`
	Domain  string      `json:"domain"`
	Params  int64       `json:"params"`
	MACs    int64       `json:"macs"`
	Outputs []valueInfo `json:"outputs"`
}

func inspectAction(c *cli.Context) error {
	if err := args(c, 1, 1); err != nil {
		return err
	}
	path := c.Args().First()
	m, err := loadModel(c, path)
	if err != nil {
		return err
	}
	d, err := extents(c, m)
	if err != nil {
		return err
	}
	r, err := inspect(m, d)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if r.FileBytes, err = fileSize(path); err != nil {
		return err
	}
	return emit(c, r, r.text)
}

func inspect(m *graph.Model, d graph.Dims) (*inspected, error) {
	inf, err := m.Infer(d)
	if err != nil {
		return nil, err
	}
	shapes, err := m.SymbolicShapes()
	if err != nil {
		return nil, err
	}
	r := &inspected{
		Version: 1, Params: inf.Total.Params, ParamBytes: bench.ParamBytes(m), MACs: inf.Total.MACs, Opset: graph.Opset,
		Provenance: m.Meta, NonFinite: map[string]int{}, Unknown: inf.Unknown,
	}
	for _, p := range m.AllParams() {
		t, err := p.Load()
		if err != nil {
			return nil, err
		}
		if n := nonFinite(t); n > 0 {
			r.NonFinite[string(p.Name)] = n
		}
	}
	info := func(v graph.Value, d tensor.DType) valueInfo {
		return valueInfo{Name: string(v), DType: d.String(), Shape: dimStrings(shapes[v])}
	}
	for _, p := range m.Graph.Inputs {
		r.Inputs = append(r.Inputs, valueInfo{string(p.Name), p.DType.String(), dimStrings(p.Shape)})
	}
	for _, p := range m.Graph.Outputs {
		r.Outputs = append(r.Outputs, info(p.Name, p.DType))
	}
	r.tree(m.Graph, "", inf, shapes)
	return r, nil
}

// tree lists the nodes of g, each followed by those of its subgraphs with its name
// in front.
func (r *inspected) tree(g *graph.Graph, path string, inf *graph.Inferred, shapes map[graph.Value][]graph.Dim) {
	for _, n := range g.Nodes {
		name := path + n.Name
		ni := nodeInfo{Name: name, Op: n.Op, Domain: n.Domain, Params: inf.ByNode[name].Params, MACs: inf.ByNode[name].MACs}
		for _, v := range n.Out {
			if v != "" {
				ni.Outputs = append(ni.Outputs, valueInfo{Name: string(v), Shape: dimStrings(shapes[v])})
			}
		}
		r.Nodes = append(r.Nodes, ni)
		for _, sub := range n.Attrs.Graphs() {
			r.tree(sub, name+"/", inf, nil)
		}
	}
}

// dimStrings returns nil for a shape that is not known.
func dimStrings(dims []graph.Dim) []string {
	if dims == nil {
		return nil
	}
	out := make([]string, len(dims))
	for i, d := range dims {
		out[i] = d.Sym
		if d.Sym == "" {
			out[i] = fmt.Sprint(d.N)
		}
	}
	return out
}

func nonFinite(t *tensor.Tensor) int {
	n := 0
	switch t.DType() {
	case tensor.F32:
		for _, v := range t.F32s() {
			if v-v != 0 {
				n++
			}
		}
	case tensor.F64:
		for _, v := range tensor.Data[float64](t) {
			if v-v != 0 {
				n++
			}
		}
	}
	return n
}

func (r *inspected) text(w io.Writer) error {
	fmt.Fprintf(w, "%d parameters (%s), file %s, %s MACs, opset %d\n", r.Params, bench.Bytes(r.ParamBytes), bench.Bytes(r.FileBytes), bench.Count(r.MACs), r.Opset)
	for _, k := range sortedKeys(r.Provenance) {
		fmt.Fprintf(w, "%s: %s\n", k, r.Provenance[k])
	}
	for _, v := range r.Inputs {
		fmt.Fprintf(w, "input %s\n", v)
	}
	for _, v := range r.Outputs {
		fmt.Fprintf(w, "output %s\n", v)
	}
	for _, name := range sortedKeys(r.NonFinite) {
		fmt.Fprintf(w, "NOT FINITE: %d elements of %s\n", r.NonFinite[name], name)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\nnode\top\tparams\tMACs\toutputs")
	for _, n := range r.Nodes {
		var outs []string
		for _, v := range n.Outputs {
			outs = append(outs, v.String())
		}
		op := n.Op
		if n.Domain != "" {
			op = n.Domain + "." + op
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\n", n.Name, op, n.Params, bench.Count(n.MACs), strings.Join(outs, ", "))
	}
	return tw.Flush()
}
