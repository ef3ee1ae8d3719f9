// Package op holds the operators: for each, one file with the shape rule, the
// cost, the forward and the backward computation, registered with engine/graph
// by importing this package for its side effect. Families that differ in one
// formula, such as element-wise functions and reductions, are rows of one table.
//
// Names, attributes, inputs and types are those of ONNX at [graph.Opset]; see
// https://onnx.ai/onnx/operators/. Operators that exist only inside the engine
// are in [graph.PrivateDomain].
//
// Kernels are generic in the element type. What the loops need is bound once:
// Forward and Backward allocate nothing, and cut their work over outputs, so that
// results do not depend on the number of threads. float16 and bfloat16 inputs
// are computed in float32 and have no gradient.
//
// The package has no exported API. To run operators, compile a graph.
package op
