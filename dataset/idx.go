package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// The IDX files of LeCun's MNIST page: big-endian magic 00 00 type rank, the
// extents as 32-bit numbers, then the elements. Only bytes (type 8) occur here.
var idxFiles = map[Split][2]string{
	Train: {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
	Test:  {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
}

// idxPath returns the file in dir with the given official name, with .gz or
// without, or in the spelling of older copies, train-images.idx3-ubyte.
func idxPath(dir, name string) (string, bool) {
	dotted := strings.Replace(name, "-idx", ".idx", 1)
	for _, n := range []string{name + ".gz", name, dotted, dotted + ".gz"} {
		p := filepath.Join(dir, n)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			return p, true
		}
	}
	return filepath.Join(dir, name+".gz"), false
}

// hasIDX reports whether dir has the images and labels of a split.
func hasIDX(dir string, split Split) bool {
	_, images := idxPath(dir, idxFiles[split][0])
	_, labels := idxPath(dir, idxFiles[split][1])
	return images && labels
}

// readIDX reads an IDX file of unsigned bytes with the given rank.
func readIDX(path string, rank int) (tensor.Shape, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, &Error{Kind: ErrMissing, Path: path, Err: err}
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	r, limit, err := gunzip(f, st.Size())
	if err != nil {
		return nil, nil, badFile(path, "%w", err)
	}
	shape, data, err := decodeIDX(r, rank, limit)
	if err != nil {
		return nil, nil, badFile(path, "%w", err)
	}
	return shape, data, nil
}

// gunzip returns the decompressed stream of f, or f itself when it is not
// gzipped, and the most bytes that it can hold.
func gunzip(f io.Reader, size int64) (io.Reader, int64, error) {
	const maxRatio = 1032 // of DEFLATE
	b := bufio.NewReaderSize(f, 1<<16)
	if head, err := b.Peek(2); err != nil || !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return b, size, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, 0, err
	}
	if size > math.MaxInt64/maxRatio {
		return z, math.MaxInt64, nil
	}
	return z, size * maxRatio, nil
}

// decodeIDX reads a whole IDX stream that holds at most limit bytes.
func decodeIDX(r io.Reader, rank int, limit int64) (tensor.Shape, []byte, error) {
	head := make([]byte, 4+4*rank)
	got, err := io.ReadFull(r, head)
	want := [4]byte{0, 0, 8, byte(rank)}
	switch {
	case got >= 4 && [4]byte(head) != want:
		return nil, nil, fmt.Errorf("starts with % x, expected % x (IDX, bytes, rank %d)", head[:4], want, rank)
	case err != nil:
		return nil, nil, fmt.Errorf("IDX header has %d of %d bytes: %w", got, len(head), err)
	}
	shape := make(tensor.Shape, rank)
	for i := range shape {
		shape[i] = int(binary.BigEndian.Uint32(head[4+4*i:]))
	}
	n, ok := shape.CheckedSize(int(min(limit, math.MaxInt)))
	if !ok {
		return nil, nil, fmt.Errorf("declares %v bytes, more than the file can hold", shape)
	}
	data, err := readBytes(r, n)
	if err != nil {
		return nil, nil, fmt.Errorf("%v needs %d bytes, found %d: %w", shape, n, len(data), err)
	}
	if extra, err := io.ReadFull(r, make([]byte, 1)); extra > 0 {
		return nil, nil, fmt.Errorf("has bytes after the %d of %v", n, shape)
	} else if !errors.Is(err, io.EOF) {
		return nil, nil, err // a gzip checksum, most likely
	}
	return shape, data, nil
}

// readBytes reads n bytes; beyond a first portion memory grows with what
// arrives, not with what is declared.
func readBytes(r io.Reader, n int) ([]byte, error) {
	const trusted = 64 << 20
	b := bytes.NewBuffer(make([]byte, 0, min(n, trusted)))
	got, err := io.CopyN(b, r, int64(n))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b.Bytes()[:got], err
}

// openIDX reads the images and labels of a split from dir.
func openIDX(name, dir string, split Split, classNames []string) (Set, error) {
	imagePath, _ := idxPath(dir, idxFiles[split][0])
	labelPath, _ := idxPath(dir, idxFiles[split][1])
	shape, pixels, err := readIDX(imagePath, 3)
	if err != nil {
		return nil, err
	}
	if len(pixels) == 0 {
		return nil, badFile(imagePath, "images are %v, expected at least one", shape)
	}
	lshape, raw, err := readIDX(labelPath, 1)
	if err != nil {
		return nil, err
	}
	if lshape[0] != shape[0] {
		return nil, badFile(labelPath, "%d labels, expected %d as %s has images", lshape[0], shape[0], filepath.Base(imagePath))
	}
	s, err := FromTensors(fmt.Sprintf("%s/%s", name, split), tensor.Of(shape, pixels), tensor.Of(lshape, raw), len(classNames))
	if err != nil {
		return nil, badFile(labelPath, "%w", err)
	}
	s.(*pixelSet).names = classNames
	return s, nil
}
