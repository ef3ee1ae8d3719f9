package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

// arith names an operator of arithmetic.
type arith uint8

const (
	addition arith = iota
	subtraction
	multiplication
	division
)

func init() {
	for a, name := range []string{"Add", "Sub", "Mul", "Div"} {
		graph.Register("", typedOp{name: name, min: 2, max: 2, types: arithTypes(arith(a))})
	}
}

func arithTypes(a arith) byType {
	return realTypes(bindArith[float32](a), bindArith[float64](a),
		bindIntArith[int8](a), bindIntArith[int16](a), bindIntArith[int32](a), bindIntArith[int64](a),
		bindIntArith[uint8](a), bindIntArith[uint16](a), bindIntArith[uint32](a), bindIntArith[uint64](a))
}

func bindArith[T kernel.Float](a arith) binder {
	f, d := arithOf[T](a)
	return func(b *graph.Bind) (graph.Kernel, error) { return newDiffBinary(b, f, d) }
}

// arithOf returns an operator on floats with its gradients.
func arithOf[T kernel.Float](a arith) (pairing[T], slope[T]) {
	switch a {
	case addition:
		return addFloats[T](), slope[T]{da: sameTerms[T], db: sameTerms[T], pass: [2]bool{true, true}}
	case subtraction:
		return subFloats[T](), slope[T]{da: sameTerms[T], db: negTerms[T], pass: [2]bool{true, false}}
	case multiplication:
		mul := mulFloats[T]()
		return mul, slope[T]{useA: true, useB: true,
			da: func(dst []T, p operands[T]) { mul.apply(dst, p.dy, p.b) },
			db: func(dst []T, p operands[T]) { mul.apply(dst, p.dy, p.a) }}
	}
	div := divFloats[T]()
	return div, slope[T]{useB: true, useY: true,
		da: func(dst []T, p operands[T]) { div.apply(dst, p.dy, p.b) },
		db: func(dst []T, p operands[T]) {
			kernel.Mul(dst, p.dy, p.y)
			div.apply(dst, dst, p.b)
			kernel.Neg(dst, dst)
		}}
}

func sameTerms[T kernel.Float](dst []T, p operands[T]) { copy(dst, p.dy) }

func negTerms[T kernel.Float](dst []T, p operands[T]) { kernel.Neg(dst, p.dy) }

func addFloats[T kernel.Float]() pairing[T] {
	return pairing[T]{
		vv: kernel.Add[T],
		vs: kernel.AddScalar[T],
		sv: func(y []T, a T, b []T) { kernel.AddScalar(y, b, a) },
	}
}

func subFloats[T kernel.Float]() pairing[T] {
	f := scalarPairing(func(a, b T) T { return a - b })
	f.vv = kernel.Sub[T]
	f.vs = func(y, a []T, b T) { kernel.AddScalar(y, a, -b) }
	return f
}

func mulFloats[T kernel.Float]() pairing[T] {
	return pairing[T]{
		vv: kernel.Mul[T],
		vs: kernel.MulScalar[T],
		sv: func(y []T, a T, b []T) { kernel.MulScalar(y, b, a) },
	}
}

func divFloats[T kernel.Float]() pairing[T] {
	return pairing[T]{
		vv: kernel.Div[T],
		vs: func(y, a []T, b T) {
			for i, v := range a {
				y[i] = v / b
			}
		},
		sv: func(y []T, a T, b []T) {
			for i, v := range b {
				y[i] = a / v
			}
		},
	}
}

func bindIntArith[T integer](a arith) binder {
	f := [...]func(a, b T) T{
		addition:       func(a, b T) T { return a + b },
		subtraction:    func(a, b T) T { return a - b },
		multiplication: func(a, b T) T { return a * b },
		division:       func(a, b T) T { return a / b },
	}[a]
	return func(b *graph.Bind) (graph.Kernel, error) {
		k, err := newBinary(b, scalarPairing(f))
		if err == nil && a == division {
			k.check = noZero[T](b)
		}
		return k, err
	}
}

// noZero returns a check that no element is zero.
func noZero[T integer](b *graph.Bind) func(v []T) error {
	err := b.Errorf("input 1 has a zero: integers cannot be divided by it")
	return func(v []T) error {
		if slices.Contains(v, 0) {
			return err
		}
		return nil
	}
}
