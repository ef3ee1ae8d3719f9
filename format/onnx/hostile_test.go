//go:build unix

package onnx

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
)

// file wraps a GraphProto into a model at an opset.
func file(opset int64, g *out) []byte {
	m, id := &out{}, &out{}
	m.int(1, 8)
	id.int(2, opset)
	m.message(8, id)
	m.message(7, g)
	var b bytes.Buffer
	if err := m.writeTo(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func msg(f func(*out)) *out {
	o := &out{}
	f(o)
	return o
}

// weight is an initialiser named w with the given dims and raw data.
func weight(elem int64, raw []byte, dims ...int64) *out {
	return msg(func(o *out) {
		for _, d := range dims {
			o.int(tensorDims, d)
		}
		o.int(tensorType, elem)
		o.string(tensorName, "w")
		if raw != nil {
			o.bytes(tensorRaw, raw)
		}
	})
}

func graphWith(t *out) *out { return msg(func(g *out) { g.message(5, t) }) }

// nested returns a graph in a graph in a graph.
func nested(depth int) *out {
	g := &out{}
	for range depth {
		inner := g
		g = msg(func(g *out) {
			g.message(1, msg(func(n *out) {
				n.string(4, "If")
				n.message(5, msg(func(a *out) {
					a.string(1, "then_branch")
					a.message(6, inner)
					a.int(20, int64(attrGraph))
				}))
			}))
		})
	}
	return g
}

// outside is an initialiser whose data are in another file.
func outside(loc, offset, length string) *out {
	return msg(func(o *out) {
		o.add(weight(1, nil, 4).buf)
		o.bytes(tensorExternal, entryBytes("location", loc))
		if offset != "" {
			o.bytes(tensorExternal, entryBytes("offset", offset))
		}
		if length != "" {
			o.bytes(tensorExternal, entryBytes("length", length))
		}
		o.int(tensorLocation, 1)
	})
}

// TestHostileFiles wants a typed error, and no panic, for every lie.
func TestHostileFiles(t *testing.T) {
	sound := file(13, graphWith(weight(1, make([]byte, 16), 4)))
	manyNodes := msg(func(g *out) {
		for range 1 << 18 {
			g.bytes(1, []byte{34, 1, 'X'})
		}
	})
	for name, c := range map[string]struct {
		file []byte
		kind error
		want string
	}{
		"empty":            {nil, ErrWire, "no graph"},
		"text":             {[]byte("this is no model"), ErrWire, ""},
		"cut":              {sound[:len(sound)-1], ErrWire, ""},
		"old":              {file(0, &out{}), ErrOpset, "opset 0"},
		"new":              {file(99, &out{}), ErrOpset, "opset 99"},
		"short data":       {file(13, graphWith(weight(1, make([]byte, 15), 4))), ErrWire, `tensor "w"`},
		"no data":          {file(13, graphWith(weight(1, nil, 4))), ErrWire, `tensor "w"`},
		"huge shape":       {file(13, graphWith(weight(1, nil, 1<<40, 1<<40))), ErrLimit, "overflows"},
		"negative extent":  {file(13, graphWith(weight(1, nil, -4))), ErrLimit, "extent -4"},
		"large and empty":  {file(13, graphWith(weight(1, nil, 1<<60, 0))), ErrLimit, "extent"},
		"unknown type":     {file(13, graphWith(weight(99, nil, 0))), ErrWire, "element type 99"},
		"deep":             {file(13, nested(maxDepth+5)), ErrLimit, "nested deeper"},
		"many tiny nodes":  {file(13, manyNodes), ErrLimit, "memory"},
		"self call":        {callsItself(), ErrWire, "calls itself"},
		"billion laughs":   {laughs(), ErrLimit, "memory"},
		"outside, no path": {file(13, graphWith(outside("x.bin", "", ""))), ErrExternal, "load the model by its path"},
		"sparse index":     {file(13, sparseGraph(1<<50)), ErrLimit, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(bytes.NewReader(c.file), int64(len(c.file)), LoadOptions{})
			var fe *FileError
			if !errors.As(err, &fe) || !errors.Is(err, c.kind) || !errors.Is(err, format.ErrFormat) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a FileError of kind %q that says %q", err, c.kind, c.want)
			}
		})
	}
	if _, err := Decode(bytes.NewReader(sound), int64(len(sound)), LoadOptions{}); err != nil {
		t.Errorf("the sound file: %v", err)
	}
}

// sparseGraph has a sparse tensor of an extent with a single value.
func sparseGraph(extent int64) *out {
	return msg(func(g *out) {
		g.message(15, msg(func(s *out) {
			s.message(1, weight(1, make([]byte, 4), 1))
			s.message(2, weight(7, make([]byte, 8), 1))
			s.int(3, extent)
		}))
	})
}

