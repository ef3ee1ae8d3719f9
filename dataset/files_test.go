package dataset

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func putNPZ(t *testing.T, dir, name string, es ...npy.Entry) {
	t.Helper()
	var b bytes.Buffer
	if err := npy.WriteZip(&b, es); err != nil {
		t.Fatal(err)
	}
	put(t, dir, name, b.Bytes())
}

func TestNPZ(t *testing.T) {
	dir := t.TempDir()
	d := Dirs{Dir: dir, Only: true}
	bytes2 := tensor.Of(tensor.Shape{2, 1, 2, 3}, []uint8{0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15})
	putNPZ(t, dir, "keras.npz", npy.Entry{Name: "x_train", Tensor: bytes2}, npy.Entry{Name: "y_train", Tensor: tensor.Vec[uint8](1, 0)},
		npy.Entry{Name: "x_test", Tensor: bytes2}, npy.Entry{Name: "y_test", Tensor: tensor.Vec[int32](2, 2)})
	train, test := open(t, "npz:keras.npz;layout=nhwc", Train, d), open(t, "npz:keras.npz;layout=nhwc", Test, d)
	x := make([]float32, 6)
	y, _ := train.Read(1, x)
	if want := []float32{unit[10], unit[13], unit[11], unit[14], unit[12], unit[15]}; y != 0 || !slices.Equal(x, want) {
		t.Errorf("label %d, channels first %v, want %v", y, x, want)
	}
	if !train.Shape().Equal(tensor.Shape{3, 1, 2}) || test.(Labelled).Label(0) != 2 || train.Name() == test.Name() {
		t.Errorf("%v in %q and %q", train.Shape(), train.Name(), test.Name())
	}

	putNPZ(t, dir, "plain.npz", npy.Entry{Name: "feat", Tensor: tensor.Of(tensor.Shape{2, 4}, []float64{0, 10, 20, 30, 40, 50, 60, 70})},
		npy.Entry{Name: "x", Tensor: tensor.Of(tensor.Shape{2, 2}, []float32{1, 2, 3, 4})})
	s := open(t, "npz:plain.npz;x=feat;shape=1,2,2;divide=10", Train, d)
	if _, err := s.Read(1, x[:4]); err != nil || !slices.Equal(x[:4], []float32{4, 5, 6, 7}) || !s.Shape().Equal(tensor.Shape{1, 2, 2}) {
		t.Errorf("features %v of %v", x[:4], s.Shape())
	}
	blind := open(t, "npz:plain.npz", Test, d)
	if blind.Classes() != 0 || blind.(Labelled).Label(0) != -1 {
		t.Error("a file without labels has some")
	}
	for _, s := range []Set{train, test, s, blind} {
		testSet(t, s)
	}
	for text, want := range map[string]string{
		"npz:plain.npz;x=nope":      "not in the archive",
		"npz:plain.npz;shape=5":     "does not fit",
		"npz:plain.npz;layout=nhwc": "expected [N H W C]",
		"npz:plain.npz;divide=0":    "other than 0",
		"npz:keras.npz;divide=255":  "scale to 0..1 by themselves",
		"npz:keras.npz;classes=1":   "class number in 0..0",
		"npz:keras.npz;y=x_train":   "one class number",
		"npz:missing.npz":           "no such file",
		"npz:keras.npz;test=0.5":    "",
	} {
		_, err := mustParse(t, text).Open(Train, d)
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) || want == "" && err != nil {
			t.Errorf("%s: want an error with %q, got %v", text, want, err)
		}
	}
}

func TestCSV(t *testing.T) {
	dir := t.TempDir()
	d := Dirs{Dir: dir, Only: true}
	put(t, dir, "iris.csv", []byte("5.1,3.5,setosa\n7.0,3.2,versicolor\n6.3,3.3,virginica\n6.4,3.2,versicolor\n"))
	put(t, dir, "more.csv", []byte("1,2,virginica\n"))
	put(t, dir, "kaggle.csv", []byte("label,pix0,pix1\n7,0,255\n2,51,0\n"))
	iris := open(t, "csv:iris.csv", Train, d)
	if got := labelCounts(iris); !slices.Equal(got, []int{1, 2, 1}) || iris.(Named).ClassNames()[2] != "virginica" {
		t.Errorf("classes occur %v times", got)
	}
	more := open(t, "csv:iris.csv;test=more.csv", Test, d)
	if more.Classes() != 3 || more.(Labelled).Label(0) != 2 {
		t.Errorf("label %d of %d in the test file", more.(Labelled).Label(0), more.Classes())
	}
	kaggle := open(t, "csv:kaggle.csv;divide=255;shape=1,1,2;classes=10", Train, d)
	x := make([]float32, 2)
	y, err := kaggle.Read(1, x)
	if err != nil || y != 2 || !slices.Equal(x, []float32{0.2, 0}) || kaggle.Classes() != 10 {
		t.Errorf("label %d of %d, values %v, %v", y, kaggle.Classes(), x, err)
	}
	none := open(t, "csv:kaggle.csv;label=none", Train, d)
	if none.Classes() != 0 || !none.Shape().Equal(tensor.Shape{3}) {
		t.Errorf("without a label: %v in %d classes", none.Shape(), none.Classes())
	}
	held, rest := open(t, "csv:iris.csv;test=0.25", Test, d), open(t, "csv:iris.csv;test=0.25", Train, d)
	if held.Len() != 1 || rest.Len() != 3 {
		t.Errorf("held out %d of %d", held.Len(), held.Len()+rest.Len())
	}
	for _, s := range []Set{iris, more, kaggle, none, held, rest} {
		testSet(t, s)
	}
}

