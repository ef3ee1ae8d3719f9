package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Augment changes one sample in place before it is normalised. An augmentation
// is a value: its text says all about it, and the change is a pure function of
// that and of the random stream, which the loader derives from seed, epoch and
// sample number.
type Augment interface {
	// String returns the name and parameters as ParseAugments reads them.
	String() string
	// Check reports whether samples of the shape can be augmented.
	Check(shape tensor.Shape) error
	// Apply changes x [C H W]; it may draw any numbers of r.
	Apply(r tensor.Rand, shape tensor.Shape, x []float32)
}

// Mixer is an augmentation of two samples at the end of its list. The loader
// draws the second sample from the set, lets the rest of the list change it as it
// changes the first, and calls Mix of the list's mixer, or of one of several, each as
// often; a mixture has no label. Apply does nothing.
type Mixer interface {
	Augment
	// Mix changes x by other, a sample of the same shape.
	Mix(r tensor.Rand, shape tensor.Shape, x, other []float32)
}

// augments makes an augmentation from the parameter behind '=', 0 without one.
var augments = registry.New[func(k int) Augment]("augmentation")

func init() {
	augments.Add("jitter", func(k int) Augment { return Jitter{k} })
	augments.Add("crop", func(k int) Augment { return Crop{k} })
	augments.Add("flip", func(int) Augment { return Flip{} })
	augments.Add("cutout", func(k int) Augment { return Cutout{k} })
	augments.Add("mixup", func(int) Augment { return MixUp{} })
	augments.Add("cutmix", func(int) Augment { return CutMix{} })
	augments.Add("views", func(k int) Augment { return Views{k} })
}

// ParseAugments reads a list such as "crop=4,flip"; "" is none.
func ParseAugments(text string) ([]Augment, error) {
	var out []Augment
	for _, f := range strings.Split(text, ",") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		name, value, _ := strings.Cut(f, "=")
		makeIt, err := augments.Get(name)
		if err != nil {
			return nil, badSpec(text, "write for example crop=4,flip", "%w", err)
		}
		k, err := strconv.Atoi(value)
		if value != "" && err != nil {
			return nil, badSpec(text, "", "augmentation %q: expected a whole number behind =", f)
		}
		a := makeIt(k)
		if a.String() != f || value != "" && k < 1 || k > maxReach {
			return nil, badSpec(text, "write jitter=2, crop=4, flip, cutout=8, mixup, cutmix or views=8", "augmentation %q: expected %s with a parameter in 1..%d, flip, mixup and cutmix without", f, name, maxReach)
		}
		if _, mixes := a.(Mixer); IsMixed(out) && (!mixes || slices.Contains(out, a)) {
			return nil, badSpec(text, "write mixup and cutmix last, each once", "augmentation %q behind %s", f, out[len(out)-1])
		}
		if _, again := a.(Views); again && ViewsOf(out) > 0 {
			return nil, badSpec(text, "write one number of views", "augmentation %q behind views=%d", f, ViewsOf(out))
		}
		out = append(out, a)
	}
	return out, nil
}

// IsMixed reports whether the augmentations end in a mixture, which has no label.
func IsMixed(as []Augment) bool {
	return len(mixersOf(as)) > 0
}

// mixersOf returns the mixers of as, which are at its end.
func mixersOf(as []Augment) []Mixer {
	var ms []Mixer
	for _, a := range as {
		if m, ok := a.(Mixer); ok {
			ms = append(ms, m)
		}
	}
	return ms
}

// maxReach bounds shifts and holes to what an image can have.
const maxReach = 1 << 14

// AugmentsString is the inverse of ParseAugments.
func AugmentsString(as []Augment) string {
	s := make([]string, len(as))
	for i, a := range as {
		s[i] = a.String()
	}
	return strings.Join(s, ",")
}

func checkImage(a Augment, k int, shape tensor.Shape) error {
	if len(shape) != 3 {
		return fmt.Errorf("augmentation %v needs images [C H W], samples are %v", a, shape)
	}
	if k < 1 {
		return fmt.Errorf("augmentation %v: the parameter must be at least 1", a)
	}
	return nil
}

// Jitter shifts an image by up to Pixels in each direction, both axes
// independently and uniformly, and fills with zeros (Hinton et al. 2015 jitter
// MNIST by two).
type Jitter struct{ Pixels int }

func (j Jitter) String() string                 { return fmt.Sprintf("jitter=%d", j.Pixels) }
func (j Jitter) Check(shape tensor.Shape) error { return checkImage(j, j.Pixels, shape) }

// Apply shifts x.
func (j Jitter) Apply(r tensor.Rand, shape tensor.Shape, x []float32) {
	dy := r.Intn(0, 2*j.Pixels+1) - j.Pixels
	dx := r.Intn(1, 2*j.Pixels+1) - j.Pixels
	shift(shape, x, dy, dx)
}

// Crop pads an image with Pad zeros on each side and cuts a window of the old
// size at a uniform place (He et al. 2016 pad CIFAR-10 by four). That is the
// same distribution as Jitter by Pad, and is computed so, without the padding.
type Crop struct{ Pad int }

func (c Crop) String() string                 { return fmt.Sprintf("crop=%d", c.Pad) }
func (c Crop) Check(shape tensor.Shape) error { return checkImage(c, c.Pad, shape) }

// Apply cuts x out of its padded self.
func (c Crop) Apply(r tensor.Rand, shape tensor.Shape, x []float32) {
	Jitter{c.Pad}.Apply(r, shape, x)
}

