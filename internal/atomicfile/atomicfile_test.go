package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var ns []string
	for _, e := range es {
		ns = append(ns, e.Name())
	}
	return ns
}

func TestWriteFileReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.cmz")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "new")
		if b, _ := os.ReadFile(path); string(b) != "old" {
			t.Errorf("content before the commit is %q", b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	st, _ := os.Stat(path)
	if string(b) != "new" || st.Mode().Perm() != 0o640 {
		t.Errorf("content %q, mode %v", b, st.Mode())
	}
	if ns := names(t, filepath.Dir(path)); len(ns) != 1 {
		t.Errorf("folder holds %v", ns)
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	boom := errors.New("boom")
	err := WriteFile(filepath.Join(dir, "x"), func(w io.Writer) error {
		fmt.Fprint(w, "half")
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error is %v", err)
	}
	if ns := names(t, dir); len(ns) != 0 {
		t.Errorf("folder holds %v", ns)
	}
}

func TestCloseAfterCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("second commit passed")
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestSymlinkAndFolder(t *testing.T) {
	dir := t.TempDir()
	link, target := filepath.Join(dir, "link"), filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", link); err != nil {
		t.Skip(err)
	}
	put := func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }
	if err := WriteFile(link, put); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(target); string(b) != "x" {
		t.Errorf("target holds %q", b)
	}
	if err := WriteFile(dir, put); err == nil {
		t.Error("wrote over a folder")
	}
	if err := WriteFile(filepath.Join(dir, "no", "x"), put); err == nil {
		t.Error("wrote into a missing folder")
	}
}
