package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// labelCounts returns how often each class occurs.
func labelCounts(s Set) []int {
	n := make([]int, s.Classes())
	for i := range s.Len() {
		n[s.(Labelled).Label(i)]++
	}
	return n
}

// TestMNIST reads the real files, which come with the Go module.
func TestMNIST(t *testing.T) {
	train, val, err := mustParse(t, "mnist;val=5000").OpenTraining(Dirs{})
	if err != nil {
		t.Fatal(err)
	}
	test := open(t, "mnist", Test, Dirs{})
	if train.Len() != 55000 || val.Len() != 5000 || test.Len() != 10000 || !test.Shape().Equal(tensor.Shape{1, 28, 28}) {
		t.Errorf("%d, %d and %d samples of %v", train.Len(), val.Len(), test.Len(), test.Shape())
	}
	if n := labelCounts(test); n[1] != 1135 || n[5] != 892 { // known counts of the test set
		t.Errorf("labels occur %v times", n)
	}
	for _, s := range []Set{train, val, test} {
		testSet(t, s)
	}
	whole := open(t, "mnist", Train, Dirs{})
	n, err := Measure(whole, 0)
	if err != nil || n.Mean[0] < 0.1306 || n.Mean[0] > 0.1308 || n.Std[0] < 0.3080 || n.Std[0] > 0.3082 {
		t.Errorf("measured %v, the usual figures are .1307 and .3081 (%v)", n, err)
	}
}

func TestFashionMNIST(t *testing.T) {
	s, err := mustParse(t, "fashion-mnist").Open(Test, Dirs{})
	if errors.Is(err, ErrMissing) {
		t.Skip("no Fashion-MNIST here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	testSet(t, s)
	for class, n := range labelCounts(s) {
		if n != 1000 {
			t.Errorf("%d of class %d", n, class)
		}
	}
}

// TestSameFileNames points at a folder with the other set's files.
func TestSameFileNames(t *testing.T) {
	k, _ := findKnown("mnist")
	dir, err := Dirs{}.find(k, Train)
	if err != nil {
		t.Fatal(err)
	}
	_, err = mustParse(t, "fashion-mnist").Open(Test, Dirs{Dir: dir, Only: true})
	var e *Error
	if !errors.Is(err, ErrMissing) || !errors.As(err, &e) || !strings.Contains(e.Hint(), "compress data fetch fashion-mnist") {
		t.Errorf("MNIST's folder opened as Fashion-MNIST: %v", err)
	}
	if _, err := mustParse(t, "idx:"+dir).Open(Test, Dirs{}); err != nil {
		t.Error(err)
	}
}

func TestListFindsMNIST(t *testing.T) {
	list := List(Dirs{})
	if len(list) != 3 || list[0].Name != "mnist" || list[0].Found == "" {
		t.Errorf("list is %+v", list)
	}
	for _, k := range List(Dirs{Dir: t.TempDir(), Only: true}) {
		if k.Found != "" || len(k.Places) == 0 {
			t.Errorf("in an empty folder: %+v", k)
		}
	}
}

// idxBytes returns an IDX file of bytes.
func idxBytes(data []byte, dims ...int) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, data...)
}

func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func put(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestIDXDamage(t *testing.T) {
	images, labels := idxBytes(make([]byte, 12), 3, 2, 2), idxBytes([]byte{0, 1, 2}, 3)
	badSum := zipped(t, images)
	badSum[len(badSum)-6] ^= 1
	for want, files := range map[string][2][]byte{
		"":                        {zipped(t, images), labels},
		"found 11":                {images[:len(images)-1], labels},
		"unexpected EOF":          {zipped(t, images)[:30], labels},
		"starts with":             {labels, labels},
		"bytes after":             {append(bytes.Clone(images), 0), labels},
		"can hold":                {idxBytes(nil, 1<<31, 1<<31, 1<<31), labels},
		"2 labels, expected 3":    {images, idxBytes([]byte{0, 1}, 2)},
		"header has 7 of 8 bytes": {images, labels[:7]},
		"checksum":                {badSum, labels},
	} {
		dir := t.TempDir()
		put(t, dir, "t10k-images-idx3-ubyte", files[0])
		put(t, dir, "t10k-labels-idx1-ubyte.gz", files[1]) // not gzipped: content decides
		s, err := mustParse(t, "idx:"+dir).Open(Test, Dirs{})
		switch {
		case want == "" && err != nil:
			t.Error(err)
		case want == "":
			testSet(t, s)
		case !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir):
			t.Errorf("want an error with %q that names the file, got %v", want, err)
		}
	}
	dir := t.TempDir()
	put(t, dir, "mnist/t10k-images-idx3-ubyte", images)
	put(t, dir, "mnist/t10k-labels-idx1-ubyte", labels)
	_, err := mustParse(t, "mnist").Open(Test, Dirs{Dir: dir})
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "expected 10000") || !strings.Contains(e.Hint(), "fetch mnist") {
		t.Errorf("three images as MNIST: %v", err)
	}
}

