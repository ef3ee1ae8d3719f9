package dataset

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// Set is random access to samples. All methods are safe for concurrent use.
type Set interface {
	// Name says where the samples come from and what was selected; sets with
	// equal names hold the same samples in the same order.
	Name() string
	// Len returns the number of samples, N.
	Len() int
	// Shape returns the shape of one sample, [C H W] or [K]; callers must not change it.
	Shape() tensor.Shape
	// Classes returns the number of classes, 0 for a set without labels.
	Classes() int
	// Read stores sample i in x, which has Shape().Size() elements, and returns
	// its label, -1 when it has none. Only sets that decode when read (image
	// folders) ever return an error; sets in memory are checked when opened.
	Read(i int, x []float32) (label int64, err error)
}

// Labelled is a Set that knows a label without reading the sample. Every set
// of this package is one.
type Labelled interface {
	Set
	Label(i int) int64
}

// Named is a Set whose classes have names, in the order of their numbers.
type Named interface {
	Set
	ClassNames() []string
}

// meta is what every set in memory has beside its samples.
type meta struct {
	name    string
	shape   tensor.Shape
	classes int
	labels  []int64 // nil: unlabelled
	names   []string
}

func (m *meta) Name() string         { return m.name }
func (m *meta) Shape() tensor.Shape  { return m.shape }
func (m *meta) Classes() int         { return m.classes }
func (m *meta) ClassNames() []string { return m.names }

func (m *meta) Label(i int) int64 {
	if m.labels == nil {
		return -1
	}
	return m.labels[i]
}

// unit holds the pixel values scaled to 0..1.
var unit = func() (u [256]float32) {
	for i := range u {
		u[i] = float32(i) / 255
	}
	return u
}()

// pixelSet keeps samples as bytes, a quarter of the memory of floats.
type pixelSet struct {
	meta
	pixels []byte // [N, shape...]
}

func (s *pixelSet) Len() int { return len(s.pixels) / s.shape.Size() }

func (s *pixelSet) Read(i int, x []float32) (int64, error) {
	n := len(x)
	for j, b := range s.pixels[i*n : (i+1)*n] {
		x[j] = unit[b]
	}
	return s.Label(i), nil
}

// floatSet keeps samples as floats.
type floatSet struct {
	meta
	values []float32 // [N, shape...]
}

func (s *floatSet) Len() int { return len(s.values) / s.shape.Size() }

func (s *floatSet) Read(i int, x []float32) (int64, error) {
	copy(x, s.values[i*len(x):])
	return s.Label(i), nil
}

// FromTensors returns a set over x [N, shape...] and labels y [N] or [N 1], nil
// when there are none. Byte elements are pixels and scale to 0..1, byte images
// [N H W] get a channel axis; other types are taken as they are. uint8 and
// float32 data is shared, not copied. classes 0 means the largest label plus one.
func FromTensors(name string, x, y *tensor.Tensor, classes int) (Set, error) {
	if x.Rank() < 2 || x.Len() == 0 {
		return nil, badFile(name, "samples are %v, expected [N K] or [N C H W] with N > 0", x)
	}
	m := meta{name: name, shape: x.Shape()[1:].Clone()}
	if x.DType() == tensor.U8 && x.Rank() == 3 {
		m.shape = append(tensor.Shape{1}, m.shape...)
	}
	if y != nil {
		if y.Len() != x.Dim(0) || y.Rank() != 1 && !(y.Rank() == 2 && y.Dim(1) == 1) {
			return nil, badFile(name, "labels are %v, expected one class number for each of the %d samples", y, x.Dim(0))
		}
		labels, err := toFloats[float64](y)
		if err != nil {
			return nil, badFile(name, "labels: %w", err)
		}
		if m.labels, m.classes, err = classNumbers(labels, classes); err != nil {
			return nil, badFile(name, "%w", err)
		}
	}
	if x.DType() == tensor.U8 {
		return &pixelSet{m, tensor.Data[uint8](x)}, nil
	}
	values, err := toFloats[float32](x)
	if err != nil {
		return nil, badFile(name, "samples: %w", err)
	}
	if err := finite(values, m.shape.Size()); err != nil {
		return nil, badFile(name, "%w", err)
	}
	return &floatSet{m, values}, nil
}

// finite names the first sample, of size elements each, with a value that no training survives.
func finite(values []float32, size int) error {
	for i, v := range values {
		if v-v != 0 {
			return fmt.Errorf("element %d of sample %d is %v, expected a finite number", i%size, i/size, v)
		}
	}
	return nil
}

// maxClasses bounds what a stray label can make a caller allocate.
const maxClasses = 1 << 20

// classNumbers checks labels: whole numbers from 0, below classes unless that is 0.
func classNumbers(v []float64, classes int) ([]int64, int, error) {
	limit := classes
	if limit <= 0 {
		limit = maxClasses
	}
	out, top := make([]int64, len(v)), int64(-1)
	for i, f := range v {
		if f != math.Trunc(f) || f < 0 || f >= float64(limit) {
			return nil, 0, fmt.Errorf("label %v of sample %d, expected a class number in 0..%d", f, i, limit-1)
		}
		out[i] = int64(f)
		top = max(top, out[i])
	}
	if classes <= 0 {
		classes = int(top) + 1
	}
	return out, classes, nil
}

// toFloats returns the elements as T, shared when they are that already.
func toFloats[T float32 | float64](t *tensor.Tensor) ([]T, error) {
	if t.DType() == tensor.DTypeOf[T]() {
		return tensor.Data[T](t), nil
	}
	out := make([]T, t.Len())
	switch t.DType() {
	case tensor.F16:
		for i, h := range tensor.Data[tensor.Float16](t) {
			out[i] = T(h.Float32())
		}
	case tensor.BF16:
		for i, h := range tensor.Data[tensor.BFloat16](t) {
			out[i] = T(h.Float32())
		}
	case tensor.Bool:
		for i, b := range t.Raw() {
			out[i] = T(b)
		}
	case tensor.F32:
		convert(out, t.F32s())
	case tensor.F64:
		convert(out, tensor.Data[float64](t))
	case tensor.I8:
		convert(out, tensor.Data[int8](t))
	case tensor.I16:
		convert(out, tensor.Data[int16](t))
	case tensor.I32:
		convert(out, tensor.Data[int32](t))
	case tensor.I64:
		convert(out, t.I64s())
	case tensor.U8:
		convert(out, tensor.Data[uint8](t))
	case tensor.U16:
		convert(out, tensor.Data[uint16](t))
	case tensor.U32:
		convert(out, tensor.Data[uint32](t))
	case tensor.U64:
		convert(out, tensor.Data[uint64](t))
	default:
		return nil, fmt.Errorf("%v elements, expected numbers", t.DType())
	}
	return out, nil
}

type number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

func convert[T float32 | float64, F number](dst []T, src []F) {
	for i, v := range src {
		dst[i] = T(v)
	}
}
