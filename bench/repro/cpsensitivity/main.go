// Command cpsensitivity fits CP decompositions to the convolutions of a network, by plain alternating least
// squares and with the error-preserving correction (Phan et al. 2020), and compares their
// sensitivities at equal error.
//
//	cpsensitivity [-starts N] [-plan REPORT] MODEL [SLACK..]
//
// Every kernel longer than 1 is fitted at two ranks, or, given the report of a plan for the model (compress lowrank
// --json), those that it decomposes by cp, at the ranks that it has. A line gives the kernel, its shape and rank, error and
// sensitivity of the plain fit, the same for each slack (by which fraction the
// error may grow; 0.001 and 0.01 unless given) with the ratio of the sensitivities, and the largest ratio
// that is possible (bound). A summary follows.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/linalg"
	_ "github.com/compress-toolkit/compress/engine/op" // what the models are made of
	"github.com/compress-toolkit/compress/format"
	_ "github.com/compress-toolkit/compress/format/onnx" // models of others
	"github.com/compress-toolkit/compress/lowrank"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cpsensitivity:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("cpsensitivity", flag.ContinueOnError)
	starts := flags.Int("starts", 0, "search fits that hardly improve from so many random starts")
	plan := flags.String("plan", "", "take the ranks from the JSON report of a plan")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if args = flags.Args(); len(args) == 0 {
		return fmt.Errorf("usage: cpsensitivity [-starts N] [-plan REPORT] MODEL [SLACK..]")
	}
	slacks := []float64{0.001, 0.01}
	if len(args) > 1 {
		slacks = nil
	}
	for _, a := range args[1:] {
		v, err := strconv.ParseFloat(a, 64)
		if err != nil || !(v > 0 && v < 1) {
			return fmt.Errorf("slack %q: want a number between 0 and 1", a)
		}
		slacks = append(slacks, v)
	}
	m, err := format.LoadByPath(args[0])
	if err != nil {
		return err
	}
	sites, err := lowrank.Find(m, lowrank.Selection{})
	if err != nil {
		return err
	}
	ranks := ranksOf
	if *plan != "" {
		if ranks, err = planned(*plan); err != nil {
			return err
		}
	}
	return compare(os.Stdout, sites, ranks, slacks, *starts)
}

