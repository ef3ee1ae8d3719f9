// Command svd serves decompositions in float64 to svd.py.
package main

import (
	"fmt"
	"log"
	"math/rand/v2"
	"os"

	"github.com/compress-toolkit/compress/bench/peers"
	"github.com/compress-toolkit/compress/engine/linalg"
)

func main() {
	log.SetFlags(0)
	var cases []peers.Case
	for _, s := range [][2]int{{64, 64}, {256, 256}, {512, 512}, {1024, 1024}, {2048, 1024}} {
		for _, peer := range []string{"numpy", "torch"} {
			cases = append(cases, decomposition(fmt.Sprintf("svd %dx%d %s", s[0], s[1], peer), s, func(a *linalg.Mat) error {
				_, err := linalg.ThinSVD(a)
				return err
			}))
		}
	}
	for _, s := range [][2]int{{512, 512}, {1024, 1024}, {2048, 1024}} {
		for _, r := range []int{64, 256} {
			for _, peer := range []string{"torch-f32", "torch-f64"} {
				cases = append(cases, decomposition(fmt.Sprintf("rsvd %dx%d r%d %s", s[0], s[1], r, peer), s, func(a *linalg.Mat) error {
					_, _, err := linalg.RandomizedSVD(a, linalg.RandOpts{Rank: r})
					return err
				}))
			}
		}
	}
	for _, n := range []int{256, 512, 1024} {
		cases = append(cases, decomposition(fmt.Sprintf("eig %dx%d numpy", n, n), [2]int{n, n}, func(a *linalg.Mat) error {
			_, _, err := linalg.SymEig(a)
			return err
		}))
		cases = append(cases, decomposition(fmt.Sprintf("qr %dx%d numpy", n, n), [2]int{n, n}, func(a *linalg.Mat) error {
			linalg.QR(a)
			return nil
		}))
	}
	if err := peers.Serve(os.Stdin, os.Stdout, cases); err != nil {
		log.Fatal(err)
	}
}

// decomposition is f on a matrix of normal numbers.
func decomposition(name string, shape [2]int, f func(a *linalg.Mat) error) peers.Case {
	return peers.Case{Name: name, Make: func() (func(), error) {
		r := rand.New(rand.NewPCG(1, 2))
		a := linalg.NewMat(shape[0], shape[1])
		for i := range a.Data {
			a.Data[i] = r.NormFloat64()
		}
		return func() {
			if err := f(a); err != nil {
				log.Fatal(err)
			}
		}, f(a)
	}}
}
