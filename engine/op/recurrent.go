package op

import (
	"fmt"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Inputs of recurrent operators. X is T B I, or B T I with layout 1; W is D GH I,
// R is D GH H for D directions and G gates; the biases of both lie in B, D 2GH;
// the initial states are D B H, or B D H; peepholes are D 3H.
const (
	recX = iota
	recW
	recR
	recB
	recLens
	recH
	recC
	recP
)

// recurrent is what RNN, GRU and LSTM have in common: the projection of all
// inputs is one matrix product before the steps, the gradients of W, R and X are
// one each after them (back-propagation through time, Werbos 1990). A row whose
// sequence has ended keeps its state, and its output is 0.
//
// Saved are the gates, D T B GH, the states, D (T+1) B H, and X in the order of
// time when it has another.
type recurrent[T kernel.Float] struct {
	graph.Bound
	t, b, i, h, d, g int
	batchFirst       bool
	reverse          bool // the first direction; a second one is the reverse
	states           int  // 2 with cell states
	cell             cell[T]
	dir              direction[T]
	proj, dx, dw     kernel.GemmArgs[T]
	epi              kernel.Epilogue[T]
	packed           []*kernel.PackedB[T] // W, when it is constant
	bias             colSum[T]
}

// cell is one kind of recurrent unit.
type cell[T kernel.Float] interface {
	// prepare packs constant weights R of direction i.
	prepare(i int, r []T)
	// workspace describes memory of its own beyond that of recurrent.
	workspace() (saved, scratch []graph.Spec)
	// begin starts direction i, whose data are in the direction.
	begin(i int, saved, scratch []*tensor.Tensor)
	// inputBias sets dst, GH, to what is added to X W^T.
	inputBias(dst []T)
	// forward computes the state after step t from gates t, which hold X W^T.
	forward(p *kernel.Pool, t int)
	// backward computes dgates t and replaces dh, the gradient of the state
	// after step t, by that of the state before.
	backward(p *kernel.Pool, t int)
	// weightGrad computes the gradient of R from all steps.
	weightGrad(p *kernel.Pool, dr []T)
	// stateGates are the gradients whose sums over all steps are that of R's bias.
	stateGates() []T
}

// direction holds the data of the direction that is being run.
type direction[T kernel.Float] struct {
	t, b, h, g int
	reverse    bool
	lens       []int32 // B; nil when all rows have T steps
	r          []T     // GH H
	bias       []T     // 2GH, or nil
	peep       []T     // 3H, or nil
	gates      []T     // T B GH
	state      []T     // (T+1) B H: before and after each step
	dgates     []T     // T B GH
	dh         []T     // B H
	dc         []T     // B H, of cell states
	cell       []T     // (T+1) B H
	dpeep      []T     // 3H, or nil
}

// prev and next return where in a list of T+1 states those before and after step t are.
func (d *direction[T]) prev(t int) int {
	if d.reverse {
		return t + 1
	}
	return t
}

func (d *direction[T]) next(t int) int { return 2*t + 1 - d.prev(t) }

// at returns element i of a list of matrices B x n.
func (d *direction[T]) at(list []T, i, n int) []T { return list[i*d.b*n : (i+1)*d.b*n] }

// before returns the T states before the steps.
func (d *direction[T]) before() []T {
	from := 0
	if d.reverse {
		from = d.b * d.h
	}
	return d.state[from : from+d.t*d.b*d.h]
}

// run returns the end of the rows from r on that are alike at step t: active, or
// with sequences that have ended.
func (d *direction[T]) run(t, r, to int) (end int, active bool) {
	if d.lens == nil {
		return to, true
	}
	active = t < int(d.lens[r])
	for end = r + 1; end < to && t < int(d.lens[end]) == active; end++ {
	}
	return end, active
}

// rowsIn returns rows [from, to) of a matrix of n columns.
func rowsIn[T any](m []T, from, to, n int) []T { return m[from*n : to*n] }

// readRecurrent checks the node and plans the products. G is the number of gates.
func (k *recurrent[T]) read(b *graph.Bind, gates int) error {
	x, w, r := b.In[recX].Shape, b.In[recW].Shape, b.In[recR].Shape
	if len(x) != 3 || len(w) != 3 || len(r) != 3 {
		return b.Errorf("want X, W and R with three axes")
	}
	k.batchFirst = b.Node.Attrs.Int("layout", 0) == 1
	k.t, k.b, k.i, k.h, k.g = x[0], x[1], x[2], r[2], gates*r[2]
	if k.batchFirst {
		k.t, k.b = k.b, k.t
	}
	switch dir := b.Node.Attrs.Str("direction", "forward"); dir {
	case "forward":
		k.d = 1
	case "reverse":
		k.d, k.reverse = 1, true
	case "bidirectional":
		k.d = 2
	default:
		return b.Errorf("direction %q: want forward, reverse or bidirectional", dir)
	}
	if h := b.Node.Attrs.Int("hidden_size", k.h); h != k.h {
		return b.Errorf("hidden_size is %d, but R has %d columns", h, k.h)
	}
	if err := k.checkShapes(b); err != nil {
		return err
	}
	y, last := tensor.Shape{k.t, k.d, k.b, k.h}, tensor.Shape{k.d, k.b, k.h}
	if k.batchFirst {
		y, last = tensor.Shape{k.b, k.t, k.d, k.h}, tensor.Shape{k.b, k.d, k.h}
	}
	k.Outs = []graph.Spec{specOf[T](y...), specOf[T](last...), specOf[T](last...)}[:1+k.states]
	k.MACs = int64(k.d) * int64(k.t) * int64(k.b) * int64(k.g) * int64(k.i+k.h)
	k.plan()
	return nil
}

func (k *recurrent[T]) checkShapes(b *graph.Bind) error {
	last := tensor.Shape{k.d, k.b, k.h}
	if k.batchFirst {
		last = tensor.Shape{k.b, k.d, k.h}
	}
	for i, want := range []tensor.Shape{
		recW: {k.d, k.g, k.i}, recR: {k.d, k.g, k.h}, recB: {k.d, 2 * k.g}, recLens: {k.b}, recH: last, recC: last, recP: {k.d, 3 * k.h},
	} {
		if s := b.Input(i); i > 0 && s.Present() && !s.Shape.Equal(want) {
			return b.Errorf("input %d has shape %v, want %v", i, s.Shape, want)
		}
	}
	if s := b.Input(recLens); s.Present() && s.DType != tensor.I32 {
		return b.Errorf("sequence_lens are %v, want int32", s.DType)
	}
	return nil
}

func (k *recurrent[T]) plan() {
	n := k.t * k.b
	k.proj = kernel.GemmArgs[T]{TransB: true, M: n, N: k.g, K: k.i, Alpha: 1, LDA: k.i, LDB: k.i, LDC: k.g, Epi: &k.epi}
	k.dx = kernel.GemmArgs[T]{M: n, N: k.i, K: k.g, Alpha: 1, LDA: k.g, LDB: k.i, LDC: k.i}
	k.dw = kernel.GemmArgs[T]{TransA: true, M: k.g, N: k.i, K: n, Alpha: 1, LDA: k.g, LDB: k.i, LDC: k.i}
	k.dir = direction[T]{t: k.t, b: k.b, h: k.h, g: k.g}
}

// activationsOf reads attribute activations: n for each direction.
func (k *recurrent[T]) activationsOf(b *graph.Bind, def ...kernel.Act) ([2][]kernel.Act, error) {
	acts := [2][]kernel.Act{def, def}
	names := b.Node.Attrs.Strs("activations")
	if names == nil {
		return acts, nil
	}
	if len(names) != k.d*len(def) {
		return acts, b.Errorf("activations %v: want %d for each of %d directions", names, len(def), k.d)
	}
	all := make([]kernel.Act, len(names))
	for i, name := range names {
		a, ok := map[string]kernel.Act{"sigmoid": kernel.ActSigmoid, "tanh": kernel.ActTanh, "relu": kernel.ActRelu}[strings.ToLower(name)]
		if !ok {
			return acts, b.Errorf("activation %q: the engine has Sigmoid, Tanh and Relu in recurrent operators", name)
		}
		all[i] = a
	}
	for i := range k.d {
		acts[i] = all[i*len(def) : (i+1)*len(def)]
	}
	return acts, nil
}

// clipOf reads attribute clip, 0 for none.
func clipOf[T kernel.Float](b *graph.Bind) T { return T(b.Node.Attrs.Float("clip", 0)) }

// Workspace implements graph.Workspacer. Scratch are dgates, dh, dc, the bias and
// the gradient of X in the order of time.
func (k *recurrent[T]) Workspace() (saved, scratch []graph.Spec) {
	x := specOf[T](0)
	if k.batchFirst {
		x = specOf[T](k.t, k.b, k.i)
	}
	saved = []graph.Spec{specOf[T](k.d, k.t, k.b, k.g), specOf[T](k.d, k.t+1, k.b, k.h), specOf[T](k.d*(k.states-1), k.t+1, k.b, k.h), x}
	scratch = []graph.Spec{specOf[T](k.t, k.b, k.g), specOf[T](k.b, k.h), specOf[T](k.states-1, k.b, k.h), specOf[T](k.g), x}
	s, c := k.cell.workspace()
	return append(saved, s...), append(scratch, c...)
}

// Prepare implements graph.Preparer.
func (k *recurrent[T]) Prepare(in []*tensor.Tensor) {
	if w := dataAt[T](in, recW); len(w) > 0 {
		k.packed = nil
		for d := range k.d {
			k.packed = append(k.packed, kernel.PackB(true, k.i, k.g, k.nth(w, d), k.i))
		}
	}
	if r := dataAt[T](in, recR); len(r) > 0 {
		for d := range k.d {
			k.cell.prepare(d, k.nth(r, d))
		}
	}
}

// nth returns the part of direction i, or nil of nil.
func (k *recurrent[T]) nth(m []T, i int) []T {
	n := len(m) / k.d
	return cut(m, i*n, (i+1)*n)
}

// begin points the direction at the memory of direction i.
func (k *recurrent[T]) begin(x *graph.Exec, in []*tensor.Tensor, i int) {
	d := &k.dir
	d.reverse = k.reverse != (i == 1)
	d.lens = elems[int32](in, recLens)
	d.r, d.bias, d.peep = k.nth(dataAt[T](in, recR), i), k.nth(dataAt[T](in, recB), i), k.nth(dataAt[T](in, recP), i)
	d.gates, d.state, d.cell = k.nth(dataAt[T](x.Saved, 0), i), k.nth(dataAt[T](x.Saved, 1), i), k.nth(dataAt[T](x.Saved, 2), i)
	d.dgates, d.dh, d.dc = dataAt[T](x.Scratch, 0), dataAt[T](x.Scratch, 1), dataAt[T](x.Scratch, 2)
	k.cell.begin(i, x.Saved[4:], x.Scratch[5:])
}

// input returns X in the order of time.
func (k *recurrent[T]) input(x *graph.Exec, in []*tensor.Tensor) []T {
	if k.batchFirst {
		return dataAt[T](x.Saved, 3)
	}
	return dataAt[T](in, recX)
}

func checkLens(lens []int32, steps int) error {
	for i, n := range lens {
		if n < 0 || int(n) > steps {
			return fmt.Errorf("sequence_lens[%d] is %d, outside [0, %d]", i, n, steps)
		}
	}
	return nil
}

// swap sets dst, n m of rows of size elements, to the transpose of src, m n.
func swap[T any](dst, src []T, m, n, size int) {
	for i := range m {
		for j := range n {
			copy(dst[(j*m+i)*size:][:size], src[(i*n+j)*size:][:size])
		}
	}
}
