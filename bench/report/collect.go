package report

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
)

// Describe adds a model's layers and provenance to its measurement; costs are for the
// extents d.
func Describe(m bench.Model, d graph.Dims, r bench.Result) (Model, error) {
	inf, err := m.Model.Infer(d)
	if err != nil {
		return Model{}, fmt.Errorf("%s: %w", m.Path, err)
	}
	out := Model{Result: r, Provenance: m.Model.Meta}
	bytes := bench.NodeBytes(m.Model)
	for _, n := range m.Model.Graph.Nodes {
		if c := inf.ByNode[n.Name]; c.Params > 0 {
			out.Layers = append(out.Layers, Layer{Name: n.Name, Op: n.Op, Params: c.Params, Bytes: bytes[n.Name], MACs: c.MACs})
		}
	}
	return out, nil
}

// Confuse counts a classifier's predictions by label.
func Confuse(ctx context.Context, m bench.Model, set dataset.Set) (*Confusion, error) {
	c := &Confusion{}
	for k := range set.Classes() {
		c.Classes = append(c.Classes, strconv.Itoa(k))
		c.Counts = append(c.Counts, make([]int, set.Classes()))
	}
	err := bench.Predictions(ctx, m, set, func(i int, predicted, label int64) error {
		if k := int64(len(c.Counts)); label < 0 || label >= k || predicted >= k {
			return fmt.Errorf("sample %d has label %d and prediction %d, %s has %d classes", i, label, predicted, set.Name(), k)
		}
		c.Counts[label][predicted]++
		return nil
	})
	return c, err
}

// metricsLine is a line of the file of `compress train --metrics`: of an update, or of an epoch.
type metricsLine struct {
	Epoch     float64  `json:"epoch"`
	Loss      *float64 `json:"loss"`
	EpochLoss *float64 `json:"epoch_loss"`
	Accuracy  *float64 `json:"validation_accuracy"`
}

// curvePoints are as many as a plot can show.
const curvePoints = 300

// ReadCurve reads the JSON lines of `compress train --metrics`. Losses of updates are
// averaged over stretches, so that there are at most 300 points of them; where there
// are none, those of epochs stand.
func ReadCurve(name string, r io.Reader) (Curve, error) {
	c := Curve{Name: name}
	var updates, epochs []CurvePoint
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 1<<20)
	for line := 1; scan.Scan(); line++ {
		var l metricsLine
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			return c, fmt.Errorf("%s, line %d: no line of --metrics: %w", name, line, err)
		}
		switch {
		case l.EpochLoss != nil:
			epochs = append(epochs, CurvePoint{l.Epoch, *l.EpochLoss, l.Accuracy})
		case l.Loss != nil:
			updates = append(updates, CurvePoint{l.Epoch, *l.Loss, nil})
		default:
			return c, fmt.Errorf("%s, line %d: has neither loss nor epoch_loss", name, line)
		}
	}
	if err := scan.Err(); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	if len(updates) == 0 {
		c.Points = epochs
		return c, nil
	}
	c.Points = thinned(updates, curvePoints)
	for _, e := range epochs {
		if e.Accuracy != nil {
			c.Points = append(c.Points, CurvePoint{e.Epoch, math.NaN(), e.Accuracy})
		}
	}
	return c, nil
}

// thinned averages stretches of points so that n or fewer are left.
func thinned(ps []CurvePoint, n int) []CurvePoint {
	size := (len(ps) + n - 1) / n
	var out []CurvePoint
	for len(ps) > 0 {
		k := min(size, len(ps))
		sum := 0.0
		for _, p := range ps[:k] {
			sum += p.Loss
		}
		out = append(out, CurvePoint{Epoch: ps[k-1].Epoch, Loss: sum / float64(k)})
		ps = ps[k:]
	}
	return out
}
