package dataset

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // the formats of image folders
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// folderSet is a folder of images, one subfolder per class, decoded when read.
// Transparent pixels count as black, grey is the luminance of image/color.
type folderSet struct {
	meta
	files   []string
	resize  bool // to shape; otherwise images must have it
	scratch sync.Pool
}

// maxPixels bounds an image's size before it is decoded.
const maxPixels = 1 << 26

func openImages(s Spec, split Split, d Dirs) (Set, error) {
	var trainNames []string
	if test := s.Options["test"]; split == Test && test != "" {
		if _, err := parsePart(test); err != nil { // a folder: its classes count as in the training folder
			dir, err := d.file(s.Arg)
			if err != nil {
				return nil, err
			}
			dir, _ = partFolder(dir, Train)
			if trainNames, err = classFolders(dir); err != nil {
				return nil, err
			}
		}
	}
	return s.openParts(split, d, func(path string, split Split) (Set, error) {
		dir, hasParts := partFolder(path, split)
		names := trainNames
		if train, _ := partFolder(path, Train); names == nil && hasParts {
			path = train
		} else {
			path = dir
		}
		if names == nil {
			var err error
			if names, err = classFolders(path); err != nil {
				return nil, err
			}
		}
		return s.openFolder(dir, names)
	})
}

// partFolder returns the folder of a part below dir, when dir has both parts,
// or dir itself.
func partFolder(dir string, split Split) (string, bool) {
	isDir := func(p string) bool { st, err := os.Stat(p); return err == nil && st.IsDir() }
	train := filepath.Join(dir, "train")
	for _, n := range []string{"test", "val", "valid"} {
		if test := filepath.Join(dir, n); isDir(train) && isDir(test) {
			if split == Test {
				return test, true
			}
			return train, true
		}
	}
	return dir, false
}

// classFolders returns the sorted names of the subfolders of dir.
func classFolders(dir string) ([]string, error) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, fileError(dir, err)
	}
	var names []string
	for _, e := range es {
		if st, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && st.IsDir() && e.Name()[0] != '.' {
			names = append(names, e.Name())
		}
	}
	if names == nil {
		return nil, &Error{Kind: ErrBad, Path: dir, Err: errors.New("no folders in it, expected one per class"),
			Way: "put the images of each class in a folder of its own, DIR/cat/1.png"}
	}
	return names, nil
}

// openFolder lists the images of dir, whose subfolders must be among names.
func (s Spec) openFolder(dir string, names []string) (Set, error) {
	own, err := classFolders(dir)
	if err != nil {
		return nil, err
	}
	f := &folderSet{meta: meta{name: dir, classes: len(names), names: names}}
	for _, n := range own {
		class, ok := slices.BinarySearch(names, n)
		if !ok {
			return nil, badFile(dir, "class folder %q, expected one of %s", n, listed(names))
		}
		es, err := os.ReadDir(filepath.Join(dir, n))
		if err != nil {
			return nil, fileError(dir, err)
		}
		for _, e := range es {
			if isImage(e.Name()) {
				f.files = append(f.files, filepath.Join(dir, n, e.Name()))
				f.labels = append(f.labels, int64(class))
			}
		}
	}
	if f.files == nil {
		return nil, badFile(dir, "no .png, .jpg or .jpeg files in its %d class folders", len(own))
	}
	return f, s.sizeFolder(f)
}

func isImage(name string) bool {
	return name[0] != '.' && slices.Contains([]string{".png", ".jpg", ".jpeg"}, strings.ToLower(filepath.Ext(name)))
}

// sizeFolder settles the shape: size= and channels=, or those of the first image.
func (s Spec) sizeFolder(f *folderSet) error {
	h, w, c, err := imageConfig(f.files[0])
	if err != nil {
		return err
	}
	size, err := s.ints("size")
	switch {
	case err != nil:
		return err
	case len(size) == 1:
		h, w, f.resize = size[0], size[0], true
	case len(size) == 2:
		h, w, f.resize = size[0], size[1], true
	case size != nil:
		return s.bad("size", "expected size=H,W or one number")
	}
	if c, err = s.integer("channels", c); err != nil {
		return err
	}
	f.shape = tensor.Shape{c, h, w}
	if n, ok := f.shape.CheckedSize(3 * maxPixels); !ok || n == 0 || c != 1 && c != 3 {
		return badSpec(s.String(), "size=H,W and channels=1 or 3", "samples of %v cannot be", f.shape)
	}
	return nil
}

func imageConfig(path string) (h, w, c int, err error) {
	r, err := os.Open(path)
	if err != nil {
		return 0, 0, 0, fileError(path, err)
	}
	defer r.Close()
	cfg, _, err := image.DecodeConfig(r)
	if err != nil {
		return 0, 0, 0, badFile(path, "%w", err)
	}
	c = 3
	if cfg.ColorModel == color.GrayModel || cfg.ColorModel == color.Gray16Model {
		c = 1
	}
	return cfg.Height, cfg.Width, c, nil
}

