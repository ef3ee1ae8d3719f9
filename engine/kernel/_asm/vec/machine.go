package main

// value is a vector, a mask or a constant of a machine.
type value any

// machine emits instructions on vectors. Every method leaves its arguments
// alone and returns a new value.
type machine interface {
	num(x float64) value // x in every lane

	add(a, b value) value
	sub(a, b value) value
	mul(a, b value) value
	div(a, b value) value
	sqrt(a value) value
	fma(a, b, c value) value  // a b + c
	fnma(a, b, c value) value // c - a b
	max(a, b value) value     // b if one is NaN
	min(a, b value) value     // b if one is NaN

	abs(a value) value
	copySign(a, sign value) value // a is not negative

	greater(a, b value) value // masks
	equal(a, b value) value
	unordered(a value) value // where a is NaN
	sel(mask, a, b value) value
	only(mask, a value) value // a or 0

	round(a value) value   // to the nearest integer, ties to even
	pow2(a, n value) value // a 2^n for an integer n of magnitude at most 150
}

// spec describes a kernel. Slices are read or written at the same index; the
// slice "gates:2" is the third of the parts of gates that are as long as size.
type spec struct {
	name    string   // field of vecOps
	params  string   // of the function, with T for the element type
	size    string   // the slice whose length counts
	in, out []string // slices
	scalars []string // parameters
	update  []string // numbers of the struct u, after the scalars
	acc     fold     // what the function returns, if anything
	accs    int
	single  bool // float32 only
	unroll  int  // vectors a round, default 4

	// prepare turns the scalars into what body gets.
	prepare func(m machine, s []value) []value
	// body computes one vector. acc are the partial results so far; mask, nil
	// for all, says which lanes of x hold numbers: the others are 0.
	body func(m machine, x, s, acc []value, mask value) (out, accOut []value)
}

// fold is how partial results become one.
type fold int

const (
	foldNone fold = iota
	foldSum
	foldMax // NaN if any is
)

// lanes keeps the lanes of a mask, nil for all, and zeros the others.
func lanes(m machine, mask, a value) value {
	if mask == nil {
		return a
	}
	return m.only(mask, a)
}

// maxNaN is the larger of a and b, NaN if one is.
func maxNaN(m machine, a, b value) value { return m.sel(m.unordered(a), a, m.max(a, b)) }

func minNaN(m machine, a, b value) value { return m.sel(m.unordered(a), a, m.min(a, b)) }
