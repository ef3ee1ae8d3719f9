// Package onnx reads and writes ONNX models (https://onnx.ai, onnx.proto3).
//
// [Load] reads opsets 1 to 23 and brings every node to the native version,
// graph.Opset. Weights stay in the file until they are asked for; weights in
// Constant nodes, subgraphs, functions and sparse tensors become parameters as
// well. Operators that are not known, custom domains and what this package has
// no name for survive untouched. [Save] writes at the opset that the model came
// with, so that nodes nothing has changed are written back as they were; other
// nodes are brought down to it, or the error names the one that cannot be.
//
// The wire format is read and written by hand (protobuf's encoding, and onnx.proto's
// field numbers), so the program may hold another ONNX binding beside this one.
//
// Files may be hostile: sizes are checked before memory is taken, external data
// must lie in the model's own folder, and errors wrap [FileError].
//
// Use format's .cmz for storing models small, and this package for exchange.
package onnx
