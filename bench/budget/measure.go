package budget

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
)

// Measured is what is known of one model.
type Measured struct {
	Path   string                        `json:"path"`
	Values map[string]float64            `json:"values"`          // by metric
	Layers map[string]map[string]float64 `json:"layers"`          // by node, then metric
	Total  int                           `json:"total,omitempty"` // samples of the accuracy

	Drops     map[string]Drop                    `json:"drops,omitempty"` // by the model compared with
	Latencies map[latencyKey]bench.LatencyChange `json:"-"`

	correct []bool
}

type latencyKey struct{ metric, of string }

// Drop is how much accuracy is lost against another model on the same samples.
type Drop struct {
	Drop float64 `json:"drop"`      // a fraction
	Low  float64 `json:"low"`       // 95 % confidence interval
	High float64 `json:"high"`      // of the paired difference
	N    int     `json:"n"`         // samples
	Lost int     `json:"lost"`      // samples that only the other gets right
	Won  int     `json:"recovered"` // samples that only this one gets right
}

func (d Drop) String() string {
	return fmt.Sprintf("95 %% interval %.2f to %.2f points, n = %d", 100*d.Low, 100*d.High, d.N)
}

// dropOf compares two lists of what is right, sample by sample. The interval is the
// normal one of a paired difference, with variance (b+c-(b-c)^2/n)/n^2 for b samples
// lost and c recovered.
func dropOf(now, base []bool) Drop {
	d := Drop{N: len(now)}
	for i, ok := range now {
		switch {
		case base[i] && !ok:
			d.Lost++
		case ok && !base[i]:
			d.Won++
		}
	}
	n, b, c := float64(d.N), float64(d.Lost), float64(d.Won)
	d.Drop = (b - c) / n
	half := 1.96 * math.Sqrt(b+c-(b-c)*(b-c)/n) / n
	d.Low, d.High = d.Drop-half, d.Drop+half
	return d
}

// accuracyNote gives n and Wilson's 95 % interval.
func (m *Measured) accuracyNote() string {
	const z = 1.96
	n, p := float64(m.Total), m.Values["accuracy"]
	mid := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return fmt.Sprintf("95 %% interval %.2f to %.2f %%, n = %d", 100*(mid-half), 100*(mid+half), m.Total)
}

// value returns the metric of a limit.
func (m *Measured) value(l Limit) (float64, bool) {
	if l.Metric.Of {
		d, ok := m.Drops[l.Of]
		return d.Drop, ok
	}
	v, ok := m.Values[l.Metric.Name]
	return v, ok
}

// sum adds the metrics of the nodes that a layer's pattern matches, and counts them.
func (m *Measured) sum(layer Layer) (sums map[string]float64, matched int) {
	sums = map[string]float64{}
	for name, values := range m.Layers {
		if layer.Match.MatchString(name) {
			matched++
			for metric, v := range values {
				sums[metric] += v
			}
		}
	}
	return sums, matched
}

// Env opens what a budget names.
type Env struct {
	// Load reads a model by its path in the budget.
	Load func(path string) (bench.Model, error)
	// Data opens the samples that a model's accuracy is measured on, with the
	// normalisation of its inputs.
	Data func(spec string, m bench.Model) (dataset.Set, *dataset.Normalize, error)
	// Latency compares the latency of two models.
	Latency func(ctx context.Context, m, of bench.Model, dims graph.Dims) (p50, p99 bench.LatencyChange, err error)
}

// Measure measures every model of the budget, and those compared with, as far as the
// limits need it. Sizes and costs are measured always: a snapshot holds them.
func Measure(ctx context.Context, f *File, env Env) (map[string]*Measured, error) {
	models, out := map[string]bench.Model{}, map[string]*Measured{}
	for _, path := range f.Paths() {
		m, err := env.Load(path)
		if err != nil {
			return nil, f.at(path, err)
		}
		models[path] = m
	}
	right := map[[2]string][]bool{}
	for _, m := range f.Models {
		got, err := measureOne(models[m.Path], m.Dims)
		if err != nil {
			return nil, f.at(m.Path, err)
		}
		got.Path = m.Path
		out[m.Path] = got
		r := rater{ctx: ctx, env: env, models: models, known: right}
		if err := r.accuracy(m, got); err != nil {
			return nil, f.at(m.Path, err)
		}
		if err := latencies(ctx, env, m, models, got); err != nil {
			return nil, f.at(m.Path, err)
		}
	}
	return out, nil
}

