package onnx_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/onnx"
)

// vectors are ONNX's own test cases, with how many of them must pass.
var vectors = []struct {
	group string
	least int
}{{"node", 500}, {"pytorch-converted", 75}, {"pytorch-operator", 0}, {"simple", 0}}

// errSkip says that a case needs what the engine does not have.
var errSkip = errors.New("not supported")

// TestVectors runs every one of ONNX's test cases. Cases whose operators are
// registered must pass.
func TestVectors(t *testing.T) {
	dir := os.Getenv("ONNX_TESTDATA")
	if dir == "" {
		dir = "/usr/share/libonnx-testdata/data"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no ONNX test vectors: install Debian's libonnx-testdata, or set ONNX_TESTDATA to their folder")
	}
	for _, v := range vectors {
		t.Run(v.group, func(t *testing.T) {
			cases, err := filepath.Glob(filepath.Join(dir, v.group, "*", "model.onnx"))
			must(t, err)
			passed, failed, missing := 0, 0, map[string]int{}
			for _, path := range cases {
				err := runCase(path)
				switch {
				case errors.Is(err, errSkip):
					missing[err.Error()]++
				case err != nil:
					failed++
					t.Errorf("%s: %v", filepath.Base(filepath.Dir(path)), err)
				default:
					passed++
				}
			}
			t.Logf("%s: %d passed, %d unsupported, %d failed", v.group, passed, len(cases)-passed-failed, failed)
			if passed < v.least {
				t.Errorf("%d cases passed, want at least %d; missing: %v", passed, v.least, missing)
			}
			if os.Getenv("ONNX_VECTORS_MISSING") != "" {
				t.Log(missing)
			}
		})
	}
}

// random reports whether a case's expected numbers come from NumPy's generator:
// any other ones are as right.
func random(name string) bool {
	dropout := []string{"test_training_dropout", "test_training_dropout_default", "test_training_dropout_default_mask", "test_training_dropout_mask"}
	return strings.HasPrefix(name, "test_bernoulli") || slices.Contains(dropout, name)
}

// runCase runs one model on all of its data sets.
func runCase(path string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	m, err := onnx.Load(path, onnx.LoadOptions{})
	if err != nil {
		return err
	}
	if err := supported(m); err != nil {
		return err
	}
	if random(filepath.Base(filepath.Dir(path))) {
		return fmt.Errorf("%w: NumPy's random numbers", errSkip)
	}
	sets, err := filepath.Glob(filepath.Join(filepath.Dir(path), "test_data_set_*"))
	if err != nil || len(sets) == 0 {
		return fmt.Errorf("no data sets: %v", err)
	}
	for _, set := range sets {
		if err := runSet(m, set); err != nil {
			return err
		}
	}
	return nil
}

// supported says what the engine lacks for m.
func supported(m *graph.Model) error {
	var missing []string
	m.Graph.Walk(func(g *graph.Graph) {
		for _, n := range g.Nodes {
			if _, ok := graph.LookupOp(n.Domain, n.Op); !ok {
				missing = append(missing, strings.TrimPrefix(n.Domain+"."+n.Op, "."))
			}
		}
		for _, p := range append(g.Inputs, g.Outputs...) {
			if p.DType == tensor.Invalid && g == m.Graph {
				missing = append(missing, "a value that is no tensor")
			}
		}
	})
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("%w: %s", errSkip, strings.Join(slices.Compact(missing), ", "))
}

func runSet(m *graph.Model, set string) error {
	o := graph.Options{Shapes: map[graph.Value]tensor.Shape{}}
	var in []*tensor.Tensor
	for i, p := range m.Graph.Inputs {
		x, err := loadAs(p, set, "input", i)
		if err != nil {
			return err
		}
		in = append(in, x)
		o.Shapes[p.Name] = x.Shape()
	}
	s, err := graph.Compile(m, o)
	if errors.Is(err, graph.ErrUnsupported) {
		return fmt.Errorf("%w: %w", errSkip, err)
	}
	if err != nil {
		return err
	}
	for i, p := range m.Graph.Inputs {
		if slices.Contains(s.Inputs(), p.Name) {
			if err := s.Feed(p.Name, in[i]); err != nil {
				return err
			}
		}
	}
	if err := s.Forward(); err != nil {
		return err
	}
	for i, p := range m.Graph.Outputs {
		v := p.Name
		want, err := loadAs(p, set, "output", i)
		if err != nil {
			return err
		}
		if err := near(s.Tensor(v), want); err != nil {
			return fmt.Errorf("output %q: %w", v, err)
		}
	}
	return nil
}

// loadAs reads a port's tensor. The vectors hold bfloat16 as its bits.
func loadAs(p graph.Port, set, kind string, i int) (*tensor.Tensor, error) {
	_, x, err := onnx.LoadTensor(filepath.Join(set, fmt.Sprintf("%s_%d.pb", kind, i)))
	if err == nil && p.DType == tensor.BF16 && x.DType() == tensor.U16 {
		x = tensor.OfRaw(tensor.BF16, x.Shape(), x.Raw())
	}
	return x, err
}

// near compares as ONNX's own backend test does: floats to 1e-3 of their size.
func near(got, want *tensor.Tensor) error {
	if got == nil || got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if want.DType() == tensor.String {
		if !slices.Equal(tensor.Data[string](got), tensor.Data[string](want)) {
			return fmt.Errorf("got %q, want %q", tensor.Data[string](got), tensor.Data[string](want))
		}
		return nil
	}
	if !want.DType().IsFloat() {
		if !slices.Equal(got.Raw(), want.Raw()) {
			return fmt.Errorf("%v differs", want)
		}
		return nil
	}
	tol := map[tensor.DType]float64{tensor.F16: 2e-3, tensor.BF16: 1e-2}[want.DType()]
	for i := range want.Len() {
		g, w := element(got, i), element(want, i)
		if math.IsNaN(g) != math.IsNaN(w) || math.IsInf(w, 0) && g != w || !math.IsInf(w, 0) && math.Abs(g-w) > 1e-7+max(tol, 1e-3)*math.Abs(w) {
			return fmt.Errorf("%v: element %d is %g, want %g", want, i, g, w)
		}
	}
	return nil
}

func element(t *tensor.Tensor, i int) float64 {
	switch t.DType() {
	case tensor.F64:
		return tensor.Data[float64](t)[i]
	case tensor.F16:
		return float64(tensor.Data[tensor.Float16](t)[i].Float32())
	case tensor.BF16:
		return float64(tensor.Data[tensor.BFloat16](t)[i].Float32())
	}
	return float64(t.F32s()[i])
}
