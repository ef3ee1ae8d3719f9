package onnx

import (
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// typeLimit says which types an operator took before a version.
type typeLimit struct {
	before int
	types  []tensor.DType
}

var (
	floats   = []tensor.DType{tensor.F16, tensor.F32, tensor.F64}
	numbers  = append([]tensor.DType{tensor.I32, tensor.I64, tensor.U32, tensor.U64}, floats...)
	integers = []tensor.DType{tensor.Bool, tensor.I32, tensor.I64}
)

// typeLimits lists what the versions of operators did not take, the oldest first.
var typeLimits = map[string][]typeLimit{
	"Add": {{7, floats}, {14, numbers}}, "Sub": {{7, floats}, {14, numbers}}, "Mul": {{7, floats}, {14, numbers}}, "Div": {{7, floats}, {14, numbers}},
	"Clip": {{12, floats}}, "Max": {{12, floats}}, "Min": {{12, floats}}, "Pow": {{12, floats}}, "MaxPool": {{12, floats}},
	"Equal": {{11, integers}}, "Greater": {{9, floats}}, "Less": {{9, floats}}, "MatMul": {{9, floats}}, "Relu": {{14, floats}},
	"Gemm": {{9, floats}},
}

// checkTypes fails for element types that the target version does not take, as
// far as they are known.
func (l *lowerer) checkTypes(a *adapter, n *graph.Node) error {
	for i, v := range n.In {
		s, ok := a.spec(v)
		if v == "" || !ok {
			continue
		}
		if s.DType == tensor.BF16 && l.opset < 13 {
			return fmt.Errorf("that version has no %v", s.DType)
		}
		for _, lim := range typeLimits[n.Op] {
			if l.opset >= lim.before {
				continue
			}
			if (i == 0 || n.Op == "Pow") && s.DType != tensor.Invalid && !slices.Contains(lim.types, s.DType) {
				return fmt.Errorf("that version does not take %v", s.DType)
			}
			break
		}
	}
	return nil
}
