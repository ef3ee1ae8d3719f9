package main

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// TestBestShift compares with a search over a grid of shifts on random logits, of which
// class 2 is three too low.
func TestBestShift(t *testing.T) {
	const n, k = 400, 5
	r := tensor.NewRand(1, "logits")
	var all []sample
	for i := range n {
		label, logits := r.Intn(uint64(i), k), make([]float32, k)
		for c := range logits {
			logits[c] = float32(r.Normal(uint64(n + i*k + c)))
		}
		logits[label] += 3
		logits[2] -= 3
		all = append(all, marginOf(logits, label, map[int]bool{2: true}))
	}
	fewest := n
	for shift := -5.0; shift < 12; shift += 0.001 {
		e, _, _ := errors(all, shift)
		fewest = min(fewest, e)
	}
	got, _, members := errors(all, bestShift(all))
	before, wrong, _ := errors(all, 0)
	if got != fewest {
		t.Errorf("%d errors, a grid finds %d", got, fewest)
	}
	if got >= before || wrong < members/4 || members == 0 {
		t.Errorf("%d errors before, %d after; %d of %d members were wrong", before, got, wrong, members)
	}
}
