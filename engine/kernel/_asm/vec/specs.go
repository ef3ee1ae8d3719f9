package main

// vecs shortens the bodies below.
func vecs(v ...value) []value { return v }

// binary is a kernel of two sources.
func binary(name string, f func(m machine, a, b value) value) spec {
	return spec{name: name, params: "(dst, a, b []T)", size: "dst", in: []string{"a", "b"}, out: []string{"dst"},
		body: func(m machine, x, _, _ []value, _ value) ([]value, []value) { return vecs(f(m, x[0], x[1])), nil }}
}

// unary is a kernel of one source.
func unary(name string, f func(m machine, x value) value) spec {
	return spec{name: name, params: "(dst, x []T)", size: "dst", in: []string{"x"}, out: []string{"dst"},
		body: func(m machine, x, _, _ []value, _ value) ([]value, []value) { return vecs(f(m, x[0])), nil }}
}

// function is a unary kernel for float32 only.
func function(name string, f func(m machine, x value) value) spec {
	k := unary(name, f)
	k.single, k.unroll = true, 2
	return k
}

// grad is a kernel of an output and its gradient.
func grad(name string, f func(m machine, y, dy value) value) spec {
	k := binary(name, f)
	k.params, k.size, k.in, k.out = "(dx, y, dy []T)", "dx", []string{"y", "dy"}, []string{"dx"}
	return k
}

// specs lists the kernels.
func specs() []spec {
	var all []spec
	for _, group := range [][]spec{arithmetic(), affine(), functions(), reductions(), updates(), cells()} {
		all = append(all, group...)
	}
	return all
}

func arithmetic() []spec {
	return []spec{
		binary("add", machine.add), binary("sub", machine.sub), binary("mul", machine.mul), binary("div", machine.div),
		binary("max", maxNaN), binary("min", minNaN),
		unary("relu", func(m machine, x value) value { return m.max(m.num(0), x) }),
		unary("sqrt", machine.sqrt), unary("abs", machine.abs),
		grad("reluGrad", func(m machine, y, dy value) value { return m.only(m.greater(y, m.num(0)), dy) }),
		grad("tanhGrad", func(m machine, y, dy value) value { return m.mul(dy, m.fnma(y, y, m.num(1))) }),
		grad("sigmGrad", func(m machine, y, dy value) value { return m.mul(dy, m.fnma(y, y, y)) }),
	}
}

func affine() []spec {
	scaled := func(name, params string, in, scalars []string, f func(m machine, x, s []value) value) spec {
		return spec{name: name, params: params, size: "dst", in: in, scalars: scalars, out: []string{"dst"},
			body: func(m machine, x, s, _ []value, _ value) ([]value, []value) { return vecs(f(m, x, s)), nil }}
	}
	both := []string{"scale", "shift"}
	return []spec{
		scaled("addScalar", "(dst, a []T, s T)", []string{"a"}, []string{"s"},
			func(m machine, x, s []value) value { return m.add(x[0], s[0]) }),
		scaled("mulScalar", "(dst, a []T, s T)", []string{"a"}, []string{"s"},
			func(m machine, x, s []value) value { return m.mul(x[0], s[0]) }),
		scaled("axpy", "(dst []T, a T, x []T)", []string{"x", "dst"}, []string{"a"},
			func(m machine, x, s []value) value { return m.fma(s[0], x[0], x[1]) }),
		scaled("affine", "(dst, x []T, scale, shift T)", []string{"x"}, both,
			func(m machine, x, s []value) value { return m.fma(x[0], s[0], s[1]) }),
		scaled("affineRelu", "(dst, x []T, scale, shift T)", []string{"x"}, both,
			func(m machine, x, s []value) value { return m.max(m.num(0), m.fma(x[0], s[0], s[1])) }),
		scaled("affine2", "(dst, x, y []T, a, b, c T)", []string{"x", "y"}, []string{"a", "b", "c"},
			func(m machine, x, s []value) value { return m.fma(s[0], x[0], m.fma(s[1], x[1], s[2])) }),
		scaled("mulAdd", "(dst, a, b, c []T)", []string{"a", "b", "c"}, nil,
			func(m machine, x, _ []value) value { return m.fma(x[0], x[1], x[2]) }),
		scaled("mulShift", "(dst, a, b []T, s T)", []string{"a", "b"}, []string{"s"},
			func(m machine, x, s []value) value { return m.mul(x[0], m.add(x[1], s[0])) }),
		scaled("whereEqual", "(dst, a, b, c []T)", []string{"a", "b", "c"}, nil,
			func(m machine, x, _ []value) value { return m.only(m.equal(x[0], x[1]), x[2]) }),
		scaled("indexEqual", "(dst, a, b, index []T, shift T)", []string{"a", "b", "index", "dst"}, []string{"shift"},
			func(m machine, x, s []value) value { return m.sel(m.equal(x[0], x[1]), m.add(x[2], s[0]), x[3]) }),
	}
}

