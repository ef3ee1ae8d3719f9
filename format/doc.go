// Package format is the project's own container of models, .cmz, and the list
// of all formats by file extension.
//
// A .cmz file holds one graph.Model: operators, weights, metadata, where it
// comes from and what was measured. It is made for hostile and huge files:
//
//   - [Load] and [Decode] read everything, all checksums verified, on all cores;
//   - [Open] reads the header and the index only, and parameters when they are
//     asked for;
//   - a file that is damaged or lies about its sizes ends in an error that wraps
//     [ErrFormat], before more than 64 MiB plus twice the file's size is in use;
//   - [Save] replaces a file whole or not at all, and equal models and options
//     give equal bytes on any number of cores.
//
// Weights are coded without loss by default, as byte planes each with its own
// entropy code. [SaveOptions].Storage and graph.Param.Storage choose float16,
// bfloat16 or int8 with a scale for each channel instead.
//
// SPEC.md describes the bytes. Use format/onnx or format/safetensors for files
// that other programs read; use none of them for datasets or optimizer logs.
package format

//go:generate sh generate.sh
