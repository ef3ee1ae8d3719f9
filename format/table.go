package format

import (
	"errors"
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/internal/cmzpb"
)

var (
	errTable  = errors.New("bad tensor declaration")
	errMemory = errors.New("more memory than allowed")
)

// tableError says which tensor is declared wrongly.
func tableError(name string, i int, err error) error {
	kind := ErrCorrupt
	if errors.Is(err, errMemory) {
		kind = ErrLimit
	}
	if name == "" {
		name = fmt.Sprintf("number %d", i)
	}
	return &FileError{Kind: kind, Offset: preambleSize, Tensor: name, Err: err}
}

// newEntry checks one declaration by itself, against the memory that is left.
func newEntry(t *cmzpb.Tensor, memory int64) (entry, error) {
	e := entry{dtype: dtypes[t.Dtype], storage: dtypes[t.Storage], scales: -1, strings: t.Strings}
	if t.Storage == cmzpb.DType_DTYPE_UNSPECIFIED {
		e.storage = e.dtype
	}
	if err := e.setShape(t.Shape, memory); err != nil {
		return e, err
	}
	want := 0
	if e.dtype == tensor.String {
		want = e.n
	}
	if len(t.Strings) != want {
		return e, fmt.Errorf("%w: %d strings for %v%v", errTable, len(t.Strings), e.dtype, e.shape)
	}
	lossy := e.dtype == tensor.F32 && (e.storage == tensor.F16 || e.storage == tensor.BF16 || e.storage == tensor.I8)
	switch {
	case e.storage != e.dtype && !lossy:
		return e, fmt.Errorf("%w: type %v stored as %v", errTable, t.Dtype, t.Storage)
	case e.storage == e.dtype || e.storage != tensor.I8:
		return e, nil
	case int64(t.Axis) >= int64(len(e.shape)):
		return e, fmt.Errorf("%w: scales for axis %d of shape %v", errTable, t.Axis, e.shape)
	}
	e.axis, e.scales = int(t.Axis), int(t.Scales)
	return e, nil
}

// setShape sets shape and element count without overflow.
func (e *entry) setShape(dims []uint64, memory int64) error {
	if e.dtype == tensor.Invalid {
		return fmt.Errorf("%w: unknown element type", errTable)
	}
	if len(dims) > maxRank {
		return fmt.Errorf("%w: rank %d, at most %d", errTable, len(dims), maxRank)
	}
	for _, d := range dims {
		if d > math.MaxInt32 {
			return fmt.Errorf("%w: extent %d", errMemory, d)
		}
		e.shape = append(e.shape, int(d))
	}
	n, ok := e.shape.CheckedSize(int(min(memory, math.MaxInt)) / e.dtype.Size())
	if !ok {
		return fmt.Errorf("%w: %v%v, %d bytes are left", errMemory, e.dtype, e.shape, memory)
	}
	e.n = n
	return nil
}

// users finds the use of each tensor in the graph.
type users struct {
	names []string
	used  []bool
	err   error
}

func (u *users) use(i uint32, name string) {
	switch {
	case int64(i) >= int64(len(u.names)):
		u.err = fmt.Errorf("%q uses tensor %d of %d", name, i, len(u.names))
	case u.used[i]:
		u.err = fmt.Errorf("tensor %d is used by %q and %q", i, u.names[i], name)
	default:
		u.names[i], u.used[i] = name, true
	}
}

func (u *users) model(h *cmzpb.Header) {
	u.graph(h.GetModel().GetGraph())
	for i, t := range h.Tensors {
		if t.Storage == cmzpb.DType_INT8 && t.Dtype == cmzpb.DType_FLOAT32 {
			u.use(t.Scales, fmt.Sprintf("%s (scales)", u.names[i]))
		}
	}
}

func (u *users) graph(g *cmzpb.Graph) {
	for _, p := range g.GetParams() {
		u.use(p.Tensor, p.Name)
	}
	for _, n := range g.GetNodes() {
		for _, a := range n.Attrs {
			u.attr(n.Name+"."+a.Name, a)
		}
	}
}

func (u *users) attr(name string, a *cmzpb.Attr) {
	switch v := a.Value.(type) {
	case *cmzpb.Attr_Tensor:
		u.use(v.Tensor, name)
	case *cmzpb.Attr_Tensors:
		for _, i := range v.Tensors.V {
			u.use(i, name)
		}
	case *cmzpb.Attr_Graph:
		u.graph(v.Graph)
	case *cmzpb.Attr_Graphs:
		for _, g := range v.Graphs.V {
			u.graph(g)
		}
	}
}
