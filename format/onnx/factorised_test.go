package onnx_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/format/onnx"
	"github.com/compress-toolkit/compress/lowrank"
)

// TestFactorisedInONNXRuntime factorises real networks at several kept fractions,
// writes them, and wants a smaller file and the same outputs from ONNX Runtime as
// from the engine.
func TestFactorisedInONNXRuntime(t *testing.T) {
	ortPackage(t)
	for _, n := range networks {
		src := sharedModel(t, n.file)
		for _, keep := range []float64{0.7, 0.4} {
			t.Run(fmt.Sprintf("%s/%g", n.file, keep), func(t *testing.T) {
				m, err := onnx.Load(src, onnx.LoadOptions{})
				must(t, err)
				dst := filepath.Join(t.TempDir(), "small.onnx")
				factorise(t, m, keep, dst)
				small, err := onnx.Load(dst, onnx.LoadOptions{})
				must(t, err)
				want, got := runORT(t, dst, "", n.in()), runEngine(t, small, n.in())
				for name, w := range want {
					if d := relative(got[name], w); !(d < 1e-4) {
						t.Errorf("output %q: largest difference %.3g of the largest output", name, d)
					}
				}
				if before, after := fileBytes(t, src), fileBytes(t, dst); float64(after) > (keep+0.1)*float64(before) {
					t.Errorf("kept %g: %d bytes of %d", keep, after, before)
				}
			})
		}
	}
}

// factorise keeps a fraction of m's parameters by SVD and writes it to path.
func factorise(t *testing.T, m *graph.Model, keep float64, path string) {
	t.Helper()
	small, _, err := lowrank.Run(context.Background(), m, lowrank.Config{Method: "svd", Policy: lowrank.Keep{Fraction: keep}})
	must(t, err)
	must(t, onnx.Save(path, small, onnx.SaveOptions{}))
}

func fileBytes(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	must(t, err)
	return st.Size()
}