// functionModel has functions f0, f1, ... of the domain "d", each calling what
// calls says, and a graph that calls f0.
func functionModel(calls [][]string) []byte {
	m := &out{}
	m.int(1, 8)
	m.message(8, msg(func(id *out) { id.int(2, 18) }))
	call := func(op, in, y string) *out {
		return msg(func(n *out) {
			n.string(1, in)
			n.string(2, y)
			n.string(4, op)
			n.string(7, "d")
		})
	}
	m.message(7, msg(func(g *out) { g.message(1, call("f0", "", "y")) }))
	for i, ops := range calls {
		m.message(25, msg(func(f *out) {
			f.string(1, "f"+string(rune('0'+i)))
			f.string(10, "d")
			f.string(5, "y")
			for j, op := range ops {
				y := "y"
				if j > 0 {
					y += string(rune('0' + j))
				}
				f.message(7, call(op, "", y))
			}
		}))
	}
	return m.buf
}

func callsItself() []byte { return functionModel([][]string{{"f1"}, {"f0"}}) }

// laughs has functions that each call the next one many times.
func laughs() []byte {
	var calls [][]string
	for i := range 9 {
		var ops []string
		for range 10 {
			ops = append(ops, "f"+string(rune('1'+i)))
		}
		calls = append(calls, ops)
	}
	return functionModel(append(calls, nil))
}

// many repeats a field a million times.
func many(num protowire.Number, b []byte) *out {
	o := &out{}
	for range 1 << 20 {
		o.bytes(num, b)
	}
	return o
}

func inNode(fields *out) []byte {
	return file(13, msg(func(g *out) { g.message(1, msg(func(n *out) { n.string(4, "X"); n.add(fields.buf) })) }))
}

func inAttr(kind attrType, fields *out) []byte {
	return inNode(msg(func(n *out) {
		n.message(5, msg(func(a *out) { a.string(1, "a"); a.int(20, int64(kind)); a.add(fields.buf) }))
	}))
}

func inTensor(elem int64, fields *out) []byte {
	return file(13, graphWith(msg(func(t *out) { t.add(weight(elem, nil, 1<<20).buf); t.add(fields.buf) })))
}

func inModel(fields *out) []byte { return append(file(13, &out{}), fields.buf...) }

// TestMemoryBound reads files of tiny fields, accepted or not, and measures what
// they make the reader allocate.
func TestMemoryBound(t *testing.T) {
	for name, b := range map[string][]byte{
		"nodes": file(13, many(1, []byte{34, 1, 'X'})), "attributes": inNode(many(5, nil)), "inputs of a node": inNode(many(1, []byte("a"))),
		"strings": inAttr(attrString, many(9, nil)), "graphs": inAttr(attrGraphs, many(11, nil)), "packed": inAttr(attrInts, many(8, make([]byte, 8))),
		"scalars": file(13, many(5, weight(1, make([]byte, 4)).buf)), "inputs": file(13, many(11, nil)), "types": file(13, many(13, nil)),
		"text": inTensor(8, many(tensorStrings, nil)), "entries": inTensor(1, many(tensorExternal, entryBytes("a", "b"))),
		"metadata": inModel(many(14, nil)), "operator sets": inModel(many(8, nil)), "functions": inModel(many(25, nil)), "unknown": inModel(many(70, nil)),
		"calls": laughs(),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err := Decode(bytes.NewReader(b), int64(len(b)), LoadOptions{})
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<20+2*len(b)); got > most {
			t.Errorf("%s: %d bytes allocated for a file of %d (%v)", name, got, len(b), err)
		}
	}
}

// TestExternalDataStaysInFolder tries every way out of the model's folder.
func TestExternalDataStaysInFolder(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "model")
	mustDo(t, os.Mkdir(dir, 0o755), os.Mkdir(filepath.Join(dir, "sub"), 0o755),
		os.WriteFile(filepath.Join(top, "secret"), make([]byte, 16), 0o644),
		os.WriteFile(filepath.Join(dir, "good"), make([]byte, 32), 0o644),
		os.WriteFile(filepath.Join(dir, "twice"), make([]byte, 16), 0o644),
		os.Link(filepath.Join(dir, "twice"), filepath.Join(dir, "hard")),
		os.Symlink(filepath.Join("..", "secret"), filepath.Join(dir, "link")),
		os.Symlink("good", filepath.Join(dir, "inner")),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	for _, c := range []struct{ loc, off, n, root, want string }{
		{"good", "", "", "", ""},
		{"good", "16", "16", "", ""},
		{"inner", "", "", "", ""},
		{"../secret", "", "", top, ""},
		{"../secret", "", "", "", "leaves the model's folder"},
		{"sub/../../secret", "", "", "", "leaves the model's folder"},
		{filepath.Join(top, "secret"), "", "", "", "absolute"},
		{filepath.Join(top, "secret"), "", "", top, "absolute"},
		{"link", "", "", "", "escapes"},
		{"hard", "", "", "", "hard link"},
		{"pipe", "", "", "", "not a regular file"},
		{"sub", "", "", "", "not a regular file"},
		{"none", "", "", "", "no such file"},
		{"good", "17", "16", "", "which has 32"},
		{"good", "-1", "", "", "not a size"},
		{"good", "9223372036854775807", "16", "", "which has 32"},
		{"good", "0", "9223372036854775807", "", "which has 32"},
		{"good", "", "15", "", "15 bytes"},
		{"", "", "", "", "no location"},
	} {
		path := filepath.Join(dir, "m.onnx")
		mustDo(t, os.WriteFile(path, file(13, graphWith(outside(c.loc, c.off, c.n))), 0o644))
		m, err := Load(path, LoadOptions{ExternalRoot: c.root})
		if c.want == "" {
			if err != nil {
				t.Errorf("%+v: %v", c, err)
			} else if x, err := m.Graph.Params[0].Load(); err != nil || x.Len() != 4 {
				t.Errorf("%+v: loads %v, %v", c, x, err)
			}
			continue
		}
		var fe *FileError
		if !errors.As(err, &fe) || fe.Tensor != "w" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want a FileError of tensor w that says %q", c, err, c.want)
		}
	}
}