func (s *folderSet) Len() int { return len(s.files) }

func (s *folderSet) Read(i int, x []float32) (int64, error) {
	img, err := s.decode(s.files[i])
	if err != nil {
		return -1, err
	}
	rgba, _ := s.scratch.Get().(*image.RGBA)
	rgba = toRGBA(rgba, img)
	defer s.scratch.Put(rgba)
	if s.resize {
		resample(rgba, s.shape, x)
		return s.Label(i), nil
	}
	if b := rgba.Bounds(); b.Dx() != s.shape[2] || b.Dy() != s.shape[1] {
		return -1, &Error{Kind: ErrBad, Path: s.files[i],
			Err: fmt.Errorf("%dx%d pixels, expected %dx%d as the first image has", b.Dx(), b.Dy(), s.shape[2], s.shape[1]),
			Way: fmt.Sprintf("add ;size=%d,%d to scale and crop all images", s.shape[1], s.shape[2])}
	}
	for p := range s.shape[1] * s.shape[2] {
		store(x, p, s.shape, unit[rgba.Pix[4*p]], unit[rgba.Pix[4*p+1]], unit[rgba.Pix[4*p+2]])
	}
	return s.Label(i), nil
}

func (s *folderSet) decode(path string) (image.Image, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer r.Close()
	cfg, _, err := image.DecodeConfig(r)
	if err != nil {
		return nil, badFile(path, "%w", err)
	}
	if !(cfg.Width > 0 && cfg.Height > 0) || cfg.Width > maxPixels/cfg.Height {
		return nil, badFile(path, "%dx%d pixels, expected at most %d", cfg.Width, cfg.Height, maxPixels)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	img, _, err := image.Decode(r)
	if err != nil {
		return nil, badFile(path, "%w", err)
	}
	return img, nil
}

// toRGBA draws img into m, or into a new image when the size differs.
func toRGBA(m *image.RGBA, img image.Image) *image.RGBA {
	b := img.Bounds()
	if m == nil || m.Bounds().Size() != b.Size() {
		m = image.NewRGBA(image.Rectangle{Max: b.Size()})
	}
	draw.Draw(m, m.Bounds(), img, b.Min, draw.Src)
	return m
}

// store writes pixel p of an image [C H W], C being 1 or 3.
func store(x []float32, p int, shape tensor.Shape, r, g, b float32) {
	if shape[0] == 1 {
		if r == g && g == b {
			x[p] = r
			return
		}
		x[p] = 0.299*r + 0.587*g + 0.114*b // the weights of color.GrayModel
		return
	}
	plane := shape[1] * shape[2]
	x[p], x[plane+p], x[2*plane+p] = r, g, b
}

// resample scales the largest centred part of m that has the proportions of
// shape [C H W] to it, by a triangle filter that widens with the reduction and
// is bilinear interpolation when the image grows.
func resample(m *image.RGBA, shape tensor.Shape, x []float32) {
	h, w := shape[1], shape[2]
	scale := min(float64(m.Rect.Dy())/float64(h), float64(m.Rect.Dx())/float64(w))
	rows := weights(m.Rect.Dy(), h, scale)
	cols := weights(m.Rect.Dx(), w, scale)
	for p := range h * w {
		row, col := rows[p/w], cols[p%w]
		var sum [3]float64
		for i, wy := range row.w {
			line := m.Pix[(row.from+i)*m.Stride:]
			for j, wx := range col.w {
				px := line[4*(col.from+j):]
				for k := range sum {
					sum[k] += wy * wx * float64(px[k])
				}
			}
		}
		store(x, p, shape, float32(sum[0]/255), float32(sum[1]/255), float32(sum[2]/255))
	}
}

// tap is where an output pixel reads along one axis, and with which weights.
type tap struct {
	from int
	w    []float64
}

// weights returns the taps of n outputs that lie scale inputs apart, centred in
// an axis of size inputs.
func weights(size, n int, scale float64) []tap {
	out := make([]tap, n)
	start := (float64(size) - scale*float64(n)) / 2
	radius := max(scale, 1)
	for i := range out {
		centre := start + (float64(i)+0.5)*scale - 0.5
		lo := max(0, int(centre-radius)-1)
		hi := min(size-1, int(centre+radius)+1)
		var total float64
		t := tap{from: lo}
		for j := lo; j <= hi; j++ {
			v := max(0, 1-abs(float64(j)-centre)/radius)
			t.w = append(t.w, v)
			total += v
		}
		for j := range t.w {
			t.w[j] /= total
		}
		out[i] = t
	}
	return out
}

func abs(v float64) float64 { return max(v, -v) }