// at adds the line where a model is named. A file that is not there is a mistake of
// the budget.
func (f *File) at(path string, err error) error {
	line := 0
	for _, m := range f.Models {
		if m.Path == path && line == 0 {
			line = m.Line
		}
		for _, l := range m.Limits {
			if l.Of == path && line == 0 {
				line = l.Line
			}
		}
	}
	switch {
	case line == 0:
		return err
	case errors.Is(err, fs.ErrNotExist):
		return &Error{f.Path, line, fmt.Sprintf("model %s: %v", path, err)}
	}
	return fmt.Errorf("%s:%d: %w", f.Path, line, err)
}

// measureOne measures sizes and costs, in total and by node.
func measureOne(m bench.Model, dims map[string]int) (*Measured, error) {
	known := m.Model.Graph.Symbols()
	for name := range dims {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("dims: the model has no symbolic dimension %q (it has: %s)", name, strings.Join(known, ", "))
		}
	}
	d := bench.Options{Dims: dims}.Extents(m.Model)
	inf, err := m.Model.Infer(d)
	if err != nil {
		return nil, err
	}
	got := &Measured{Values: map[string]float64{
		"stored_size": float64(m.FileBytes), "params": float64(inf.Total.Params), "macs": float64(inf.Total.MACs),
		"param_bytes": float64(bench.ParamBytes(m.Model)),
	}, Layers: layersOf(m.Model, inf), Drops: map[string]Drop{}, Latencies: map[latencyKey]bench.LatencyChange{}}
	ram, err := bench.PeakRAM(m, d)
	got.Values["peak_ram"] = float64(ram)
	return got, err
}

// layersOf returns the metrics of every node, those in subgraphs included.
func layersOf(m *graph.Model, inf *graph.Inferred) map[string]map[string]float64 {
	bytes := bench.NodeBytes(m)
	out := map[string]map[string]float64{}
	for name, c := range inf.ByNode {
		out[name] = map[string]float64{"params": float64(c.Params), "macs": float64(c.MACs), "param_bytes": float64(bytes[name])}
	}
	return out
}

// rater finds out which samples models get right, once for each model and data.
type rater struct {
	ctx    context.Context
	env    Env
	models map[string]bench.Model
	known  map[[2]string][]bool
}

func (r rater) right(path, data string) ([]bool, error) {
	key := [2]string{path, data}
	if got, ok := r.known[key]; ok {
		return got, nil
	}
	m := r.models[path]
	set, norm, err := r.env.Data(data, m)
	if err != nil {
		return nil, err
	}
	m.Normalize = norm
	got, err := bench.Correct(r.ctx, m, set)
	if err == nil && len(got) == 0 {
		err = fmt.Errorf("data %s has no samples", data)
	}
	r.known[key] = got
	return got, err
}

// accuracy measures what the limits on accuracy need.
func (r rater) accuracy(m Model, got *Measured) (err error) {
	for _, l := range m.Limits {
		if l.Metric.Kind != Fraction && l.Metric.Kind != Points {
			continue
		}
		if got.correct, err = r.right(m.Path, m.Data); err != nil {
			return err
		}
		hits := 0
		for _, ok := range got.correct {
			if ok {
				hits++
			}
		}
		got.Total = len(got.correct)
		got.Values["accuracy"] = float64(hits) / float64(got.Total)
		if l.Of != "" {
			base, err := r.right(l.Of, m.Data)
			if err != nil {
				return err
			}
			got.Drops[l.Of] = dropOf(got.correct, base)
		}
	}
	return nil
}

func latencies(ctx context.Context, env Env, m Model, models map[string]bench.Model, got *Measured) error {
	of := map[string]bool{}
	for _, l := range m.Limits {
		if l.Metric.Kind == Ratio {
			of[l.Of] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(of)) {
		p50, p99, err := env.Latency(ctx, models[m.Path], models[path], m.Dims)
		if err != nil {
			return err
		}
		got.Latencies[latencyKey{"latency_p50", path}] = p50
		got.Latencies[latencyKey{"latency_p99", path}] = p99
	}
	return nil
}
