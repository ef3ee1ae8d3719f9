// Command train serves training steps to train.py: "NAME run" through train.Run with
// its loader, checks and hooks, as `compress train` does, and "NAME step" through the
// compiled session and the optimizer alone, on one batch.
package main

import (
	"context"
	"log"
	"math"
	"os"

	"github.com/compress-toolkit/compress/bench/peers"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/student"
)

const (
	batch   = 128
	classes = 10
)

// network is one of the networks to train; train.py has the same by name.
type network struct {
	name, arch string
	shape      tensor.Shape
}

var networks = []network{
	{"mlp", "mlp:1200,1200", tensor.Shape{1, 28, 28}},
	{"lenet", "lenet:20,50,500", tensor.Shape{1, 28, 28}},
	{"resnet20", "resnet:20", tensor.Shape{3, 32, 32}},
	{"lstm", "lstm:128", tensor.Shape{28, 28}},
}

var momentum = optim.Momentum{Mu: 0.9}

const rate = 1e-3

func main() {
	log.SetFlags(0)
	var cases []peers.Case
	for _, n := range networks {
		cases = append(cases, peers.Case{Name: n.name + " run", Make: n.run}, peers.Case{Name: n.name + " step", Make: n.step})
	}
	if err := peers.Serve(os.Stdin, os.Stdout, cases); err != nil {
		log.Fatal(err)
	}
}

func (n network) build() (*graph.Model, error) {
	return student.Build(n.arch, student.Task{Shape: n.shape, Classes: classes, Seed: 1})
}

// run starts a run that takes one step for each call and waits in between.
func (n network) run() (func(), error) {
	m, err := n.build()
	if err != nil {
		return nil, err
	}
	ask, done := make(chan struct{}), make(chan struct{})
	c := train.Config{
		Model: m, Objective: train.CrossEntropy{}, Data: newNoise(n.shape, 16*batch),
		Batch: batch, Epochs: math.MaxInt32, Optimizer: momentum, LR: rate, Seed: 1,
		Hooks: train.Hooks{Step: func(train.StepInfo) { done <- struct{}{}; <-ask }},
	}
	go func() {
		<-ask
		_, err := train.Run(context.Background(), c)
		log.Fatalf("%s: the run ended: %v", n.name, err)
	}()
	return func() { ask <- struct{}{}; <-done }, nil
}

// step returns the bare step.
func (n network) step() (func(), error) {
	m, err := n.build()
	if err != nil {
		return nil, err
	}
	b, err := graph.Extend(m)
	if err != nil {
		return nil, err
	}
	loss, err := train.CrossEntropy{}.Build(b, m)
	if err != nil {
		return nil, err
	}
	s, err := graph.Compile(m, graph.Options{Loss: loss, Train: true, Dims: graph.Dims{"N": batch}})
	if err != nil {
		return nil, err
	}
	fill(s.Tensor(m.Graph.Inputs[0].Name).F32s())
	state := map[*graph.Param][][]float32{}
	return func() { must(s.Forward()); must(s.Backward()); update(m, s, state) }, nil
}

// update is the optimizer's part of a bare step, on one thread.
func update(m *graph.Model, s *graph.Session, state map[*graph.Param][][]float32) {
	for _, p := range m.Graph.Params {
		if !p.Trainable {
			continue
		}
		if state[p] == nil {
			state[p] = [][]float32{make([]float32, p.Data.Len())}
		}
		momentum.Update(p.Data.F32s(), s.Grad(p.Name).F32s(), state[p], optim.Step{LR: rate, T: 1})
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func fill(x []float32) {
	r := tensor.NewRand(1, "noise")
	for i := range x {
		x[i] = r.Float32(uint64(i)) - 0.5
	}
}

// noise is a set in memory, as a published one is, so that reading it costs the same.
type noise struct {
	shape tensor.Shape
	x     []float32
}

func newNoise(shape tensor.Shape, n int) *noise {
	s := &noise{shape, make([]float32, n*shape.Size())}
	fill(s.x)
	return s
}

func (s *noise) Name() string        { return "noise" }
func (s *noise) Len() int            { return len(s.x) / s.shape.Size() }
func (s *noise) Shape() tensor.Shape { return s.shape }
func (s *noise) Classes() int        { return classes }

func (s *noise) Read(i int, x []float32) (int64, error) {
	copy(x, s.x[i*len(x):])
	return int64(i % classes), nil
}
