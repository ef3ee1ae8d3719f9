//go:build unix

package onnx

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/compress-toolkit/compress/format"
)

// FuzzDecode wants an error of the file's or a model that can be written and
// read again, never a panic.
func FuzzDecode(f *testing.F) {
	seeds, _ := filepath.Glob("testdata/*.onnx")
	for _, path := range seeds {
		if b, err := os.ReadFile(path); err == nil && len(b) < 1<<16 {
			f.Add(b)
		}
	}
	for _, b := range [][]byte{
		file(6, graphWith(weight(1, make([]byte, 16), 4))), file(13, sparseGraph(5)), file(9, nested(3)), callsItself(),
		functionModel([][]string{{"f1", "f1"}, nil}), file(23, graphWith(weight(22, []byte{1}, 2))),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(bytes.NewReader(b), int64(len(b)), LoadOptions{})
		if err != nil {
			if !errors.Is(err, format.ErrFormat) {
				t.Fatalf("not a file's error: %v", err)
			}
			return
		}
		for _, p := range m.AllParams() {
			if _, err := p.Load(); err != nil && !errors.Is(err, format.ErrFormat) {
				t.Fatalf("parameter %q: %v", p.Name, err)
			}
		}
		var first bytes.Buffer
		if Encode(&first, m, SaveOptions{}) != nil {
			return
		}
		if _, err := Decode(bytes.NewReader(first.Bytes()), int64(first.Len()), LoadOptions{}); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}

// FuzzTensor wants the same of a file with one tensor.
func FuzzTensor(f *testing.F) {
	for _, o := range []*out{weight(1, make([]byte, 8), 2), weight(8, nil, 0), weight(22, []byte{1}, 2), outside("x", "1", "2")} {
		f.Add(o.buf)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, x, err := DecodeTensor(bytes.NewReader(b), int64(len(b)))
		if err != nil && !errors.Is(err, format.ErrFormat) || err == nil && x == nil {
			t.Fatalf("got %v, %v", x, err)
		}
	})
}