// cifarBytes returns n records in the official layout: label k%10, all pixels k.
func cifarBytes(n int) []byte {
	var b []byte
	for k := range n {
		b = append(b, byte(k%10))
		b = append(b, bytes.Repeat([]byte{byte(k)}, cifarPixels)...)
	}
	return b
}

func TestCIFARLayout(t *testing.T) {
	dir, packed := t.TempDir(), t.TempDir()
	var tarred bytes.Buffer
	w := tar.NewWriter(&tarred)
	for i := len(cifarFiles[Train]) - 1; i >= 0; i-- { // the archive may have any order
		b := cifarBytes(10 * (i + 1))[10*i*(cifarPixels+1):]
		name := cifarFiles[Train][i]
		put(t, dir, name, b)
		if err := w.WriteHeader(&tar.Header{Name: "cifar-10-batches-bin/" + name, Mode: 0o666, Size: int64(len(b))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, packed, cifarArchive, zipped(t, tarred.Bytes()))
	for _, d := range []string{dir, packed} {
		c := newCIFAR(Train, 10)
		if err := c.readDir(d); err != nil {
			t.Fatal(err)
		}
		s, err := c.set("small")
		if err != nil {
			t.Fatal(err)
		}
		testSet(t, s)
		x := make([]float32, cifarPixels)
		if y, _ := s.Read(37, x); y != 7 || x[0] != unit[37] || x[cifarPixels-1] != unit[37] {
			t.Errorf("record 37 has label %d and pixels %v", y, x[0])
		}
	}
	if err := newCIFAR(Test, 10).readDir(packed); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "test_batch.bin") {
		t.Errorf("an archive without the test part: %v", err)
	}
}

func TestCIFARDamage(t *testing.T) {
	good := cifarBytes(10)
	bad := bytes.Clone(good)
	bad[3*(cifarPixels+1)] = 10
	for want, b := range map[string][]byte{
		"ends in record 9":      good[:len(good)-1],
		"record 3 has label 10": bad,
		"bytes after the 10":    append(bytes.Clone(good), 0),
		"ends in record 0":      nil,
	} {
		dir := t.TempDir()
		put(t, dir, "test_batch.bin", b)
		if err := newCIFAR(Test, 10).readDir(dir); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// TestCIFAR10 reads the real test part: unpacked in one of the usual places, or
// from the project's shared data, which keeps it compressed by xz.
func TestCIFAR10(t *testing.T) {
	s, err := mustParse(t, "cifar10").Open(Test, Dirs{})
	if errors.Is(err, ErrMissing) {
		s, err = mustParse(t, "cifar10").Open(Test, Dirs{Dir: unpackShared(t), Only: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	testSet(t, s)
	for class, n := range labelCounts(s) {
		if n != 1000 {
			t.Errorf("%d of class %d", n, class)
		}
	}
	n, err := Measure(s, 0)
	if err != nil || n.Mean[0] < 0.493 || n.Mean[0] > 0.496 || n.Mean[2] < 0.449 || n.Mean[2] > 0.452 {
		t.Errorf("channel means %v, expected about .494 and .451 (%v)", n, err)
	}
}

func unpackShared(t *testing.T) string {
	t.Helper()
	packed, err := filepath.Abs("../../shared/data/cifar10/test_batch.bin.xz")
	if err != nil || !isFile(packed) {
		t.Skip("no CIFAR-10 here: set COMPRESS_DATA to a folder with cifar-10-batches-bin")
	}
	b, err := exec.Command("xz", "-dc", packed).Output()
	if err != nil {
		t.Skip("cannot unpack CIFAR-10: ", err)
	}
	dir := t.TempDir()
	put(t, dir, "cifar-10-batches-bin/test_batch.bin", b)
	return dir
}