// planned returns the ranks that a plan has for a site, none unless it is decomposed by cp.
func planned(file string) (func(s *lowrank.Site) []int, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var report struct {
		Sites []struct {
			Name, Method string
			Ranks        []int
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	ranks := map[string][]int{}
	for _, s := range report.Sites {
		if s.Method == "cp" {
			ranks[s.Name] = s.Ranks
		}
	}
	if len(ranks) == 0 {
		return nil, fmt.Errorf("%s: no site is decomposed by cp: want the output of compress lowrank --json", file)
	}
	return func(s *lowrank.Site) []int { return ranks[s.Name] }, nil
}

// ranksOf returns half and all of the more channels, at most 16 and 32.
func ranksOf(s *lowrank.Site) []int {
	n := min(max(s.M, s.K), 32)
	return []int{n / 2, n}
}

// shapeOf is that of the array: M, K and the kernel's longer axes.
func shapeOf(s *lowrank.Site) []int {
	shape := []int{s.M, s.K}
	for _, k := range s.Kernel {
		if k > 1 {
			shape = append(shape, k)
		}
	}
	return shape
}

func compare(out *os.File, sites []*lowrank.Site, ranks func(*lowrank.Site) []int, slacks []float64, starts int) error {
	header := fmt.Sprintf("%-28s %-12s %4s %9s %11s %8s", "kernel", "shape", "rank", "error", "plain", "bound")
	for _, s := range slacks {
		header += fmt.Sprintf(" | %8s %11s %8s", fmt.Sprintf("+%g %%", 100*s), "corrected", "ratio")
	}
	fmt.Fprintln(out, header)
	ratios := make([][]float64, len(slacks))
	for _, s := range sites {
		shape := shapeOf(s)
		if s.Kind != lowrank.Conv || s.Groups > 1 || len(shape) < 3 {
			continue
		}
		w, err := s.Load()
		if err != nil {
			return err
		}
		for _, rank := range ranks(s) {
			a := nd.Of(w.Data, shape...)
			c, err := fits(a, rank, slacks)
			if err != nil {
				return fmt.Errorf("%s at rank %d: %w", s.Name, rank, err)
			}
			fmt.Fprintf(out, "%-28s %-12s %4d %s\n", s.Name, strings.Trim(fmt.Sprint(shape), "[]"), rank, c)
			for i, slack := range slacks {
				ratio := c.plain.sensitivity / c.corrected[i].sensitivity
				ratios[i] = append(ratios[i], ratio)
				if ratio < 10 && starts > 0 {
					found := search(a, rank, c.plain.err*(1+slack), starts)
					fmt.Fprintf(out, "    +%g %%: %s\n", 100*slack, found.String(c.plain.sensitivity))
				}
			}
		}
	}
	for i, s := range slacks {
		r := ratios[i]
		if len(r) == 0 {
			return fmt.Errorf("the model has no convolution with a kernel longer than 1 and one group")
		}
		slices.Sort(r)
		n := len(r)
		less, _ := slices.BinarySearch(r, 10)
		fmt.Fprintf(out, "error +%g %%: %d fits, %d at least 10 times less sensitive, least %.3g, median %.3g, most %.3g\n",
			100*s, n, n-less, r[0], r[n/2], r[n-1])
	}
	return nil
}

// result is one fit's error and sensitivity.
type result struct{ err, sensitivity float64 }

// comparison is a plain fit with its corrections.
type comparison struct {
	plain     result
	bound     float64
	corrected []result
}

// String prints the columns.
func (c *comparison) String() string {
	s := fmt.Sprintf("%9.5f %11.5g %8.4g", c.plain.err, c.plain.sensitivity, c.plain.sensitivity/c.bound)
	for _, r := range c.corrected {
		s += fmt.Sprintf(" | %8.5f %11.5g %8.4g", r.err, r.sensitivity, c.plain.sensitivity/r.sensitivity)
	}
	return s
}

// fits converges plain least squares from the singular vectors and corrects what they end in.
func fits(a *nd.Array, rank int, slacks []float64) (*comparison, error) {
	o := nd.CPOpts{Rank: rank, Ridge: 1e-15, Sweeps: 1000, Tol: 1e-8, Starts: -1, Slack: -1}
	plain, err := fit(a, o)
	if err != nil {
		return nil, err
	}
	c := &comparison{plain: plain, bound: nd.LeastSensitivity(a.Shape, rank, (1-plain.err)*a.Norm())}
	for _, s := range slacks {
		o.Slack = s
		r, err := fit(a, o)
		if err != nil {
			return nil, err
		}
		if limit := plain.err * (1 + s) * 1.0001; r.err > limit {
			return nil, fmt.Errorf("the error %g of the corrected fit is above %g", r.err, limit)
		}
		c.corrected = append(c.corrected, r)
	}
	return c, nil
}

// found is what corrections from random starts end in.
type found struct {
	starts int
	plain  []float64 // sensitivities of plain least squares within the error, rising
	within []result  // the same corrected, the least sensitive first
}

func (f found) String(plain float64) string {
	s := fmt.Sprintf("of %d random starts %d end within the error", f.starts, len(f.within))
	if len(f.within) == 0 {
		return s
	}
	least := f.within[0]
	near, _ := slices.BinarySearchFunc(f.within, 1.05*least.sensitivity, func(r result, s float64) int { return cmp.Compare(r.sensitivity, s) })
	return s + fmt.Sprintf(", with a median sensitivity of %.5g; corrected, the least has %.5g at %.5f, a ratio of %.4g, and %d are within 5 %% of it",
		f.plain[len(f.plain)/2], least.sensitivity, least.err, plain/least.sensitivity, near)
}

// search converges plain least squares from random starts and corrects those that end within the limit.
func search(a *nd.Array, rank int, limit float64, starts int) found {
	f := found{starts: starts}
	none := &nd.CP{} // nothing to start from: all components are random
	for _, n := range a.Shape {
		none.U = append(none.U, linalg.NewMat(n, 0))
	}
	for i := range starts {
		o := nd.CPOpts{Rank: rank, Ridge: 1e-15, Sweeps: 1000, Tol: 1e-8, Slack: -1, Start: none, Seed: uint64(i + 1)}
		plain, err := fit(a, o)
		if err != nil || plain.err >= limit {
			continue
		}
		o.Slack = limit/plain.err - 1
		if r, err := fit(a, o); err == nil {
			f.plain, f.within = append(f.plain, plain.sensitivity), append(f.within, r)
		}
	}
	slices.Sort(f.plain)
	slices.SortFunc(f.within, func(a, b result) int { return cmp.Compare(a.sensitivity, b.sensitivity) })
	return f
}

func fit(a *nd.Array, o nd.CPOpts) (result, error) {
	c, _, err := nd.DecomposeCP(context.Background(), a, o)
	if err != nil {
		return result{}, err
	}
	return result{nd.RelError(a, c.Full()), c.Sensitivity()}, nil
}
