package onnx

import (
	"fmt"
	"io"
	"os"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// LoadTensor reads a file that holds one TensorProto, as test vectors and inputs
// of other tools do, and returns the tensor and its name.
func LoadTensor(path string) (string, *tensor.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", nil, err
	}
	name, t, err := DecodeTensor(f, st.Size())
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return name, t, nil
}

// DecodeTensor is LoadTensor for the size bytes of r.
func DecodeTensor(ra io.ReaderAt, size int64) (string, *tensor.Tensor, error) {
	r := &reader{s: newSource(ra, size, LoadOptions{}.budget(size))}
	t, err := r.tensor(r.s.whole())
	if err != nil {
		return "", nil, err
	}
	v, err := r.eager(t)
	if err != nil {
		return "", nil, err
	}
	if known, ok := v.(*tensor.Tensor); ok {
		return t.name, known, nil
	}
	return "", nil, fail(ErrWire, 0, "a tensor of type %s, which the engine does not have", elemNames[t.elem])
}

// SaveTensor writes t to path as one TensorProto.
func SaveTensor(path, name string, t *tensor.Tensor) error {
	o, err := (&writer{}).tensor(name, t)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, o.writeTo)
}
