package format

import (
	"errors"
	"runtime"
	"slices"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/internal/cmzpb"
	"github.com/compress-toolkit/compress/format/internal/codec"
	"github.com/compress-toolkit/compress/format/internal/planes"
)

// unpack decompresses one zstd frame of exactly n bytes.
func unpack(stored []byte, n int) ([]byte, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	raw, err := dec.DecodeAll(stored, make([]byte, 0, n))
	if err == nil && len(raw) != n {
		err = errors.New("shorter than declared")
	}
	return raw, err
}

// target is a tensor that is being read.
type target struct {
	e      *entry
	t      *tensor.Tensor
	scales []float32
}

// job is one chunk of one target.
type job struct {
	id, chunk int
	to        *target // nil: decode and throw away
}

// read returns the tensors with the given numbers, decoded on all cores.
func (f *File) read(ids []int) ([]*tensor.Tensor, error) {
	scaleIDs := f.scales(ids)
	if all := slices.Concat(ids, scaleIDs); f.memory(all) > unprovenTensors(f.size) {
		if err := f.prove(all); err != nil {
			return nil, err
		}
	}
	var scales []*tensor.Tensor
	if len(scaleIDs) > 0 {
		var err error
		if scales, err = f.read(scaleIDs); err != nil {
			return nil, err
		}
	}
	ts := make([]*tensor.Tensor, len(ids))
	var jobs []job
	for i, id := range ids {
		e := &f.entries[id]
		ts[i] = e.alloc()
		to := &target{e: e, t: ts[i]}
		if e.quantised() {
			to.scales, scales = scales[0].F32s(), scales[1:]
		}
		jobs = e.jobs(jobs, id, to)
	}
	return ts, f.run(jobs)
}

// scales returns the numbers of the scales of those of the tensors that have
// some, in order.
func (f *File) scales(ids []int) (of []int) {
	for _, id := range ids {
		if e := &f.entries[id]; e.quantised() {
			of = append(of, e.scales)
		}
	}
	return of
}

func (f *File) memory(ids []int) (n int64) {
	for _, id := range ids {
		n += f.entries[id].memory()
	}
	return n
}

// prove decodes the tensors without keeping them, so that memory is given only
// to a file that is sound.
func (f *File) prove(ids []int) error {
	var jobs []job
	for _, id := range ids {
		jobs = f.entries[id].jobs(jobs, id, nil)
	}
	return f.run(jobs)
}

// alloc returns the tensor without its elements, unless those are strings.
func (e *entry) alloc() *tensor.Tensor {
	t := tensor.New(e.dtype, e.shape)
	for i, s := range e.strings {
		tensor.Data[string](t)[i] = string(s)
	}
	return t
}

// jobs appends one job for each chunk.
func (e *entry) jobs(jobs []job, id int, to *target) []job {
	for k := range e.chunks {
		jobs = append(jobs, job{id, k, to})
	}
	return jobs
}

func (f *File) run(jobs []job) error {
	chunk := int64(f.header.ChunkBytes)
	workers := min(int64(runtime.GOMAXPROCS(0)), max(1, workBytes(f.size)/(4*chunk)))
	return forEach(len(jobs), int(workers), func() func(int) error {
		w := &worker{f: f}
		return func(i int) error { return w.do(jobs[i]) }
	})
}

// worker has the buffers of one goroutine.
type worker struct {
	f   *File
	msg []byte
	cut []byte // byte planes
	raw []byte // elements in their storage type
}

// grow returns a slice of n bytes, *b's memory when it is enough.
func grow(b *[]byte, n int) []byte {
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	return (*b)[:n]
}

func (w *worker) do(j job) error {
	e := &w.f.entries[j.id]
	ref := w.f.chunks[e.first+j.chunk]
	err := w.chunk(j, e, ref)
	var fe *FileError
	if errors.As(err, &fe) {
		fe.Tensor = e.name
	}
	return err
}