func TestCSVErrors(t *testing.T) {
	for want, text := range map[string]string{
		"line 3, column 0": "label,a,b\n1,2,3\n1,x,3\n",
		"wrong number":     "1,2,3\n1,2\n",
		"no rows":          "",
		"label 1.5":        "1,1.5\n2,0\n",
		"\"NaN\"":          "NaN,1\n2,0\n",
		"no such column":   "1,2\n",
	} {
		dir, option := t.TempDir(), ""
		switch want {
		case "no such column":
			option = ";label=size"
		case "line 3, column 0":
			text = strings.ReplaceAll(text, "label,a,b\n1,2,3\n1,x,3", "a,b,label\n2,3,1\nx,3,1")
		}
		put(t, dir, "a.csv", []byte(text))
		_, err := mustParse(t, "csv:"+filepath.Join(dir, "a.csv")+option).Open(Train, Dirs{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a.csv") {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func putPNG(t *testing.T, dir, name string, m image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	put(t, dir, name, b.Bytes())
}

func filled(w, h int, c color.Color) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, c)
	}
	return m
}

func TestImages(t *testing.T) {
	dir := t.TempDir()
	m := filled(3, 2, color.NRGBA{255, 0, 51, 255})
	m.Set(2, 1, color.NRGBA{0, 102, 0, 255})
	putPNG(t, dir, "train/cat/1.png", m)
	putPNG(t, dir, "train/dog/1.PNG", filled(3, 2, color.NRGBA{A: 255}))
	var j bytes.Buffer
	if err := jpeg.Encode(&j, filled(3, 2, color.White), nil); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "train/eel/1.jpeg", j.Bytes())
	put(t, dir, "train/eel/notes.txt", nil)
	putPNG(t, dir, "test/dog/1.png", filled(3, 2, color.Gray{51}))

	s := open(t, "images:"+dir, Train, Dirs{})
	x := make([]float32, 18)
	y, err := s.Read(0, x)
	want := []float32{1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0.4, 0.2, 0.2, 0.2, 0.2, 0.2, 0}
	if err != nil || y != 0 || !slices.Equal(x, want) || s.Len() != 3 || s.(Named).ClassNames()[2] != "eel" {
		t.Errorf("%d images, label %d, pixels %v, %v", s.Len(), y, x, err)
	}
	test := open(t, "images:"+dir+";channels=1", Test, Dirs{})
	if test.Len() != 1 || test.(Labelled).Label(0) != 1 || test.Classes() != 3 || !test.Shape().Equal(tensor.Shape{1, 2, 3}) {
		t.Errorf("test part: %d, label %d, %v", test.Len(), test.(Labelled).Label(0), test.Shape())
	}
	if _, err := test.Read(0, x[:6]); err != nil || x[5] != 0.2 {
		t.Errorf("grey pixels %v, %v", x[:6], err)
	}
	again := open(t, "images:"+filepath.Join(dir, "train")+";test="+filepath.Join(dir, "test"), Test, Dirs{})
	if again.(Labelled).Label(0) != 1 || again.Classes() != 3 {
		t.Errorf("test folder: label %d of %d", again.(Labelled).Label(0), again.Classes())
	}
	for _, s := range []Set{s, test, again} {
		testSet(t, s)
	}
}

// TestImagesResize scales a plane of brightness x/w, which must stay a plane.
func TestImagesResize(t *testing.T) {
	dir := t.TempDir()
	m := image.NewGray(image.Rect(0, 0, 200, 100))
	for i := range m.Pix {
		m.Pix[i] = uint8(i % 200)
	}
	putPNG(t, dir, "a/1.png", m)
	for size, step := range map[string]float64{"10,20": 10, "10,10": 10, "200,400": 0.5} {
		s := open(t, "images:"+dir+";size="+size, Train, Dirs{})
		x := make([]float32, s.Shape().Size())
		if _, err := s.Read(0, x); err != nil {
			t.Fatal(err)
		}
		w := s.Shape()[2]
		for i := w / 4; i < 3*w/4; i++ { // away from the border, where the filter is cut
			want := (100 + (float64(i)+0.5-float64(w)/2)*step - 0.5) / 255
			if got := float64(x[len(x)/2+i-len(x)/2%w]); math.Abs(got-want) > 1e-3 {
				t.Errorf("size %s: column %d is %v, want %v", size, i, got, want)
			}
		}
		testSet(t, s)
	}
}

func TestImagesErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := mustParse(t, "images:"+dir).Open(Train, Dirs{}); !errors.Is(err, ErrBad) {
		t.Errorf("an empty folder: %v", err)
	}
	putPNG(t, dir, "a/1.png", filled(4, 4, color.White))
	putPNG(t, dir, "a/2.png", filled(4, 5, color.White))
	put(t, dir, "a/3.png", []byte("\x89PNG but no more"))
	s := open(t, "images:"+dir, Train, Dirs{})
	x := make([]float32, s.Shape().Size())
	for i, want := range []string{"", "4x5 pixels, expected 4x4", "3.png"} {
		_, err := s.Read(i, x)
		if want == "" && err != nil || want != "" && (!errors.Is(err, ErrBad) || !strings.Contains(err.Error(), want)) {
			t.Errorf("image %d: want an error with %q, got %v", i, want, err)
		}
	}
	var e *Error
	if _, err := s.Read(1, x); !errors.As(err, &e) || !strings.Contains(e.Hint(), "size=4,4") {
		t.Errorf("hint of %v", err)
	}
	for _, o := range []string{"size=0,1", "size=1,2,3", "channels=2"} {
		if _, err := mustParse(t, "images:"+dir+";"+o).Open(Train, Dirs{}); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", o, err)
		}
	}
}
