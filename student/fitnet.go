package student

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

func init() {
	Register(Arch{Name: "fitnet", Usage: "fitnet:" + strings.Join(fitnetNames(), "|") + "[;dropout=P]", Build: buildFitNet})
}

// maxoutConv is a convolutional maxout layer of two pieces and the max pooling after it.
type maxoutConv struct {
	out, kernel, pad int
	pool, stride     int // no pooling when 0
}

// fitnet is a network of Romero et al. 2015: maxout convolutions, a dense maxout layer
// where units are given, a classifier.
type fitnet struct {
	convs         []maxoutConv
	units, pieces int
}

// fitnets are the networks of tables 1, 3 and 5 and of the authors' MNIST
// configuration. A pooling window may reach beyond the edge, as their framework's does;
// with it the counts of parameters and multiplications agree with the published ones.
// The channels of FitNet 3 and the last pooling of the CIFAR teacher are not in the
// text: they are what gives the published counts (392 M and 725 M multiplications).
var fitnets = map[string]fitnet{
	"mnist-teacher": {convs: []maxoutConv{
		{48, 8, 0, 4, 2}, {48, 8, 3, 4, 2}, {24, 5, 3, 2, 2},
	}},
	"mnist": {convs: []maxoutConv{
		{16, 5, 0, 0, 0}, {16, 3, 0, 4, 2}, {16, 5, 3, 0, 0}, {16, 3, 0, 4, 2}, {12, 3, 3, 0, 0}, {12, 3, 0, 2, 2},
	}},
	"teacher": {convs: []maxoutConv{
		{96, 8, 4, 4, 2}, {192, 8, 3, 4, 2}, {192, 5, 3, 3, 3},
	}, units: 500, pieces: 5},
	"1": thinNet([]int{16, 16, 16}, []int{32, 32, 32}, []int{48, 48, 64}),
	"2": thinNet([]int{16, 32, 32}, []int{48, 64, 80}, []int{96, 96, 128}),
	"3": thinNet([]int{64, 64, 64, 64}, []int{80, 80, 80, 80}, []int{128, 128, 128}),
	"4": thinNet([]int{32, 32, 32, 48, 48}, []int{80, 80, 80, 80, 80, 80}, []int{128, 128, 128, 128, 128, 128}),
}

// thinNet returns a thin deep network for 32 x 32 images: blocks of 3 x 3 convolutions with
// poolings of 2, 2 and 8, and a dense maxout layer of 500 units.
func thinNet(blocks ...[]int) fitnet {
	f := fitnet{units: 500, pieces: 2}
	for i, channels := range blocks {
		for _, c := range channels {
			f.convs = append(f.convs, maxoutConv{out: c, kernel: 3, pad: 1})
		}
		last := &f.convs[len(f.convs)-1]
		last.pool, last.stride = 2, 2
		if i == len(blocks)-1 {
			last.pool, last.stride = 8, 1
		}
	}
	return f
}

func fitnetNames() []string {
	var names []string
	for name := range fitnets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// buildFitNet emits layers conv1, conv2, .. whose outputs, after the pooling, are called
// conv1/out, conv2/out, ..: what hints name. Dropout applies after each of them.
func buildFitNet(n *nn.Net, x graph.Value, t Task, s Spec) (graph.Value, error) {
	if len(s.Args) != 1 {
		return "", fmt.Errorf("want one of fitnet:%s", strings.Join(fitnetNames(), ", fitnet:"))
	}
	f, ok := fitnets[s.Args[0]]
	if !ok {
		return "", fmt.Errorf("unknown network %q (known: %s)", s.Args[0], strings.Join(fitnetNames(), ", "))
	}
	if err := s.only("dropout"); err != nil {
		return "", err
	}
	drop, err := s.rate("dropout")
	if err != nil {
		return "", err
	}
	if _, _, _, err := t.image(28); err != nil {
		return "", err
	}
	for i, c := range f.convs {
		n.Scope(fmt.Sprintf("conv%d", i+1), func() {
			x = n.MaxoutConv("maxout", x, c.out, 2, nn.Conv{Kernel: c.kernel, Pad: c.pad})
			if c.pool > 0 {
				x = ceilPool(n, x, c.pool, c.stride)
			}
			x = n.Node("out", "Identity", nil, x)
			x = n.Dropout("dropout", x, drop)
		})
	}
	x = n.Flatten(x)
	if f.units > 0 {
		x = n.Dropout("dropout", n.MaxoutDense("fc", x, f.units, f.pieces, nn.Dense{}), drop)
	}
	return n.Dense("classifier", x, t.Classes, nn.Dense{}), nil
}

// ceilPool adds a k x k max pooling whose last window may reach beyond the edge.
func ceilPool(n *nn.Net, x graph.Value, k, stride int) graph.Value {
	return n.Node("pool", "MaxPool", graph.Attrs{
		"kernel_shape": graph.Ints64(k, k), "strides": graph.Ints64(stride, stride), "ceil_mode": int64(1),
	}, x)
}
