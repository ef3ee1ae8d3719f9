package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// floats returns the elements of a numeric tensor as float64.
func floats(t *tensor.Tensor) []float64 {
	switch t.DType() {
	case tensor.F16:
		var out []float64
		for _, v := range tensor.Data[tensor.Float16](t) {
			out = append(out, float64(v.Float32()))
		}
		return out
	case tensor.Bool:
		var out []float64
		for _, v := range tensor.Data[bool](t) {
			out = append(out, map[bool]float64{true: 1}[v])
		}
		return out
	case tensor.F32:
		return conv[float32](t)
	case tensor.F64:
		return conv[float64](t)
	case tensor.I8:
		return conv[int8](t)
	case tensor.I16:
		return conv[int16](t)
	case tensor.I32:
		return conv[int32](t)
	case tensor.I64:
		return conv[int64](t)
	case tensor.U8:
		return conv[uint8](t)
	case tensor.U16:
		return conv[uint16](t)
	case tensor.U32:
		return conv[uint32](t)
	}
	return conv[uint64](t)
}

func conv[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64](t *tensor.Tensor) []float64 {
	var out []float64
	for _, v := range tensor.Data[T](t) {
		out = append(out, float64(v))
	}
	return out
}

// TestGolden reads what NumPy wrote: every type, order and byte order.
func TestGolden(t *testing.T) {
	es, err := ReadZipFile("testdata/golden.npz")
	if err != nil {
		t.Fatal(err)
	}
	if len(es) != 11*3+5 {
		t.Errorf("%d arrays", len(es))
	}
	for _, e := range es {
		kind, _, _ := strings.Cut(e.Name, "_")
		switch kind {
		case "scalar":
			if e.Tensor.Rank() != 0 || e.Tensor.F32s()[0] != 7 {
				t.Errorf("scalar is %v %v", e.Tensor, e.Tensor.F32s())
			}
		case "empty":
			if !e.Tensor.Shape().Equal(tensor.Shape{0, 5}) {
				t.Errorf("empty is %v", e.Tensor)
			}
		case "vector":
			if !e.Tensor.Shape().Equal(tensor.Shape{5}) || e.Tensor.I64s()[4] != 4 {
				t.Errorf("vector is %v", e.Tensor)
			}
		default:
			checkArange(t, e.Name, e.Tensor, kinds[kind])
		}
	}
	v2, err := ReadFile("testdata/v2.npy")
	if err != nil {
		t.Fatal(err)
	}
	checkArange(t, "v2", v2, tensor.F32)
}

func checkArange(t *testing.T, name string, x *tensor.Tensor, d tensor.DType) {
	t.Helper()
	if x.DType() != d || !x.Shape().Equal(tensor.Shape{2, 3, 4}) {
		t.Errorf("%s is %v", name, x)
		return
	}
	for i, v := range floats(x) {
		want := float64(i)
		if d == tensor.Bool {
			want = map[bool]float64{true: 1}[i%3 == 0]
		}
		if v != want {
			t.Errorf("%s[%d] = %v, want %v", name, i, v, want)
			return
		}
	}
}

