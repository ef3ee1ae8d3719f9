package main

// step is a kernel of an optimizer: w, then its state, then g. prepare gets the
// fields of the struct.
func step(name, params, typ string, state, fields []string, prepare func(m machine, s []value) []value,
	f func(m machine, x, s []value) []value) spec {
	slots := append([]string{"w"}, state...)
	return spec{name: name, params: "(" + params + ", g []T, u " + typ + "[T])", size: "w", in: append(slots[:len(slots):len(slots)], "g"),
		out: slots, update: fields, prepare: prepare, unroll: 2,
		body: func(m machine, x, s, _ []value, _ value) ([]value, []value) { return f(m, x, s), nil }}
}

// complement appends 1 - s[i] to the scalars.
func complement(which ...int) func(m machine, s []value) []value {
	return func(m machine, s []value) []value {
		for _, i := range which {
			s = append(s, m.sub(m.num(1), s[i]))
		}
		return s
	}
}

// Fields of the structs in update.go of package kernel.
var (
	sgdFields     = []string{"Rate", "Momentum", "WeightDecay"}
	adamFields    = []string{"Beta1", "Beta2", "Epsilon", "WeightDecay", "Step", "RootScale", "Shrink"}
	meanFields    = []string{"Rate", "Decay", "Epsilon", "WeightDecay"}
	adagradFields = []string{"Rate", "Epsilon", "WeightDecay"}
)

// updates lists the optimizers; update.go in package kernel has the equations.
func updates() []spec {
	return []spec{
		step("momentum", "w, m", "SGDUpdate", []string{"m"}, sgdFields, nil, func(m machine, x, s []value) []value {
			d := m.fma(s[2], x[0], x[2])
			v := m.fma(s[1], x[1], d)
			return vecs(m.fnma(s[0], v, x[0]), v)
		}),
		step("nesterov", "w, m", "SGDUpdate", []string{"m"}, sgdFields, nil, func(m machine, x, s []value) []value {
			d := m.fma(s[2], x[0], x[2])
			v := m.fma(s[1], x[1], d)
			return vecs(m.fnma(s[0], m.fma(s[1], v, d), x[0]), v)
		}),
		step("adam", "w, m, v", "AdamUpdate", []string{"m", "v"}, adamFields, complement(0, 1), func(m machine, x, s []value) []value {
			d := m.fma(s[3], x[0], x[3])
			first := m.fma(s[0], x[1], m.mul(s[7], d))
			second := m.fma(s[1], x[2], m.mul(s[8], m.mul(d, d)))
			root := m.fma(m.sqrt(second), s[5], s[2])
			return vecs(m.sub(m.mul(s[6], x[0]), m.div(m.mul(s[4], first), root)), first, second)
		}),
		step("rmsprop", "w, v", "RMSPropUpdate", []string{"v"}, meanFields, complement(1), func(m machine, x, s []value) []value {
			d := m.fma(s[3], x[0], x[2])
			v := m.fma(s[1], x[1], m.mul(s[4], m.mul(d, d)))
			return vecs(m.sub(x[0], m.div(m.mul(s[0], d), m.add(m.sqrt(v), s[2]))), v)
		}),
		step("adagrad", "w, v", "AdagradUpdate", []string{"v"}, adagradFields, nil, func(m machine, x, s []value) []value {
			d := m.fma(s[2], x[0], x[2])
			v := m.fma(d, d, x[1])
			return vecs(m.sub(x[0], m.div(m.mul(s[0], d), m.add(m.sqrt(v), s[1]))), v)
		}),
		step("adadelta", "w, v, a", "AdadeltaUpdate", []string{"v", "a"}, meanFields, complement(1), func(m machine, x, s []value) []value {
			d := m.fma(s[3], x[0], x[3])
			v := m.fma(s[1], x[1], m.mul(s[4], m.mul(d, d)))
			by := m.div(m.mul(d, m.sqrt(m.add(x[2], s[2]))), m.sqrt(m.add(v, s[2])))
			return vecs(m.fnma(s[0], by, x[0]), v, m.fma(s[1], x[2], m.mul(s[4], m.mul(by, by))))
		}),
	}
}
