package format

import (
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/internal/cmzpb"
)

// File is an open .cmz file: header and index are read, tensors are when asked
// for. Its methods may be called concurrently.
type File struct {
	r       io.ReaderAt
	c       io.Closer // nil when the caller owns r
	size    int64
	header  *cmzpb.Header
	entries []entry
	chunks  []chunkRef
}

// chunkRef is where one Chunk message is.
type chunkRef struct {
	off    int64
	length uint32
	crc    uint32
}

// Open reads the header and the index of a file. The file stays open until
// Close, and so must it while parameters of its models are lazy.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		var file *File
		if file, err = NewFile(f, st.Size(), Limits{}); err == nil {
			file.c = f
			return file, nil
		}
	}
	f.Close()
	return nil, fmt.Errorf("%s: %w", path, err)
}

// NewFile is Open for the size bytes of r, which stays the caller's.
func NewFile(r io.ReaderAt, size int64, l Limits) (*File, error) {
	pre, preambleCRC, err := readPreamble(r, size)
	if err != nil {
		return nil, err
	}
	foot, err := readFooter(r, size, preambleCRC)
	if err != nil {
		return nil, err
	}
	f := &File{r: r, size: size}
	if f.header, err = readHeader(r, pre, foot); err != nil {
		return nil, err
	}
	if f.entries, err = readTable(f.header, l.memory(size)); err != nil {
		return nil, err
	}
	if f.chunks, err = f.readIndex(foot, preambleSize+int64(pre.headerLen)); err != nil {
		return nil, err
	}
	return f, nil
}

// Close closes the file that Open opened. Lazy parameters that are loaded after
// it report that.
func (f *File) Close() error {
	if f.c == nil {
		return nil
	}
	return f.c.Close()
}

// Provenance returns what the file says about its origin, or nil.
func (f *File) Provenance() *Provenance { return provenanceFromPB(f.header.Provenance) }

// Results returns the measurements stored with the model.
func (f *File) Results() []Result {
	var rs []Result
	for _, r := range f.header.Results {
		rs = append(rs, resultFromPB(r))
	}
	return rs
}

// readHeader returns the header after checking every size that it claims.
func readHeader(r io.ReaderAt, pre preamble, foot footer) (*cmzpb.Header, error) {
	const off = preambleSize
	switch {
	case uint64(pre.headerLen) > foot.indexOff-min(foot.indexOff, off):
		return nil, fail(ErrCorrupt, 12, "header of %d bytes reaches into the index at %d", pre.headerLen, foot.indexOff)
	case pre.headerRaw > maxHeaderRaw || pre.headerLen > pre.headerRaw+chunkSlack:
		return nil, fail(ErrLimit, 12, "header of %d bytes, %d decompressed, at most %d", pre.headerLen, pre.headerRaw, maxHeaderRaw)
	}
	stored := make([]byte, pre.headerLen)
	if err := readFull(r, stored, off); err != nil {
		return nil, err
	}
	if crcOf(stored) != pre.headerCRC {
		return nil, fail(ErrChecksum, off, "header")
	}
	raw, err := unpack(stored, int(pre.headerRaw))
	if err != nil {
		return nil, fail(ErrCorrupt, off, "header: %w", err)
	}
	h, left := &cmzpb.Header{}, maxHeaderCost
	if err := scan(raw, h.ProtoReflect().Descriptor(), 0, &left); err == errWire {
		return nil, fail(ErrCorrupt, off, "header: %w", err)
	} else if err != nil {
		return nil, fail(ErrLimit, off, "%w", err)
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, h); err != nil {
		return nil, fail(ErrCorrupt, off, "header: %w", err)
	}
	return h, nil
}

// entry is one tensor of the file.
type entry struct {
	name    string // from the first use; see readTable
	dtype   tensor.DType
	storage tensor.DType
	shape   tensor.Shape
	n       int // elements
	axis    int
	scales  int // index of the scales' entry, or -1
	per     int // elements of a chunk
	first   int // index of the first chunk
	chunks  int
	strings [][]byte
}

