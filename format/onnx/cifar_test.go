package onnx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/format/onnx"
)

// cifarRecord is a label and an image of 3 x 32 x 32 bytes.
const cifarRecord = 1 + 3*32*32

// cifarTest returns the records of CIFAR-10's test set.
func cifarTest(t *testing.T) []byte {
	t.Helper()
	models := filepath.Dir(sharedModel(t, "cifar10-resnet20.onnx"))
	path := filepath.Join(models, "..", "data", "cifar10", "test_batch.bin.xz")
	b, err := exec.Command("xz", "-dc", path).Output()
	if err != nil {
		t.Skipf("no CIFAR-10 in %s, or no xz to unpack it with: %v", path, err)
	}
	if len(b) != 10000*cifarRecord {
		t.Fatalf("%d bytes of test images", len(b))
	}
	return b
}

// pixels normalises the images from first on as the networks were trained:
// (x/255 - mean) / deviation of each colour.
func pixels(dst *tensor.Tensor, records []byte, first int) {
	mean, dev := [3]float32{.485, .456, .406}, [3]float32{.229, .224, .225}
	x := dst.F32s()
	for i := range dst.Dim(0) {
		img := records[(first+i)*cifarRecord+1:][:3*1024]
		for j, v := range img {
			x[i*3*1024+j] = (float32(v)/255 - mean[j/1024]) / dev[j/1024]
		}
	}
}

// classifier compiles a network for batches of n images.
func classifier(t *testing.T, file string, n int) *graph.Session {
	t.Helper()
	m, err := onnx.Load(sharedModel(t, file), onnx.LoadOptions{})
	must(t, err)
	s, err := graph.Compile(m, graph.Options{Dims: graph.Dims{"N": n}})
	must(t, err)
	return s
}

// TestCIFARLogits compares with PyTorch's logits of both networks.
func TestCIFARLogits(t *testing.T) {
	records, n := cifarTest(t), 64
	ref, err := npy.ReadZipFile(filepath.Join(filepath.Dir(sharedModel(t, "cifar10-resnet20.onnx")), "cifar10-reference.npz"))
	must(t, err)
	for _, net := range []string{"resnet20", "resnet56"} {
		s := classifier(t, "cifar10-"+net+".onnx", n)
		pixels(s.Tensor("x"), records, 0)
		must(t, s.Forward())
		at := slices.IndexFunc(ref, func(e npy.Entry) bool { return e.Name == net })
		want := tensor.Of(tensor.Shape{n, 10}, ref[at].Tensor.F32s()[:n*10])
		if d := relative(s.Tensor("y"), want); !(d < 1e-4) {
			t.Errorf("%s: largest difference %.3g of the largest logit", net, d)
		}
	}
}

// TestCIFARAccuracy wants the published accuracy of ResNet-20, 91.73 % of 10,000
// images, or with less patience of the first 1,000.
func TestCIFARAccuracy(t *testing.T) {
	images, want := 1000, 920
	if os.Getenv("COMPRESS_FULL") != "" {
		images, want = 10000, 9173
	}
	records, n := cifarTest(t), 100
	s := classifier(t, "cifar10-resnet20.onnx", n)
	right := 0
	for first := 0; first < images; first += n {
		pixels(s.Tensor("x"), records, first)
		must(t, s.Forward())
		for i := range n {
			if train.ArgMax(s.Tensor("y").F32s()[i*10:][:10]) == int(records[(first+i)*cifarRecord]) {
				right++
			}
		}
	}
	if right < want-1 || right > want+1 {
		t.Errorf("%d of %d images are right, want %d", right, images, want)
	}
	t.Logf("%d of %d images are right (COMPRESS_FULL=1 measures all 10,000)", right, images)
}
