package format

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/internal/cmzpb"
	"github.com/compress-toolkit/compress/format/internal/codec"
	"github.com/compress-toolkit/compress/format/internal/planes"
)

// chunkBytes is what the writer cuts tensors into: small enough for a core's
// cache and for many workers in little memory, large enough that tables and
// heads cost nothing.
const chunkBytes = 1 * mib

// Encode writes m to w as a .cmz file. Equal models and options give equal
// bytes. After an error w has an incomplete file, which no reader accepts.
func Encode(w io.Writer, m *graph.Model, o SaveOptions) error {
	if err := m.Check(); err != nil {
		return err
	}
	h, err := newHeader(m, o)
	if err != nil {
		return err
	}
	stored, rawLen, err := packHeader(h.header)
	if err != nil {
		return err
	}
	pre, preambleCRC := preamble{Version, uint32(len(stored)), uint32(rawLen), crcOf(stored)}.encode()
	out := &fileWriter{w: w}
	out.write(pre)
	out.write(stored)
	var index cmzpb.Index
	err = inOrder(runtime.GOMAXPROCS(0), h.chunks, func(chunk []byte) error {
		index.Lengths = append(index.Lengths, uint32(len(chunk)))
		index.Crcs = append(index.Crcs, crcOf(chunk))
		out.write(chunk)
		return out.err
	})
	if err != nil {
		return err
	}
	return out.finish(&index, preambleCRC)
}

// packHeader marshals and compresses the header, and makes sure that readers
// with the default limits accept it.
func packHeader(h *cmzpb.Header) (stored []byte, rawLen int, err error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(h)
	if err != nil {
		return nil, 0, err
	}
	left := maxHeaderCost
	if len(raw) > maxHeaderRaw {
		err = fmt.Errorf("%d bytes", len(raw))
	} else {
		err = scan(raw, h.ProtoReflect().Descriptor(), 0, &left)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the graph without its weights is too large to store: %w", err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, 0, err
	}
	defer enc.Close()
	return enc.EncodeAll(raw, nil), len(raw), nil
}

// fileWriter counts bytes and keeps the first error.
type fileWriter struct {
	w   io.Writer
	off uint64
	err error
}

func (f *fileWriter) write(b []byte) {
	if f.err == nil {
		_, f.err = f.w.Write(b)
		f.off += uint64(len(b))
	}
}

func (f *fileWriter) finish(index *cmzpb.Index, preambleCRC uint32) error {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(index)
	if err != nil {
		return err
	}
	if len(b) > math.MaxUint32 {
		return fmt.Errorf("%d chunks are too many for one file", len(index.Lengths))
	}
	foot := footer{f.off, uint32(len(b)), crcOf(b), preambleCRC}
	f.write(b)
	f.write(foot.encode())
	return f.err
}

// chunks emits one job for each chunk, in file order. Tensors are loaded one at
// a time.
func (h *headerWriter) chunks(emit func(func() ([]byte, error)) bool) error {
	pad := h.memory() > Limits{}.memory(0)
	for i := range h.sources {
		s := &h.sources[i]
		if s.dtype == tensor.String || s.shape.Size() == 0 {
			continue
		}
		t, err := s.read()
		if err != nil {
			return err
		}
		per := chunkBytes / kinds[s.storage].width
		for k := 0; k*per < t.Len(); k++ {
			job := chunkJob{s, t, i, k, k * per, min(per, t.Len()-k*per), pad, h.o.Effort}
			if !emit(job.run) {
				return nil
			}
		}
	}
	return nil
}

// memory is what the tensors take in a reader.
func (h *headerWriter) memory() (n int64) {
	for _, s := range h.sources {
		if s.dtype != tensor.String {
			n += int64(s.shape.Size() * s.dtype.Size())
		}
	}
	return n
}

// chunkJob makes one Chunk message of the elements [start, start+n) of t.
type chunkJob struct {
	s        *source
	t        *tensor.Tensor
	tensor   int
	number   int
	start, n int
	pad      bool
	effort   Effort
}

// buffers are reused between chunks.
var buffers = sync.Pool{New: func() any { b := make([]byte, 2*chunkBytes); return &b }}

func (j chunkJob) run() ([]byte, error) {
	k := kinds[j.s.storage]
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	raw, cut := (*buf)[:j.n*k.width], (*buf)[chunkBytes:][:j.n*k.width]
	raw, err := j.stored(raw)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", j.s.name, err)
	}
	planes.Split(cut, raw, k.width, k.turn)
	chunk := &cmzpb.Chunk{Tensor: uint32(j.tensor), Number: uint32(j.number), Crc: crcOf(cut)}
	size := 0
	for p := range k.width {
		id, data := codec.Encode(cut[p*j.n:][:j.n], j.effort)
		chunk.Planes = append(chunk.Planes, &cmzpb.Plane{Codec: id, Data: data})
		size += len(data)
	}
	if need := ceilDiv(j.n*j.s.dtype.Size(), expansion); j.pad && size < need {
		chunk.Padding = make([]byte, need-size)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(chunk)
}

// stored returns the elements in their storage type, in buf unless they are so already.
func (j chunkJob) stored(buf []byte) ([]byte, error) {
	end := j.start + j.n
	if j.s.storage == j.s.dtype {
		size := j.s.dtype.Size()
		return j.t.Raw()[j.start*size : end*size], nil
	}
	src := j.t.F32s()
	switch j.s.storage {
	case tensor.I8:
		quantise(buf, src, *j.s.scales, channelsOf(j.s.shape, j.s.axis), j.start)
	case tensor.F16, tensor.BF16:
		return buf, Narrow(tensor.OfRaw(j.s.storage, tensor.Shape{j.n}, buf), src[j.start:end])
	}
	return buf, nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
