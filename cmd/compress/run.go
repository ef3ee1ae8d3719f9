package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/onnx"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

func runCommand() *cli.Command {
	return command("run", "run a model on given inputs", "MODEL", commonFlags(
		&cli.StringSliceFlag{Name: "input", Usage: "`NAME=FILE` (.npy, or .pb of one ONNX TensorProto); repeat for each input, or one FILE.npz with all"},
		&cli.StringSliceFlag{Name: "fetch", Usage: "further `VALUE` to write; see `compress inspect`"},
		&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "`FILE.npz` for the outputs"},
		precisionFlag(),
	), runAction)
}

type ran struct {
	Version int                 `json:"version"`
	Outputs map[string][]string `json:"outputs"` // type and shape by name
	File    string              `json:"file"`
}

func runAction(c *cli.Context) error {
	if err := args(c, 1, 1); err != nil {
		return err
	}
	out, err := required(c, "o")
	if err != nil {
		return err
	}
	m, err := loadModel(c, c.Args().First())
	if err != nil {
		return err
	}
	if m, err = inPrecision(c, c.Args().First(), m); err != nil {
		return err
	}
	in, err := readInputs(c.StringSlice("input"))
	if err != nil {
		return err
	}
	results, err := infer(m, in, c.StringSlice("fetch"))
	if err != nil {
		return err
	}
	r := ran{Version: 1, Outputs: map[string][]string{}, File: out}
	var entries []npy.Entry
	for _, name := range sortedKeys(results) {
		t := results[name]
		r.Outputs[name] = []string{t.DType().String(), t.Shape().String()}
		entries = append(entries, npy.Entry{Name: name, Tensor: t})
	}
	if !c.Bool("dry-run") {
		if err := atomicfile.WriteFile(out, func(w io.Writer) error { return npy.WriteZip(w, entries) }); err != nil {
			return err
		}
	}
	return emit(c, r, func(w io.Writer) error {
		for _, name := range sortedKeys(r.Outputs) {
			fmt.Fprintf(w, "%s %s%s\n", name, r.Outputs[name][0], r.Outputs[name][1])
		}
		return nil
	})
}

// readInputs reads NAME=FILE pairs, or one archive.
func readInputs(list []string) (map[string]*tensor.Tensor, error) {
	if len(list) == 0 {
		return nil, usagef("--input is required")
	}
	if len(list) == 1 && strings.HasSuffix(list[0], ".npz") && !strings.Contains(list[0], "=") {
		return readArchive(list[0])
	}
	in := map[string]*tensor.Tensor{}
	for _, item := range list {
		name, file, ok := strings.Cut(item, "=")
		if !ok {
			return nil, usagef("--input %s is not NAME=FILE", item)
		}
		t, err := readTensor(file)
		if err != nil {
			return nil, fmt.Errorf("--input %s: %w", item, err)
		}
		in[name] = t
	}
	return in, nil
}

func readArchive(file string) (map[string]*tensor.Tensor, error) {
	entries, err := npy.ReadZipFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	in := map[string]*tensor.Tensor{}
	for _, e := range entries {
		in[e.Name] = e.Tensor
	}
	return in, nil
}

func readTensor(file string) (*tensor.Tensor, error) {
	if strings.EqualFold(filepath.Ext(file), ".pb") {
		_, t, err := onnx.LoadTensor(file)
		return t, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return npy.Read(f)
}

// checkInputs wants a tensor for every input of the model, and none besides.
func checkInputs(m *graph.Model, in map[string]*tensor.Tensor) error {
	var names []string
	for _, p := range m.Graph.Inputs {
		names = append(names, string(p.Name))
	}
	for _, name := range sortedKeys(in) {
		if !slices.Contains(names, name) {
			return usagef("the model has no input %q (inputs: %v)", name, names)
		}
	}
	for _, name := range names {
		if in[name] == nil {
			return usagef("input %q is missing (inputs: %v)", name, names)
		}
	}
	return nil
}

// infer compiles the model for the inputs' shapes and runs it once.
func infer(m *graph.Model, in map[string]*tensor.Tensor, fetch []string) (map[string]*tensor.Tensor, error) {
	o := graph.Options{Shapes: map[graph.Value]tensor.Shape{}}
	for name, t := range in {
		o.Shapes[graph.Value(name)] = t.Shape()
	}
	for _, f := range fetch {
		o.Fetch = append(o.Fetch, graph.Value(f))
	}
	if err := checkInputs(m, in); err != nil {
		return nil, err
	}
	s, err := graph.Compile(m, o)
	if err != nil {
		return nil, err
	}
	for _, v := range s.Inputs() {
		if err := s.Feed(v, in[string(v)]); err != nil {
			return nil, asUsage(err)
		}
	}
	if err := s.Forward(); err != nil {
		return nil, err
	}
	out := map[string]*tensor.Tensor{}
	for _, v := range append(s.Outputs(), o.Fetch...) {
		out[string(v)] = s.Tensor(v)
	}
	return out, nil
}
