package graph

import (
	"errors"
	"fmt"

	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Op is an operator: it binds a node to concrete input shapes.
type Op interface {
	Name() string
	// Bind validates the node and returns a kernel for exactly these inputs, or
	// an error that names what is wrong. It must be cheap: shape inference and
	// cost counting bind too. It returns ErrNeedValue when the output shapes
	// depend on an input whose value is not known yet.
	Bind(b *Bind) (Kernel, error)
}

// ErrNeedValue says that a node's shapes depend on the value of an input that
// is not constant; the session then binds the node when it runs.
var ErrNeedValue = errors.New("graph: output shape depends on a value that is not constant")

// Spec describes a value at bind time.
type Spec struct {
	DType tensor.DType
	Shape tensor.Shape
	Const *tensor.Tensor // the value, when it is known at bind time
}

// Present reports whether the spec is that of a real value, not of an omitted optional input.
func (s Spec) Present() bool { return s.DType != tensor.Invalid }

// Bind is what an operator sees of the node that it binds.
type Bind struct {
	Node  *Node
	In    []Spec // an omitted optional input has no DType; trailing ones may be missing
	Train bool   // training behaviour (batch statistics, dropout)
}

// Input returns the i-th input's spec, or a spec that is not Present.
func (b *Bind) Input(i int) Spec {
	if i < len(b.In) {
		return b.In[i]
	}
	return Spec{}
}

// Has reports whether the i-th input is present.
func (b *Bind) Has(i int) bool { return b.Input(i).Present() }

// ConstInts returns the i-th input, an integer tensor, as ints; ErrNeedValue
// when it is not constant, nil when it is omitted.
func (b *Bind) ConstInts(i int) ([]int, error) {
	s := b.Input(i)
	if !s.Present() {
		return nil, nil
	}
	if s.Const == nil {
		return nil, ErrNeedValue
	}
	out := make([]int, s.Const.Len())
	switch s.DType {
	case tensor.I64:
		for j, v := range s.Const.I64s() {
			out[j] = int(v)
		}
	case tensor.I32:
		for j, v := range tensor.Data[int32](s.Const) {
			out[j] = int(v)
		}
	default:
		return nil, b.Errorf("input %d is %v, want int64 or int32", i, s.DType)
	}
	return out, nil
}

// Errorf returns an error that names the node, its operator and its input shapes.
func (b *Bind) Errorf(format string, args ...any) error {
	in := ""
	for i, s := range b.In {
		if i > 0 {
			in += ", "
		}
		if s.Present() {
			in += s.DType.String() + s.Shape.String()
		} else {
			in += "-"
		}
	}
	return fmt.Errorf("%s %q (inputs %s): %w", b.Node.Op, b.Node.Name, in, fmt.Errorf(format, args...))
}

// Kernel is a node bound to shapes. A bound kernel cannot fail, except through
// Exec.Fail for values outside an operator's domain, such as an index.
type Kernel interface {
	Out() []Spec // one for each output
	Cost() Cost  // MACs; Params and ActivationBytes are the graph's to count
	// Forward computes out from in. Entries of omitted values are nil. Outputs
	// are not zeroed before.
	Forward(x *Exec, in, out []*tensor.Tensor)
}

// Backwarder is a kernel with a gradient.
type Backwarder interface {
	// Backward overwrites every non-nil din[i] with the gradient of in[i]. A nil
	// dout[j] is a zero gradient; at least one is set. Gradients have the shape
	// and type of their values. in and out are those of Forward.
	Backward(x *Exec, in, out, dout, din []*tensor.Tensor)
}

// Stepper is a Backwarder that can update an input, which is then a parameter that
// nothing else reads, in place of writing its gradient. That gradient is the product
// of two float32 matrices.
type Stepper interface {
	Backwarder
	// StepInput returns the number of that input, -1 for none.
	StepInput() int
	// Factors returns the matrices, or ones whose elements are no smaller.
	Factors(in, dout []*tensor.Tensor) (a, b *tensor.Tensor)
	// SetStep makes Backward update the input by s from now on, or, with nil, write
	// its gradient.
	SetStep(s *kernel.WeightStep[float32])
	// StepSumSq returns the sum of the squares of the gradient of the last update.
	StepSumSq() float64
}

// Frugal is a kernel whose Backward does not read all inputs and outputs, so
// that their memory can be reused. A slice that is too short means false.
type Frugal interface {
	BackwardReads() (in, out []bool)
}

// Aliaser is a kernel whose single output has exactly the elements of input i,
// perhaps under another shape. The session shares the memory and calls neither
// Forward nor Backward when it can.
type Aliaser interface{ Alias() (i int) }

// InPlacer is a kernel that may run with out[0] over in[0]'s memory (forward),
// and with din[0] over dout[0]'s (backward).
type InPlacer interface {
	InPlace() (forward, backward bool)
}

// PassThrough is a kernel for which din[i] equals dout[0] element for element
// where GradPass()[i]; the session then shares the memory when it can.
type PassThrough interface{ GradPass() []bool }

// Workspacer is a kernel that needs memory of its own. Saved tensors live from
// Forward to Backward; scratch tensors during one call.
type Workspacer interface {
	Workspace() (saved, scratch []Spec)
}

// Preparer is a kernel that can arrange constant inputs once, as by packing
// weights. in[i] is nil where the input is not constant.
type Preparer interface {
	Prepare(in []*tensor.Tensor)
}

// Env lets a Controller run its subgraphs.
type Env interface {
	// RunGraph runs a subgraph with its inputs in order; values that it captures
	// are found by name. The results are the caller's to keep.
	RunGraph(g *Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error)
}

// Controller is an operator that runs subgraphs or makes outputs whose number of
// elements only running can tell. It is always run late; its Bind is used for
// shape inference alone and may return ErrNeedValue.
type Controller interface {
	Op
	Run(x *Exec, env Env, n *Node, in []*tensor.Tensor) ([]*tensor.Tensor, error)
}

// Exec is what a kernel may use while it runs; each step of a session has its own.
type Exec struct {
	Pool    *kernel.Pool
	Rand    tensor.Rand // this node's stream at this step
	Saved   []*tensor.Tensor
	Scratch []*tensor.Tensor
	err     error
}

// Fail records that an input value is outside the operator's domain. The first
// error of a run ends it.
func (x *Exec) Fail(err error) {
	if x.err == nil {
		x.err = err
	}
}

// Cost is what a node or a model costs for given input shapes.
type Cost struct {
	Params          int64 // elements of parameters
	MACs            int64 // multiply-accumulate operations
	ActivationBytes int64 // bytes of all outputs
}

// Add returns the sum of two costs.
func (c Cost) Add(d Cost) Cost {
	return Cost{c.Params + d.Params, c.MACs + d.MACs, c.ActivationBytes + d.ActivationBytes}
}

// Bound is the part that kernels have in common; embed it.
type Bound struct {
	Outs []Spec
	MACs int64
}

// Out implements Kernel.
func (b *Bound) Out() []Spec { return b.Outs }

// Cost implements Kernel.
func (b *Bound) Cost() Cost { return Cost{MACs: b.MACs} }

var ops = registry.New[Op]("operator")

// Register adds an operator of a domain ("" is ONNX's default one) and panics when it exists.
func Register(domain string, op Op) { ops.Add(opKey(domain, op.Name()), op) }

// LookupOp returns the operator that a node applies, or false for an opaque node.
func LookupOp(domain, name string) (Op, bool) { return ops.Lookup(opKey(domain, name)) }

// OpNames returns the registered operators as Name or domain.Name, in order.
func OpNames() []string { return ops.Names() }

func opKey(domain, name string) string {
	if domain == "" || domain == "ai.onnx" {
		return name
	}
	return domain + "." + name
}
