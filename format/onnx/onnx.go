package onnx

import (
	"fmt"
	"io"
	"os"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
)

func init() { format.Register(onnx{}) }

// onnx is this package's entry in the list of formats.
type onnx struct{}

func (onnx) Ext() string                            { return ".onnx" }
func (onnx) Load(path string) (*graph.Model, error) { return Load(path, LoadOptions{}) }
func (onnx) Save(path string, m *graph.Model, o format.SaveOptions) error {
	if err := (onnx{}).CheckSave(path, o); err != nil {
		return err
	}
	return Save(path, m, SaveOptions{Opset: o.Opset, External: o.External})
}

// CheckSave implements format.Checker.
func (onnx) CheckSave(path string, o format.SaveOptions) error {
	if o.Storage != tensor.Invalid && o.Storage != tensor.F32 {
		return fmt.Errorf("%s: weights of an ONNX file have the type that they compute in, it cannot store them as %v: write a .cmz file, or leave the storage type out", path, o.Storage)
	}
	return nil
}

// LoadOptions bound what a reader accepts. The zero value is for files of
// unknown origin.
type LoadOptions struct {
	// ExternalRoot is the folder that external data may not leave; the model's
	// own when it is empty.
	ExternalRoot string
	// Memory is the most that the graph and all tensors may take; 0 means 64 MiB
	// plus twice the size of the file and its external data.
	Memory int64
}

// fixedMemory is the reader's default budget for any file.
const fixedMemory = 56 << 20

// budget is the memory that a file of the given size may take.
func (o LoadOptions) budget(size int64) int64 {
	if o.Memory > 0 {
		return o.Memory
	}
	return fixedMemory + 2*size
}

// Load reads the model at path. Large tensors are lazy: the file stays open for
// them until the model is no longer used.
func Load(path string, o LoadOptions) (*graph.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m, err := decode(f, st.Size(), o, newExternals(path, o.ExternalRoot))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Decode is Load for the size bytes of r, which may be read concurrently and as
// long as the model is used. External data are refused.
func Decode(r io.ReaderAt, size int64, o LoadOptions) (*graph.Model, error) {
	return decode(r, size, o, nil)
}

func decode(ra io.ReaderAt, size int64, o LoadOptions, ext *externals) (*graph.Model, error) {
	r := &reader{s: newSource(ra, size, o.budget(size)), external: ext}
	if ext != nil && o.Memory == 0 {
		ext.grow = func(n int64) { r.s.left += 2 * n }
	}
	m, err := r.model()
	if err != nil {
		return nil, err
	}
	x := m.Ext.(*modelExt)
	if err := r.inline(m, x.functions); err != nil {
		return nil, err
	}
	x.functions = nil
	if err := m.Check(); err != nil {
		if err = sorted(m, err); err != nil {
			return nil, &FileError{Kind: ErrWire, Offset: -1, Err: err}
		}
	}
	if err := r.upgrade(m); err != nil {
		return nil, err
	}
	markTrainable(m.Graph)
	if err := m.Check(); err != nil {
		return nil, &FileError{Kind: ErrWire, Offset: -1, Err: err}
	}
	return m, nil
}

// maxSort bounds the nodes of a graph that is brought into order.
const maxSort = 1 << 13

// sorted brings nodes that are not in topological order into it, or returns why.
func sorted(m *graph.Model, why error) error {
	var err error
	m.Graph.Walk(func(g *graph.Graph) {
		if err == nil && len(g.Nodes) > maxSort {
			err = why
		}
	})
	if err != nil {
		return err
	}
	m.Graph.Walk(func(g *graph.Graph) {
		if err == nil {
			err = g.Sort()
		}
	})
	if err != nil {
		return why
	}
	return m.Check()
}
