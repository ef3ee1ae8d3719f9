package lowrank

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
)

// Report says what became of every site.
type Report struct {
	Version         int    `json:"version"`
	ParamsBefore    int64  `json:"params_before"`
	ParamsAfter     int64  `json:"params_after"`
	FileBytesBefore int64  `json:"file_bytes_before"` // for the caller to fill, as it knows the files
	FileBytesAfter  *int64 `json:"file_bytes_after"`  // nil until the file is written
	MACsBefore      *int64 `json:"macs_before"`       // nil where the engine cannot count them
	MACsAfter       *int64 `json:"macs_after"`
	Sites           []Line `json:"sites"`

	Tradeoff []Tradeoff `json:"tradeoff,omitempty"` // of plans, in rising size; Config.Tradeoff asks for it
}

// Line describes one site. Errors are relative, nil where they were not measured;
// the output's is over the calibration data. MACs are of all uses, all iterations of a loop
// together, and nil where it is not known how often the weight is applied.
type Line struct {
	Name         string   `json:"name"`
	Op           string   `json:"op"`
	Shape        []int    `json:"shape"` // of the weight as it is stored
	Method       string   `json:"method"`
	Ranks        Ranks    `json:"ranks"`
	ParamsBefore int64    `json:"params_before"`
	ParamsAfter  int64    `json:"params_after"`
	MACsBefore   *int64   `json:"macs_before"`
	MACsAfter    *int64   `json:"macs_after"`
	WeightError  *float64 `json:"weight_error"`
	OutputError  *float64 `json:"output_error"`
	Skipped      string   `json:"skipped"`

	outputs []graph.Value // of the nodes of the main graph that apply the weight
}

// newLine describes a site that stays dense for the given reason, or becomes pt.
func newLine(s *Site, pt *Point, skipped string) Line {
	c := s.Cost()
	l := Line{Name: s.Name, Op: s.Op, Shape: s.Param.Shape, Ranks: Ranks{}, Skipped: skipped, ParamsBefore: c.Params}
	after := c
	if pt != nil {
		l.Method, l.Ranks, l.Skipped, after = pt.Method, pt.Ranks, "", pt.Cost
	}
	l.ParamsAfter = after.Params
	if s.counted() {
		l.MACsBefore, l.MACsAfter = &c.MACs, &after.MACs
	}
	return l
}

// outputs names what the nodes of graph g that use the site give.
func (s *Site) outputs(g *graph.Graph) (vs []graph.Value) {
	for _, u := range s.Uses {
		if u.Graph != g {
			continue
		}
		if i := slices.IndexFunc(u.Node.Out, func(v graph.Value) bool { return v != "" }); i >= 0 {
			vs = append(vs, u.Node.Out[i])
		}
	}
	return vs
}

// Outputs names the values behind factorised weights, in the main graph: they are called the
// same in the model before and after.
func (r *Report) Outputs() []graph.Value {
	var vs []graph.Value
	for _, l := range r.Sites {
		for _, v := range l.outputs {
			if l.Method != "" && !slices.Contains(vs, v) { // both matrices of a recurrent layer have it
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// String prints a table with a line for each site and the totals.
func (r *Report) String() string {
	var b strings.Builder
	for _, l := range r.Sites {
		fmt.Fprintf(&b, "%-32s %-8s %-16s ", l.Name, l.Op, fmt.Sprint(l.Shape))
		if l.Method == "" {
			fmt.Fprintf(&b, "dense: %s\n", l.Skipped)
			continue
		}
		fmt.Fprintf(&b, "%-8s %-10v params %9d -> %9d  MACs %11s -> %11s  error", l.Method, l.Ranks, l.ParamsBefore, l.ParamsAfter, known(l.MACsBefore), known(l.MACsAfter))
		fmt.Fprintf(&b, " weight %s output %s\n", percent(l.WeightError), percent(l.OutputError))
	}
	fmt.Fprintf(&b, "total: params %d -> %d (kept %.1f %%, removed %.1f %%), MACs %s -> %s\n", r.ParamsBefore, r.ParamsAfter,
		ratio(r.ParamsAfter, r.ParamsBefore), 100-ratio(r.ParamsAfter, r.ParamsBefore), known(r.MACsBefore), known(r.MACsAfter))
	return b.String()
}

func known(n *int64) string {
	if n == nil {
		return "unknown"
	}
	return strconv.FormatInt(*n, 10)
}

func percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100**v)
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 100
	}
	return 100 * float64(a) / float64(b)
}
