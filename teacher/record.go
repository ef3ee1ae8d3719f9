package teacher

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Source gives logits: an Ensemble.
type Source interface {
	Logits(ctx context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error)
}

// View says what samples look like in each epoch: a pure function of all of it.
type View struct {
	Augment []dataset.Augment // none: every epoch shows the same samples
	Seed    uint64            // of the augmentation
	Epochs  int               // that are seen; 1 is enough without augmentation
}

// String is the view but for the number of epochs.
func (v View) String() string {
	if len(v.Augment) == 0 {
		return "as they are"
	}
	return fmt.Sprintf("%s, seed %d", dataset.AugmentsString(v.Augment), v.Seed)
}

// Distinct is in how many of the epochs samples look different from all before.
func (v View) Distinct() int { return v.Binding().distinct(v.Epochs) }

// Binding is the view's part of what a recording of it is bound to.
func (v View) Binding() Binding {
	return Binding{View: v.String(), Views: dataset.ViewsOf(v.Augment)}
}

// Recording holds a teacher's logits for every sample of a set in every epoch of a
// view. It stands in for the teacher where the same view is trained on.
type Recording struct {
	Binding
	logits *tensor.Tensor // E x Len x K
	out    *tensor.Tensor
}

// Binding says what a recording is of. Recordings stand only for what has an equal one.
type Binding struct {
	Teacher     string  `json:"teacher"` // a hash, as Ensemble.Hash gives
	Data        string  `json:"data"`    // a hash, as HashSet gives
	View        string  `json:"view"`
	Views       int     `json:"views,omitempty"` // epochs after which the view repeats; 0: never
	Temperature float64 `json:"temperature"`     // 0 when the logits serve every temperature
	Form        string  `json:"form"`
	Name        string  `json:"name"` // of the set, for messages
}

// period is after how many epochs samples look the same again, 0 for never.
func (b Binding) period() int {
	if b.View == (View{}).String() {
		return 1
	}
	return b.Views
}

// distinct is how many of so many epochs differ.
func (b Binding) distinct(epochs int) int {
	if p := b.period(); p > 0 {
		epochs = min(epochs, p)
	}
	return max(1, epochs)
}

// ErrMismatch is wrapped by the error for a recording of something else.
var ErrMismatch = errors.New("the recorded outputs are of another run")

// Match compares the binding with what is wanted.
func (b Binding) Match(want Binding) error {
	for _, f := range []struct{ what, got, want string }{
		{"teacher", b.Teacher, want.Teacher},
		{"data", b.Data, want.Data},
		{"augmentation", b.View, want.View},
		{"temperature", fmt.Sprint(b.Temperature), fmt.Sprint(want.Temperature)},
		{"form", b.Form, want.Form},
	} {
		if f.got != f.want {
			return fmt.Errorf("%w: its %s is %s, wanted %s", ErrMismatch, f.what, f.got, f.want)
		}
	}
	return nil
}

// Check compares a recording's binding with what is wanted, and its logits with the epochs,
// the samples and the classes of a run.
func (r *Recording) Check(want Binding, epochs, samples, classes int) error {
	if err := r.Match(want); err != nil {
		return err
	}
	if e, n := r.logits.Dim(0), r.distinct(epochs); e < n {
		return fmt.Errorf("%w: it has %d epochs, wanted %d", ErrMismatch, e, n)
	}
	if n, k := r.logits.Dim(1), r.logits.Dim(2); n != samples || k != classes {
		return fmt.Errorf("%w: it has %d samples of %d classes, wanted %d of %d", ErrDamaged, n, k, samples, classes)
	}
	for i, z := range r.logits.F32s() {
		if z-z != 0 {
			return fmt.Errorf("%w: a logit of sample %d is %g", ErrDamaged, i/classes%samples, z)
		}
	}
	return nil
}

// MaxLogits is how many logits a recording can have: 16 GiB.
const MaxLogits = 1 << 32

