package optest

import (
	"fmt"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Sample is one use of an operator.
type Sample struct {
	Name string
	Node graph.Node // Op, Domain and Attrs; the names of values are made up
	// In are the inputs, nil for an omitted one. Float64 inputs are used as they
	// are and converted to float32; others are used as they are. Integer and bool
	// inputs count as constants when the node is bound, and are also tried as
	// unknown values.
	In     []*tensor.Tensor
	Const  []int // float inputs that are constant too, such as a ratio
	NOut   int   // number of outputs; 0 means 1
	Skip   []int // outputs that are omitted
	Train  bool
	NoGrad bool             // float64 inputs, but no gradient: the kernel must not offer one
	Grad   []bool           // inputs to differentiate; nil means all float64 inputs that are not Const
	Want   []*tensor.Tensor // expected outputs; nil entries are not compared
	Tol    float64          // relative to 1+|x|; 0 means 1e-5. Used for float32 and Want
	Random bool             // outputs are random: not compared between types
	Live   bool             // do not offer any input as a constant
}

var samples = map[string][]Sample{}

// Add registers samples; call it from init functions of test files.
func Add(ss ...Sample) {
	for _, s := range ss {
		key := opName(s.Node)
		for _, o := range samples[key] {
			if o.Name == s.Name {
				panic(fmt.Sprintf("optest: two samples %s/%s", key, s.Name))
			}
		}
		samples[key] = append(samples[key], s)
	}
}

// opName returns the operator's name as graph.OpNames has it.
func opName(n graph.Node) string {
	if n.Domain == "" {
		return n.Op
	}
	return n.Domain + "." + n.Op
}

// Run checks every sample, and that every registered operator has one.
func Run(t *testing.T) {
	for _, name := range graph.OpNames() {
		t.Run(name, func(t *testing.T) {
			if len(samples[name]) == 0 {
				t.Fatal("no sample: add one with optest.Add in the operator's test file")
			}
			for _, s := range samples[name] {
				t.Run(s.Name, func(t *testing.T) { Check(t, s) })
			}
		})
	}
}

// In lists tensors.
func In(ts ...*tensor.Tensor) []*tensor.Tensor { return ts }

// Vals returns distinct float64 values between -2 and 2 in no order. They are
// equally spaced and none is near zero or an integer unless there are very many,
// so that small steps cross no kink.
func Vals(dims ...int) *tensor.Tensor { return spread(4, -0.5, 0.403, 1, dims) }

// Vals2 returns other values than Vals: distinct, between -1.8 and 1.8.
func Vals2(dims ...int) *tensor.Tensor { return spread(3.6, -0.5, 0.317, 2, dims) }

// Pos returns distinct float64 values between 0.5 and 2.5 in no order.
func Pos(dims ...int) *tensor.Tensor { return spread(2, 0.25, 0.377, 3, dims) }

// Unit returns distinct float64 values between -0.9 and 0.9 in no order.
func Unit(dims ...int) *tensor.Tensor { return spread(1.8, -0.5, 0.409, 4, dims) }

// spread returns a permutation of width*(from + (i+frac)/n) for i in [0, n).
func spread(width, from, frac float64, seed uint64, dims []int) *tensor.Tensor {
	t := tensor.New(tensor.F64, dims)
	d := tensor.Data[float64](t)
	n := float64(len(d))
	for i, p := range tensor.NewRand(seed, "spread").Perm(len(d)) {
		d[i] = width * (math.Round(from*n) + float64(p) + frac) / n
	}
	return t
}

// I64 returns an int64 tensor.
func I64(dims []int, v ...int64) *tensor.Tensor { return tensor.Of(dims, v) }

// F64 returns a float64 tensor.
func F64(dims []int, v ...float64) *tensor.Tensor { return tensor.Of(dims, v) }
