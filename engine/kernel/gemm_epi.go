package kernel

import "math"

// finishPortable applies a whole epilogue.
func finishPortable[T Float](e *epilogue[T]) {
	for i := range e.rows {
		c := at(e.c, i*e.ldc, e.cols)
		if e.bias != nil && e.biasRow {
			b := at(e.bias, i, 1)[0]
			for j := range c {
				c[j] += b
			}
		} else if e.bias != nil {
			for j, b := range at(e.bias, 0, e.cols) {
				c[j] += b
			}
		}
		if e.residual != nil {
			for j, r := range at(e.residual, i*e.ldr, e.cols) {
				c[j] += r
			}
		}
		activate(c, e.act, e.alpha, e.beta)
	}
}

// activate applies an activation to x in place.
func activate[T Float](x []T, act Act, alpha, beta T) {
	switch act {
	case ActNone:
	case ActRelu:
		for i, v := range x {
			x[i] = max(v, 0)
		}
	case ActLeakyRelu:
		for i, v := range x {
			if v < 0 {
				x[i] = alpha * v
			}
		}
	case ActClip:
		for i, v := range x {
			x[i] = min(max(v, alpha), beta)
		}
	default:
		for i, v := range x {
			x[i] = activation(v, act, alpha, beta)
		}
	}
}

// activation returns one of the activations that activate has no loop for.
func activation[T Float](x T, act Act, alpha, beta T) T {
	switch act {
	case ActSigmoid:
		return T(1 / (1 + math.Exp(-float64(x))))
	case ActTanh:
		return T(math.Tanh(float64(x)))
	case ActHardSwish:
		return x * min(max(x/6+0.5, 0), 1)
	case ActHardSigmoid:
		return min(max(alpha*x+beta, 0), 1)
	case ActGelu:
		return T(float64(x) * (1 + math.Erf(float64(x)/math.Sqrt2)) / 2)
	case ActSilu:
		return T(float64(x) / (1 + math.Exp(-float64(x))))
	}
	panic("kernel: unknown activation")
}
