package dataset

import (
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/tensor"
)

func TestParseAugments(t *testing.T) {
	const text = "jitter=2,crop=4,flip,cutout=8,views=3,mixup,cutmix"
	as, err := ParseAugments(" jitter=2, crop=4,flip,cutout=8,views=3, mixup,cutmix")
	if err != nil || AugmentsString(as) != text {
		t.Errorf("%v, %v", as, err)
	}
	for _, bad := range []string{"jitter", "jitter=0", "jitter=-1", "flip=1", "crop=x", "crop=04", "crop=99999", "filp", "mixup=1", "views", "views=0", "views=2,flip,views=3", "mixup,flip", "mixup,mixup", "cutmix=1", "cutmix,mixup,views=2"} {
		if as, err := ParseAugments(bad); err == nil {
			t.Errorf("%q was read as %v", bad, as)
		}
	}
	if err := as[0].Check(tensor.Shape{784}); err == nil {
		t.Error("features were accepted as an image")
	}
}

// TestAugmentsContract checks that every registered augmentation keeps to its
// sample, depends on nothing but its stream, and changes something, but for views.
func TestAugmentsContract(t *testing.T) {
	shape := tensor.Shape{3, 7, 5}
	for _, name := range augments.Names() {
		text := name + "=3"
		if name == "flip" || name == "mixup" || name == "cutmix" {
			text = name
		}
		as, err := ParseAugments(text)
		if err != nil {
			t.Fatal(err)
		}
		changed := 0
		for seed := range uint64(50) {
			r := tensor.NewRand(seed)
			x, y := ramp(shape.Size()+1), ramp(shape.Size()+1)
			apply := as[0].Apply
			if m, ok := as[0].(Mixer); ok {
				other := make([]float32, shape.Size())
				apply = func(r tensor.Rand, shape tensor.Shape, x []float32) { m.Mix(r, shape, x, other) }
			}
			apply(r, shape, x[:shape.Size()])
			apply(r, shape, y[:shape.Size()])
			if !slices.Equal(x, y) || x[shape.Size()] != float32(shape.Size()+1) {
				t.Fatalf("%s: not reproducible, or wrote behind the sample", name)
			}
			if !slices.Equal(x, ramp(len(x))) {
				changed++
			}
		}
		if name == "views" && changed > 0 || name != "views" && changed < 15 {
			t.Errorf("%s changed %d of 50 images", name, changed)
		}
	}
}

// TestCutMix puts ones on zeros: they are one rectangle, the same in every channel, and of all sizes.
func TestCutMix(t *testing.T) {
	shape := tensor.Shape{2, 12, 8}
	ones := make([]float32, shape.Size())
	for i := range ones {
		ones[i] = 1
	}
	small, large := 0, 0
	for seed := range uint64(1000) {
		x := make([]float32, shape.Size())
		CutMix{}.Mix(tensor.NewRand(seed), shape, x, ones)
		if !slices.Equal(x[:96], x[96:]) {
			t.Fatalf("seed %d: channels differ", seed)
		}
		top, bottom, left, right, n := 12, 0, 8, 0, 0
		for i, v := range x[:96] {
			if v == 1 {
				n++
				top, bottom = min(top, i/8), max(bottom, i/8+1)
				left, right = min(left, i%8), max(right, i%8+1)
			}
		}
		if n > 0 && n != (bottom-top)*(right-left) {
			t.Fatalf("seed %d: %v is no rectangle", seed, x[:96])
		}
		switch {
		case n < 96/5:
			small++
		case n > 96/2:
			large++
		}
	}
	// A part a of the area, a uniform, is cut at the edges: 0.2 are below a fifth uncut, none are cut above a half.
	if small < 200 || small > 500 || large < 50 || large > 500 {
		t.Errorf("of 1000 rectangles %d are below a fifth of the image and %d above a half", small, large)
	}
}

// ramp returns 1, 2, ...
func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i + 1)
	}
	return x
}

// TestShift compares with the definition: out[y][x] = in[y-dy][x-dx] or 0.
func TestShift(t *testing.T) {
	shape := tensor.Shape{2, 4, 3}
	for dy := -5; dy <= 5; dy++ {
		for dx := -4; dx <= 4; dx++ {
			in, got := ramp(24), ramp(24)
			shift(shape, got, dy, dx)
			for i, v := range got {
				c, y, x := i/12, i/3%4, i%3
				var want float32
				if fy, fx := y-dy, x-dx; fy >= 0 && fy < 4 && fx >= 0 && fx < 3 {
					want = in[c*12+fy*3+fx]
				}
				if v != want {
					t.Fatalf("shift by %d,%d: element %d,%d,%d is %v, want %v", dy, dx, c, y, x, v, want)
				}
			}
		}
	}
}

// TestJitterIsUniform counts where a single bright pixel goes.
func TestJitterIsUniform(t *testing.T) {
	shape := tensor.Shape{1, 5, 5}
	seen := make([]int, 25)
	r := tensor.NewRand(1)
	const n = 25 * 400
	for i := range uint64(n) {
		x := make([]float32, 25)
		x[12] = 1
		Jitter{2}.Apply(r.Sub(i), shape, x)
		seen[slices.Index(x, 1)]++
	}
	for at, k := range seen {
		if k < 300 || k > 500 { // 400 expected, standard deviation 20
			t.Errorf("position %d was hit %d times of %d", at, k, n)
		}
	}
}

func TestFlipAndCutout(t *testing.T) {
	shape := tensor.Shape{1, 2, 3}
	flips := 0
	for seed := range uint64(1000) {
		x := ramp(6)
		Flip{}.Apply(tensor.NewRand(seed), shape, x)
		if x[0] == 3 {
			flips++
			if !slices.Equal(x, []float32{3, 2, 1, 6, 5, 4}) {
				t.Fatalf("mirrored to %v", x)
			}
		}
	}
	if flips < 430 || flips > 570 {
		t.Errorf("%d of 1000 were mirrored", flips)
	}
	for seed := range uint64(100) {
		x := ramp(300)
		Cutout{4}.Apply(tensor.NewRand(seed), tensor.Shape{3, 10, 10}, x)
		zeros := 0
		for i, v := range x[:100] {
			if v == 0 {
				zeros++
			}
			if (v == 0) != (x[100+i] == 0) || (v == 0) != (x[200+i] == 0) {
				t.Fatal("channels have different holes")
			}
		}
		if zeros < 4 || zeros > 16 {
			t.Errorf("a hole of %d pixels", zeros)
		}
	}
}