func (w *worker) chunk(j job, e *entry, ref chunkRef) error {
	c, err := w.message(j, e, ref)
	if err != nil {
		return err
	}
	k, n := kinds[e.storage], e.count(j.chunk)
	cut := grow(&w.cut, n*k.width)
	for p, plane := range c.Planes {
		if err := codec.Decode(plane.Codec, cut[p*n:][:n], plane.Data); err != nil {
			return fail(ErrCorrupt, ref.off, "chunk %d, plane %d: %w", j.chunk, p, err)
		}
	}
	if crcOf(cut) != c.Crc {
		return fail(ErrChecksum, ref.off, "chunk %d decodes to other bytes than were written", j.chunk)
	}
	if e.storage == tensor.Bool && !onlyBits(cut) {
		return fail(ErrCorrupt, ref.off, "chunk %d: a bool that is neither 0 nor 1", j.chunk)
	}
	if j.to != nil {
		w.deliver(j.to, j.chunk*e.per, n, cut)
	}
	return nil
}

// message reads and checks the Chunk of a job.
func (w *worker) message(j job, e *entry, ref chunkRef) (*cmzpb.Chunk, error) {
	width := kinds[e.storage].width
	if int64(ref.length) > int64(e.count(j.chunk)*width+chunkSlack) {
		return nil, fail(ErrLimit, ref.off, "chunk %d of %d bytes for %d elements", j.chunk, ref.length, e.count(j.chunk))
	}
	msg := grow(&w.msg, int(ref.length))
	if err := readFull(w.f.r, msg, ref.off); err != nil {
		return nil, err
	}
	if crcOf(msg) != ref.crc {
		return nil, fail(ErrChecksum, ref.off, "chunk %d", j.chunk)
	}
	c := &cmzpb.Chunk{}
	left := 4*len(msg) + 64*messageCost
	if err := scan(msg, c.ProtoReflect().Descriptor(), 0, &left); err != nil {
		return nil, fail(ErrCorrupt, ref.off, "chunk %d: %w", j.chunk, err)
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(msg, c); err != nil {
		return nil, fail(ErrCorrupt, ref.off, "chunk %d: %w", j.chunk, err)
	}
	if int64(c.Tensor) != int64(j.id) || int64(c.Number) != int64(j.chunk) || len(c.Planes) != width {
		return nil, fail(ErrCorrupt, ref.off, "chunk %d of tensor %d with %d planes where chunk %d of tensor %d is due, with %d",
			c.Number, c.Tensor, len(c.Planes), j.chunk, j.id, width)
	}
	return c, nil
}

// onlyBits reports whether every byte is 0 or 1.
func onlyBits(b []byte) bool {
	var or byte
	for _, v := range b {
		or |= v
	}
	return or <= 1
}

// deliver joins the planes and writes the n elements from start to the tensor.
func (w *worker) deliver(to *target, start, n int, cut []byte) {
	k := kinds[to.e.storage]
	if to.e.storage == to.e.dtype {
		planes.Merge(to.t.Raw()[start*k.width:][:n*k.width], cut, k.width, k.turn)
		return
	}
	raw := grow(&w.raw, n*k.width)
	planes.Merge(raw, cut, k.width, k.turn)
	dst := to.t.F32s()[start : start+n]
	switch to.e.storage {
	case tensor.I8:
		dequantise(dst, raw, to.scales, channelsOf(to.e.shape, to.e.axis), start)
	case tensor.F16:
		for i, h := range tensor.Data[tensor.Float16](tensor.OfRaw(tensor.F16, tensor.Shape{n}, raw)) {
			dst[i] = h.Float32()
		}
	case tensor.BF16:
		for i, h := range tensor.Data[tensor.BFloat16](tensor.OfRaw(tensor.BF16, tensor.Shape{n}, raw)) {
			dst[i] = h.Float32()
		}
	}
}
