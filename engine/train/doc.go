// Package train is the training loop, the only place that takes a training step.
// Teachers, distillation with all its stages, fine-tuning after factorisation and
// the reproductions of papers are [Run] with a different [Objective].
//
// A run is a pure function of its configuration: same binary, architecture and
// seed give the same bits for every number of threads, and a run resumed from a
// checkpoint ends with the bits of one that was never interrupted.
package train
