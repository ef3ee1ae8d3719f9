package train

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Eval is the result of a measurement on labelled samples.
type Eval struct {
	Accuracy float64 `json:"accuracy"` // Correct / Total
	Correct  int     `json:"correct"`
	Total    int     `json:"total"`
}

// PredictConfig says how to run a model over a set.
type PredictConfig struct {
	Batch     int // 200 when zero
	Normalize *dataset.Normalize
	Fetch     []graph.Value // what to hand out; the graph's outputs when empty
	Pool      *kernel.Pool
}

// Predict runs the model over the set in order and hands each batch with the
// fetched tensors to visit; both are valid during the call only.
func Predict(ctx context.Context, m *graph.Model, set dataset.Set, c PredictConfig, visit func(*dataset.Batch, []*tensor.Tensor) error) error {
	c.Batch = min(orInt(c.Batch, 200), max(set.Len(), 1))
	loader, err := dataset.NewLoader(set, dataset.LoaderConfig{Batch: c.Batch, Normalize: c.Normalize})
	if err != nil {
		return err
	}
	defer loader.Close()
	loader.Start(ctx, dataset.Cursor{})
	p := &Predictor{Model: m, Fetch: c.Fetch, Pool: c.Pool}
	for range loader.BatchesPerEpoch() {
		batch, err := loader.Next(ctx)
		if err != nil {
			return err
		}
		out, err := p.Run(batch.X)
		if err == nil {
			err = visit(batch, out)
		}
		batch.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// Predictor runs a model on batches of any number of samples of one shape through
// its first input; it compiles one session for each number. A model that takes a fixed number
// runs as often as it takes for the batch. The model must not change meanwhile.
type Predictor struct {
	Model *graph.Model
	Fetch []graph.Value // the graph's outputs when empty
	Pool  *kernel.Pool

	sessions map[int]*graph.Session
	out      []*tensor.Tensor
}

// Run returns the fetched tensors, valid until the next call.
func (p *Predictor) Run(x *tensor.Tensor) ([]*tensor.Tensor, error) {
	if n := p.Model.Graph.FixedBatch(); n > 0 && n != x.Dim(0) {
		return p.inParts(x, n)
	}
	return p.run(x)
}

// run runs the model once.
func (p *Predictor) run(x *tensor.Tensor) ([]*tensor.Tensor, error) {
	s, err := p.session(x.Shape())
	if err != nil {
		return nil, err
	}
	if err := s.Feed(p.Model.Graph.Inputs[0].Name, x); err != nil {
		return nil, err
	}
	if err := s.Forward(); err != nil {
		return nil, err
	}
	p.out = p.out[:0]
	for _, v := range p.Fetch {
		p.out = append(p.out, s.Tensor(v))
	}
	return p.out, nil
}

// inParts runs the model on n samples at a time, the last of them repeated where the batch
// ends, and puts the fetched tensors together along their first axis.
func (p *Predictor) inParts(x *tensor.Tensor, n int) ([]*tensor.Tensor, error) {
	all, sample := x.Dim(0), x.Shape()[1:]
	part := tensor.New(x.DType(), append(tensor.Shape{n}, sample...))
	var whole []*tensor.Tensor
	for at := 0; at < all; at += n {
		for i := range n {
			copyRows(part, i, x, min(at+i, all-1), 1)
		}
		out, err := p.run(part)
		if err != nil {
			return nil, err
		}
		for i, t := range out {
			if len(t.Shape()) == 0 || t.Dim(0) != n || t.DType().Size() == 0 {
				return nil, fmt.Errorf("train: the model takes %d samples at a time and %q is %v, not one row for each: the rows of %d samples cannot be put together", n, p.Fetch[i], t, all)
			}
			if at == 0 {
				whole = append(whole, tensor.New(t.DType(), append(tensor.Shape{all}, t.Shape()[1:]...)))
			}
			copyRows(whole[i], at, t, 0, min(n, all-at))
		}
	}
	return whole, nil
}

// copyRows copies n rows of src, from row j, to row i of dst.
func copyRows(dst *tensor.Tensor, i int, src *tensor.Tensor, j, n int) {
	row := src.Bytes() / src.Dim(0)
	copy(dst.Raw()[i*row:], src.Raw()[j*row:(j+n)*row])
}

// session returns the session for batches of shape x.
func (p *Predictor) session(x tensor.Shape) (*graph.Session, error) {
	if s := p.sessions[x[0]]; s != nil {
		return s, nil
	}
	if len(p.Model.Graph.Inputs) == 0 || len(p.Model.Graph.Outputs) == 0 {
		return nil, fmt.Errorf("train: the model has no input or no output")
	}
	if len(p.Fetch) == 0 {
		p.Fetch = p.Model.Graph.OutputValues()
	}
	s, err := graph.Compile(p.Model, graph.Options{Fetch: p.Fetch, Only: true, Dims: p.Model.Graph.DimsOf(x), Pool: p.Pool})
	if err != nil {
		return nil, err
	}
	if p.sessions == nil {
		p.sessions = map[int]*graph.Session{}
	}
	p.sessions[x[0]] = s
	return s, nil
}

// Accuracy measures how often the largest of the model's first output, N x K, is
// at the label. Of equal values the first counts.
func Accuracy(ctx context.Context, m *graph.Model, set dataset.Set, c PredictConfig) (Eval, error) {
	var e Eval
	err := Classify(ctx, m, set, c, func(i int, predicted, label int64) error {
		if label < 0 {
			return fmt.Errorf("train: sample %d of %s has no label", i, set.Name())
		}
		if predicted == label {
			e.Correct++
		}
		e.Total++
		return nil
	})
	if e.Total > 0 {
		e.Accuracy = float64(e.Correct) / float64(e.Total)
	}
	return e, err
}

// Classify calls visit with the number of every sample, the place of the largest of its
// row of the model's first output, N x K, and its label, -1 without one.
func Classify(ctx context.Context, m *graph.Model, set dataset.Set, c PredictConfig, visit func(i int, predicted, label int64) error) error {
	if len(c.Fetch) == 0 && len(m.Graph.Outputs) > 0 {
		c.Fetch = m.Graph.OutputValues()[:1]
	}
	return Predict(ctx, m, set, c, func(b *dataset.Batch, out []*tensor.Tensor) error {
		n := b.X.Dim(0)
		if out[0].Len()%n != 0 || out[0].Len() < n || out[0].DType() != tensor.F32 {
			return fmt.Errorf("train: output %v is not one row of logits for each of %d samples", out[0], n)
		}
		logits, k := out[0].F32s(), out[0].Len()/n
		for i, y := range b.Y.I64s() {
			if err := visit(b.Index[i], int64(ArgMax(logits[i*k:(i+1)*k])), y); err != nil {
				return err
			}
		}
		return nil
	})
}

// ArgMax returns the index of the first largest element.
func ArgMax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
