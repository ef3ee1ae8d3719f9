package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

// mathFns are the functions of one number that are computed one by one, in
// float64: the function and its derivative, nil where it is zero almost everywhere.
var mathFns = []struct {
	name       string
	f          func(x float64) float64
	df         func(x, y float64) float64
	useX, useY bool
}{
	{"Reciprocal", func(x float64) float64 { return 1 / x }, func(_, y float64) float64 { return -y * y }, false, true},
	{"Floor", math.Floor, nil, false, false},
	{"Ceil", math.Ceil, nil, false, false},
	{"Round", math.RoundToEven, nil, false, false},
	{"Sin", math.Sin, func(x, _ float64) float64 { return math.Cos(x) }, true, false},
	{"Cos", math.Cos, func(x, _ float64) float64 { return -math.Sin(x) }, true, false},
	{"Tan", math.Tan, func(_, y float64) float64 { return 1 + y*y }, false, true},
	{"Asin", math.Asin, func(x, _ float64) float64 { return 1 / math.Sqrt(1-x*x) }, true, false},
	{"Acos", math.Acos, func(x, _ float64) float64 { return -1 / math.Sqrt(1-x*x) }, true, false},
	{"Atan", math.Atan, func(x, _ float64) float64 { return 1 / (1 + x*x) }, true, false},
	{"Sinh", math.Sinh, func(x, _ float64) float64 { return math.Cosh(x) }, true, false},
	{"Cosh", math.Cosh, func(x, _ float64) float64 { return math.Sinh(x) }, true, false},
	{"Asinh", math.Asinh, func(x, _ float64) float64 { return 1 / math.Sqrt(x*x+1) }, true, false},
	{"Acosh", math.Acosh, func(x, _ float64) float64 { return 1 / math.Sqrt(x*x-1) }, true, false},
	{"Atanh", math.Atanh, func(x, _ float64) float64 { return 1 / (1 - x*x) }, true, false},
}

func init() {
	for _, r := range mathFns {
		registerMap(r.name,
			withoutAttrs(scalarMap[float32](r.f, r.df, r.useX, r.useY)), withoutAttrs(scalarMap[float64](r.f, r.df, r.useX, r.useY)))
	}
	registerMap("Exp", withoutAttrs(expMap[float32]()), withoutAttrs(expMap[float64]()))
	registerMap("Log", withoutAttrs(logMap[float32]()), withoutAttrs(logMap[float64]()))
	registerMap("Sqrt", withoutAttrs(sqrtMap[float32]()), withoutAttrs(sqrtMap[float64]()))
	registerMap("Erf", withoutAttrs(erfMap[float32]()), withoutAttrs(erfMap[float64]()))
	registerSigned("Neg", withoutAttrs(negMap[float32]()), withoutAttrs(negMap[float64]()), mapNeg)
	registerSigned("Abs", withoutAttrs(absMap[float32]()), withoutAttrs(absMap[float64]()), mapAbs)
	registerSigned("Sign", withoutAttrs(scalarMap[float32](sign, nil, false, false)),
		withoutAttrs(scalarMap[float64](sign, nil, false, false)), mapSign)
}

func expMap[T kernel.Float]() mapping[T] {
	return mapping[T]{useY: true, f: kernel.Exp[T], grad: func(dx, _, y, dy []T) { kernel.Mul(dx, dy, y) }}
}

func logMap[T kernel.Float]() mapping[T] {
	return mapping[T]{useX: true, f: kernel.Log[T], grad: func(dx, x, _, dy []T) { kernel.Div(dx, dy, x) }}
}

func sqrtMap[T kernel.Float]() mapping[T] {
	return mapping[T]{useY: true, f: kernel.Sqrt[T], grad: func(dx, _, y, dy []T) {
		kernel.Div(dx, dy, y)
		kernel.MulScalar(dx, dx, 0.5)
	}}
}

// erfMap has the derivative 2/sqrt(pi) e^(-x^2).
func erfMap[T kernel.Float]() mapping[T] {
	m := scalarMap[T](nil, func(x, _ float64) float64 { return 2 / math.SqrtPi * math.Exp(-x*x) }, true, false)
	m.f = kernel.Erf[T]
	return m
}

func negMap[T kernel.Float]() mapping[T] {
	return mapping[T]{f: kernel.Neg[T], grad: func(dx, _, _, dy []T) { kernel.Neg(dx, dy) }}
}

func absMap[T kernel.Float]() mapping[T] {
	return mapping[T]{useX: true, f: kernel.Abs[T], grad: func(dx, x, _, dy []T) {
		for i, v := range x {
			dx[i] = dy[i] * T(sign(float64(v)))
		}
	}}
}

// intMap names a function on integers.
type intMap uint8

const (
	mapNeg intMap = iota
	mapAbs
	mapSign
	mapRelu
	mapNot
)

// registerSigned registers an element-wise operator on floats and integers.
func registerSigned(name string, f32 mapBinder[float32], f64 mapBinder[float64], m intMap) {
	o := mapOp(name, f32, f64)
	for t, bind := range intMapTypes(m) {
		o.types[t] = bind
	}
	graph.Register("", o)
}

func intMapTypes(m intMap) byType {
	return integerTypes(bindIntMap[int8](m), bindIntMap[int16](m), bindIntMap[int32](m), bindIntMap[int64](m),
		bindIntMap[uint8](m), bindIntMap[uint16](m), bindIntMap[uint32](m), bindIntMap[uint64](m))
}

func bindIntMap[T integer](m intMap) binder {
	f := map[intMap]func(v T) T{
		mapNeg: func(v T) T { return -v },
		mapAbs: func(v T) T { return max(v, -v) },
		mapSign: func(v T) T {
			var one T = 1
			if v < 0 {
				return -one
			}
			return min(v, one)
		},
		mapRelu: func(v T) T { return max(v, 0) },
		mapNot:  func(v T) T { return ^v },
	}[m]
	if unsigned := ^T(0) > 0; unsigned && m == mapAbs {
		f = func(v T) T { return v }
	}
	return func(b *graph.Bind) (graph.Kernel, error) {
		return newMapped(b, func(y, x []T) {
			for i, v := range x {
				y[i] = f(v)
			}
		}), nil
	}
}