// TestTensorForms reads one tensor in every form that a file may give it.
func TestTensorForms(t *testing.T) {
	packed := func(num int, b []byte, elem int64, n int64) *out {
		o := weight(elem, nil, n)
		o.bytes(protowire.Number(num), b)
		return o
	}
	for name, c := range map[string]struct {
		t    *out
		want *tensor.Tensor
	}{
		"raw float":      {weight(1, []byte{0, 0, 128, 63, 0, 0, 0, 64}, 2), tensor.Vec[float32](1, 2)},
		"packed float":   {packed(tensorFloats, []byte{0, 0, 128, 63, 0, 0, 0, 64}, 1, 2), tensor.Vec[float32](1, 2)},
		"packed int64":   {packed(tensorInt64s, []byte{1, 0x80, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 7, 3), tensor.Vec[int64](1, 128, -1)},
		"packed int8":    {packed(tensorInt32s, []byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 3, 2), tensor.Vec[int8](1, -1)},
		"packed bool":    {packed(tensorInt32s, []byte{1, 0}, 9, 2), tensor.Vec(true, false)},
		"packed half":    {packed(tensorInt32s, []byte{0x80, 0x78}, 10, 1), tensor.Vec(tensor.Float16(0x3c00))},
		"packed uint64":  {packed(tensorUint64s, []byte{7}, 13, 1), tensor.Vec[uint64](7)},
		"strings":        {msg(func(o *out) { o.add(weight(8, nil, 2).buf); o.bytes(6, []byte("a")); o.bytes(6, []byte("")) }), tensor.Vec("a", "")},
		"single float":   {msg(func(o *out) { o.add(weight(1, nil, 1).buf); o.float(4, 2) }), tensor.Vec[float32](2)},
		"single int64":   {msg(func(o *out) { o.add(weight(7, nil, 2).buf); o.int(7, 5); o.int(7, -6) }), tensor.Vec[int64](5, -6)},
		"raw bfloat16":   {weight(16, []byte{0x80, 0x3f}, 1), tensor.Vec(tensor.BFloat16(0x3f80))},
		"raw double":     {weight(11, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, 1), tensor.Vec(1.0)},
		"empty":          {weight(1, nil, 0, 3), tensor.New(tensor.F32, tensor.Shape{0, 3})},
		"scalar":         {weight(1, []byte{0, 0, 128, 63}), tensor.Scalar[float32](1)},
		"loose bool raw": {weight(9, []byte{2, 0}, 2), tensor.Vec(true, false)},
	} {
		b := file(13, graphWith(c.t))
		m, err := Decode(bytes.NewReader(b), int64(len(b)), LoadOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := m.Graph.Params[0].Load()
		if err != nil || got.DType() != c.want.DType() || !got.Shape().Equal(c.want.Shape()) || !sameData(got, c.want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
	}
}

// TestOpaqueTypesSurvive keeps int4 and float8 initialisers and unknown fields.
func TestOpaqueTypesSurvive(t *testing.T) {
	g := msg(func(g *out) {
		g.message(5, weight(22, []byte{0x21}, 2))
		g.message(1, msg(func(n *out) {
			n.string(1, "w")
			n.string(2, "y")
			n.string(4, "Blow")
			n.string(7, "my.domain")
			n.string(77, "later")
		}))
		g.string(99, "unknown")
	})
	b := file(21, g)
	m, err := Decode(bytes.NewReader(b), int64(len(b)), LoadOptions{})
	mustDo(t, err)
	var again bytes.Buffer
	mustDo(t, Encode(&again, m, SaveOptions{}))
	for _, want := range []string{"later", "unknown", "my.domain", "\x4a\x01\x21"} {
		if !bytes.Contains(again.Bytes(), []byte(want)) {
			t.Errorf("%q is lost", want)
		}
	}
	if _, err := graph.Compile(m, graph.Options{}); !errors.Is(err, graph.ErrUnsupported) && err != nil {
		t.Errorf("compiling gives %v", err)
	}
}

// TestSparse reads a sparse initialiser.
func TestSparse(t *testing.T) {
	b := file(13, sparseGraph(5))
	m, err := Decode(bytes.NewReader(b), int64(len(b)), LoadOptions{})
	mustDo(t, err)
	x, err := m.Graph.Params[0].Load()
	if err != nil || x.Len() != 5 {
		t.Errorf("got %v, %v", x, err)
	}
}
