// Command infer serves inference to infer.py. It writes the networks as ONNX files into
// the folder PEER_MODELS first, so that both sides run the same file.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/compress-toolkit/compress/bench/peers"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/onnx"
	"github.com/compress-toolkit/compress/lowrank"
	"github.com/compress-toolkit/compress/student"
)

// networks are built with fresh weights; RESNET20_ONNX names trained ones instead.
var networks = []struct {
	name, arch string
	shape      tensor.Shape
}{
	{"mlp", "mlp:1200,1200", tensor.Shape{1, 28, 28}},
	{"lenet", "lenet:20,50,500", tensor.Shape{1, 28, 28}},
	{"resnet20", "resnet:20", tensor.Shape{3, 32, 32}},
}

func main() {
	log.SetFlags(0)
	dir := os.Getenv("PEER_MODELS")
	if dir == "" {
		log.Fatal("PEER_MODELS is not set: start this through infer.py")
	}
	cases, err := prepare(dir)
	if err == nil {
		err = peers.Serve(os.Stdin, os.Stdout, cases)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// prepare writes all networks and lists their cases, "NAME BATCH".
func prepare(dir string) (cases []peers.Case, err error) {
	add := func(name string, m *graph.Model) error {
		path := filepath.Join(dir, name+".onnx")
		for _, batch := range []int{1, 128} {
			cases = append(cases, peers.Case{Name: fmt.Sprintf("%s %d", name, batch), Make: func() (func(), error) { return session(path, batch) }})
		}
		return onnx.Save(path, m, onnx.SaveOptions{})
	}
	for _, n := range networks {
		m, err := student.Build(n.arch, student.Task{Shape: n.shape, Classes: 10, Seed: 1})
		if file := os.Getenv("RESNET20_ONNX"); err == nil && n.name == "resnet20" && file != "" {
			m, err = onnx.Load(file, onnx.LoadOptions{})
		}
		if err == nil {
			err = add(n.name, m)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.name, err)
		}
		if n.name != "resnet20" {
			continue
		}
		small, _, err := lowrank.Run(context.Background(), m, lowrank.Config{Method: "tucker", Policy: lowrank.Keep{Fraction: 0.5}})
		if err == nil {
			err = add("resnet20-tucker", small)
		}
		if err != nil {
			return nil, fmt.Errorf("factorised %s: %w", n.name, err)
		}
	}
	return cases, nil
}

// session returns a run of the model in path on random inputs.
func session(path string, batch int) (func(), error) {
	m, err := onnx.Load(path, onnx.LoadOptions{})
	if err != nil {
		return nil, err
	}
	in := m.Graph.Inputs[0]
	dims := graph.Dims{}
	if name := in.Shape[0].Sym; name != "" {
		dims[name] = batch
	}
	s, err := graph.Compile(m, graph.Options{Dims: dims})
	if err != nil {
		return nil, err
	}
	x := s.Tensor(in.Name)
	if x.Dim(0) != batch {
		return nil, fmt.Errorf("%s is for batches of %d, not %d", path, x.Dim(0), batch)
	}
	r := tensor.NewRand(1, "x")
	for i := range x.F32s() {
		x.F32s()[i] = r.Float32(uint64(i)) - 0.5
	}
	return func() {
		if err := s.Forward(); err != nil {
			log.Fatal(err)
		}
	}, nil
}
