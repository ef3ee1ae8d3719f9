package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
)

// file puts a length before a header and data behind it.
func file(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func write(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReadsTheDocumentedExample has the bytes laid out by hand, from the format's description.
func TestReadsTheDocumentedExample(t *testing.T) {
	path := write(t, "a.safetensors", file(
		`{"__metadata__":{"by":"hand"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[3,11]},"f8":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]}}  `,
		1, 2, 3, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0))
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := m.Graph.Param("w").Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := w.F32s(); got[0] != 1 || got[1] != -2 || !w.Shape().Equal(tensor.Shape{1, 2}) || m.Meta["by"] != "hand" {
		t.Errorf("w = %v%v, metadata %v", got, w.Shape(), m.Meta)
	}
	again := filepath.Join(t.TempDir(), "b.safetensors")
	if err := Save(again, m, format.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	n, err := Load(again)
	if err != nil {
		t.Fatal(err)
	}
	f8 := n.Graph.Param("f8")
	x, ok := f8.Ext.(Opaque)
	data, err := f8.Load()
	if err != nil || !ok || x.DType != "F8_E4M3" || !bytes.Equal(data.Raw(), []byte{1, 2, 3}) {
		t.Errorf("f8 became %+v %v, %v", f8.Ext, data, err)
	}
}

func sample() *graph.Model {
	m := &graph.Model{Graph: &graph.Graph{Name: "s"}, Meta: map[string]string{"format": "pt"}}
	add := func(name string, t *tensor.Tensor) {
		m.Graph.Params = append(m.Graph.Params, graph.NewParam(graph.Value(name), t, t.DType().IsFloat()))
	}
	w := tensor.New(tensor.F32, tensor.Shape{6, 4})
	for i := range w.F32s() { // rank 1
		w.F32s()[i] = float32(1+i/4) * float32(1+i%4)
	}
	add("layer.weight", w)
	add("layer.bias", tensor.Vec[float32](1, 2, 3, 4, 5, 6))
	add("half", tensor.Of(tensor.Shape{1, 2}, []tensor.Float16{0x3c00, 0x4000}))
	add("ids", tensor.Vec[int64](-1, 5))
	add("flags", tensor.Vec(true, false, true))
	add("none", tensor.New(tensor.BF16, tensor.Shape{0, 3}))
	return m
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")
	m := sample()
	if err := Save(a, m, format.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := Load(a)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, m)
	if err := Save(b, got, format.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if x, y := read(t, a), read(t, b); !bytes.Equal(x, y) {
		t.Error("a second writing differs")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t *testing.T, got, want *graph.Model) {
	t.Helper()
	if len(got.Graph.Params) != len(want.Graph.Params) || fmt.Sprint(got.Meta) != fmt.Sprint(want.Meta) {
		t.Errorf("%d tensors, metadata %v", len(got.Graph.Params), got.Meta)
	}
	for _, p := range want.Graph.Params {
		q := got.Graph.Param(p.Name)
		if q == nil || q.Data != nil {
			t.Fatalf("%s is missing, or was read before it was asked for", p.Name)
		}
		x, err := q.Load()
		if err != nil {
			t.Fatal(err)
		}
		if x.DType() != p.DType || !x.Shape().Equal(p.Shape) || !bytes.Equal(x.Raw(), p.Data.Raw()) {
			t.Errorf("%s became %v", p.Name, x)
		}
	}
}

func TestSharded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model"+indexSuffix)
	m := sample()
	if err := saveSharded(path, m, format.SaveOptions{}, 40); err != nil {
		t.Fatal(err)
	}
	shards, err := filepath.Glob(filepath.Join(filepath.Dir(path), "model-*-of-*.safetensors"))
	if err != nil || len(shards) < 3 {
		t.Fatalf("shards %v, %v", shards, err)
	}
	got, err := LoadSharded(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, m)
	for from, to := range map[string]string{
		"model-00001": "../model-00001", `"layer.bias"`: `"other"`, `"ids": "model-00001`: `"ids": "model-00002`,
	} {
		text := strings.Replace(string(read(t, path)), from, to, 1)
		bad := filepath.Join(filepath.Dir(path), "bad"+indexSuffix)
		if err := os.WriteFile(bad, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSharded(bad); !errors.Is(err, format.ErrFormat) {
			t.Errorf("%s -> %s: %v", from, to, err)
		}
	}
}

func TestStorage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	m := sample()
	if err := Save(path, m, format.SaveOptions{Storage: tensor.BF16}); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if w, b := got.Graph.Param("layer.weight"), got.Graph.Param("layer.bias"); w.DType != tensor.BF16 || b.DType != tensor.F32 {
		t.Errorf("weight %v, bias %v", w.DType, b.DType)
	}
	before := read(t, path)
	m.Graph.Param("layer.weight").Data.F32s()[0] = 1e6
	for _, d := range []tensor.DType{tensor.I8, tensor.F16} {
		if err := Save(path, m, format.SaveOptions{Storage: d}); err == nil || !strings.Contains(err.Error(), "layer.weight") {
			t.Errorf("%v: %v", d, err)
		}
		if !bytes.Equal(read(t, path), before) {
			t.Errorf("%v: the failed write changed the file", d)
		}
	}
}

// lies are files that must be refused, with what the error says.
var lies = map[string][]byte{
	"cannot hold":               {1, 2, 3},
	"header of":                 append(binary.LittleEndian.AppendUint64(nil, 1<<40), "{}"...),
	"not a JSON object":         file(`[]`),
	`"a" (described`:            file(`{"a":`),
	"goes on after":             file(`{}{}`),
	"described twice":           file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
	"__metadata__":              file(`{"__metadata__":{"a":1}}`),
	"unknown element type":      file(`{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,1]}}`, 1),
	"extent -1":                 file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1),
	"bytes for U8":              file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}`, 1),
	"bytes for F64":             file(`{"a":{"dtype":"F64","shape":[281474976710656,281474976710656],"data_offsets":[0,8]}}`, 1, 2, 3, 4, 5, 6, 7, 8),
	"bytes 2 to 1":              file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}}`, 1),
	"expected":                  file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 1, 2, 3),
	"begin at":                  file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 1, 2),
	"the file at":               file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, 2),
	"rank":                      file(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", 99)+`1],"data_offsets":[0,1]}}`, 1),
	"cannot unmarshal":          file(`{"a":{"dtype":7}}`),
	"bytes for F4":              file(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}`, 1),
	"defines a value without":   file(`{"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
	"bytes 1152921504606846976": file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[1152921504606846976,1152921504606846977]}}`),
}

func TestHostile(t *testing.T) {
	for want, b := range lies {
		_, err := Load(write(t, "a.safetensors", b))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
		if !errors.Is(err, format.ErrFormat) && !errors.Is(err, graph.ErrInvalid) {
			t.Errorf("%q: the error is of no kind: %v", want, err)
		}
	}
}

// TestMemory reads a header made of as many tiny tensors as possible.
func TestMemory(t *testing.T) {
	var h strings.Builder
	h.WriteByte('{')
	for i := range maxTensors + 10 {
		fmt.Fprintf(&h, `"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`, i)
	}
	b := file(strings.TrimSuffix(h.String(), ",") + "}")
	path := write(t, "a.safetensors", b)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Load(path)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, format.ErrFormat) {
		t.Errorf("got %v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20+2*uint64(len(b)) {
		t.Errorf("%d bytes allocated for a file of %d", n, len(b))
	}
}

