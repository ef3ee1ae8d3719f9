package graph_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	_ "github.com/compress-toolkit/compress/engine/op"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// randomModel builds a graph of nodes on 3 x 4 float64 values: chains, fans, joins,
// renamed memory, multiplications by shared parameters. It returns all its values.
func randomModel(t *testing.T, seed uint64, nodes int) (*graph.Model, []graph.Value) {
	t.Helper()
	r := tensor.NewRand(seed, "random model")
	next := uint64(0)
	intn := func(n int) int { next++; return r.Intn(next, n) }
	b := graph.NewBuilder("random")
	values := []graph.Value{b.Input("x", tensor.F64, 3, 4)}
	params := []graph.Value{b.Param("w0", randomTensor(seed, "w0", 4, 4)), b.Param("w1", randomTensor(seed, "w1", 4, 4))}
	values = append(values, b.Param("p", randomTensor(seed, "p", 3, 4)))
	pick := func() graph.Value { return values[max(0, len(values)-1-intn(min(6, len(values))))] }
	for range nodes {
		values = append(values, randomNode(b, intn, pick, params[intn(2)]))
	}
	out := b.Node("", "MatMul", nil, values[len(values)-1], params[0])
	for range 3 { // joins, so that many values matter
		out = b.Node("", "Add", nil, out, pick())
	}
	b.Output(b.Node("loss", "ReduceMean", graph.Attrs{"keepdims": int64(0)}, b.Node("", "Mul", nil, out, out)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m, values
}

func randomNode(b *graph.Builder, intn func(int) int, pick func() graph.Value, w graph.Value) graph.Value {
	unary := []string{"Relu", "Tanh", "Sigmoid", "Identity", "Neg", "Softmax"}
	binary := []string{"Add", "Sub", "Mul", "Max"}
	switch intn(6) {
	case 0, 1:
		return b.Node("", unary[intn(len(unary))], nil, pick())
	case 2, 3:
		return b.Node("", binary[intn(len(binary))], nil, pick(), pick())
	case 4:
		return b.Node("", "MatMul", nil, pick(), w)
	}
	v := b.Node("", "Reshape", nil, pick(), b.Ints("shape", 4, 3))
	if intn(2) == 0 {
		return b.Node("", "Transpose", nil, v)
	}
	return b.Node("", "Reshape", nil, b.Node("", "Relu", nil, v), b.Ints("shape", 3, 4))
}

func randomTensor(seed uint64, label string, dims ...int) *tensor.Tensor {
	r := tensor.NewRand(seed, label)
	t := tensor.New(tensor.F64, dims)
	for i := range tensor.Data[float64](t) {
		tensor.Data[float64](t)[i] = 0.7 * r.Normal(uint64(i))
	}
	return t
}

// trained compiles with gradients, feeds x and runs both passes.
func trained(t *testing.T, m *graph.Model, x *tensor.Tensor, o graph.Options) *graph.Session {
	t.Helper()
	o.Loss = m.Graph.Outputs[0].Name
	s, err := graph.Compile(m, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range s.Inputs() { // none when the loss does not depend on x
		if err := s.Feed(in, x); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a second run must not see what the first left in shared memory
		if err := s.Forward(); err != nil {
			t.Fatal(err)
		}
		if err := s.Backward(); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestSharedMemory compares sessions that reuse memory with ones that keep every
// value apart, bit for bit, and on one and two threads.
func TestSharedMemory(t *testing.T) {
	one := kernel.NewPool(1)
	defer one.Close()
	for seed := range uint64(60) {
		m, values := randomModel(t, seed, 5+int(seed)%30)
		x := randomTensor(seed, "x", 3, 4)
		apart := trained(t, m, x, graph.Options{Fetch: values, Unfused: true, Pool: one})
		shared := trained(t, m, x, graph.Options{Unfused: true})
		fused := trained(t, m, x, graph.Options{})
		loss := m.Graph.Outputs[0].Name
		for _, s := range []*graph.Session{shared, fused} {
			sameBits(t, fmt.Sprintf("seed %d: loss", seed), s.Tensor(loss), apart.Tensor(loss))
			for _, p := range m.Graph.Params {
				if p.Trainable {
					sameBits(t, fmt.Sprintf("seed %d: gradient of %s", seed, p.Name), s.Grad(p.Name), apart.Grad(p.Name))
				}
			}
		}
		if shared.MemoryBytes() > apart.MemoryBytes()+len(values)*12*8 {
			t.Errorf("seed %d: sharing takes %d bytes, keeping all takes %d", seed, shared.MemoryBytes(), apart.MemoryBytes())
		}
	}
}

func sameBits(t *testing.T, what string, got, want *tensor.Tensor) {
	t.Helper()
	if (got == nil) != (want == nil) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	if got != nil && string(got.Raw()) != string(want.Raw()) {
		t.Fatalf("%s: %v, want %v", what, tensor.Data[float64](got), tensor.Data[float64](want))
	}
}

// TestGradients compares whole-graph gradients with central differences.
func TestGradients(t *testing.T) {
	for seed := range uint64(20) {
		m, _ := randomModel(t, 100+seed, 12)
		x := randomTensor(seed, "x", 3, 4)
		s := trained(t, m, x, graph.Options{})
		loss := func() float64 {
			if err := s.Forward(); err != nil {
				t.Fatal(err)
			}
			return tensor.Data[float64](s.Tensor(m.Graph.Outputs[0].Name))[0]
		}
		for _, p := range m.Graph.Params {
			if !p.Trainable || s.Grad(p.Name) == nil {
				continue
			}
			g := append([]float64(nil), tensor.Data[float64](s.Grad(p.Name))...)
			w := tensor.Data[float64](p.Data)
			const h = 1e-6
			for i := 0; i < len(w); i += 5 {
				was := w[i]
				w[i] = was + h
				up := loss()
				w[i] = was - h
				down := loss()
				w[i] = was
				if want := (up - down) / (2 * h); math.Abs(g[i]-want) > 1e-5*(1+math.Abs(want)) {
					t.Errorf("seed %d: gradient %s[%d] = %g, differences give %g", seed, p.Name, i, g[i], want)
				}
			}
		}
	}
}

// TestSessionAllocatesNothing runs steps of a compiled session.
func TestSessionAllocatesNothing(t *testing.T) {
	m, _ := randomModel(t, 7, 25)
	s := trained(t, m, randomTensor(7, "x", 3, 4), graph.Options{})
	n := testing.AllocsPerRun(10, func() {
		if s.Forward() != nil || s.Backward() != nil {
			t.Error("a step failed")
		}
	})
	if n != 0 {
		t.Errorf("a step makes %g allocations", n)
	}
}
