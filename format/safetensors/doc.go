// Package safetensors reads and writes weights in the safetensors format, whole and
// sharded: https://github.com/huggingface/safetensors, format as of version 0.4.
//
// A safetensors file has named tensors and text metadata, and no graph. It is read
// as a graph.Model that has parameters only, each lazy: its bytes are read when they
// are asked for. [AddLinear] gives such a model a node for each matrix, so that
// what works on graphs (lowrank) works on it. Writing a model keeps its parameters
// and its metadata and drops the graph: use .cmz or ONNX where that matters.
//
// Element types that the engine does not have (8-bit floats and smaller) are kept
// as bytes and written back as they came.
//
// Importing the package registers the extension .safetensors, and .json for the
// index of a sharded model ("model.safetensors.index.json").
package safetensors
