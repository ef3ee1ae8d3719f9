package dataset

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// The array names that are looked for when x= and y= are not given: Keras's
// for a file with both parts, then the usual ones.
var (
	npzParts = map[Split][][2]string{
		Train: {{"x_train", "y_train"}, {"train_images", "train_labels"}},
		Test:  {{"x_test", "y_test"}, {"test_images", "test_labels"}},
	}
	npzPlain = [][2]string{{"x", "y"}, {"X", "y"}, {"X", "Y"}, {"images", "labels"}, {"data", "target"}, {"arr_0", "arr_1"}}
)

func openNPZ(s Spec, split Split, d Dirs) (Set, error) {
	return s.openParts(split, d, func(path string, split Split) (Set, error) {
		a, err := npy.Limits{MaxBytes: maxFileBytes}.OpenFile(path)
		if err != nil {
			return nil, fileError(path, err)
		}
		defer a.Close()
		return s.readNPZ(a, path, split)
	})
}

// maxFileBytes bounds what one npz or csv file may take of memory.
const maxFileBytes = 16 << 30

// fileError tells missing files from damaged ones.
func fileError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return &Error{Kind: ErrMissing, Path: path, Err: err}
	}
	return badFile(path, "%w", err)
}

func (s Spec) readNPZ(a *npy.Archive, path string, split Split) (Set, error) {
	xName, yName, part, err := s.npzNames(a.Names(), split)
	if err != nil {
		return nil, badFile(path, "%w", err)
	}
	x, err := a.Read(xName)
	if err != nil {
		return nil, badFile(path, "%w", err)
	}
	var y *tensor.Tensor
	if yName != "" {
		if y, err = a.Read(yName); err != nil {
			return nil, badFile(path, "%w", err)
		}
	}
	if x, err = s.npzSamples(x); err != nil {
		return nil, err
	}
	classes, err := s.integer("classes", 0)
	if err != nil {
		return nil, err
	}
	set, err := FromTensors(path+part, x, y, classes)
	return set, withWay(err, "x= and y= name the arrays; shape= and layout=nhwc say how samples lie")
}

// npzNames chooses the arrays; yName is empty for a file without labels. part
// goes to the set's name when the file has several.
func (s Spec) npzNames(have []string, split Split) (xName, yName, part string, err error) {
	has := func(n string) bool { return slices.Contains(have, n) }
	xName, yName = s.Options["x"], s.Options["y"]
	if xName == "" {
		for i, p := range append(slices.Clone(npzParts[split]), npzPlain...) {
			if !has(p[0]) {
				continue
			}
			xName = p[0]
			if yName == "" && has(p[1]) {
				yName = p[1]
			}
			if i < len(npzParts[split]) {
				part = "/" + split.String()
			}
			if yName != "" {
				break
			}
		}
	}
	if xName == "" {
		return "", "", "", errors.New("which array holds the samples? it has " + listed(have) + "; name it by ;x=NAME;y=NAME")
	}
	return xName, yName, part, nil
}

// npzSamples brings samples into [N ...] with channels first, as floats if
// they are to be divided.
func (s Spec) npzSamples(x *tensor.Tensor) (*tensor.Tensor, error) {
	x, err := s.reshaped(x)
	if err != nil {
		return nil, err
	}
	switch l := s.Options["layout"]; {
	case l != "" && l != "nhwc" && l != "nchw":
		return nil, s.bad("layout", "expected nchw or nhwc")
	case l == "nhwc" && x.Rank() != 4:
		return nil, s.bad("layout", "the samples are %v, expected [N H W C]", x)
	case l == "nhwc":
		x = channelsFirst(x)
	}
	if x.DType() != tensor.U8 && x.DType() != tensor.F32 {
		v, err := toFloats[float32](x)
		if err != nil {
			return nil, err
		}
		x = tensor.Of(x.Shape(), v)
	}
	return x, s.divided(x)
}

// channelsFirst turns [N H W C] into [N C H W], element size by element size.
func channelsFirst(x *tensor.Tensor) *tensor.Tensor {
	n, h, w, c := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	out := tensor.New(x.DType(), tensor.Shape{n, c, h, w})
	size, src, dst := x.DType().Size(), x.Raw(), out.Raw()
	plane := h * w
	for i := range n * plane {
		img, pix := i/plane, i%plane
		for k := range c {
			from, to := (i*c+k)*size, ((img*c+k)*plane+pix)*size
			copy(dst[to:to+size], src[from:from+size])
		}
	}
	return out
}
