// Package distill has the objectives of knowledge distillation. A distillation run
// is an ordinary training run (engine/train) whose objective compares the student with
// a teacher: [Objective] is what `compress distill` minimises.
//
// The package knows teachers only through the interface [Teacher], so any source
// of logits will do: a network, an ensemble, a recording.
//
// Letters: N samples, K classes, T temperature, z logits, p = softmax(z/T).
package distill
