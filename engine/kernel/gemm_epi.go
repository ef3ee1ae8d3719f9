package kernel

import "math"

// activate sets the flags for the activation of x, if an epilogue kernel knows
// it, and reports whether it is one of the others.
func (e *epilogue[T]) activate(x *Epilogue[T]) (other bool) {
	e.alpha, e.beta = x.Alpha, x.Beta
	switch x.Act {
	case ActNone:
	case ActRelu:
		e.alpha, e.beta = 0, T(math.Inf(1))
		e.flags |= epiClip
	case ActClip:
		e.flags |= epiClip
	case ActLeakyRelu:
		e.flags |= epiLeaky
	default:
		return true
	}
	return false
}

// apply does what x says to the tile at row m0, column n0, of which e holds the
// place and the residual.
func (e *epilogue[T]) apply(mk *micro[T], x *Epilogue[T], m0, n0 int) {
	other := e.activate(x)
	switch {
	case x.Bias == nil:
	case x.BiasRow:
		e.bias = &x.Bias[m0]
		e.flags |= epiRowBias
	default:
		e.bias = &x.Bias[n0]
	}
	mk.finish(e)
	if other {
		for i := range e.rows {
			activate(at(e.c, i*e.ldc, e.cols), x.Act, x.Alpha, x.Beta)
		}
	}
}

// finishPortable applies an epilogue.
func finishPortable[T Float](e *epilogue[T]) {
	for i := range e.rows {
		c := at(e.c, i*e.ldc, e.cols)
		if e.bias != nil && e.flags&epiRowBias != 0 {
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
		e.bend(c)
	}
}

// bend applies the activation of the flags.
func (e *epilogue[T]) bend(c []T) {
	if e.flags&epiClip != 0 {
		for j, v := range c {
			c[j] = min(max(v, e.alpha), e.beta)
		}
	}
	if e.flags&epiLeaky != 0 {
		for j, v := range c {
			if v < 0 {
				c[j] = e.alpha * v
			}
		}
	}
}

// activate applies an activation that has no flag to x in place.
func activate[T Float](x []T, act Act, alpha, beta T) {
	switch act {
	case ActSigmoid:
		for i, v := range x {
			x[i] = T(1 / (1 + math.Exp(-float64(v))))
		}
	case ActTanh:
		for i, v := range x {
			x[i] = T(math.Tanh(float64(v)))
		}
	case ActHardSwish:
		for i, v := range x {
			x[i] = v * min(max(v/6+0.5, 0), 1)
		}
	case ActHardSigmoid:
		for i, v := range x {
			x[i] = min(max(alpha*v+beta, 0), 1)
		}
	case ActGelu:
		for i, v := range x {
			x[i] = T(float64(v) * (1 + math.Erf(float64(v)/math.Sqrt2)) / 2)
		}
	case ActSilu:
		for i, v := range x {
			x[i] = T(float64(v) / (1 + math.Exp(-float64(v))))
		}
	default:
		panic("kernel: unknown activation")
	}
}
