package format

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/internal/codec"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Format reads and writes models of one file format. Its package registers it,
// so a program supports the formats that it imports.
type Format interface {
	Ext() string // ".cmz", lower case
	Load(path string) (*graph.Model, error)
	Save(path string, m *graph.Model, o SaveOptions) error
}

// Checker is a Format that knows names or options that it cannot save with, whatever the model.
type Checker interface {
	CheckSave(path string, o SaveOptions) error
}

// CheckSave fails for what no model can be saved as: an unknown extension, or what a
// Checker refuses.
func CheckSave(path string, o SaveOptions) error {
	f, err := ByPath(path)
	if c, ok := f.(Checker); ok && err == nil {
		err = c.CheckSave(path, o)
	}
	return err
}

// Effort says how long a writer may look for a smaller file.
type Effort = codec.Effort

// The efforts: the default, the quickest, the smallest file.
const (
	DefaultEffort = codec.Default
	Fast          = codec.Fast
	Best          = codec.Best
)

// SaveOptions are what a writer may be told. The zero value stores every
// parameter as it is. A format ignores what it has no place for.
type SaveOptions struct {
	// Storage of trainable float32 parameters of rank 2 or more: F32, F16, BF16
	// or I8, whatever their own Storage says; Invalid leaves that the say.
	Storage    tensor.DType
	Effort     Effort
	Provenance *Provenance
	Results    []Result

	// Opset is the version of ONNX's operators that an ONNX file is written at; 0 is
	// the one that the model was read with.
	Opset int
	// External puts an ONNX file's weights into a file beside it.
	External bool
}

// Provenance says where a model comes from.
type Provenance struct {
	Tool    string
	Version string
	Command []string
	Seed    uint64
	Dataset string
	Inputs  []string // the models this one was made from
	Extra   map[string]string
}

// Result is what was measured of a model on one data set.
type Result struct {
	Dataset string
	Metrics map[string]float64 // "accuracy", "latency_p50_ms", ...
}

var formats = registry.New[Format]("model format")

// Register adds a format; a second one for the same extension panics.
func Register(f Format) { formats.Add(f.Ext(), f) }

// ByPath returns the format of a file by its extension, or an error that lists
// the known ones.
func ByPath(path string) (Format, error) {
	ext := strings.ToLower(filepath.Ext(path))
	if ext == "" {
		return nil, fmt.Errorf("%s: no file extension to tell the model format by (known: %s)", path, strings.Join(Exts(), ", "))
	}
	f, err := formats.Get(ext)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// LoadByPath reads a model file of the format that its extension tells.
func LoadByPath(path string) (*graph.Model, error) {
	f, err := ByPath(path)
	if err != nil {
		return nil, err
	}
	return f.Load(path)
}

// Exts returns the known extensions in order.
func Exts() []string { return formats.Names() }