// quantised reports int8 storage with scales.
func (e *entry) quantised() bool { return e.scales >= 0 }

// memory is what the decoded tensor takes; strings are part of the header's cost.
func (e *entry) memory() int64 {
	if e.dtype == tensor.String {
		return 0
	}
	return int64(e.n) * int64(e.dtype.Size())
}

// count returns the elements of chunk k.
func (e *entry) count(k int) int { return min(e.per, e.n-k*e.per) }

// readTable checks the declared tensors: types, shapes, sizes, and that each has
// exactly one use.
func readTable(h *cmzpb.Header, memory int64) ([]entry, error) {
	if c := h.ChunkBytes; c < minChunk || c > maxChunk || c%8 != 0 {
		return nil, fail(ErrLimit, preambleSize, "chunks of %d bytes, want %d to %d", c, minChunk, maxChunk)
	}
	entries := make([]entry, len(h.Tensors))
	users := users{names: make([]string, len(entries)), used: make([]bool, len(entries))}
	users.model(h)
	first := 0
	for i, t := range h.Tensors {
		e, err := newEntry(t, memory)
		if err == nil && !users.used[i] {
			err = fmt.Errorf("%w: used by nothing", errTable)
		}
		if err != nil {
			return nil, tableError(users.names[i], i, err)
		}
		e.name = users.names[i]
		memory -= e.memory()
		e.per = int(h.ChunkBytes) / max(1, kinds[e.storage].width)
		if e.dtype != tensor.String {
			e.chunks = ceilDiv(e.n, e.per)
		}
		e.first, first = first, first+e.chunks
		entries[i] = e
	}
	if users.err != nil {
		return nil, fail(ErrCorrupt, preambleSize, "%w", users.err)
	}
	for i := range entries {
		if err := checkScales(entries, &entries[i]); err != nil {
			return nil, tableError(entries[i].name, i, err)
		}
	}
	return entries, nil
}

// checkScales verifies the entry that holds the scales of e, if it has some.
func checkScales(entries []entry, e *entry) error {
	if !e.quantised() {
		return nil
	}
	s := &entries[e.scales]
	if s.dtype != tensor.F32 || s.storage != tensor.F32 || !s.shape.Equal(tensor.Shape{e.shape[e.axis]}) {
		return fmt.Errorf("%w: scales of %v%v stored as %v for axis %d", errTable, s.dtype, s.shape, s.storage, e.axis)
	}
	return nil
}

// readIndex returns where the chunks are. They must fill the bytes from off to
// the index without gap or overlap.
func (f *File) readIndex(foot footer, off int64) ([]chunkRef, error) {
	n := 0
	if k := len(f.entries); k > 0 {
		n = f.entries[k-1].first + f.entries[k-1].chunks
	}
	at := int64(foot.indexOff)
	if uint64(foot.indexLen) > uint64(n)*8+32 || int64(n) > f.size/8 {
		return nil, fail(ErrCorrupt, at, "index of %d bytes for %d chunks", foot.indexLen, n)
	}
	b := make([]byte, foot.indexLen)
	if err := readFull(f.r, b, at); err != nil {
		return nil, err
	}
	if crcOf(b) != foot.indexCRC {
		return nil, fail(ErrChecksum, at, "index")
	}
	var index cmzpb.Index
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, &index); err != nil {
		return nil, fail(ErrCorrupt, at, "index: %w", err)
	}
	if len(index.Lengths) != n || len(index.Crcs) != n {
		return nil, fail(ErrCorrupt, at, "index of %d and %d chunks, want %d", len(index.Lengths), len(index.Crcs), n)
	}
	refs := make([]chunkRef, n)
	for i := range refs {
		refs[i] = chunkRef{off, index.Lengths[i], index.Crcs[i]}
		off += int64(index.Lengths[i])
	}
	if off != at {
		return nil, fail(ErrCorrupt, at, "chunks end at %d, not at the index", off)
	}
	return refs, nil
}
