package teacher_test

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/atomicfile"
	"github.com/compress-toolkit/compress/teacher"
)

var shape = tensor.Shape{1, 4, 4}

// network returns a classifier of 5 classes with values hidden, N 6, and logits.
func network(t *testing.T, seed uint64) *teacher.Network {
	t.Helper()
	n := nn.New("teacher", seed)
	x := n.Flatten(n.Input("input", tensor.F32, "N", 1, 4, 4))
	h := n.Node("hidden", "Tanh", nil, n.Dense("fc1", x, 6, nn.Dense{}))
	n.Output(n.Dense("fc2", h, 5, nn.Dense{}))
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	return &teacher.Network{Name: "net", Model: m}
}

func ensemble(t *testing.T, ws []float64, how teacher.Combine, seeds ...uint64) *teacher.Ensemble {
	t.Helper()
	var ms []*teacher.Network
	for _, s := range seeds {
		ms = append(ms, network(t, s))
	}
	e, err := teacher.NewEnsemble(ms, ws, how)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// batch returns the first samples of a set.
func batch(t *testing.T, set dataset.Set, norm *dataset.Normalize) *dataset.Batch {
	t.Helper()
	l, err := dataset.NewLoader(set, dataset.LoaderConfig{Batch: 7, Normalize: norm})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	l.Start(context.Background(), dataset.Cursor{})
	b, err := l.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func logits(t *testing.T, s teacher.Source, b *dataset.Batch, temperature float64) []float32 {
	t.Helper()
	z, _, err := s.Logits(context.Background(), b, temperature, nil)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(z.F32s())
}

// softmax returns the distributions at a temperature.
func softmax(z []float32, temperature float64) []float64 {
	out := make([]float64, len(z))
	for at := 0; at < len(z); at += 5 {
		sum := 0.0
		for i := at; i < at+5; i++ {
			out[i] = math.Exp(float64(z[i]) / temperature)
			sum += out[i]
		}
		for i := at; i < at+5; i++ {
			out[i] /= sum
		}
	}
	return out
}

// TestEnsemble compares with the weighted means of distributions and of logits.
func TestEnsemble(t *testing.T) {
	const temperature = 3
	b := batch(t, dataset.Random(20, shape, 5, 1), nil)
	z1, z2 := logits(t, ensemble(t, nil, "", 1), b, temperature), logits(t, ensemble(t, nil, "", 2), b, temperature)
	p1, p2 := softmax(z1, temperature), softmax(z2, temperature)
	ws := []float64{2, 1}
	probs := softmax(logits(t, ensemble(t, ws, teacher.MeanProbabilities, 1, 2), b, temperature), temperature)
	mean := logits(t, ensemble(t, ws, teacher.MeanLogits, 1, 2), b, temperature)
	for i := range z1 {
		if want := (2*p1[i] + p2[i]) / 3; math.Abs(probs[i]-want) > 1e-5 {
			t.Fatalf("probability %d is %g, want %g", i, probs[i], want)
		}
		if want := (2*z1[i] + z2[i]) / 3; math.Abs(float64(mean[i]-want)) > 1e-5 {
			t.Fatalf("logit %d is %g, want %g", i, mean[i], want)
		}
	}
}

func TestEnsembleErrors(t *testing.T) {
	two := []*teacher.Network{network(t, 1), network(t, 2)}
	for _, c := range []struct {
		members []*teacher.Network
		weights []float64
		how     teacher.Combine
		want    string
	}{
		{nil, nil, "", "needs a member"},
		{two, []float64{1}, "", "1 weights for 2"},
		{two, []float64{1, -1}, "", "negative"},
		{two, []float64{0, 0}, "", "zero"},
		{two, []float64{math.Inf(1), 1}, "", "too large"},
		{two, nil, "median", "cannot combine"},
	} {
		if _, err := teacher.NewEnsemble(c.members, c.weights, c.how); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: want it to say %q", err, c.want)
		}
	}
}

// TestValues: values come with the logits, and alone at temperature 0.
func TestValues(t *testing.T) {
	b := batch(t, dataset.Random(20, shape, 5, 1), nil)
	e := ensemble(t, nil, "", 1)
	z, both, err := e.Logits(context.Background(), b, 1, []graph.Value{"hidden"})
	if err != nil || z.Dim(1) != 5 || both[0].Dim(1) != 6 {
		t.Fatal(z, both, err)
	}
	first := slices.Clone(both[0].F32s())
	z, alone, err := e.Logits(context.Background(), b, 0, []graph.Value{"hidden"})
	if err != nil || z != nil || !slices.Equal(alone[0].F32s(), first) {
		t.Errorf("%v, %v", z, err)
	}
}

// TestOwnNormalisation: a teacher gets samples normalised as it was trained, however the
// batch is.
func TestOwnNormalisation(t *testing.T) {
	set := dataset.Random(20, shape, 5, 1)
	own, other := &dataset.Normalize{Mean: []float32{0.4}, Std: []float32{0.2}}, &dataset.Normalize{Mean: []float32{0.1}, Std: []float32{2}}
	a, b := network(t, 1), network(t, 1)
	a.Normalize, a.Batches, b.Normalize, b.Batches = own, own, own, other
	x, _, err := a.Outputs(context.Background(), batch(t, set, own).X, nil)
	if err != nil {
		t.Fatal(err)
	}
	y, _, err := b.Outputs(context.Background(), batch(t, set, other).X, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range x.F32s() {
		if math.Abs(float64(v-y.F32s()[i])) > 1e-4 {
			t.Fatalf("logit %d: %g and %g", i, v, y.F32s()[i])
		}
	}
}

var jitter = []dataset.Augment{dataset.Jitter{Pixels: 1}}

// TestRecording records augmented epochs in every form, writes and reads them, and
// compares with the teacher on the same batches in another order.
func TestRecording(t *testing.T) {
	set := dataset.Random(20, shape, 5, 1)
	view := teacher.View{Augment: jitter, Seed: 9, Epochs: 2}
	for form, tolerance := range map[string]float64{"f32": 0, "f16": 2e-3, "top:2": 1e-2} {
		f, err := teacher.ParseForm(form)
		if err != nil {
			t.Fatal(err)
		}
		replay(t, set, view, f, 2, tolerance)
	}
}

// replay records the view, writes and reads it, and compares so many epochs of both with the teacher.
func replay(t *testing.T, set dataset.Set, v teacher.View, f teacher.Form, epochs int, tolerance float64) *teacher.Recording {
	t.Helper()
	rec := record(t, set, v, f)
	path := filepath.Join(t.TempDir(), "r.npz")
	if err := rec.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := teacher.LoadRecording(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Check(rec.Binding, epochs, set.Len(), 5); err != nil {
		t.Fatal(err)
	}
	l, err := dataset.NewLoader(set, dataset.LoaderConfig{Batch: 6, Augment: v.Augment, Seed: v.Seed, Shuffle: true, Epochs: epochs})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Start(context.Background(), dataset.Cursor{})
	for range epochs * l.BatchesPerEpoch() {
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		compare(t, f.String(), logits(t, ensemble(t, nil, "", 1), b, 4), logits(t, rec, b, 4), logits(t, back, b, 4), tolerance)
		b.Release()
	}
	return rec
}

func record(t *testing.T, set dataset.Set, v teacher.View, f teacher.Form) *teacher.Recording {
	t.Helper()
	rec, err := teacher.Record(context.Background(), ensemble(t, nil, "", 1), set, nil, 4, v)
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Reduce(f, 4); err != nil {
		t.Fatal(err)
	}
	return rec
}

// compare checks that a recording is the same after reading, and near the teacher; of
// one of the top classes the probabilities of these.
func compare(t *testing.T, form string, want, got, back []float32, tolerance float64) {
	t.Helper()
	if !slices.Equal(got, back) {
		t.Fatalf("%s: the file gives other logits", form)
	}
	p, q := softmax(want, 4), softmax(got, 4)
	for at := 0; at < len(p); at += 5 {
		best := at
		for i := at; i < at+5; i++ {
			if p[i] > p[best] {
				best = i
			}
		}
		for i := at; i < at+5; i++ {
			if (form != "top:2" || i == best) && math.Abs(p[i]-q[i]) > tolerance+1e-7 {
				t.Fatalf("%s: probability %g, recorded %g", form, p[i], q[i])
			}
		}
	}
}

// TestRecordingOfViews records two views and compares five epochs of them with the teacher.
func TestRecordingOfViews(t *testing.T) {
	set := dataset.Random(20, shape, 5, 1)
	as := append(slices.Clone(jitter), dataset.Views{Epochs: 2})
	rec := replay(t, set, teacher.View{Augment: as, Seed: 9, Epochs: 5}, teacher.Form{}, 5, 0)
	one := record(t, set, teacher.View{Augment: as, Seed: 9, Epochs: 1}, teacher.Form{})
	if err := one.Check(rec.Binding, 5, set.Len(), 5); !errors.Is(err, teacher.ErrMismatch) {
		t.Errorf("one of two views stands for five epochs: %v", err)
	}
}

// TestRecordingMismatch changes each thing that a recording is bound to.
func TestRecordingMismatch(t *testing.T) {
	set := dataset.Random(20, shape, 5, 1)
	rec := record(t, set, teacher.View{Augment: jitter, Seed: 9, Epochs: 2}, teacher.Form{})
	for _, change := range []func(*teacher.Binding){
		func(b *teacher.Binding) { b.Teacher = "x" }, func(b *teacher.Binding) { b.Data = "x" },
		func(b *teacher.Binding) { b.View = "x" }, func(b *teacher.Binding) { b.Temperature++ }, func(b *teacher.Binding) { b.Form = "f16" },
	} {
		want := rec.Binding
		change(&want)
		if err := rec.Check(want, 2, set.Len(), 5); !errors.Is(err, teacher.ErrMismatch) {
			t.Errorf("%+v: %v", want, err)
		}
	}
	if err := rec.Check(rec.Binding, 3, set.Len(), 5); !errors.Is(err, teacher.ErrMismatch) {
		t.Errorf("more epochs than recorded: %v", err)
	}
}

// notNumbers gives logits that are none.
type notNumbers struct{}

func (notNumbers) Logits(_ context.Context, b *dataset.Batch, _ float64, _ []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error) {
	z := tensor.New(tensor.F32, tensor.Shape{len(b.Index), 5})
	z.F32s()[1] = float32(math.Inf(1))
	return z, nil, nil
}

// TestDamagedRecording has other samples or classes than its binding says, or logits that are no numbers.
func TestDamagedRecording(t *testing.T) {
	set := dataset.Random(20, shape, 5, 1)
	rec := record(t, set, teacher.View{}, teacher.Form{})
	bad, err := teacher.Record(context.Background(), notNumbers{}, set, nil, 1, teacher.View{})
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range []error{
		rec.Check(rec.Binding, 1, 21, 5), rec.Check(rec.Binding, 1, 20, 4), rec.Check(rec.Binding, 1, 10, 10), bad.Check(bad.Binding, 1, 20, 5),
	} {
		if !errors.Is(err, teacher.ErrDamaged) {
			t.Errorf("case %d: %v", i, err)
		}
	}
}

func TestHashes(t *testing.T) {
	hash := func(e *teacher.Ensemble) string {
		h, err := e.Hash()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	same, other := hash(ensemble(t, nil, "", 1)), ensemble(t, nil, "", 1)
	if hash(other) != same {
		t.Error("equal teachers differ")
	}
	other.Members[0].Model.Graph.Params[0].Data.F32s()[0]++
	if hash(other) == same {
		t.Error("another weight, the same hash")
	}
	a, err := teacher.HashSet(dataset.Random(5, shape, 5, 1))
	b, err2 := teacher.HashSet(dataset.Random(5, shape, 5, 2))
	if err != nil || err2 != nil || a == b {
		t.Error("other samples, the same hash", err, err2)
	}
}

func TestLoadRecordingErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.npz")
	if err := os.WriteFile(path, []byte("nothing"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := teacher.LoadRecording(path); err == nil {
		t.Error("a text is taken for a recording")
	}
	headless := []npy.Entry{{Name: "logits", Tensor: tensor.New(tensor.F32, tensor.Shape{1, 2, 3})}}
	if err := atomicfile.WriteFile(path, func(w io.Writer) error { return npy.WriteZip(w, headless) }); err != nil {
		t.Fatal(err)
	}
	if _, err := teacher.LoadRecording(path); !errors.Is(err, teacher.ErrDamaged) {
		t.Errorf("logits without a header: %v", err)
	}
	for _, text := range []string{"top:0", "top:x", "f64", "top:3x"} {
		if _, err := teacher.ParseForm(text); err == nil {
			t.Errorf("form %s is accepted", text)
		}
	}
}
