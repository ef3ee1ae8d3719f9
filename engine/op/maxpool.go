package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "MaxPool", min: 1, max: 1, types: byType{
		tensor.F32: bindMaxPool[float32], tensor.F64: bindMaxPool[float64],
		tensor.I8: bindAnyMaxPool[int8], tensor.U8: bindAnyMaxPool[uint8],
	}})
}

// maxPool is Y = the largest element of each window of X, N C H W or N C W. The
// second output holds the elements' indices in X, of the first of equal ones. The
// gradient goes to that element.
type maxPool[T kernel.Float] struct {
	graph.Bound
	shape   kernel.PoolShape
	indices indexing
	train   bool // the forward pass notes where the largest elements are
}

func bindMaxPool[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	w, err := poolWindow(b)
	if err != nil {
		return nil, err
	}
	if w.rank > 2 {
		return newAnyMaxPool[T](b, w), nil
	}
	x := b.In[0].Shape
	k := &maxPool[T]{shape: w.pool(x), indices: newIndexing(b, w), train: b.Train || wantsIndices(b)}
	k.Outs = poolOuts(b, w)
	return k, nil
}

// poolWindow reads the attributes of a pooling of input 0.
func poolWindow(b *graph.Bind) (*window, error) {
	if len(b.In[0].Shape) < 3 {
		return nil, b.Errorf("want an input with axes N C and at least one spatial axis")
	}
	if b.Node.Attrs.Ints("kernel_shape") == nil {
		return nil, b.Errorf("attribute kernel_shape is missing")
	}
	return readWindow(b, b.In[0].Shape[2:], nil)
}

// pool returns the window as a pooling's shape.
func (w *window) pool(x tensor.Shape) kernel.PoolShape {
	return kernel.PoolShape{
		N: x[0], C: x[1], H: w.in[0], W: w.in[1], KH: w.kernel[0], KW: w.kernel[1], OH: w.out[0], OW: w.out[1],
		StrideH: w.stride[0], StrideW: w.stride[1], DilH: w.dil[0], DilW: w.dil[1],
		PadTop: w.before[0], PadLeft: w.before[1], PadBottom: w.after[0], PadRight: w.after[1],
	}
}

// poolOuts describes the output of a pooling and its indices.
func poolOuts(b *graph.Bind, w *window) []graph.Spec {
	out := append(b.In[0].Shape[:2].Clone(), w.outDims()...)
	return append(outLike(b, 0, out), graph.Spec{DType: tensor.I64, Shape: out})
}

func wantsIndices(b *graph.Bind) bool { return len(b.Node.Out) > 1 && b.Node.Out[1] != "" }

// Workspace implements graph.Workspacer: where the largest elements are is saved.
func (k *maxPool[T]) Workspace() (saved, scratch []graph.Spec) {
	saved = []graph.Spec{{DType: tensor.I32, Shape: k.Outs[0].Shape}}
	if !k.train {
		scratch = k.Outs[:1]
	}
	return saved, scratch
}

func (k *maxPool[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	var arg []int32
	if k.train {
		arg = tensor.Data[int32](x.Saved[0])
	}
	kernel.MaxPool(x.Pool, &k.shape, dataAt[T](out, 0), arg, dataAt[T](in, 0))
	k.indices.write(elems[int64](out, 1), arg)
}

// BackwardReads implements graph.Frugal.
func (k *maxPool[T]) BackwardReads() (in, out []bool) { return []bool{!k.train}, nil }

func (k *maxPool[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	arg, dx, dy := tensor.Data[int32](x.Saved[0]), dataAt[T](din, 0), dataAt[T](dout, 0)
	if dy == nil {
		clear(dx)
		return
	}
	if !k.train {
		kernel.MaxPool(x.Pool, &k.shape, dataAt[T](x.Scratch, 0), arg, dataAt[T](in, 0))
	}
	kernel.MaxPoolGrad(x.Pool, &k.shape, dx, dy, arg)
}

// indexing turns positions in a plane into indices of the whole input.
type indexing struct {
	in, out int // elements of a plane
	rows    int // with storage_order 1 indices are column-major: the plane's height
}

func newIndexing(b *graph.Bind, w *window) indexing {
	x := indexing{in: product(w.in), out: product(w.out)}
	if b.Node.Attrs.Int("storage_order", 0) == 1 && w.rank == 2 {
		x.rows = w.in[0]
	}
	return x
}

// write sets dst, unless it is nil.
func (x *indexing) write(dst []int64, arg []int32) {
	for i := range dst {
		at := int(arg[i])
		if x.rows > 0 {
			cols := x.in / x.rows
			at = at%cols*x.rows + at/cols
		}
		dst[i] = int64(i/x.out*x.in + at)
	}
}
