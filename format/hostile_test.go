package format

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/format/internal/cmzpb"
)

func tryDecode(b []byte) (*graph.Model, error) {
	return Decode(bytes.NewReader(b), int64(len(b)), Limits{})
}

// typed fails for an error that does not say that the file is at fault.
func typed(t *testing.T, what string, err error) {
	t.Helper()
	var fe *FileError
	if !errors.Is(err, ErrFormat) || !errors.As(err, &fe) {
		t.Errorf("%s: %v", what, err)
	}
}

// TestTruncated cuts a file at every length.
func TestTruncated(t *testing.T) {
	b := encode(t, sample(), SaveOptions{})
	for n := range b {
		m, err := tryDecode(b[:n])
		if m != nil {
			t.Fatalf("%d of %d bytes are a model", n, len(b))
		}
		typed(t, "truncated", err)
	}
	typed(t, "appended", second(tryDecode(append(bytes.Clone(b), 0))))
}

func second[A any](_ A, err error) error { return err }

// TestBitFlips flips a bit of every byte: no damage goes unnoticed.
func TestBitFlips(t *testing.T) {
	b := encode(t, sample(), SaveOptions{})
	for i := range b {
		b[i] ^= 1 << (i % 8)
		_, err := tryDecode(b)
		if err == nil {
			t.Fatalf("byte %d of %d was changed unnoticed", i, len(b))
		}
		typed(t, "flipped", err)
		b[i] ^= 1 << (i % 8)
	}
}

// forge changes the header of a valid file and puts correct checksums around it,
// with the given chunks.
func forge(t testing.TB, change func(*cmzpb.Header), chunks ...[]byte) []byte {
	t.Helper()
	w, err := newHeader(sample(), SaveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	change(w.header)
	raw, err := proto.Marshal(w.header)
	if err != nil {
		t.Fatal(err)
	}
	return assemble(t, raw, len(raw), chunks)
}

var headerEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))

// assemble puts a file around a header.
func assemble(t testing.TB, header []byte, rawLen int, chunks [][]byte) []byte {
	t.Helper()
	stored := headerEncoder.EncodeAll(header, nil)
	b, crc := preamble{Version, uint32(len(stored)), uint32(rawLen), crcOf(stored)}.encode()
	b = append(b, stored...)
	var index cmzpb.Index
	for _, c := range chunks {
		index.Lengths, index.Crcs = append(index.Lengths, uint32(len(c))), append(index.Crcs, crcOf(c))
		b = append(b, c...)
	}
	idx, err := proto.Marshal(&index)
	if err != nil {
		t.Fatal(err)
	}
	foot := footer{uint64(len(b)), uint32(len(idx)), crcOf(idx), crc}
	return append(append(b, idx...), foot.encode()...)
}

// lies are headers that declare what is not so.
var lies = map[string]func(*cmzpb.Header){
	"huge tensor":         func(h *cmzpb.Header) { h.Tensors[0].Shape = []uint64{1 << 30, 1 << 30} },
	"overflowing product": func(h *cmzpb.Header) { h.Tensors[0].Shape = []uint64{1 << 31, 1 << 31, 4} },
	"huge extent":         func(h *cmzpb.Header) { h.Tensors[0].Shape = []uint64{math.MaxUint64} },
	"many axes":           func(h *cmzpb.Header) { h.Tensors[0].Shape = make([]uint64, 1000) },
	"tensor used twice":   func(h *cmzpb.Header) { h.Model.Graph.Params[1].Tensor = h.Model.Graph.Params[0].Tensor },
	"tensor out of range": func(h *cmzpb.Header) { h.Model.Graph.Params[1].Tensor = math.MaxUint32 },
	"unused tensor":       func(h *cmzpb.Header) { h.Tensors = append(h.Tensors, &cmzpb.Tensor{Dtype: cmzpb.DType_FLOAT32}) },
	"unknown type":        func(h *cmzpb.Header) { h.Tensors[0].Dtype = 99 },
	"strange storage":     func(h *cmzpb.Header) { h.Tensors[0].Storage = cmzpb.DType_INT64 },
	"scales of nothing": func(h *cmzpb.Header) {
		h.Tensors[0].Storage, h.Tensors[0].Scales = cmzpb.DType_INT8, 1000
	},
	"scales of itself": func(h *cmzpb.Header) { h.Tensors[0].Storage, h.Tensors[0].Scales = cmzpb.DType_INT8, 0 },
	"tiny chunks":      func(h *cmzpb.Header) { h.ChunkBytes = 1 },
	"huge chunks":      func(h *cmzpb.Header) { h.ChunkBytes = math.MaxUint32 },
	"no graph":         func(h *cmzpb.Header) { h.Model.Graph, h.Tensors = nil, nil },
	"no model":         func(h *cmzpb.Header) { h.Model, h.Tensors = nil, nil },
	"newer operators":  func(h *cmzpb.Header) { h.Model.Opsets[0].Version = 1 << 40 },
	"missing chunks":   func(*cmzpb.Header) {},
	"many strings": func(h *cmzpb.Header) {
		h.Model.Meta = nil
		for range 300_000 {
			h.Model.Meta = append(h.Model.Meta, &cmzpb.Entry{})
		}
	},
	"deep graphs": func(h *cmzpb.Header) {
		for range 500 {
			h.Model.Graph = &cmzpb.Graph{Nodes: []*cmzpb.Node{{Name: "n", Attrs: []*cmzpb.Attr{{Name: "b", Value: &cmzpb.Attr_Graph{Graph: h.Model.Graph}}}}}}
		}
	},
}

