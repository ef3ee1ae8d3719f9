package lowrank

import (
	"context"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/onnx"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// sharedFile returns a file of the folder COMPRESS_SHARED, or skips the test.
func sharedFile(t *testing.T, elem ...string) string {
	t.Helper()
	root := os.Getenv("COMPRESS_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: set COMPRESS_SHARED to the folder of models and data", path)
	}
	return path
}

// images are normalised CIFAR-10 images with their labels.
type images struct {
	x      []float32
	labels []byte
}

func cifar(t *testing.T, file string, n int) images {
	t.Helper()
	raw, err := exec.Command("xz", "-dc", sharedFile(t, "data", "cifar10", file)).Output()
	if err != nil {
		t.Skipf("unpacking %s: %v", file, err)
	}
	const pixels, record = 3 * 1024, 3*1024 + 1
	mean, dev := [3]float32{.485, .456, .406}, [3]float32{.229, .224, .225}
	im := images{make([]float32, n*pixels), make([]byte, n)}
	for i := range n {
		im.labels[i] = raw[i*record]
		for j, v := range raw[i*record+1:][:pixels] {
			im.x[i*pixels+j] = (float32(v)/255 - mean[j/1024]) / dev[j/1024]
		}
	}
	return im
}

func (im images) batch(from, n int) *tensor.Tensor {
	return tensor.Of(tensor.Shape{n, 3, 32, 32}, im.x[from*3072:(from+n)*3072])
}

func (im images) batches(size int) Batches {
	return func(context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
		return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
			for i := 0; i+size <= len(im.labels); i += size {
				if !yield(map[graph.Value]*tensor.Tensor{"x": im.batch(i, size)}, nil) {
					return
				}
			}
		}
	}
}

// accuracy returns the fraction of images that m classifies right.
func (im images) accuracy(t *testing.T, m *graph.Model) float64 {
	t.Helper()
	const size = 250
	s, err := graph.Compile(m, graph.Options{Shapes: map[graph.Value]tensor.Shape{"x": {size, 3, 32, 32}}})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for from := 0; from < len(im.labels); from += size {
		if err := s.Feed("x", im.batch(from, size)); err != nil {
			t.Fatal(err)
		}
		if err := s.Forward(); err != nil {
			t.Fatal(err)
		}
		y := s.Tensor(s.Outputs()[0]).F32s()
		for i := range size {
			best := 0
			for c := range 10 {
				if y[i*10+c] > y[i*10+best] {
					best = c
				}
			}
			if best == int(im.labels[from+i]) {
				right++
			}
		}
	}
	return float64(right) / float64(len(im.labels))
}

func resnet20(t *testing.T) *graph.Model {
	t.Helper()
	m, err := onnx.Load(sharedFile(t, "models", "cifar10-resnet20.onnx"), onnx.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Half of a pretrained ResNet-20's convolutions, planned together over 1,024 training images and
// not tuned. One fraction for all layers gives 14.25 % by plain SVD and 51.94 %
// with the outputs' covariance. COMPRESS_TEST_IMAGES=10000 tests on all images.
func TestPretrainedResNet20(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of calibration and evaluation")
	}
	m := resnet20(t)
	n := 1000
	if os.Getenv("COMPRESS_TEST_IMAGES") == "10000" {
		n = 10000
	}
	test, train := cifar(t, "test_batch.bin.xz", n), cifar(t, "data_batch_1.bin.xz", 1024)
	out, rep := mustRun(t, m, Config{
		Method: "svd", Policy: Keep{Fraction: 0.5}, Calibration: train.batches(128),
		Selection: Selection{Include: regexp.MustCompile("(?i)conv")},
	})
	before, after := int64(0), int64(0)
	for _, l := range rep.Sites {
		before, after = before+l.ParamsBefore, after+l.ParamsAfter
	}
	got := test.accuracy(t, out)
	t.Logf("%d of %d parameters of convolutions, accuracy %.2f %%\n%s", after, before, 100*got, rep)
	if 2*after > before {
		t.Errorf("%d of %d parameters are kept, want at most half", after, before)
	}
	if got < 0.75 {
		t.Errorf("accuracy %.2f %%, want at least 75", 100*got)
	}
}

// The correction of CP keeps the error of converged least squares at a tenth of its sensitivity.
func TestCPSensitivityOfResNet20(t *testing.T) {
	sites, err := Find(resnet20(t), Selection{Include: regexp.MustCompile("(?i)layer[123].*conv")})
	if err != nil {
		t.Fatal(err)
	}
	for i, ranks := range map[int][]int{2: {8, 16}, 8: {16, 32}, 16: {16}} {
		w, err := sites[i].Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, rank := range ranks {
			fit := func(slack float64) (*nd.CP, float64) {
				o := nd.CPOpts{Rank: rank, Ridge: 1e-15, Sweeps: 1000, Tol: 1e-8, Starts: -1, Slack: slack}
				c, e, err := nd.DecomposeCP(context.Background(), w.Index(0), o)
				if err != nil {
					t.Fatal(err)
				}
				return c, e
			}
			plain, e0 := fit(-1)
			good, e1 := fit(0)
			t.Logf("%s rank %d: error %.4f and %.4f, sensitivity %.3g and %.3g", sites[i].Name, rank, e0, e1, plain.Sensitivity(), good.Sensitivity())
			if e1 > e0*1.0011 || 10*good.Sensitivity() > plain.Sensitivity() {
				t.Errorf("%s rank %d: error %g (plain %g), sensitivity %g (plain %g)", sites[i].Name, rank, e1, e0, good.Sensitivity(), plain.Sensitivity())
			}
		}
	}
}
