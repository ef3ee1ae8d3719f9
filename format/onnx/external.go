package onnx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// externals opens the files that hold tensors outside of the model's file. They
// are confined to one folder: no absolute path, no "..", no link out of it, and
// regular files with a single name only.
type externals struct {
	dir    string // where locations start
	base   string // what they may not leave
	root   *os.Root
	files  map[string]*source
	opened int
	grow   func(int64) // called with the size of each file
}

// maxOpen bounds the files that are kept open; others are opened for each read.
const maxOpen = 64

// newExternals confines the files of the model at path to its folder, or to base.
func newExternals(path, base string) *externals {
	dir := filepath.Dir(path)
	if base == "" {
		base = dir
	}
	return &externals{dir: dir, base: base, files: map[string]*source{}}
}

// open returns the file at a location that a tensor gives.
func (e *externals) open(loc string) (*source, error) {
	if e == nil {
		return nil, fmt.Errorf("%q lies outside of the bytes that were given; load the model by its path", loc)
	}
	if s, ok := e.files[loc]; ok {
		return s, nil
	}
	rel, err := e.relative(loc)
	if err != nil {
		return nil, err
	}
	if e.root == nil {
		if e.root, err = os.OpenRoot(e.base); err != nil {
			return nil, err
		}
	}
	f := &externalFile{root: e.root, rel: rel}
	if err := f.check(); err != nil {
		return nil, err
	}
	if e.opened++; e.opened <= maxOpen {
		if f.f, err = f.openChecked(); err != nil {
			return nil, err
		}
	}
	s := newSource(f, f.size, 0)
	e.files[loc] = s
	if e.grow != nil {
		e.grow(f.size)
	}
	return s, nil
}

// relative returns the path of a location within the root.
func (e *externals) relative(loc string) (string, error) {
	clean := filepath.FromSlash(loc)
	switch {
	case loc == "":
		return "", errors.New("no location")
	case strings.ContainsRune(loc, 0) || filepath.IsAbs(clean) || strings.HasPrefix(loc, "/"):
		return "", fmt.Errorf("location %q is an absolute path", loc)
	case e.base == e.dir && !filepath.IsLocal(clean):
		return "", fmt.Errorf("location %q leaves the model's folder (--external-data-root names another one)", loc)
	case e.base == e.dir:
		return clean, nil
	}
	base, err := filepath.Abs(e.base)
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(e.dir)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(base, filepath.Join(dir, clean)); err == nil && filepath.IsLocal(rel) {
		return rel, nil
	}
	if !filepath.IsLocal(clean) {
		return "", fmt.Errorf("location %q leaves the external-data root %q", loc, e.base)
	}
	return clean, nil
}

// externalFile reads from a file within a root.
type externalFile struct {
	root *os.Root
	rel  string
	f    *os.File // nil when it is opened for each read
	size int64
	mod  time.Time
}

// check looks at the file before it is opened: a pipe or a device is not touched.
func (f *externalFile) check() error {
	st, err := f.root.Stat(f.rel)
	if err != nil {
		return err
	}
	if err := acceptable(st); err != nil {
		return fmt.Errorf("location %q %w", f.rel, err)
	}
	f.size, f.mod = st.Size(), st.ModTime()
	return nil
}

func acceptable(st fs.FileInfo) error {
	if !st.Mode().IsRegular() {
		return errors.New("is not a regular file")
	}
	if links(st) > 1 {
		return errors.New("is a hard link: the file has other names; copy it")
	}
	return nil
}

// openChecked opens the file and makes sure that it is still the one that was checked.
func (f *externalFile) openChecked() (*os.File, error) {
	file, err := f.root.OpenFile(f.rel, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, err
	}
	st, err := file.Stat()
	if err == nil {
		err = acceptable(st)
	}
	if err == nil && (st.Size() != f.size || !st.ModTime().Equal(f.mod)) {
		err = errors.New("changed while it was read")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("location %q: %w", f.rel, err), file.Close())
	}
	return file, nil
}

// ReadAt implements io.ReaderAt.
func (f *externalFile) ReadAt(b []byte, off int64) (int, error) {
	if f.f != nil {
		return f.f.ReadAt(b, off)
	}
	file, err := f.openChecked()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return file.ReadAt(b, off)
}
