package onnx

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// sparseData loads a SparseTensorProto as a dense tensor: values [NNZ], and
// their places as indices [NNZ] into the flat tensor or [NNZ rank] coordinates.
type sparseData struct {
	values, indices *tensorData
	shape           tensor.Shape
	size            int
}

// sparseParam reads a SparseTensorProto; without a name it takes that of its values.
func (r *reader) sparseParam(name graph.Value, m message) (*graph.Param, error) {
	whole, start := m, m.pos
	raw, err := whole.rest()
	if err != nil {
		return nil, err
	}
	var values, indices *tensorProto
	dims := &tensorProto{msg: m}
	err = m.each(func() error {
		if m.num == 3 {
			list, err := m.ints(nil)
			return firstError(err, dims.dims(list, m.tag))
		}
		if m.num > 2 {
			return m.skip()
		}
		sub, err := m.sub()
		if err != nil {
			return err
		}
		t, err := r.tensor(sub)
		if m.num == 1 {
			values = t
		} else {
			indices = t
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := checkSparse(values, indices, dims, start); err != nil {
		return nil, err
	}
	d := &sparseData{values: values.data(), indices: indices.data(), shape: orEmpty(dims.shape), size: dims.n}
	if name == "" {
		name = graph.Value(values.name)
	}
	need := int64(d.size)*int64(d.values.dtype.Size()) + d.values.bytes() + d.indices.bytes()
	if err := r.s.charge(need+costParam, start); err != nil {
		return nil, ofTensor(err, string(name))
	}
	return &graph.Param{Name: name, DType: d.values.dtype, Shape: d.shape, Lazy: d, Ext: &paramExt{Sparse: raw}}, nil
}

// checkSparse checks what the declarations alone can tell.
func checkSparse(values, indices, dims *tensorProto, off int64) error {
	if values == nil || indices == nil {
		return fail(ErrWire, off, "a sparse tensor without values or indices")
	}
	if err := dims.checkShape(); err != nil {
		return ofTensor(err, values.name)
	}
	k := elems[values.elem].dtype
	if k == tensor.Invalid || k == tensor.String || indices.elem != elemInt64 || dims.n > math.MaxInt/16 {
		return ofTensor(fail(ErrWire, off, "a sparse tensor of type %d with indices of type %d", values.elem, indices.elem), values.name)
	}
	rank, coordinates := len(dims.shape), len(indices.shape) == 2
	if len(values.shape) != 1 || indices.n != values.n && !(coordinates && indices.n == values.n*rank) ||
		coordinates && indices.shape[1] != rank {
		return ofTensor(fail(ErrWire, off, "values %v and indices %v for shape %v", values.shape, indices.shape, dims.shape), values.name)
	}
	return nil
}

// Load implements graph.Loader.
func (d *sparseData) Load() (*tensor.Tensor, error) {
	values, err := d.values.Load()
	if err != nil {
		return nil, err
	}
	indices, err := d.indices.Load()
	if err != nil {
		return nil, err
	}
	out := tensor.New(d.values.dtype, d.shape)
	at := indices.I64s()
	size, src, dst := d.values.dtype.Size(), values.Raw(), out.Raw()
	for i := range values.Len() {
		k, ok := d.place(at, i, indices.Rank() == 2)
		if !ok {
			return nil, ofTensor(fail(ErrWire, d.indices.pos, "index %d is outside of shape %v", i, d.shape), d.values.name)
		}
		copy(dst[k*size:][:size], src[i*size:])
	}
	return out, nil
}

// place returns the flat index of the i-th value.
func (d *sparseData) place(at []int64, i int, coordinates bool) (int, bool) {
	if !coordinates {
		return int(at[i]), at[i] >= 0 && at[i] < int64(d.size)
	}
	k := 0
	for j, n := range d.shape {
		c := at[i*len(d.shape)+j]
		if c < 0 || c >= int64(n) {
			return 0, false
		}
		k = k*n + int(c)
	}
	return k, true
}

// stillSparse reports whether a parameter holds what its sparse form in the file says.
func stillSparse(p *graph.Param, x *paramExt) bool {
	if x.Sparse == nil || p.Data == nil {
		return x.Sparse != nil
	}
	r := bytesReader(x.Sparse)
	was, err := r.sparseParam(p.Name, r.s.whole())
	if err != nil || was.DType != p.DType || !was.Shape.Equal(p.Shape) {
		return false
	}
	t, err := was.Load()
	return err == nil && sameData(t, p.Data)
}
