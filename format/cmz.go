package format

import (
	"fmt"
	"io"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

func init() { Register(cmz{}) }

// cmz is the package's own format in the list of formats.
type cmz struct{}

func (cmz) Ext() string                                           { return ".cmz" }
func (cmz) Load(path string) (*graph.Model, error)                { return Load(path) }
func (cmz) Save(path string, m *graph.Model, o SaveOptions) error { return Save(path, m, o) }

// Save writes m to path. A file that is there is replaced once the new one is
// complete; after an error it is as it was.
func Save(path string, m *graph.Model, o SaveOptions) error {
	err := atomicfile.WriteFile(path, func(w io.Writer) error { return Encode(w, m, o) })
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Load reads the model at path completely.
func Load(path string) (*graph.Model, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := f.model(true)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Decode is Load for the size bytes of r, which may be read concurrently.
func Decode(r io.ReaderAt, size int64, o Limits) (*graph.Model, error) {
	f, err := NewFile(r, size, o)
	if err != nil {
		return nil, err
	}
	return f.model(true)
}

// TensorStat is what one tensor takes in a file.
type TensorStat struct {
	Name    string // a parameter's, "node.attribute", or "NAME (scales)"
	DType   tensor.DType
	Storage tensor.DType
	Shape   tensor.Shape
	Raw     int64 // bytes in the storage type before coding
	Stored  int64 // bytes of its chunks
}

// FileStats are the sizes of a file's parts.
type FileStats struct {
	Total   int64 // the whole file
	Header  int64 // everything but the chunks: graph, metadata, index
	Tensors []TensorStat
}

// Stats returns the sizes of the parts of the file at path, reading no tensors.
func Stats(path string) (*FileStats, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stats(), nil
}

// Stats returns the sizes of the file's parts.
func (f *File) Stats() *FileStats {
	st := &FileStats{Total: f.size, Header: f.size}
	for i := range f.entries {
		e := &f.entries[i]
		ts := TensorStat{Name: e.name, DType: e.dtype, Storage: e.storage, Shape: e.shape.Clone()}
		ts.Raw = int64(e.n * kinds[e.storage].width)
		for _, c := range f.chunks[e.first : e.first+e.chunks] {
			ts.Stored += int64(c.length)
		}
		st.Header -= ts.Stored
		st.Tensors = append(st.Tensors, ts)
	}
	return st
}
