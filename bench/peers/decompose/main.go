// Command decompose serves tensor decompositions to decompose.py, over the arrays that
// it finds as .npy files in the folder PEER_ARRAYS. With the argument "errors" it
// prints `name error` for every case instead.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/bench/peers"
	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func main() {
	log.SetFlags(0)
	files, err := filepath.Glob(filepath.Join(os.Getenv("PEER_ARRAYS"), "*.npy"))
	if err != nil || len(files) == 0 {
		log.Fatalf("no arrays in PEER_ARRAYS=%q: start this through decompose.py", os.Getenv("PEER_ARRAYS"))
	}
	var all []job
	for _, f := range files {
		js, err := jobs(f)
		if err != nil {
			log.Fatal(err)
		}
		all = append(all, js...)
	}
	if len(os.Args) > 1 && os.Args[1] == "errors" {
		err = printErrors(all, os.Args[2:])
	} else {
		err = serve(all)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// job is one decomposition of one array.
type job struct {
	name string
	a    *nd.Array
	run  func() (result, error)
}

// result is what a decomposition returns; multiplying it out is not timed, here as with the peer.
type result interface{ Full() *nd.Array }

func serve(all []job) error {
	var cases []peers.Case
	for _, j := range all {
		cases = append(cases, peers.Case{Name: j.name, Make: func() (func(), error) {
			return func() {
				if _, err := j.run(); err != nil {
					log.Fatal(err)
				}
			}, nil
		}})
	}
	return peers.Serve(os.Stdin, os.Stdout, cases)
}

// printErrors prints the cases whose names contain one of the words, all without words.
func printErrors(all []job, words []string) error {
	for _, j := range all {
		if len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(j.name, w) }) {
			continue
		}
		r, err := j.run()
		if err != nil {
			return err
		}
		fmt.Println(j.name, nd.RelError(j.a, r.Full()))
	}
	return nil
}

// jobs lists the decompositions of one array: those of the recorded run for kernels, tensor
// trains for arrays with more axes.
func jobs(file string) ([]job, error) {
	t, err := npy.ReadFile(file)
	if err != nil {
		return nil, err
	}
	a := nd.Of(append([]float64{}, tensor.Data[float64](t)...), t.Shape()...)
	name := strings.TrimSuffix(filepath.Base(file), ".npy")
	if len(a.Shape) != 4 {
		return []job{train(name, a, 16), train(name, a, 64)}, nil
	}
	var js []job
	for _, d := range []int{4, 2} {
		m, k := max(1, a.Shape[0]/d), max(1, a.Shape[1]/d)
		js = append(js, tucker(name, a, m, k), cp(name, a, m))
	}
	return append(js, train(name, a, 8), train(name, a, 16)), nil
}

func tucker(name string, a *nd.Array, m, k int) job {
	return job{fmt.Sprintf("%s tucker2 %d,%d", name, m, k), a, func() (result, error) {
		return nd.DecomposeTucker(a, []int{m, k, 0, 0}, nd.TuckerOpts{})
	}}
}

// cp is one fit from the singular vectors, as the peer's, without the starts beside it that are tried
// otherwise and without the correction of the components' norms, which the peer does not have.
func cp(name string, a *nd.Array, r int) job {
	return job{fmt.Sprintf("%s cp %d", name, r), a, func() (result, error) {
		c, _, err := nd.DecomposeCP(context.Background(), a, nd.CPOpts{Rank: r, Seed: 1, Starts: -1, Slack: -1})
		return c, err
	}}
}

func train(name string, a *nd.Array, r int) job {
	most := nd.MaxTTRanks(a.Shape)
	ranks, label := make([]int, len(most)), make([]string, len(most))
	for i := range most {
		ranks[i] = min(r, most[i])
		if len(a.Shape) == 4 && i == 2 {
			ranks[i] = min(ranks[i], 3)
		}
		label[i] = fmt.Sprint(ranks[i])
	}
	return job{name + " tt " + strings.Join(label, ","), a, func() (result, error) {
		t, _, err := nd.DecomposeTT(a, nd.TTOpts{Ranks: ranks})
		return t, err
	}}
}