// TestLinear factorises by hand and checks the names, the shapes and W = U V.
func TestLinear(t *testing.T) {
	m := sample()
	if _, err := AddLinear(m, regexp.MustCompile("nothing")); err == nil {
		t.Error("no matrix matched and there was no error")
	}
	n, err := AddLinear(m, regexp.MustCompile(`\.weight$`))
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	err = m.Replace(m.Graph, m.Graph.Nodes[0], func(b *graph.Builder, in []graph.Value) ([]graph.Value, error) {
		v := b.Param("layer.weight/v", tensor.Of(tensor.Shape{4, 1}, []float32{1, 2, 3, 4}))
		u := b.Param("layer.weight/u", tensor.Of(tensor.Shape{1, 6}, []float32{1, 2, 3, 4, 5, 6}))
		b.Append(&graph.Node{Name: "v", Op: "MatMul", In: []graph.Value{in[0], v}, Out: []graph.Value{"h"}})
		b.Append(&graph.Node{Name: "u", Op: "MatMul", In: []graph.Value{"h", u}, Out: []graph.Value{"z"}})
		return []graph.Value{"z"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := CollectFactors(m); err != nil {
		t.Fatal(err)
	}
	u, v := m.Graph.Param("layer.weight.U"), m.Graph.Param("layer.weight.V")
	if u == nil || v == nil || !u.Shape.Equal(tensor.Shape{6, 1}) || !v.Shape.Equal(tensor.Shape{1, 4}) || len(m.Graph.Nodes) != 0 {
		t.Fatalf("U %v, V %v", u, v)
	}
	for i, w := range sample().Graph.Param("layer.weight").Data.F32s() {
		if got := u.Data.F32s()[i/4] * v.Data.F32s()[i%4]; got != w {
			t.Errorf("U V has %g at %d, want %g", got, i, w)
		}
	}
	if want := `{"layer.weight":{"u":"layer.weight.U","v":"layer.weight.V","shape":[6,4],"rank":1}}`; m.Meta[MetaFactors] != want {
		t.Errorf("metadata %s", m.Meta[MetaFactors])
	}
}

func FuzzLoad(f *testing.F) {
	for _, b := range lies {
		f.Add(b)
	}
	f.Add(file(`{"__metadata__":{"a":"b"},"w":{"dtype":"BOOL","shape":[1,2],"data_offsets":[0,2]}}`, 1, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		infos, _, err := readHeader(bytes.NewReader(b), int64(len(b)))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("untyped error %v", err)
		}
		for _, i := range infos {
			if err != nil {
				break
			}
			p := i.param(bytes.NewReader(b))
			if x, err := p.Load(); err == nil && x.Bytes() != int(i.end-i.begin) {
				t.Errorf("%q has %d bytes", i.name, x.Bytes())
			}
		}
	})
}
