package bench

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// Model is a model under measurement.
type Model struct {
	Path      string
	Model     *graph.Model
	FileBytes int64
	Normalize *dataset.Normalize // of its inputs
}

// Options say what is measured. The zero value measures sizes and costs.
type Options struct {
	Data     dataset.Set                    // for accuracy and agreement; nil for neither
	Batch    int                            // extent of symbolic dimensions that begin an input, for cost and latency; 1 when 0
	Dims     graph.Dims                     // extents of other symbolic dimensions; the smallest that will do where not given
	Runs     int                            // latency runs of each model; 0 for none
	Baseline bool                           // compare outputs with the first model's, over Data or else Random draws
	Random   int                            // random draws of the inputs for agreement without Data
	Inputs   map[graph.Value]*tensor.Tensor // inputs with given values, for latency and random agreement
	Pool     *kernel.Pool
}

// Latency is the distribution of the time of one inference, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// Result is what is known of one model. Sizes are bytes; nil was not measured.
type Result struct {
	Path       string   `json:"path"`
	Params     int64    `json:"params"`
	ParamBytes int64    `json:"param_bytes"`
	FileBytes  int64    `json:"file_bytes"`
	MACs       int64    `json:"macs"`
	Accuracy   *float64 `json:"accuracy,omitempty"`
	Correct    *int     `json:"correct,omitempty"`
	Total      *int     `json:"total,omitempty"`
	Latency    *Latency `json:"latency_ms,omitempty"`
	MaxAbsDiff *float64 `json:"max_abs_diff,omitempty"` // largest difference of the first output from the first model's
	RelError   *float64 `json:"rel_error,omitempty"`    // Euclidean norm of that difference over that of the first model's output
}

// Report is the result of a measurement; its JSON form is version 1 of the
// command line's contract, which adds the outcome of a budget.
type Report struct {
	Version int      `json:"version"`
	Models  []Result `json:"models"`
}

// Measure measures the models.
func Measure(ctx context.Context, models []Model, o Options) (*Report, error) {
	r := &Report{Version: 1}
	for _, m := range models {
		res, err := size(m, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		if o.Data != nil && o.Data.Classes() > 0 {
			if err := accuracy(ctx, m, o, &res); err != nil {
				return nil, fmt.Errorf("%s: %w", m.Path, err)
			}
		}
		r.Models = append(r.Models, res)
	}
	if o.Baseline && len(models) > 1 {
		compare := agreement
		if o.Data == nil {
			compare = randomAgreement
		}
		if err := compare(ctx, models, o, r.Models); err != nil {
			return nil, err
		}
	}
	if o.Runs > 0 {
		lat, err := latencies(ctx, models, o)
		if err != nil {
			return nil, err
		}
		for i := range lat {
			r.Models[i].Latency = &lat[i]
		}
	}
	return r, nil
}

// Extents are the extents of all symbolic dimensions of m.
func (o Options) Extents(m *graph.Model) graph.Dims {
	return m.AnyDims(m.Graph.BatchDims(max(o.Batch, 1), o.Dims))
}

// size counts parameters, their bytes in memory and MACs.
func size(m Model, o Options) (Result, error) {
	c, _, err := m.Model.Cost(o.Extents(m.Model))
	if err != nil {
		return Result{}, err
	}
	return Result{Path: m.Path, Params: c.Params, ParamBytes: ParamBytes(m.Model), FileBytes: m.FileBytes, MACs: c.MACs}, nil
}

func accuracy(ctx context.Context, m Model, o Options, res *Result) error {
	e, err := train.Accuracy(ctx, m.Model, o.Data, train.PredictConfig{Normalize: m.Normalize, Pool: o.Pool})
	if err != nil {
		return err
	}
	res.Accuracy, res.Correct, res.Total = &e.Accuracy, &e.Correct, &e.Total
	return nil
}

// agreement compares every model's first output with the first model's over the data.
func agreement(ctx context.Context, models []Model, o Options, res []Result) error {
	ref, err := outputs(ctx, models[0], o)
	if err != nil {
		return fmt.Errorf("%s: %w", models[0].Path, err)
	}
	for i, m := range models {
		out, err := outputs(ctx, m, o)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		if len(out) != len(ref) {
			return fmt.Errorf("%s gives %d output values, %s gives %d: they cannot be compared", m.Path, len(out), models[0].Path, len(ref))
		}
		var d differences
		d.addF32(out, ref)
		maxAbs, rel := d.result()
		res[i].MaxAbsDiff, res[i].RelError = &maxAbs, &rel
	}
	return nil
}

// outputs returns the model's first output over the whole data.
func outputs(ctx context.Context, m Model, o Options) ([]float32, error) {
	var all []float32
	c := train.PredictConfig{Normalize: m.Normalize, Pool: o.Pool, Fetch: m.Model.Graph.OutputValues()[:1]}
	err := train.Predict(ctx, m.Model, o.Data, c, func(_ *dataset.Batch, out []*tensor.Tensor) error {
		if out[0].DType() != tensor.F32 {
			return fmt.Errorf("its first output is %v, only float32 outputs are compared", out[0])
		}
		all = append(all, out[0].F32s()...)
		return nil
	})
	return all, err
}