// TestLies reads forged files whose checksums are right, and watches the memory.
func TestLies(t *testing.T) {
	for what, change := range lies {
		b := forge(t, change)
		typed(t, what, within(t, what, b))
	}
	raw := bytes.Repeat([]byte{0x0a, 0}, 100<<20/2) // 100 MiB of zeros-like header
	typed(t, "zstd bomb", within(t, "zstd bomb", assemble(t, raw, 1<<20, nil)))
	typed(t, "huge claim", within(t, "huge claim", assemble(t, raw, math.MaxUint32, nil)))
	typed(t, "no protobuf", within(t, "no protobuf", assemble(t, []byte("\xff\xff\xff\xff"), 4, nil)))
}

// within decodes b and fails when that allocates more than 64 MiB and twice its size.
func within(t *testing.T, what string, b []byte) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, err := tryDecode(b)
	runtime.ReadMemStats(&after)
	if m != nil {
		t.Errorf("%s: read as a model", what)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64*mib+2*uint64(len(b)) {
		t.Errorf("%s: %d bytes allocated for a file of %d", what, n, len(b))
	}
	return err
}

// TestBombs gives chunks that are far smaller than what they declare: a file may
// expand within the limit, and beyond it is refused.
func TestBombs(t *testing.T) {
	declare := func(n uint64) func(*cmzpb.Header) {
		return func(h *cmzpb.Header) {
			h.ChunkBytes = maxChunk
			h.Model.Graph = &cmzpb.Graph{Params: []*cmzpb.Param{{Name: "p", Tensor: 0}}}
			h.Tensors = []*cmzpb.Tensor{{Dtype: cmzpb.DType_UINT8, Shape: []uint64{n}}}
		}
	}
	zeros := make([]byte, maxChunk)
	var chunks [][]byte
	for i := range 32 {
		c, err := proto.Marshal(&cmzpb.Chunk{Number: uint32(i), Crc: crcOf(zeros), Planes: []*cmzpb.Plane{{Codec: 1, Data: []byte{0}}}})
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, c)
	}
	if _, err := tryDecode(forge(t, declare(8*maxChunk), chunks[:8]...)); err != nil {
		t.Errorf("32 MiB of zeros: %v", err)
	}
	b := forge(t, declare(32*maxChunk), chunks...)
	if err := within(t, "128 MiB of zeros", b); !errors.Is(err, ErrLimit) {
		t.Errorf("128 MiB of zeros: %v", err)
	}
	if _, err := Decode(bytes.NewReader(b), int64(len(b)), Limits{Memory: 1 << 30}); err != nil {
		t.Errorf("with another limit: %v", err)
	}
	chunks[3], chunks[4] = chunks[4], chunks[3]
	typed(t, "swapped chunks", second(tryDecode(forge(t, declare(8*maxChunk), chunks[:8]...))))
}

// TestFirstVersion reads the small file that was written when version 1 was new.
// It stays for ever; -update is not offered.
func TestFirstVersion(t *testing.T) {
	m, err := Load(filepath.Join("testdata", "v1.cmz"))
	if err != nil {
		t.Fatal(err)
	}
	sameGraph(t, m.Graph, sample().Graph)
}

func TestNewerVersion(t *testing.T) {
	b := encode(t, sample(), SaveOptions{})
	pre, _ := preamble{version: 2}.encode()
	if _, err := tryDecode(append(pre, b[preambleSize:]...)); !errors.Is(err, ErrVersion) {
		t.Errorf("version 2: %v", err)
	}
	if _, err := tryDecode([]byte("PK\x03\x04 something else")); !errors.Is(err, ErrNotCMZ) {
		t.Errorf("a zip file: %v", err)
	}
}

// FuzzLoad reads arbitrary bytes, as a whole file and as the header of a file whose
// checksums are right.
func FuzzLoad(f *testing.F) {
	for _, o := range []SaveOptions{{}, {Effort: Best}} {
		f.Add(encode(f, sample(), o))
	}
	for _, change := range lies {
		if b := forge(f, change); len(b) < 1<<16 {
			f.Add(b)
		}
	}
	first, err := os.ReadFile(filepath.Join("testdata", "v1.cmz"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(first)
	w, err := newHeader(sample(), SaveOptions{})
	if err != nil {
		f.Fatal(err)
	}
	raw, err := proto.Marshal(w.header)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, file := range [][]byte{b, assemble(t, b, len(b), nil)} {
			m, err := tryDecode(file)
			switch {
			case err != nil:
				typed(t, "fuzzed", err)
			case m.Check() != nil:
				t.Errorf("an invalid model was read: %v", m.Check())
			}
		}
	})
}
