package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// half runs a float32 kernel on half-precision values: it converts the inputs,
// runs, and rounds the outputs. It has no gradient.
type half struct {
	graph.Bound
	inner          graph.Kernel
	t              tensor.DType
	in, out        []*tensor.Tensor
	inAt, outAt    []int // where the float32 copies are in scratch; -1 for none
	saved, scratch []graph.Spec
	copies         int
}

// bindHalf binds the node as if its inputs of type t were float32.
func bindHalf(b *graph.Bind, t tensor.DType, bind binder) (graph.Kernel, error) {
	wide := *b
	wide.In = append([]graph.Spec{}, b.In...)
	h := &half{t: t}
	for i, s := range b.In {
		h.inAt = append(h.inAt, -1)
		if s.DType != t {
			continue
		}
		s.DType = tensor.F32
		if s.Const != nil {
			s.Const = tensor.New(tensor.F32, s.Shape)
			widen(s.Const.F32s(), b.In[i].Const)
		}
		wide.In[i] = s
		h.inAt[i] = h.copyOf(s)
	}
	var err error
	if h.inner, err = bind(&wide); err != nil {
		return nil, err
	}
	for _, s := range h.inner.Out() {
		at := -1
		if s.DType == tensor.F32 {
			at = h.copyOf(graph.Spec{DType: tensor.F32, Shape: s.Shape})
			s = graph.Spec{DType: t, Shape: s.Shape}
		}
		h.Outs, h.outAt = append(h.Outs, s), append(h.outAt, at)
	}
	h.MACs = h.inner.Cost().MACs
	h.copies = len(h.scratch)
	if w, ok := h.inner.(graph.Workspacer); ok {
		saved, scratch := w.Workspace()
		h.saved, h.scratch = saved, append(h.scratch, scratch...)
	}
	h.in, h.out = make([]*tensor.Tensor, len(b.In)), make([]*tensor.Tensor, len(h.Outs))
	return h, nil
}

// copyOf reserves scratch memory and returns its index.
func (h *half) copyOf(s graph.Spec) int {
	h.scratch = append(h.scratch, graph.Spec{DType: s.DType, Shape: s.Shape})
	return len(h.scratch) - 1
}

// Workspace implements graph.Workspacer.
func (h *half) Workspace() (saved, scratch []graph.Spec) { return h.saved, h.scratch }

// Forward implements graph.Kernel.
func (h *half) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	copy(h.in, in)
	for i, at := range h.inAt {
		if at >= 0 {
			h.in[i] = x.Scratch[at]
			widen(h.in[i].F32s(), in[i])
		}
	}
	copy(h.out, out)
	for i, at := range h.outAt {
		if at >= 0 && i < len(out) && out[i] != nil {
			h.out[i] = x.Scratch[at]
		}
	}
	all := x.Scratch
	x.Scratch = all[h.copies:]
	h.inner.Forward(x, h.in[:len(in)], h.out[:len(out)])
	x.Scratch = all
	for i, at := range h.outAt {
		if at >= 0 && i < len(out) && out[i] != nil {
			narrow(out[i], h.out[i].F32s())
		}
	}
}

// widen sets dst to the values of a half-precision tensor.
func widen(dst []float32, src *tensor.Tensor) {
	if src.DType() == tensor.F16 {
		for i, v := range tensor.Data[tensor.Float16](src) {
			dst[i] = v.Float32()
		}
		return
	}
	for i, v := range tensor.Data[tensor.BFloat16](src) {
		dst[i] = v.Float32()
	}
}

// narrow rounds src to a half-precision tensor.
func narrow(dst *tensor.Tensor, src []float32) {
	if dst.DType() == tensor.F16 {
		d := tensor.Data[tensor.Float16](dst)
		for i, v := range src {
			d[i] = tensor.ToFloat16(v)
		}
		return
	}
	d := tensor.Data[tensor.BFloat16](dst)
	for i, v := range src {
		d[i] = tensor.ToBFloat16(v)
	}
}

// floatTypes makes the table of an operator on float32 and float64.
func floatTypes(f32, f64 binder) byType { return byType{tensor.F32: f32, tensor.F64: f64} }
