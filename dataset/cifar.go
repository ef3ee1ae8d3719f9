package dataset

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// CIFAR-10's binary version: files of records, each a label byte and 3x32x32
// pixels, red plane first (Krizhevsky 2009).
const (
	cifarPixels  = 3 * 32 * 32
	cifarRecords = 10000 // per file
	cifarArchive = "cifar-10-binary.tar.gz"
)

var cifarFiles = map[Split][]string{
	Train: {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
	Test:  {"test_batch.bin"},
}

var cifarNames = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// hasCIFAR reports whether dir has the unpacked files of a split or the archive.
func hasCIFAR(dir string, split Split) bool {
	for _, n := range cifarFiles[split] {
		if !isFile(filepath.Join(dir, n)) {
			return isFile(filepath.Join(dir, cifarArchive))
		}
	}
	return true
}

// cifar collects the records of a split, perFile in each of its files.
type cifar struct {
	files   []string
	perFile int
	pixels  []byte
	labels  []uint8
}

func newCIFAR(split Split, perFile int) *cifar {
	n := len(cifarFiles[split]) * perFile
	return &cifar{cifarFiles[split], perFile, make([]byte, n*cifarPixels), make([]uint8, n)}
}

// openCIFAR reads a split from dir, unpacked or from the archive.
func openCIFAR(dir string, split Split) (Set, error) {
	c := newCIFAR(split, cifarRecords)
	if err := c.readDir(dir); err != nil {
		return nil, err
	}
	return c.set("cifar10/" + split.String())
}

func (c *cifar) set(name string) (Set, error) {
	n := len(c.labels)
	s, err := FromTensors(name, tensor.Of(tensor.Shape{n, 3, 32, 32}, c.pixels), tensor.Of(tensor.Shape{n}, c.labels), len(cifarNames))
	if err != nil {
		return nil, err
	}
	s.(*pixelSet).names = cifarNames
	return s, nil
}

func (c *cifar) readDir(dir string) error {
	if archive := filepath.Join(dir, cifarArchive); !isFile(filepath.Join(dir, c.files[0])) {
		return c.readArchive(archive)
	}
	for i, n := range c.files {
		if err := c.readPath(i, filepath.Join(dir, n)); err != nil {
			return err
		}
	}
	return nil
}

func (c *cifar) readPath(i int, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return &Error{Kind: ErrMissing, Path: name, Err: err}
	}
	defer f.Close()
	if err := c.readFile(i, f); err != nil {
		return badFile(name, "%w", err)
	}
	return nil
}

// readFile reads the i-th file of the split.
func (c *cifar) readFile(i int, f io.Reader) error {
	r := bufio.NewReaderSize(f, 1<<16)
	for k := i * c.perFile; k < (i+1)*c.perFile; k++ {
		label, err := r.ReadByte()
		if err == nil {
			_, err = io.ReadFull(r, c.pixels[k*cifarPixels:(k+1)*cifarPixels])
		}
		if err != nil {
			return fmt.Errorf("ends in record %d, expected %d records of %d bytes: %w", k%c.perFile, c.perFile, cifarPixels+1, err)
		}
		if int(label) >= len(cifarNames) {
			return fmt.Errorf("record %d has label %d, expected 0..9", k%c.perFile, label)
		}
		c.labels[k] = label
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("has bytes after the %d records of %d bytes", c.perFile, cifarPixels+1)
	}
	return nil
}

// readArchive reads the files of the split from the official .tar.gz.
func (c *cifar) readArchive(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return &Error{Kind: ErrMissing, Path: name, Err: err}
	}
	defer f.Close()
	z, _, err := gunzip(f, 0)
	if err != nil {
		return badFile(name, "%w", err)
	}
	missing, t := len(c.files), tar.NewReader(z)
	seen := map[string]bool{}
	for missing > 0 {
		h, err := t.Next()
		if err != nil {
			return badFile(name, "%d of the files %v not found in it: %w", missing, c.files, err)
		}
		for i, want := range c.files {
			if path.Base(h.Name) != want || seen[want] {
				continue
			}
			if err := c.readFile(i, t); err != nil {
				return badFile(name, "%s: %w", want, err)
			}
			seen[want] = true
			missing--
		}
	}
	return nil
}
