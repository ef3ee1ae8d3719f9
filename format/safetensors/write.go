package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

const (
	indexSuffix = ".safetensors.index.json"
	shardBytes  = 5e9
)

// entry is a tensor to be written.
type entry struct {
	p       *graph.Param
	dtype   string
	storage tensor.DType // Invalid: as it is
	shape   []int
	size    int64
}

// entries lists m's parameters, subgraphs included, the widest elements first so
// that all stay aligned, then by name.
func entries(m *graph.Model, o format.SaveOptions) ([]entry, error) {
	var es []entry
	for _, p := range m.AllParams() {
		e, err := newEntry(p, o)
		if err != nil {
			return nil, err
		}
		es = append(es, e)
	}
	slices.SortFunc(es, func(a, b entry) int {
		return cmp.Or(cmp.Compare(bitsOf[b.dtype], bitsOf[a.dtype]), strings.Compare(string(a.p.Name), string(b.p.Name)))
	})
	seen := map[graph.Value]bool{"__metadata__": true}
	for _, e := range es {
		if seen[e.p.Name] {
			return nil, fmt.Errorf("safetensors: two tensors would be called %q", e.p.Name)
		}
		seen[e.p.Name] = true
	}
	return es, nil
}

func newEntry(p *graph.Param, o format.SaveOptions) (entry, error) {
	e := entry{p: p, shape: p.Shape}
	if x, ok := p.Ext.(Opaque); ok {
		e.dtype, e.shape = x.DType, x.Shape
		e.size = int64(p.Shape.Size())
		return e, nil
	}
	want := o.StorageOf(p)
	switch {
	case p.DType == tensor.F32 && (want == tensor.F16 || want == tensor.BF16):
		e.storage = want
	case want != p.DType:
		return e, fmt.Errorf("safetensors: parameter %q cannot be stored as %v (float32 can, as float16 or bfloat16; .cmz has int8 with scales)", p.Name, want)
	}
	for name, d := range native {
		if d == want {
			e.dtype = name
		}
	}
	if e.dtype == "" {
		return e, fmt.Errorf("safetensors: parameter %q of type %v has no safetensors type", p.Name, p.DType)
	}
	e.size = int64(p.Shape.Size() * want.Size())
	return e, nil
}

// Save writes m's parameters and metadata; a file that is there is replaced once the
// new one is complete.
func Save(path string, m *graph.Model, o format.SaveOptions) error {
	es, err := entries(m, o)
	if err != nil {
		return err
	}
	return writeFile(path, es, m.Meta)
}

func writeFile(path string, es []entry, meta map[string]string) error {
	head, err := header(es, meta)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, e := range es {
			if err := e.write(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// header returns the length and the JSON, padded so that the data begin at a
// multiple of 8.
func header(es []entry, meta map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	member := func(name string, v any) error {
		k, err := json.Marshal(name)
		if err != nil {
			return err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if b.Len() > 9 {
			b.WriteByte(',')
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(text)
		return nil
	}
	if len(meta) > 0 {
		if err := member("__metadata__", meta); err != nil {
			return nil, err
		}
	}
	at := int64(0)
	for _, e := range es {
		d := struct {
			DType   string   `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{e.dtype, append([]int{}, e.shape...), [2]int64{at, at + e.size}}
		if err := member(string(e.p.Name), d); err != nil {
			return nil, err
		}
		at += e.size
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > maxHeader {
		return nil, fmt.Errorf("safetensors: %d tensors make a header of %d bytes, at most %d are read", len(es), b.Len(), maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

// write writes the elements; lazy ones are read now and not kept.
func (e entry) write(w io.Writer) error {
	t, err := e.p.Load()
	if err != nil {
		return err
	}
	if e.storage != tensor.Invalid {
		h := tensor.New(e.storage, t.Shape())
		if err := format.Narrow(h, t.F32s()); err != nil {
			return fmt.Errorf("safetensors: parameter %q: %w", e.p.Name, err)
		}
		t = h
	}
	_, err = w.Write(t.Raw())
	return err
}

// SaveSharded writes m as files of at most 5 GB beside path and then the index
// itself. The index is the last to appear: without it there is no model.
func SaveSharded(path string, m *graph.Model, o format.SaveOptions) error {
	return saveSharded(path, m, o, shardBytes)
}

func saveSharded(path string, m *graph.Model, o format.SaveOptions, limit int64) error {
	if err := checkIndex(path); err != nil {
		return err
	}
	base := strings.TrimSuffix(path, indexSuffix)
	es, err := entries(m, o)
	if err != nil {
		return err
	}
	shards := split(es, limit)
	idx := index{Metadata: map[string]any{}, WeightMap: map[string]string{}}
	total := int64(0)
	for i, s := range shards {
		name := fmt.Sprintf("%s-%05d-of-%05d.safetensors", base, i+1, len(shards))
		if err := writeFile(name, s, m.Meta); err != nil {
			return err
		}
		for _, e := range s {
			idx.WeightMap[string(e.p.Name)] = filepath.Base(name)
			total += e.size
		}
	}
	idx.Metadata["total_size"] = total
	raw, err := json.MarshalIndent(idx, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}

func checkIndex(path string) error {
	if !strings.HasSuffix(path, indexSuffix) {
		return fmt.Errorf("safetensors: %s: the index of a sharded model is called NAME%s", path, indexSuffix)
	}
	return nil
}

// split cuts the list into runs of at most limit bytes, or of one tensor.
func split(es []entry, limit int64) (shards [][]entry) {
	size := int64(math.MaxInt64)
	for _, e := range es {
		if size > limit-e.size {
			shards, size = append(shards, nil), 0
		}
		size += e.size
		shards[len(shards)-1] = append(shards[len(shards)-1], e)
	}
	return shards
}

// whole and sharded are the two file formats.
type (
	whole   struct{}
	sharded struct{}
)

func init() {
	format.Register(whole{})
	format.Register(sharded{})
}

func (whole) Ext() string                                                  { return ".safetensors" }
func (whole) Load(path string) (*graph.Model, error)                       { return Load(path) }
func (whole) Save(path string, m *graph.Model, o format.SaveOptions) error { return Save(path, m, o) }
func (sharded) Ext() string                                                { return ".json" }
func (sharded) Load(path string) (*graph.Model, error)                     { return LoadSharded(path) }
func (sharded) Save(path string, m *graph.Model, o format.SaveOptions) error {
	return SaveSharded(path, m, o)
}

// CheckSave implements format.Checker.
func (whole) CheckSave(path string, o format.SaveOptions) error {
	if o.Storage == tensor.I8 {
		return fmt.Errorf("%s: safetensors has no scales for weights as int8: write a .cmz file, or store float16 or bfloat16", path)
	}
	return nil
}

// CheckSave implements format.Checker.
func (sharded) CheckSave(path string, o format.SaveOptions) error {
	if err := checkIndex(path); err != nil {
		return err
	}
	return whole{}.CheckSave(path, o)
}