func functions() []spec {
	shift := spec{name: "expShift", params: "(dst, x []T, shift T)", size: "dst", in: []string{"x"}, out: []string{"dst"},
		scalars: []string{"shift"}, acc: foldSum, accs: 1, single: true, unroll: 2,
		body: func(m machine, x, s, acc []value, mask value) ([]value, []value) {
			e := exp(m, m.sub(x[0], s[0]))
			return vecs(e), vecs(m.add(acc[0], lanes(m, mask, e)))
		}}
	return []spec{function("exp", exp), function("tanh", tanh), function("sigmoid", sigmoid), function("erf", erf), shift,
		function("gelu", func(m machine, x value) value {
			e := erf(m, m.mul(x, m.num(0.70710678118654752440)))
			return m.mul(x, m.fma(e, m.num(0.5), m.num(0.5)))
		}),
		function("silu", func(m machine, x value) value { return m.mul(x, sigmoid(m, x)) })}
}

func reductions() []spec {
	reduce := func(name, params, size string, in, scalars []string, f func(m machine, x, s, acc []value, mask value) []value) spec {
		return spec{name: name, params: params, size: size, in: in, scalars: scalars, acc: foldSum, accs: 1,
			body: func(m machine, x, s, acc []value, mask value) ([]value, []value) { return nil, f(m, x, s, acc, mask) }}
	}
	list := []spec{
		reduce("sum", "(x []T)", "x", []string{"x"}, nil,
			func(m machine, x, _, acc []value, _ value) []value { return vecs(m.add(acc[0], x[0])) }),
		reduce("sumSq", "(x []T)", "x", []string{"x"}, nil,
			func(m machine, x, _, acc []value, _ value) []value { return vecs(m.fma(x[0], x[0], acc[0])) }),
		reduce("dot", "(a, b []T)", "a", []string{"a", "b"}, nil,
			func(m machine, x, _, acc []value, _ value) []value { return vecs(m.fma(x[0], x[1], acc[0])) }),
		reduce("sumSqDiff", "(x []T, mean T)", "x", []string{"x"}, []string{"mean"},
			func(m machine, x, s, acc []value, mask value) []value {
				d := lanes(m, mask, m.sub(x[0], s[0]))
				return vecs(m.fma(d, d, acc[0]))
			}),
		reduce("sumAndDot", "(x, y []T, mean T)", "x", []string{"x", "y"}, []string{"mean"},
			func(m machine, x, s, acc []value, mask value) []value {
				d := lanes(m, mask, m.sub(x[1], s[0]))
				return vecs(m.add(acc[0], x[0]), m.fma(x[0], d, acc[1]))
			}),
		reduce("maxOf", "(x []T)", "x", []string{"x"}, nil,
			func(m machine, x, _, acc []value, mask value) []value {
				top := maxNaN(m, acc[0], x[0])
				if mask != nil {
					top = m.sel(mask, top, acc[0])
				}
				return vecs(top)
			}),
	}
	list[4].accs, list[5].acc = 2, foldMax
	return list
}
