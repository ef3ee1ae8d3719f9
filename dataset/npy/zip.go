package npy

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// Entry is one named array of an archive.
type Entry struct {
	Name   string
	Tensor *tensor.Tensor
}

// Archive is an open .npz file, from which arrays are read one by one. It is
// not safe for concurrent use.
type Archive struct {
	files  []*zip.File
	names  []string
	size   int64 // of the file
	left   int64 // decoded bytes that may still be read
	closer io.Closer
}

// Open lists the arrays of the archive in r, which has size bytes.
func (l Limits) Open(r io.ReaderAt, size int64) (*Archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, &FormatError{Msg: "no .npz archive", Err: err}
	}
	a := &Archive{size: size, left: l.maxBytes()}
	seen := map[string]bool{}
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			return nil, &FormatError{Entry: f.Name, Msg: "the entry is no .npy"}
		}
		if seen[name] {
			return nil, &FormatError{Entry: name, Msg: "the name stands twice in the archive"}
		}
		seen[name] = true
		a.files, a.names = append(a.files, f), append(a.names, name)
	}
	return a, nil
}

// OpenFile opens a .npz file; Close it after use.
func (l Limits) OpenFile(path string) (*Archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		var a *Archive
		if a, err = l.Open(f, st.Size()); err == nil {
			a.closer = f
			return a, nil
		}
	}
	_ = f.Close()
	return nil, fmt.Errorf("%s: %w", path, err)
}

// Close releases the file of an archive from OpenFile.
func (a *Archive) Close() error {
	if a.closer == nil {
		return nil
	}
	return a.closer.Close()
}

// Names returns the names of the arrays in the archive's order; the caller
// must not change it.
func (a *Archive) Names() []string { return a.names }

// Read reads the named array.
func (a *Archive) Read(name string) (*tensor.Tensor, error) {
	for i, n := range a.names {
		if n == name {
			return a.read(i)
		}
	}
	return nil, &FormatError{Entry: name, Msg: fmt.Sprintf("not in the archive, which has %q", a.names)}
}

func (a *Archive) read(i int) (*tensor.Tensor, error) {
	f := a.files[i]
	if err := a.checkSize(f); err != nil {
		return nil, &FormatError{Entry: a.names[i], Msg: err.Error()}
	}
	r, err := f.Open()
	if err != nil {
		return nil, &FormatError{Entry: a.names[i], Msg: "unreadable", Err: err}
	}
	defer r.Close()
	t, err := Limits{a.left}.read(r, int64(f.UncompressedSize64))
	if err == nil {
		a.left -= int64(t.Bytes())
		_, err = io.ReadFull(r, make([]byte, 1)) // the end is where the checksum is compared
	}
	var fe *FormatError
	switch {
	case errors.As(err, &fe):
		fe.Entry = a.names[i]
		return nil, fe
	case err != io.EOF:
		return nil, &FormatError{Entry: a.names[i], Offset: int64(f.UncompressedSize64), Msg: "damaged", Err: err}
	}
	return t, nil
}

// maxRatio is the most that a byte of DEFLATE can expand to.
const maxRatio = 1032

// checkSize refuses a declared size that the entry's compressed bytes cannot
// hold, so that the size may be trusted for an allocation.
func (a *Archive) checkSize(f *zip.File) error {
	packed, full := f.CompressedSize64, f.UncompressedSize64
	switch {
	case packed > uint64(a.size):
		return fmt.Errorf("%d compressed bytes in a file of %d", packed, a.size)
	case f.Method == zip.Store && full != packed, full/maxRatio > packed:
		return fmt.Errorf("%d compressed bytes cannot hold %d", packed, full)
	case full > uint64(a.left)+maxHeader:
		return fmt.Errorf("%d bytes are above the limit for the archive (%d left)", full, a.left)
	}
	return nil
}

// ReadZip reads all arrays of an archive of size bytes within the default limits.
func ReadZip(r io.ReaderAt, size int64) ([]Entry, error) {
	a, err := Limits{}.Open(r, size)
	if err != nil {
		return nil, err
	}
	return a.All()
}

// ReadZipFile reads all arrays of a .npz file within the default limits.
func ReadZipFile(path string) ([]Entry, error) {
	a, err := Limits{}.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	es, err := a.All()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return es, nil
}

// All reads every array, in the archive's order.
func (a *Archive) All() ([]Entry, error) {
	es := make([]Entry, len(a.files))
	for i := range a.files {
		t, err := a.read(i)
		if err != nil {
			return nil, err
		}
		es[i] = Entry{a.names[i], t}
	}
	return es, nil
}

// Write writes t as a version 1.0 .npy array in C order.
func Write(w io.Writer, t *tensor.Tensor) error {
	h, err := appendHeader(nil, t)
	if err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil {
		return err
	}
	_, err = w.Write(t.Raw())
	return err
}

// WriteZip writes an uncompressed archive, as numpy.savez does. The bytes are a
// function of the entries alone.
func WriteZip(w io.Writer, entries []Entry) error {
	z := zip.NewWriter(w)
	for _, e := range entries {
		f, err := z.CreateHeader(&zip.FileHeader{Name: e.Name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if err := Write(f, e.Tensor); err != nil {
			return fmt.Errorf("array %q: %w", e.Name, err)
		}
	}
	return z.Close()
}
