// Package optest is the contract that every operator of engine/op passes. It is
// for tests only. Beside each operator, its test file adds samples:
//
//	func init() {
//		optest.Add(
//			optest.Sample{Name: "matrix", Node: graph.Node{Op: "Relu"}, In: optest.In(optest.Vals(3, 5))},
//			optest.Sample{Name: "int32", Node: graph.Node{Op: "Relu"}, In: optest.In(tensor.Vec[int32](-1, 2)),
//				Want: optest.In(tensor.Vec[int32](0, 2))},
//		)
//	}
//
// and one test of the package calls [Run], which walks all registered operators
// and fails for one without a sample. For every sample it checks that
//
//   - the outputs have the shapes that Bind promised, are written completely and
//     not beyond their ends, and the inputs stay as they were;
//   - Want, when given, is what comes out, and float32 agrees with float64;
//   - the gradient agrees with central differences along random directions in
//     float64, for all outputs at once and for each alone, and what is computed for
//     one input does not depend on which others are wanted;
//   - Forward and Backward allocate nothing and give the same bits on one thread
//     and on two;
//   - what the kernel claims is true: aliasing, gradients handed through, working
//     in place, what Backward reads, scratch memory, prepared constants;
//   - a compiled session gives the same outputs.
package optest