func TestRoundTrip(t *testing.T) {
	es, err := ReadZipFile("testdata/golden.npz")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteZip(&b, es); err != nil {
		t.Fatal(err)
	}
	again, err := ReadZip(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range es {
		g := again[i]
		if g.Name != e.Name || g.Tensor.String() != e.Tensor.String() || !bytes.Equal(g.Tensor.Raw(), e.Tensor.Raw()) {
			t.Errorf("%s %v came back as %s %v", e.Name, e.Tensor, g.Name, g.Tensor)
		}
	}
	if err := Write(io.Discard, tensor.New(tensor.BF16, tensor.Shape{1})); err == nil {
		t.Error("wrote bfloat16")
	}
}

func TestHeaderBytes(t *testing.T) {
	for _, c := range []struct {
		shape tensor.Shape
		text  string
	}{{nil, "()"}, {tensor.Shape{3}, "(3,)"}, {tensor.Shape{3, 4}, "(3, 4)"}} {
		h, err := appendHeader(nil, tensor.New(tensor.F32, c.shape))
		if err != nil {
			t.Fatal(err)
		}
		want := "{'descr': '<f4', 'fortran_order': False, 'shape': " + c.text + ", }"
		if got := string(h[10:]); strings.TrimRight(got, " \n") != want || len(h)%64 != 0 {
			t.Errorf("header %q of %d bytes, want %q", got, len(h), want)
		}
	}
}

// TestStream reads an array longer than a chunk from a reader without a size,
// and the array behind it.
func TestStream(t *testing.T) {
	big := tensor.New(tensor.F32, tensor.Shape{chunk/4 + 5})
	for i := range big.F32s() {
		big.F32s()[i] = float32(i)
	}
	var b bytes.Buffer
	for _, x := range []*tensor.Tensor{big, tensor.Vec[int64](1, 2)} {
		if err := Write(&b, x); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Raw(), big.Raw()) {
		t.Error("large array differs")
	}
	if got, err = Read(&b); err != nil || got.I64s()[1] != 2 {
		t.Errorf("second array: %v %v", got, err)
	}
}

func npyBytes(header string, data int) []byte {
	b := append([]byte(magic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestHostile(t *testing.T) {
	good := "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
	cases := map[string][]byte{
		"starts with":         []byte("PK\x03\x04 no array"),
		"version 9":           append([]byte(magic), 9, 0, 0, 0),
		"header has":          npyBytes(good, 0)[:20],
		"10 of 24 bytes":      npyBytes(good, 10),
		"above the limit":     npyBytes(strings.Replace(good, "2, 3", "99999999, 99999999", 1), 8),
		"expected an extent":  npyBytes(strings.Replace(good, "2, 3", "-2, 3", 1), 24),
		"more than 64":        npyBytes(strings.Replace(good, "2, 3", strings.Repeat("1,", 65), 1), 24),
		"no \"shape\"":        npyBytes("{'descr': '<f4', 'fortran_order': False}", 24),
		"twice":               npyBytes("{'descr': '<f4', 'descr': '<f4'}", 24),
		"unknown key":         npyBytes("{'x': 1}", 24),
		"array type \"<c8\"":  npyBytes(strings.Replace(good, "<f4", "<c8", 1), 24),
		"without an end":      npyBytes("{'descr", 24),
		"is no bool":          append(npyBytes(strings.Replace(good, "<f4", "|b1", 1), 5), 2),
		"expected ',' or ')'": npyBytes(strings.Replace(good, "2, 3", "2 3", 1), 24),
	}
	for want, b := range cases {
		_, err := Read(bytes.NewReader(b))
		var fe *FormatError
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	for _, name := range []string{"object", "struct"} {
		if _, err := ReadFile("testdata/" + name + ".npy"); err == nil {
			t.Errorf("%s array was read", name)
		}
	}
}

// TestOverdeclaredStream asks for almost the whole limit with no data behind it.
func TestOverdeclaredStream(t *testing.T) {
	b := npyBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", 100)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Read(bytes.NewReader(b)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error is %v", err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 2*chunk {
		t.Errorf("%d bytes allocated for a file of %d", n, len(b))
	}
}

func TestHostileZip(t *testing.T) {
	var b bytes.Buffer
	x := tensor.New(tensor.F32, tensor.Shape{100})
	if err := WriteZip(&b, []Entry{{"x", x}, {"y", x}}); err != nil {
		t.Fatal(err)
	}
	read := func(l Limits, p []byte) error {
		a, err := l.Open(bytes.NewReader(p), int64(len(p)))
		if err == nil {
			_, err = a.All()
		}
		return err
	}
	flip := bytes.Clone(b.Bytes())
	flip[200] ^= 1
	for name, err := range map[string]error{
		"checksum": read(Limits{}, flip),
		"cut off":  read(Limits{}, b.Bytes()[:b.Len()-30]),
		"limit":    read(Limits{MaxBytes: 500}, b.Bytes()),
	} {
		var fe *FormatError
		if !errors.As(err, &fe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var dup bytes.Buffer
	if err := WriteZip(&dup, []Entry{{"x", x}, {"x", x}}); err != nil {
		t.Fatal(err)
	}
	if err := read(Limits{}, dup.Bytes()); err == nil {
		t.Error("a name may stand twice")
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"golden.npz", "v2.npy", "object.npy", "struct.npy"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := Limits{MaxBytes: 1 << 20}
		if x, err := l.Read(bytes.NewReader(b)); err == nil {
			var out bytes.Buffer
			if err := Write(&out, x); err != nil {
				t.Fatal(err)
			}
			y, err := l.Read(&out)
			if err != nil || !bytes.Equal(x.Raw(), y.Raw()) {
				t.Fatalf("%v came back as %v: %v", x, y, err)
			}
		}
		if a, err := l.Open(bytes.NewReader(b), int64(len(b))); err == nil {
			_, _ = a.All()
		}
	})
}

func Example() {
	var b bytes.Buffer
	x := tensor.Of(tensor.Shape{2, 2}, []float32{1, 2, 3, 4})
	if err := WriteZip(&b, []Entry{{"weight", x}}); err != nil {
		fmt.Println(err)
	}
	es, err := ReadZip(bytes.NewReader(b.Bytes()), int64(b.Len()))
	fmt.Println(es[0].Name, es[0].Tensor, es[0].Tensor.F32s(), err)
	// Output: weight float32[2 2] [1 2 3 4] <nil>
}
