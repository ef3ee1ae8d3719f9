package teacher

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// Form says what of the logits is stored. The zero value is all of them in float32.
type Form struct {
	Half bool // in float16
	Top  int  // only the largest so many of each sample; what is left is shared evenly among the others
}

// String is the form as ParseForm reads it.
func (f Form) String() string {
	switch {
	case f.Top > 0:
		return fmt.Sprintf("top:%d", f.Top)
	case f.Half:
		return "f16"
	}
	return "f32"
}

// ParseForm reads f32, f16 or top:K, which is in float16.
func ParseForm(text string) (Form, error) {
	switch text {
	case "", "f32":
		return Form{}, nil
	case "f16":
		return Form{Half: true}, nil
	}
	f := Form{Half: true}
	if n, err := fmt.Sscanf(text, "top:%d", &f.Top); n != 1 || err != nil || f.Top < 1 || f.String() != text {
		return f, fmt.Errorf("form %q is none of f32, f16, top:K", text)
	}
	return f, nil
}

// Check rejects a form that is none for so many classes.
func (f Form) Check(classes int) error {
	if f.Top >= classes {
		return fmt.Errorf("top:%d of %d classes leaves nothing out", f.Top, classes)
	}
	return nil
}

// recordingVersion is the version of the file: a NumPy .npz with the logits as "logits"
// E x N x K, or "top" and "class" E x N x Top and "rest" E x N, and JSON bytes "header".
const recordingVersion = 1

type recordingHeader struct {
	Version int `json:"version"`
	Binding
	Classes int `json:"classes"`
}

// Reduce brings the recording to a form, as it will be when it is read back from a file.
// Of the classes that top:K leaves out, each gets the logit r for which they have the
// same probability together as before:
//
//	exp(r/T) = 1/(K - Top) sum exp(z/T)
func (r *Recording) Reduce(f Form, temperature float64) error {
	k := r.logits.Dim(2)
	if err := f.Check(k); err != nil {
		return err
	}
	r.Form = f.String()
	z := r.logits.F32s()
	if f.Top > 0 {
		r.Temperature = temperature
		order := make([]int, k)
		for at := 0; at < len(z); at += k {
			reduceRow(z[at:at+k], order, f.Top, temperature)
		}
	}
	if f.Half {
		for i, v := range z {
			z[i] = tensor.ToFloat16(v).Float32()
		}
	}
	return nil
}

func reduceRow(z []float32, order []int, top int, temperature float64) {
	descending(order, z)
	largest := float64(z[order[top]])
	sum := 0.0
	for _, c := range order[top:] {
		sum += math.Exp((float64(z[c]) - largest) / temperature)
	}
	rest := float32(largest + temperature*math.Log(sum/float64(len(order)-top)))
	for _, c := range order[top:] {
		z[c] = rest
	}
}

// descending sets order to the classes of the logits z, the largest first.
func descending(order []int, z []float32) {
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(z[b], z[a]) })
}

// Save writes the recording, whole or not at all.
func (r *Recording) Save(path string) error {
	f, err := ParseForm(r.Form)
	if err != nil {
		return err
	}
	header, err := json.Marshal(recordingHeader{recordingVersion, r.Binding, r.logits.Dim(2)})
	if err != nil {
		return err
	}
	entries := []npy.Entry{{Name: "header", Tensor: tensor.Vec(header...)}}
	switch {
	case f.Top > 0:
		entries = append(entries, r.topEntries(f.Top)...)
	case f.Half:
		entries = append(entries, npy.Entry{Name: "logits", Tensor: half(r.logits)})
	default:
		entries = append(entries, npy.Entry{Name: "logits", Tensor: r.logits})
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error { return npy.WriteZip(w, entries) })
}

func half(t *tensor.Tensor) *tensor.Tensor {
	out := make([]tensor.Float16, t.Len())
	for i, v := range t.F32s() {
		out[i] = tensor.ToFloat16(v)
	}
	return tensor.Of(t.Shape(), out)
}

