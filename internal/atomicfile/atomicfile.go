// Package atomicfile writes files that appear whole or not at all: the bytes go
// to a temporary file in the same folder, are flushed to the disk, and only
// then take the final name. A crash leaves the old file, or none, plus at most
// a hidden temporary one.
//
// It is not for appending, nor for outputs that are no regular files.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// File is an open temporary file that becomes path on Commit. The embedded
// file's methods, among them Seek and WriteAt, may all be used before that.
type File struct {
	*os.File
	path string
	done bool
}

// Create opens a temporary file beside path. A symbolic link at path is
// followed, so that the link stays and its target is replaced; a mode that the
// target has already is kept.
func Create(path string) (*File, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && !st.Mode().IsRegular():
		return nil, fmt.Errorf("write %s: not a regular file, choose another name", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	f, err := createTemp(path)
	if err != nil {
		return nil, err
	}
	if st != nil {
		_ = f.Chmod(st.Mode().Perm()) // best effort: not every file system has modes
	}
	return &File{File: f, path: path}, nil
}

// createTemp is os.CreateTemp with the mode that the user's umask gives to new files.
func createTemp(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for try := 0; ; try++ {
		name := fmt.Sprintf("%s.%s.%08x.tmp", dir, base, rand.Uint32())
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) || try == 100 {
			return f, err
		}
	}
}

// Path returns the final name.
func (f *File) Path() string { return f.path }

// Commit flushes the file to the disk and gives it its final name. After an
// error nothing stands under that name that was not there before.
func (f *File) Commit() error {
	if f.done {
		return fmt.Errorf("write %s: committed or closed before", f.path)
	}
	f.done = true
	err := errors.Join(f.Sync(), f.File.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(f.path))
}

// Close removes the temporary file unless it was committed; `defer f.Close()`
// right after Create is the way to use it.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	return errors.Join(f.File.Close(), os.Remove(f.Name()))
}

// syncDir makes the new name durable. Systems that cannot flush a folder
// (Windows) keep names in their own journal, so their refusal is no error.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	_ = d.Sync()
	return d.Close()
}

// WriteFile creates path with what write sends to its buffered writer.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Commit()
}
