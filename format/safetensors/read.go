package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Opaque is the Ext of a parameter whose elements the engine cannot hold; its data
// are the bytes.
type Opaque struct {
	DType string // as in the file, "F8_E4M3"
	Shape []int
}

// Load reads the description of a file; the tensors are read when they are asked for,
// and the file stays open for it.
func Load(path string) (*graph.Model, error) {
	m := &graph.Model{Graph: &graph.Graph{Name: strings.TrimSuffix(filepath.Base(path), ".safetensors")}}
	infos, err := addFile(m, path)
	if err != nil {
		return nil, err
	}
	sortParams(m)
	return m, checked(m, path, len(infos))
}

// checked ends the loading of a model.
func checked(m *graph.Model, path string, n int) error {
	if err := m.Check(); err != nil {
		return fmt.Errorf("%s: %d tensors: %w", path, n, err)
	}
	return nil
}

// addFile appends a file's tensors and metadata to m.
func addFile(m *graph.Model, path string) ([]info, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	var infos []info
	var meta map[string]string
	if err == nil {
		infos, meta, err = readHeader(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(meta) > 0 && m.Meta == nil {
		m.Meta = map[string]string{}
	}
	maps.Copy(m.Meta, meta)
	for _, t := range infos {
		m.Graph.Params = append(m.Graph.Params, t.param(f))
	}
	return infos, nil
}

// param returns the lazy parameter of t.
func (t info) param(r io.ReaderAt) *graph.Param {
	p := &graph.Param{Name: graph.Value(t.name), DType: native[t.dtype], Shape: t.shape}
	if p.DType == tensor.Invalid {
		p.DType, p.Shape = tensor.U8, tensor.Shape{int(t.end - t.begin)}
		p.Ext = Opaque{DType: t.dtype, Shape: t.shape}
	}
	p.Trainable = p.DType.IsFloat()
	p.Lazy = loader{r: r, t: t, dtype: p.DType, shape: p.Shape}
	return p
}

// loader reads one tensor.
type loader struct {
	r     io.ReaderAt
	t     info
	dtype tensor.DType
	shape tensor.Shape
}

// Load reads the bytes anew each time; the format and all supported machines are little-endian.
func (l loader) Load() (*tensor.Tensor, error) {
	t := tensor.New(l.dtype, l.shape)
	if n, err := l.r.ReadAt(t.Raw(), l.t.begin); n < t.Bytes() {
		return nil, fmt.Errorf("safetensors: tensor %q: reading %d bytes at %d: %w", l.t.name, t.Bytes(), l.t.begin, err)
	}
	if l.dtype == tensor.Bool {
		for i, b := range t.Raw() {
			if b > 1 {
				return nil, &Error{Offset: l.t.begin + int64(i), Tensor: l.t.name, Err: fmt.Errorf("a boolean is %d", b)}
			}
		}
	}
	return t, nil
}

// index is the description of a sharded model.
type index struct {
	Metadata  map[string]any    `json:"metadata"`
	WeightMap map[string]string `json:"weight_map"`
}

// LoadSharded reads "model.safetensors.index.json" and the descriptions of all the
// files that it names, which must lie beside it.
func LoadSharded(path string) (*graph.Model, error) {
	idx, err := readIndex(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m := &graph.Model{Graph: &graph.Graph{Name: strings.TrimSuffix(filepath.Base(path), indexSuffix)}}
	total := 0
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(idx.WeightMap))) {
		if shard != filepath.Base(shard) || shard == "." || shard == ".." || strings.ContainsAny(shard, `/\`) {
			return nil, fmt.Errorf("%s: %w", path, bad(0, "shard %q is not a name of a file beside the index", shard))
		}
		infos, err := addFile(m, filepath.Join(filepath.Dir(path), shard))
		if err != nil {
			return nil, err
		}
		for _, t := range infos {
			if idx.WeightMap[t.name] != shard {
				return nil, fmt.Errorf("%s: %w", path, bad(0, "tensor %q is in %s, the index says %q", t.name, shard, idx.WeightMap[t.name]))
			}
		}
		total += len(infos)
	}
	if total != len(idx.WeightMap) {
		return nil, fmt.Errorf("%s: %w", path, bad(0, "the index lists %d tensors, the files have %d", len(idx.WeightMap), total))
	}
	sortParams(m)
	return m, checked(m, path, total)
}

func readIndex(path string) (*index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxHeader+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxHeader {
		return nil, bad(0, "an index of more than %d bytes", maxHeader)
	}
	idx := &index{}
	if err := json.Unmarshal(raw, idx); err != nil {
		return nil, bad(0, "not a safetensors index: %w", err)
	}
	if len(idx.WeightMap) == 0 || len(idx.WeightMap) > maxTensors {
		return nil, bad(0, "not a safetensors index: weight_map has %d tensors", len(idx.WeightMap))
	}
	return idx, nil
}