// topEntries splits reduced logits into the largest, their classes and the rest.
func (r *Recording) topEntries(top int) []npy.Entry {
	e, n, k := r.logits.Dim(0), r.logits.Dim(1), r.logits.Dim(2)
	values, class := tensor.New(tensor.F32, tensor.Shape{e, n, top}), make([]int32, e*n*top)
	rest := tensor.New(tensor.F32, tensor.Shape{e, n})
	order := make([]int, k)
	for i := range e * n {
		z := r.logits.F32s()[i*k : (i+1)*k]
		descending(order, z)
		for j, c := range order[:top] {
			values.F32s()[i*top+j], class[i*top+j] = z[c], int32(c)
		}
		rest.F32s()[i] = z[order[top]]
	}
	return []npy.Entry{{Name: "top", Tensor: half(values)}, {Name: "class", Tensor: tensor.Of(values.Shape(), class)}, {Name: "rest", Tensor: half(rest)}}
}

// ErrDamaged is wrapped by the error for a file that is not all that Save writes.
var ErrDamaged = errors.New("no whole recording of a teacher")

// LoadRecording reads a file of Save.
func LoadRecording(path string) (*Recording, error) {
	entries, err := npy.ReadZipFile(path)
	if err != nil {
		return nil, err
	}
	ts := map[string]*tensor.Tensor{}
	for _, e := range entries {
		ts[e.Name] = e.Tensor
	}
	r, err := decodeRecording(ts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return r, nil
}

func decodeRecording(ts map[string]*tensor.Tensor) (*Recording, error) {
	raw := ts["header"]
	if raw == nil || raw.DType() != tensor.U8 {
		return nil, fmt.Errorf("it has no header")
	}
	var h recordingHeader
	if err := json.Unmarshal(tensor.Data[uint8](raw), &h); err != nil {
		return nil, err
	}
	if h.Version != recordingVersion {
		return nil, fmt.Errorf("version %d is not supported", h.Version)
	}
	f, err := ParseForm(h.Form)
	if err != nil {
		return nil, err
	}
	r := &Recording{Binding: h.Binding}
	if f.Top > 0 {
		r.logits, err = expandTop(ts, h.Classes)
		return r, err
	}
	r.logits, err = floats(ts["logits"], 3)
	if err == nil && r.logits.Dim(2) != h.Classes {
		err = fmt.Errorf("logits %v are not of %d classes", r.logits, h.Classes)
	}
	return r, err
}

// floats returns a float32 copy of a float32 or float16 tensor of the given rank.
func floats(t *tensor.Tensor, rank int) (*tensor.Tensor, error) {
	switch {
	case t == nil || t.Rank() != rank:
		return nil, fmt.Errorf("its logits are missing or %v", t)
	case t.DType() == tensor.F32:
		return t, nil
	case t.DType() != tensor.F16:
		return nil, fmt.Errorf("logits %v are neither float32 nor float16", t)
	}
	out := tensor.New(tensor.F32, t.Shape())
	for i, v := range tensor.Data[tensor.Float16](t) {
		out.F32s()[i] = v.Float32()
	}
	return out, nil
}

func expandTop(ts map[string]*tensor.Tensor, classes int) (*tensor.Tensor, error) {
	top, err := floats(ts["top"], 3)
	if err != nil {
		return nil, err
	}
	rest, err := floats(ts["rest"], 2)
	if err != nil {
		return nil, err
	}
	class := ts["class"]
	if class == nil || class.DType() != tensor.I32 || !class.Shape().Equal(top.Shape()) || !rest.Shape().Equal(top.Shape()[:2]) || classes <= top.Dim(2) {
		return nil, fmt.Errorf("its top logits %v, classes %v and rest %v do not fit", top, class, rest)
	}
	if int64(rest.Len())*int64(classes) > MaxLogits {
		return nil, fmt.Errorf("%d rows of %d classes are too many", rest.Len(), classes)
	}
	z, k := tensor.New(tensor.F32, tensor.Shape{top.Dim(0), top.Dim(1), classes}), top.Dim(2)
	for i, r := range rest.F32s() {
		row := z.F32s()[i*classes : (i+1)*classes]
		for c := range row {
			row[c] = r
		}
		for j, c := range tensor.Data[int32](class)[i*k : (i+1)*k] {
			if c < 0 || int(c) >= classes {
				return nil, fmt.Errorf("class %d of %d", c, classes)
			}
			row[c] = top.F32s()[i*k+j]
		}
	}
	return z, nil
}
