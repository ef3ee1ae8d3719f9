package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/format/onnx"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// metaNormalize is where a model keeps the normalisation that it was trained with.
const metaNormalize = "normalize"

// metaAccuracy is where a model tells the accuracy that it was seen to have.
const metaAccuracy = "accuracy"

// loadModel reads a model file of any known format. The external data of an ONNX
// file lie under --external-data-root, or beside the file.
func loadModel(c *cli.Context, path string) (*graph.Model, error) {
	f, err := format.ByPath(path)
	if err != nil {
		return nil, asUsage(err)
	}
	if root := c.String("external-data-root"); root != "" && strings.EqualFold(filepath.Ext(path), ".onnx") {
		return onnx.Load(path, onnx.LoadOptions{ExternalRoot: root})
	}
	m, err := f.Load(path)
	return m, ofFile(path, err)
}

// saveModel writes a model with its provenance and returns the file's size.
func saveModel(c *cli.Context, path string, m *graph.Model, o format.SaveOptions) (int64, error) {
	f, err := format.ByPath(path)
	if err != nil {
		return 0, asUsage(err)
	}
	o.Provenance = &format.Provenance{
		Tool: "compress", Version: version(), Command: append([]string{"compress"}, os.Args[1:]...), Seed: c.Uint64("seed"),
		Dataset: c.String("data"),
	}
	if err := f.Save(path, m, o); err != nil {
		return 0, ofFile(path, err)
	}
	return fileSize(path)
}

// storesAsComputed reports whether a file of this name has weights in the type that they compute
// in, whatever they were stored as before.
func storesAsComputed(path string) bool { return strings.EqualFold(filepath.Ext(path), ".onnx") }

// asStored returns m as the file of this name will give it back: m itself where storage
// loses nothing, as in an ONNX file.
func asStored(path string, m *graph.Model, o format.SaveOptions) (*graph.Model, error) {
	loses := func(p *graph.Param) bool { return o.StorageOf(p) != p.DType }
	if storesAsComputed(path) || !slices.ContainsFunc(m.AllParams(), loses) {
		return m, nil
	}
	var b bytes.Buffer
	o.Effort = format.Fast
	if err := format.Encode(&b, m, o); err != nil {
		return nil, ofFile(path, err)
	}
	return format.Decode(bytes.NewReader(b.Bytes()), int64(b.Len()), format.Limits{})
}

// ofFile names the file of an error that does not begin with its name; nil stays nil.
func ofFile(path string, err error) error {
	if err == nil || strings.HasPrefix(err.Error(), path+": ") {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// output returns the file to write, checked, and how it stores weights. A dry run does without a file.
func output(c *cli.Context) (path string, o format.SaveOptions, err error) {
	if o, err = storage(c.String("dtype")); err != nil || c.String("o") == "" && c.Bool("dry-run") {
		return "", o, err
	}
	if path, err = required(c, "o"); err == nil {
		err = checkOutput(path, o)
	}
	return path, o, err
}

// checkOutput fails early for an output that could not be written at the end.
func checkOutput(path string, o format.SaveOptions) error {
	if err := format.CheckSave(path, o); err != nil {
		return asUsage(err)
	}
	return checkWritable(path)
}

// checkWritable fails early for a file that could not be written at the end.
func checkWritable(path string) error {
	dir := filepath.Dir(path)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return usagef("output %s: there is no folder %s", path, dir)
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return usagef("output %s is not a regular file: choose another name", path)
	}
	f, err := atomicfile.Create(path) // what writing begins with; closed, it leaves nothing
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return withHint(fmt.Errorf("output %s: %w", path, err), "choose a name and a folder that can be written")
	}
	return nil
}

// normalization returns how inputs are normalised for a model: as the data
// string says, else as the model remembers, else not at all.
func normalization(m *graph.Model, spec dataset.Spec) (*dataset.Normalize, error) {
	given, err := spec.Normalize()
	if err != nil || given != nil {
		return given, err
	}
	text := m.Meta[metaNormalize]
	if text == "" {
		return nil, nil
	}
	s, err := dataset.Parse("random:1;" + text)
	if err != nil {
		return nil, fmt.Errorf("the model's normalisation %q: %w", text, err)
	}
	return s.Normalize()
}

// dtypes are the storage types of --dtype.
var dtypes = map[string]tensor.DType{"": tensor.Invalid, "f32": tensor.F32, "f16": tensor.F16, "bf16": tensor.BF16, "int8": tensor.I8}

// storage parses --dtype.
func storage(text string) (format.SaveOptions, error) {
	d, ok := dtypes[text]
	if !ok {
		return format.SaveOptions{}, usagef("--dtype %s is none of f32, f16, bf16, int8", text)
	}
	return format.SaveOptions{Storage: d}, nil
}

// fileSize returns the bytes of a file.
func fileSize(path string) (int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