// Record runs the source over the set, whose batches are normalised with norm, once for
// each epoch of the view.
func Record(ctx context.Context, src Source, set dataset.Set, norm *dataset.Normalize, temperature float64, v View) (*Recording, error) {
	const batch = 256
	epochs := v.Distinct()
	l, err := dataset.NewLoader(set, dataset.LoaderConfig{
		Batch: min(batch, set.Len()), Normalize: norm, Augment: v.Augment, Seed: v.Seed,
	})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.Start(ctx, dataset.Cursor{})
	r := &Recording{Binding: v.Binding()}
	r.Temperature, r.Form, r.Name = temperature, Form{}.String(), set.Name()
	for range epochs * l.BatchesPerEpoch() {
		b, err := l.Next(ctx)
		if err != nil {
			return nil, err
		}
		z, _, err := src.Logits(ctx, b, temperature, nil)
		if err != nil {
			return nil, err
		}
		k := z.Dim(-1)
		if r.logits == nil {
			if int64(epochs)*int64(set.Len())*int64(k) > MaxLogits {
				return nil, fmt.Errorf("teacher: recording %d epochs of %d samples of %d classes takes over 16 GiB", epochs, set.Len(), k)
			}
			r.logits = tensor.New(tensor.F32, tensor.Shape{epochs, set.Len(), k})
		}
		for i, at := range b.Index {
			copy(r.row(b.At.Epoch, at), z.F32s()[i*k:(i+1)*k])
		}
		b.Release()
	}
	return r, nil
}

// row returns the logits of a sample in an epoch.
func (r *Recording) row(epoch, sample int) []float32 {
	n, k := r.logits.Dim(1), r.logits.Dim(2)
	at := (epoch*n + sample) * k
	return r.logits.F32s()[at : at+k]
}

// Logits returns the recorded logits of the batch's samples.
func (r *Recording) Logits(_ context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error) {
	if len(values) > 0 {
		return nil, nil, fmt.Errorf("teacher: a recording has logits only, not %v", values)
	}
	if r.Temperature != 0 && temperature != r.Temperature {
		return nil, nil, fmt.Errorf("teacher: recorded at temperature %g, asked at %g", r.Temperature, temperature)
	}
	epoch := b.At.Epoch
	if p := r.period(); p > 0 {
		epoch %= p
	}
	if epoch >= r.logits.Dim(0) {
		return nil, nil, fmt.Errorf("teacher: epoch %d is beyond the %d that are recorded", epoch+1, r.logits.Dim(0))
	}
	k := r.logits.Dim(2)
	if r.out == nil || r.out.Dim(0) != len(b.Index) {
		r.out = tensor.New(tensor.F32, tensor.Shape{len(b.Index), k})
	}
	for i, at := range b.Index {
		if at < 0 || at >= r.logits.Dim(1) {
			return nil, nil, fmt.Errorf("teacher: sample %d is outside the recording of %s (%d samples)", at, r.Name, r.logits.Dim(1))
		}
		copy(r.out.F32s()[i*k:(i+1)*k], r.row(epoch, at))
	}
	return r.out, nil, nil
}

// NeedsTemperature reports whether the ensemble's logits differ from one temperature
// to another by more than their scale.
func (e *Ensemble) NeedsTemperature() bool {
	return len(e.Members) > 1 && e.Combine == MeanProbabilities
}

// Hash identifies what the ensemble computes: its members' graphs, parameters and
// normalisation, the weights and how they are combined.
func (e *Ensemble) Hash() (string, error) {
	h := sha256.New()
	if len(e.Members) > 1 {
		fmt.Fprintln(h, e.Combine, e.Weights)
	}
	for _, m := range e.Members {
		if m.Normalize != nil {
			fmt.Fprintln(h, m.Normalize.Mean, m.Normalize.Std)
		}
		if err := hashGraph(h, m.Model.Graph); err != nil {
			return "", fmt.Errorf("teacher %s: %w", m.Name, err)
		}
	}
	return short(h), nil
}

// hashGraph adds nodes and parameters, those of subgraphs included.
func hashGraph(h hash.Hash, g *graph.Graph) (err error) {
	g.Walk(func(g *graph.Graph) {
		for _, n := range g.Nodes {
			fmt.Fprintf(h, "%q %q %v %q %q\n", n.Op, n.Domain, n.Attrs, n.In, n.Out)
		}
		for _, p := range g.Params {
			t, e := p.Load()
			if e != nil {
				err = e
				return
			}
			fmt.Fprintf(h, "%q %v %v\n", p.Name, p.DType, p.Shape)
			if p.DType.Size() > 0 {
				h.Write(t.Raw())
			}
		}
		fmt.Fprintf(h, "%v %q\n", g.Inputs, g.OutputValues())
	})
	return err
}

// HashSet identifies the samples of a set, not their labels.
func HashSet(set dataset.Set) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, set.Len(), set.Shape())
	x := make([]float32, set.Shape().Size())
	for i := range set.Len() {
		if _, err := set.Read(i, x); err != nil {
			return "", err
		}
		writeFloats(h, x)
	}
	return short(h), nil
}

// writeFloats writes the elements as little-endian bytes.
func writeFloats(w io.Writer, x []float32) {
	buf := make([]byte, 0, 4*len(x))
	for _, v := range x {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
	}
	w.Write(buf)
}

func short(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:16]) }
