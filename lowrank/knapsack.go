package lowrank

import (
	"fmt"
	"math"
)

// option is one choice for an item of the knapsack.
type option struct {
	cost int64
	loss float64
}

// knapsackBins is the resolution of the capacity.
const knapsackBins = 20000

// knapsack chooses one option of every item so that the costs add up to at most
// capacity and the losses to as little as possible: the multiple-choice
// knapsack problem, by dynamic programming over the capacity in knapsackBins bins
// (Kellerer, Pferschy and Pisinger 2004, chapter 11), costs rounded up; what the
// rounding left over is then spent greedily. It fails when the cheapest
// options do not fit and says what they need.
func knapsack(items [][]option, capacity int64) ([]int, error) {
	least := int64(0)
	for _, opts := range items {
		least += cheapest(opts)
	}
	if least > capacity {
		return nil, errTooSmall{capacity, least}
	}
	// Only what exceeds the cheapest options is divided.
	spare := capacity - least
	bins := int(min(spare, knapsackBins))
	unit := 1.0
	if bins > 0 {
		unit = float64(spare) / float64(bins)
	}
	chosen := solve(items, bins, unit)
	fill(items, chosen, capacity)
	return chosen, nil
}

type errTooSmall struct{ capacity, least int64 }

func (e errTooSmall) Error() string {
	return fmt.Sprintf("the budget leaves %d for the selected sites, the smallest forms need %d", e.capacity, e.least)
}

// Hint says what to do about it.
func (e errTooSmall) Hint() string {
	return fmt.Sprintf("raise the budget by %d, select more sites, or try --method auto", e.least-e.capacity)
}

// Unwrap makes it an ErrBudget.
func (errTooSmall) Unwrap() error { return ErrBudget }

func cheapest(opts []option) int64 {
	least := opts[0].cost
	for _, o := range opts {
		least = min(least, o.cost)
	}
	return least
}

// solve runs the dynamic programme: best[b] is the least loss with b bins spent beyond the cheapest options.
func solve(items [][]option, bins int, unit float64) []int {
	best, next := make([]float64, bins+1), make([]float64, bins+1)
	picks := make([][]uint16, len(items))
	for i, opts := range items {
		picks[i] = make([]uint16, bins+1)
		for b := range next {
			next[b] = math.Inf(1)
		}
		least := cheapest(opts)
		for k, o := range opts {
			w := int(math.Ceil(float64(o.cost-least)/unit - 1e-9))
			for b := w; b <= bins; b++ {
				if l := best[b-w] + o.loss; l < next[b] {
					next[b], picks[i][b] = l, uint16(k)
				}
			}
		}
		best, next = next, best
	}
	chosen, b := make([]int, len(items)), bins
	for i := len(items) - 1; i >= 0; i-- {
		k := int(picks[i][b])
		chosen[i] = k
		b -= int(math.Ceil(float64(items[i][k].cost-cheapest(items[i]))/unit - 1e-9))
	}
	return chosen
}

// fill raises choices while some upgrade fits, the one with the greatest gain for its cost first.
func fill(items [][]option, chosen []int, capacity int64) {
	for i, k := range chosen {
		capacity -= items[i][k].cost
	}
	for {
		bi, bk, best := -1, 0, 0.0
		for i, opts := range items {
			now := opts[chosen[i]]
			for k, o := range opts {
				gain, extra := now.loss-o.loss, o.cost-now.cost
				if gain > 0 && extra <= capacity && gain > best*float64(max(1, extra)) {
					bi, bk, best = i, k, gain/float64(max(1, extra))
				}
			}
		}
		if bi < 0 {
			return
		}
		capacity -= items[bi][bk].cost - items[bi][chosen[bi]].cost
		chosen[bi] = bk
	}
}
