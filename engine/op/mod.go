package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

func init() {
	graph.Register("", typedOp{name: "Mod", min: 2, max: 2, types: realTypes(bindMod[float32], bindMod[float64],
		bindIntMod[int8], bindIntMod[int16], bindIntMod[int32], bindIntMod[int64],
		bindIntMod[uint8], bindIntMod[uint16], bindIntMod[uint32], bindIntMod[uint64])})
}

// bindMod binds the remainder of floats, which has the sign of the dividend.
func bindMod[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	if !b.Node.Attrs.Bool("fmod", false) {
		return nil, b.Errorf("attribute fmod must be 1 for floats")
	}
	f := scalarPairing(func(a, b T) T { return T(math.Mod(float64(a), float64(b))) })
	return newDiffBinary(b, f, slope[T]{useA: true, useB: true, da: sameTerms[T], pass: [2]bool{true, false},
		db: scalarSlope(func(a, b, _ T) T { return -T(math.Trunc(float64(a / b))) })})
}

// bindIntMod binds the remainder of integers: with the sign of the divisor, or of
// the dividend with attribute fmod.
func bindIntMod[T integer](b *graph.Bind) (graph.Kernel, error) {
	f := func(a, b T) T { return a % b }
	if !b.Node.Attrs.Bool("fmod", false) {
		f = func(a, b T) T {
			r := a % b
			if r != 0 && (r < 0) != (b < 0) {
				r += b
			}
			return r
		}
	}
	k, err := newBinary(b, scalarPairing(f))
	if err != nil {
		return nil, err
	}
	k.check = noZero[T](b)
	return k, nil
}