// shift moves the image by dy rows and dx columns in place: out[y][x] is
// in[y-dy][x-dx], or 0 outside.
func shift(shape tensor.Shape, x []float32, dy, dx int) {
	h, w := shape[1], shape[2]
	for c := range shape[0] {
		plane := x[c*h*w : (c+1)*h*w]
		for k := range h {
			y := k // rows in the order that reads each before it is written
			if dy > 0 {
				y = h - 1 - k
			}
			row := plane[y*w : (y+1)*w]
			from := y - dy
			if from < 0 || from >= h || dx >= w || dx <= -w {
				clear(row)
				continue
			}
			src := plane[from*w : (from+1)*w]
			if dx >= 0 {
				copy(row[dx:], src)
				clear(row[:dx])
			} else {
				copy(row, src[-dx:])
				clear(row[w+dx:])
			}
		}
	}
}

// Flip mirrors half of the images left to right.
type Flip struct{}

func (f Flip) String() string                 { return "flip" }
func (f Flip) Check(shape tensor.Shape) error { return checkImage(f, 1, shape) }

// Apply mirrors x or not.
func (f Flip) Apply(r tensor.Rand, shape tensor.Shape, x []float32) {
	if r.Uint64(0)>>63 == 0 {
		return
	}
	for w := shape[2]; len(x) > 0; x = x[w:] {
		for i, j := 0, w-1; i < j; i, j = i+1, j-1 {
			x[i], x[j] = x[j], x[i]
		}
	}
}

// Cutout zeroes a square of Size pixels whose centre is uniform in the image;
// the part outside is cut off (DeVries and Taylor 2017).
type Cutout struct{ Size int }

func (c Cutout) String() string                 { return fmt.Sprintf("cutout=%d", c.Size) }
func (c Cutout) Check(shape tensor.Shape) error { return checkImage(c, c.Size, shape) }

// Apply blanks the square in every channel.
func (c Cutout) Apply(r tensor.Rand, shape tensor.Shape, x []float32) {
	eachRow(shape, r.Intn(0, shape[1]), r.Intn(1, shape[2]), c.Size, c.Size, func(lo, hi int) { clear(x[lo:hi]) })
}

// eachRow calls f with where each row of a rectangle lies in an image, in every channel: of so many rows and columns
// around y and x, as far as they are in the image.
func eachRow(shape tensor.Shape, y, x, rows, columns int, f func(lo, hi int)) {
	h, w := shape[1], shape[2]
	top, left := y-rows/2, x-columns/2
	x0, x1 := max(left, 0), min(left+columns, w)
	for y := max(top, 0); y < min(top+rows, h); y++ {
		for k := range shape[0] {
			f((k*h+y)*w+x0, (k*h+y)*w+x1)
		}
	}
}

// MixUp replaces a sample x by a x + (1-a) x', x' another sample, a uniform in
// [0, 1] (Zhang et al. 2018; with this distribution of a the function matching of
// Beyer et al. 2022).
type MixUp struct{}

func (m MixUp) String() string { return "mixup" }

// Check accepts every shape.
func (m MixUp) Check(tensor.Shape) error { return nil }

// Apply does nothing.
func (m MixUp) Apply(tensor.Rand, tensor.Shape, []float32) {}

// Mix implements Mixer.
func (m MixUp) Mix(r tensor.Rand, _ tensor.Shape, x, other []float32) {
	a := r.Float32(0)
	for i, v := range other {
		x[i] = v + a*(x[i]-v)
	}
}

// CutMix puts a rectangle of another sample in place of that of an image: of the image's proportions, a uniform
// part of its area, around a uniform place, and cut at the edges (Yun et al. 2019, algorithm A1 with a uniform
// part).
type CutMix struct{}

func (m CutMix) String() string { return "cutmix" }

// Check accepts images.
func (m CutMix) Check(shape tensor.Shape) error { return checkImage(m, 1, shape) }

// Apply does nothing.
func (m CutMix) Apply(tensor.Rand, tensor.Shape, []float32) {}

// Mix implements Mixer.
func (m CutMix) Mix(r tensor.Rand, shape tensor.Shape, x, other []float32) {
	h, w := shape[1], shape[2]
	side := math.Sqrt(float64(r.Float32(0)))
	rows, columns := int(side*float64(h)+0.5), int(side*float64(w)+0.5)
	eachRow(shape, r.Intn(1, h), r.Intn(2, w), rows, columns, func(lo, hi int) { copy(x[lo:hi], other[lo:hi]) })
}

// Views is an item of a list that changes no sample: it bounds how many ways the rest of
// the list changes each sample, as epoch Epochs shows them as epoch 0 did, in another
// order. What is recorded of so many epochs serves any number.
type Views struct{ Epochs int }

func (v Views) String() string { return fmt.Sprintf("views=%d", v.Epochs) }

// Check reports whether there is a view at all.
func (v Views) Check(tensor.Shape) error {
	if v.Epochs < 1 {
		return fmt.Errorf("augmentation %v: there must be at least 1 view", v)
	}
	return nil
}

// Apply does nothing.
func (v Views) Apply(tensor.Rand, tensor.Shape, []float32) {}

// ViewsOf returns after how many epochs the augmentations repeat, 0 for never.
func ViewsOf(as []Augment) int {
	for _, a := range as {
		if v, ok := a.(Views); ok {
			return v.Epochs
		}
	}
	return 0
}
