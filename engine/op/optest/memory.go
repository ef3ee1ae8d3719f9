package optest

import (
	"bytes"
	"math"
	"testing"
	"unsafe"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// guardBytes surround every output; the margin keeps the alignment of an arena.
const guardBytes = 64

// guarded is a tensor with guard words before and after its elements.
type guarded struct {
	t   *tensor.Tensor
	mem []byte
}

// newGuarded returns a tensor whose bytes, guards included, are all fill.
func newGuarded(s graph.Spec, fill byte) guarded {
	if s.DType == tensor.String {
		return guarded{t: tensor.New(s.DType, s.Shape)}
	}
	n := s.Shape.Size() * s.DType.Size()
	raw := make([]byte, n+3*guardBytes)
	shift := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw))) % guardBytes)
	g := guarded{mem: raw[shift : shift+n+2*guardBytes]}
	for i := range g.mem {
		g.mem[i] = fill
	}
	end := guardBytes + n
	g.t = tensor.OfRaw(s.DType, s.Shape, g.mem[guardBytes:end:end])
	return g
}

// intact reports whether the guards are.
func (g guarded) intact(fill byte) bool {
	for i, b := range g.mem {
		inside := i >= guardBytes && i < len(g.mem)-guardBytes
		if !inside && b != fill {
			return false
		}
	}
	return true
}

// poison fills t with NaN, or with all ones for other types.
func poison(t *tensor.Tensor) {
	if t == nil || t.DType() == tensor.String {
		return
	}
	fillBytes(t, 0xff) // a NaN in every float type
}

func fillBytes(t *tensor.Tensor, b byte) {
	raw := t.Raw()
	for i := range raw {
		raw[i] = b
	}
}

func cloneAll(ts []*tensor.Tensor) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(ts))
	for i, t := range ts {
		if t != nil {
			out[i] = t.Clone()
		}
	}
	return out
}

// sameBits fails the test when two lists of tensors differ in a bit.
func sameBits(t *testing.T, what string, got, want []*tensor.Tensor) {
	t.Helper()
	for i, w := range want {
		if w == nil {
			continue
		}
		if got[i] == nil || got[i].DType() != w.DType() || !got[i].Shape().Equal(w.Shape()) {
			t.Errorf("%s: tensor %d is %v, want %v", what, i, got[i], w)
			continue
		}
		if !equalBits(got[i], w) {
			t.Errorf("%s: tensor %d: %s", what, i, firstDiff(got[i], w, 0))
		}
	}
}

func equalBits(a, b *tensor.Tensor) bool {
	if a.DType() == tensor.String {
		x, y := tensor.Data[string](a), tensor.Data[string](b)
		for i := range x {
			if x[i] != y[i] {
				return false
			}
		}
		return true
	}
	return bytes.Equal(a.Raw(), b.Raw())
}

// toFloats returns the elements as float64; strings give none.
func toFloats(t *tensor.Tensor) []float64 {
	switch t.DType() {
	case tensor.F64:
		return tensor.Data[float64](t)
	case tensor.F32:
		return floats[float32](t)
	case tensor.F16:
		return mapFloats(t, func(h tensor.Float16) float64 { return float64(h.Float32()) })
	case tensor.BF16:
		return mapFloats(t, func(h tensor.BFloat16) float64 { return float64(h.Float32()) })
	case tensor.I8:
		return floats[int8](t)
	case tensor.I16:
		return floats[int16](t)
	case tensor.I32:
		return floats[int32](t)
	case tensor.I64:
		return floats[int64](t)
	case tensor.U8:
		return floats[uint8](t)
	case tensor.U16:
		return floats[uint16](t)
	case tensor.U32:
		return floats[uint32](t)
	case tensor.U64:
		return floats[uint64](t)
	case tensor.Bool:
		return mapFloats(t, func(b bool) float64 {
			if b {
				return 1
			}
			return 0
		})
	}
	return nil
}

type number interface {
	float32 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func floats[T interface {
	number
	tensor.Elem
}](t *tensor.Tensor) []float64 {
	return mapFloats(t, func(v T) float64 { return float64(v) })
}

func mapFloats[T tensor.Elem](t *tensor.Tensor, f func(T) float64) []float64 {
	d := tensor.Data[T](t)
	out := make([]float64, len(d))
	for i, v := range d {
		out[i] = f(v)
	}
	return out
}

// toF32 converts float64 tensors to float32 and leaves others alone.
func toF32(ts []*tensor.Tensor) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(ts))
	for i, t := range ts {
		out[i] = t
		if t == nil || t.DType() != tensor.F64 {
			continue
		}
		out[i] = tensor.New(tensor.F32, t.Shape())
		for j, v := range tensor.Data[float64](t) {
			out[i].F32s()[j] = float32(v)
		}
	}
	return out
}

// near reports whether a and b agree to tol relative to 1+|b|.
func near(a, b, tol float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= tol*(1+math.Abs(b))
}
