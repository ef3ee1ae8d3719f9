// Command classbias corrects the bias of classes that a network was not trained on, as
// Hinton, Vinyals and Dean 2015 (section 3) do for a student that saw no digit 3: one
// number is added to the logits of those classes, which is the same as adding it to the
// last layer's bias. The number is the one with the fewest errors on the validation
// part of the data; the test part is only measured.
//
//	classbias MODEL DATA CLASS[,CLASS..]
//
// It prints JSON: the shift, and the test errors before and after it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	_ "github.com/compress-toolkit/compress/engine/op" // what the models are made of
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/format"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "classbias:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: classbias MODEL DATA CLASS[,CLASS..]")
	}
	m, err := format.LoadByPath(args[0])
	if err != nil {
		return err
	}
	spec, err := dataset.Parse(args[1])
	if err != nil {
		return err
	}
	classes := map[int]bool{}
	for _, text := range strings.Split(args[2], ",") {
		c, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("class %q is no number", text)
		}
		classes[c] = true
	}
	val, err := margins(m, spec, dataset.Val, classes)
	if err != nil {
		return err
	}
	test, err := margins(m, spec, dataset.Test, classes)
	if err != nil {
		return err
	}
	shift := bestShift(val)
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(report(val, test, shift))
}

// sample is what a shift of the classes' logits can change of one prediction.
type sample struct {
	margin          float64 // how far the best of the classes is below the best other
	inside, outside bool    // the label is the best of the classes, the best other one
	member          bool    // the label is one of the classes
}

// right reports whether the prediction is the label after a shift.
func (s sample) right(shift float64) bool {
	if shift > s.margin {
		return s.inside
	}
	return s.outside
}

// margins runs the model over a part of the data.
func margins(m *graph.Model, spec dataset.Spec, split dataset.Split, classes map[int]bool) ([]sample, error) {
	set, err := spec.Open(split, dataset.Dirs{})
	if err != nil {
		return nil, err
	}
	norm, err := normalize(m, spec)
	if err != nil {
		return nil, err
	}
	var out []sample
	err = train.Predict(context.Background(), m, set, train.PredictConfig{Normalize: norm}, func(b *dataset.Batch, y []*tensor.Tensor) error {
		logits, k := y[0].F32s(), y[0].Len()/b.X.Dim(0)
		for i, label := range b.Y.I64s() {
			out = append(out, marginOf(logits[i*k:(i+1)*k], int(label), classes))
		}
		return nil
	})
	return out, err
}

// normalize returns what the data or else the model says.
func normalize(m *graph.Model, spec dataset.Spec) (*dataset.Normalize, error) {
	norm, err := spec.Normalize()
	if err != nil || norm != nil || m.Meta["normalize"] == "" {
		return norm, err
	}
	of, err := dataset.Parse("random:1;" + m.Meta["normalize"])
	if err != nil {
		return nil, err
	}
	return of.Normalize()
}

// marginOf compares the best of the classes with the best other.
func marginOf(logits []float32, label int, classes map[int]bool) sample {
	in, out := -1, -1
	for c, v := range logits {
		best := &out
		if classes[c] {
			best = &in
		}
		if *best < 0 || v > logits[*best] {
			*best = c
		}
	}
	if in < 0 || out < 0 {
		return sample{outside: out == label, inside: in == label}
	}
	return sample{
		margin: float64(logits[out]) - float64(logits[in]),
		inside: in == label, outside: out == label, member: classes[label],
	}
}

// bestShift returns the middle of the first widest range of shifts with the fewest errors.
func bestShift(val []sample) float64 {
	s := slices.Clone(val)
	slices.SortFunc(s, func(a, b sample) int {
		switch {
		case a.margin < b.margin:
			return -1
		case a.margin > b.margin:
			return 1
		}
		return 0
	})
	right := 0
	for _, x := range s {
		if x.outside {
			right++
		}
	}
	most, width, shift := right, 0.0, s[0].margin-1 // below all margins nothing changes
	for i, x := range s {                           // a shift just above the i-th margin
		if x.outside {
			right--
		}
		if x.inside {
			right++
		}
		w := 2.0
		if i+1 < len(s) {
			w = s[i+1].margin - x.margin
		}
		if w > 0 && (right > most || right == most && w > width) {
			most, width, shift = right, w, x.margin+w/2
		}
	}
	return shift
}

type result struct {
	Shift             float64 `json:"shift"`
	ValidationSamples int     `json:"validation_samples"`
	ValidationBefore  int     `json:"validation_errors_before"`
	ValidationErrors  int     `json:"validation_errors"`
	TestSamples       int     `json:"test_samples"`
	TestBefore        int     `json:"test_errors_before"`
	TestErrors        int     `json:"test_errors"`
	ClassSamples      int     `json:"class_samples"` // of the test part
	ClassBefore       int     `json:"class_errors_before"`
	ClassErrors       int     `json:"class_errors"`
}

func report(val, test []sample, shift float64) result {
	r := result{Shift: shift, ValidationSamples: len(val), TestSamples: len(test)}
	r.ValidationBefore, _, _ = errors(val, 0)
	r.ValidationErrors, _, _ = errors(val, shift)
	r.TestBefore, r.ClassBefore, _ = errors(test, 0)
	r.TestErrors, r.ClassErrors, r.ClassSamples = errors(test, shift)
	return r
}

// errors counts wrong predictions after a shift: all, and those of the classes.
func errors(s []sample, shift float64) (all, member, members int) {
	for _, x := range s {
		if x.member {
			members++
		}
		if x.right(shift) {
			continue
		}
		all++
		if x.member {
			member++
		}
	}
	return all, member, members
}
