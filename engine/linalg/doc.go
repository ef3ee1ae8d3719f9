// Package linalg is dense float64 linear algebra for factoring weights: SVD
// (thin, full, truncated, randomised), symmetric eigenproblems, QR, Cholesky
// and least squares, on the matrix product of engine/kernel.
//
// The full decompositions are as accurate as LAPACK's: backward error and loss
// of orthogonality are a modest multiple of the unit round-off times the norm
// of the matrix; small singular values carry an absolute, not a relative,
// error. Results are the same bits for every number of threads: parallel work
// splits outputs, never sums, and random numbers are counter-based.
//
// Do not use it for sparse or complex matrices, for float32 training work
// (engine/kernel), or where a matrix does not fit in memory a few times over.
//
// Functions never keep or change their arguments unless they say so, and
// panic on inconsistent shapes, which are programming errors; data that cannot
// be factored (NaN, Inf, not positive definite) is an error value.
package linalg
