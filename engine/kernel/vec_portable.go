package kernel

import "math"

// portableVec returns the reference kernels.
func portableVec[T Float]() vecOps[T] {
	return vecOps[T]{
		add: addPortable[T], sub: subPortable[T], mul: mulPortable[T], div: divPortable[T],
		max: maxPortable[T], min: minPortable[T],
		addScalar: addScalarPortable[T], mulScalar: mulScalarPortable[T], axpy: axpyPortable[T],
		relu: reluPortable[T], exp: expPortable[T], tanh: tanhPortable[T], sigmoid: sigmoidPortable[T], erf: erfPortable[T],
		gelu: geluPortable[T], silu: siluPortable[T], sqrt: sqrtPortable[T], abs: absPortable[T],
		reluGrad: reluGradPortable[T], tanhGrad: tanhGradPortable[T], sigmGrad: sigmoidGradPortable[T],
		affine: affinePortable[T], affineRelu: affineReluPortable[T], affine2: affine2Portable[T],
		mulAdd: mulAddPortable[T], mulShift: mulShiftPortable[T], whereEqual: whereEqualPortable[T], indexEqual: indexEqualPortable[T],
		sum: sumPortable[T], sumSq: sumSqPortable[T], maxOf: maxOfPortable[T], dot: dotPortable[T],
		sumSqDiff: sumSqDiffPortable[T], sumAndDot: sumAndDotPortable[T], expShift: expShiftPortable[T],
		momentum: momentumPortable[T], nesterov: nesterovPortable[T], adam: adamPortable[T], rmsprop: rmspropPortable[T],
		adagrad: adagradPortable[T], adadelta: adadeltaPortable[T],
		lstm: lstmPortable[T], lstmGrad: lstmGradPortable[T],
		gruMix: gruMixPortable[T], gruMixGrad: gruMixGradPortable[T], gruResetGrad: gruResetGradPortable[T],
	}
}

func addPortable[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func subPortable[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mulPortable[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func divPortable[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

func maxPortable[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = max(a[i], b[i])
	}
}

func minPortable[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = min(a[i], b[i])
	}
}

func addScalarPortable[T Float](dst, a []T, s T) {
	for i := range dst {
		dst[i] = a[i] + s
	}
}

func mulScalarPortable[T Float](dst, a []T, s T) {
	for i := range dst {
		dst[i] = a[i] * s
	}
}

func axpyPortable[T Float](dst []T, a T, x []T) {
	for i := range dst {
		dst[i] += a * x[i]
	}
}

func reluPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = max(x[i], 0)
	}
}

func reluGradPortable[T Float](dx, y, dy []T) {
	for i := range dx {
		if y[i] > 0 {
			dx[i] = dy[i]
		} else {
			dx[i] = 0
		}
	}
}

func whereEqualPortable[T Float](dst, a, b, c []T) {
	for i := range dst {
		if a[i] == b[i] {
			dst[i] = c[i]
		} else {
			dst[i] = 0
		}
	}
}

// indexEqualPortable sets dst = index + shift where a == b.
func indexEqualPortable[T Float](dst, a, b, index []T, shift T) {
	for i := range dst {
		if a[i] == b[i] {
			dst[i] = index[i] + shift
		}
	}
}

func expPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = T(math.Exp(float64(x[i])))
	}
}

func tanhPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = T(math.Tanh(float64(x[i])))
	}
}

func sigmoidPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = T(1 / (1 + math.Exp(-float64(x[i]))))
	}
}

func erfPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = T(math.Erf(float64(x[i])))
	}
}

func tanhGradPortable[T Float](dx, y, dy []T) {
	for i := range dx {
		dx[i] = dy[i] * (1 - y[i]*y[i])
	}
}

func sigmoidGradPortable[T Float](dx, y, dy []T) {
	for i := range dx {
		dx[i] = dy[i] * y[i] * (1 - y[i])
	}
}

func geluPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = T(float64(x[i]) * (0.5 + 0.5*math.Erf(float64(x[i])/math.Sqrt2)))
	}
}

func siluPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = T(float64(x[i]) / (1 + math.Exp(-float64(x[i]))))
	}
}

func sqrtPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = T(math.Sqrt(float64(x[i])))
	}
}

func absPortable[T Float](dst, x []T) {
	for i := range dst {
		dst[i] = T(math.Abs(float64(x[i])))
	}
}

// affinePortable sets dst = scale x + shift.
func affinePortable[T Float](dst, x []T, scale, shift T) {
	for i := range dst {
		dst[i] = x[i]*scale + shift
	}
}

// affineReluPortable sets dst = max(scale x + shift, 0).
func affineReluPortable[T Float](dst, x []T, scale, shift T) {
	for i := range dst {
		dst[i] = max(x[i]*scale+shift, 0)
	}
}

// affine2Portable sets dst = a x + b y + c.
func affine2Portable[T Float](dst, x, y []T, a, b, c T) {
	for i := range dst {
		dst[i] = a*x[i] + b*y[i] + c
	}
}

// mulAddPortable sets dst = a b + c.
func mulAddPortable[T Float](dst, a, b, c []T) {
	for i := range dst {
		dst[i] = a[i]*b[i] + c[i]
	}
}

// mulShiftPortable sets dst = a (b + s).
func mulShiftPortable[T Float](dst, a, b []T, s T) {
	for i := range dst {
		dst[i] = a[i] * (b[i] + s)
	}
}

// The reductions keep four partial sums, which is faster and more accurate
// than one.

func sumPortable[T Float](x []T) T {
	var s [4]T
	i := 0
	for ; i+4 <= len(x); i += 4 {
		v := x[i : i+4 : i+4]
		s[0] += v[0]
		s[1] += v[1]
		s[2] += v[2]
		s[3] += v[3]
	}
	for ; i < len(x); i++ {
		s[0] += x[i]
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func dotPortable[T Float](a, b []T) T {
	var s [4]T
	i := 0
	for ; i+4 <= len(a); i += 4 {
		v, w := a[i:i+4:i+4], b[i:i+4:i+4]
		s[0] += v[0] * w[0]
		s[1] += v[1] * w[1]
		s[2] += v[2] * w[2]
		s[3] += v[3] * w[3]
	}
	for ; i < len(a); i++ {
		s[0] += a[i] * b[i]
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func sumSqPortable[T Float](x []T) T { return dotPortable(x, x) }

func sumSqDiffPortable[T Float](x []T, mean T) T {
	var s [4]T
	i := 0
	for ; i+4 <= len(x); i += 4 {
		for j, v := range x[i : i+4 : i+4] {
			s[j] += (v - mean) * (v - mean)
		}
	}
	for ; i < len(x); i++ {
		s[0] += (x[i] - mean) * (x[i] - mean)
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// sumAndDotPortable returns the sum of x and the sum of x (y - mean).
func sumAndDotPortable[T Float](x, y []T, mean T) (sum, dot T) {
	var s, d [2]T
	i := 0
	for ; i+2 <= len(x); i += 2 {
		s[0] += x[i]
		s[1] += x[i+1]
		d[0] += x[i] * (y[i] - mean)
		d[1] += x[i+1] * (y[i+1] - mean)
	}
	if i < len(x) {
		s[0] += x[i]
		d[0] += x[i] * (y[i] - mean)
	}
	return s[0] + s[1], d[0] + d[1]
}

func maxOfPortable[T Float](x []T) T {
	m := T(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// expShiftPortable sets dst = e^(x - shift) and returns the sum.
func expShiftPortable[T Float](dst, x []T, shift T) T {
	for i := range dst {
		dst[i] = T(math.Exp(float64(x[i] - shift)))
	}
	return sumPortable(dst)
}
