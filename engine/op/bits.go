package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// bitwise names an operator on the bits of integers.
type bitwise uint8

const (
	bitsAnd bitwise = iota
	bitsOr
	bitsXor
)

func init() {
	for k, name := range []string{"BitwiseAnd", "BitwiseOr", "BitwiseXor"} {
		graph.Register("", typedOp{name: name, min: 2, max: 2, types: bitwiseTypes(bitwise(k))})
	}
	graph.Register("", typedOp{name: "BitwiseNot", min: 1, max: 1, types: intMapTypes(mapNot)})
	graph.Register("", typedOp{name: "BitShift", min: 2, max: 2, types: byType{
		tensor.U8: bindShift[uint8], tensor.U16: bindShift[uint16], tensor.U32: bindShift[uint32], tensor.U64: bindShift[uint64]}})
}

func bitwiseTypes(k bitwise) byType {
	return integerTypes(bindBitwise[int8](k), bindBitwise[int16](k), bindBitwise[int32](k), bindBitwise[int64](k),
		bindBitwise[uint8](k), bindBitwise[uint16](k), bindBitwise[uint32](k), bindBitwise[uint64](k))
}

func bindBitwise[T integer](k bitwise) binder {
	f := [...]func(a, b T) T{
		bitsAnd: func(a, b T) T { return a & b },
		bitsOr:  func(a, b T) T { return a | b },
		bitsXor: func(a, b T) T { return a ^ b },
	}[k]
	return func(b *graph.Bind) (graph.Kernel, error) { return newBinary(b, scalarPairing(f)) }
}

// bindShift binds a shift by input 1; bits that leave are lost.
func bindShift[T uint8 | uint16 | uint32 | uint64](b *graph.Bind) (graph.Kernel, error) {
	switch d := b.Node.Attrs.Str("direction", ""); d {
	case "LEFT":
		return newBinary(b, scalarPairing(func(a, b T) T { return a << b }))
	case "RIGHT":
		return newBinary(b, scalarPairing(func(a, b T) T { return a >> b }))
	default:
		return nil, b.Errorf("direction is %q, want LEFT or RIGHT", d)
	}
}
