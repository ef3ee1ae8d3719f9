// Package lowrank replaces weights of a network by products of smaller ones.
//
// It finds the sites of a model (dense and convolution weights, embeddings,
// recurrent matrices), chooses a decomposition and ranks for all of them
// together, factors in float64 and rewrites the graph in plain ONNX operators:
// the result trains, exports and counts like any other model. [Run] does all
// of it; [Find], the [Decomposition] registry and the [Policy] types are the parts.
//
// Do not use it for weights that are not constants of the graph, and do not
// expect accuracy to survive a large reduction without fine-tuning: the
// package measures weight and output errors, training is engine/train's.
//
// Letters: a weight has G groups of M outputs and K inputs, with a kernel of
// extents KH KW for convolutions; W is M x K x KH x KW for one group. R is a rank.
// A site's result is never larger than the original: see [Guard].
//
// Papers are cited beside each decomposition. The activation-aware forms minimise the
// error of a layer's output, not of its weight; the global plan solves a
// multiple-choice knapsack over measured curves of error against cost.
package lowrank
