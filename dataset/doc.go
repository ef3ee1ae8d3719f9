// Package dataset turns data on disk into batches for training and measuring.
//
// A [Set] gives random access to samples. Sets come from a --data string
// through [Parse] and [Spec.Open] (MNIST, Fashion-MNIST, CIFAR-10, IDX folders,
// .npz, .csv, image folders, random numbers), from tensors through
// [FromTensors], or from other sets ([SplitAt], [Subset], [Concat], ...).
// A [Loader] reads a set in the background and hands out recycled batches;
// what a batch holds is a pure function of the set, the configuration and the
// [Cursor], so a run can stop and resume anywhere with the same bits.
//
// Shapes: one sample is [C H W] for images and [K] for features; a batch adds N
// in front. Pixels are scaled to 0..1. Labels are class numbers from 0, or -1.
//
// The package is not for sets larger than memory, except image folders, which
// are decoded when read; nor for targets that are no classes: train on teacher
// outputs for those.
//
// Nothing here trusts a file: sizes are checked before memory is taken, and an
// [*Error] names the file, what was expected and found, and the way out.
package dataset
