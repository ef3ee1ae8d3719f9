// Package graph is the model: values, nodes, parameters, nested subgraphs, with
// ONNX's operator names and semantics at one pinned opset ([Opset]). It checks,
// rewrites, infers shapes, counts costs, differentiates and compiles.
//
// The package knows no operator. Operators register themselves (engine/op) and
// answer three questions through [Op] and [Kernel]: which shapes come out, what
// it costs, how to compute it forward and backward. A node whose operator is not
// registered stays in the graph untouched (an opaque node); only [Compile] fails
// for it.
//
// A [Model] is edited by one goroutine at a time. A [Session] is compiled for
// concrete shapes, plans all memory once and then runs without allocating.
//
// Reverse-mode differentiation follows Griewank and Walther, 'Evaluating
// Derivatives' (2008), chapter 3: every node's backward kernel maps the
// gradients of its outputs to those of its inputs, in reverse topological order.
package graph
