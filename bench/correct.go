package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/train"
)

// Correct says of every sample, in order, whether the largest of the model's first
// output, N x K, is at the label.
func Correct(ctx context.Context, m Model, set dataset.Set) ([]bool, error) {
	right := make([]bool, set.Len())
	err := Predictions(ctx, m, set, func(i int, predicted, label int64) error {
		if label < 0 {
			return fmt.Errorf("sample %d of %s has no label", i, set.Name())
		}
		right[i] = predicted == label
		return nil
	})
	return right, err
}

// Predictions calls visit with the number, the predicted class and the label of every
// sample.
func Predictions(ctx context.Context, m Model, set dataset.Set, visit func(i int, predicted, label int64) error) error {
	err := train.Classify(ctx, m.Model, set, train.PredictConfig{Normalize: m.Normalize}, visit)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	return nil
}

// ParamBytes returns the bytes of all parameters in memory.
func ParamBytes(m *graph.Model) (n int64) {
	for _, p := range m.AllParams() {
		n += p.Count() * int64(p.DType.Size())
	}
	return n
}

// NodeBytes returns the bytes of the parameters that each node takes, by its name; nodes
// of subgraphs have the names of the nodes around them in front: "if/conv".
func NodeBytes(m *graph.Model) map[string]int64 {
	bytes := map[string]int64{}
	var visit func(g *graph.Graph, path string)
	visit = func(g *graph.Graph, path string) {
		params := g.ParamIndex()
		for _, n := range g.Nodes {
			for _, v := range n.In {
				if p := params[v]; p != nil {
					bytes[path+n.Name] += p.Count() * int64(p.DType.Size())
				}
			}
			for _, sub := range n.Attrs.Graphs() {
				visit(sub, path+n.Name+"/")
			}
		}
	}
	visit(m.Graph, "")
	return bytes
}

// PeakRAM returns the bytes that inference needs at the given extents: parameters,
// inputs, outputs, and the planned memory of a session.
func PeakRAM(m Model, d graph.Dims) (int64, error) {
	s, err := graph.Compile(m.Model, graph.Options{Dims: d})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", m.Path, err)
	}
	inf, err := m.Model.Infer(d)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", m.Path, err)
	}
	n := ParamBytes(m.Model) + int64(s.MemoryBytes())
	for _, v := range slices.Concat(s.Inputs(), s.Outputs()) {
		if spec, ok := inf.Specs[v]; ok {
			n += int64(spec.Shape.Size() * spec.DType.Size())
		}
	}
	return n, nil
}
