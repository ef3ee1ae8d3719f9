package student

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	Register(Arch{Name: "lenet", Usage: "lenet[:C1,C2,UNITS][;dropout=P]", Build: buildLeNet})
}

// image returns C, H, W of the task, or an error when samples are no images of at least size x size.
func (t Task) image(size int) (c, h, w int, err error) {
	s := t.Shape
	if len(s) == 2 {
		s = tensor.Shape{1, s[0], s[1]}
	}
	if len(s) != 3 || s[1] < size || s[2] < size {
		return 0, 0, 0, fmt.Errorf("it needs images of at least %d x %d", size, size)
	}
	return s[0], s[1], s[2], nil
}

// buildLeNet emits the Caffe form of LeNet-5 (LeCun et al. 1998): conv 5x5 of 20,
// pool 2, conv 5x5 of 50, pool 2, 500 units with ReLU, classifier.
func buildLeNet(n *nn.Net, x graph.Value, t Task, s Spec) (graph.Value, error) {
	widths := []int{20, 50, 500}
	if len(s.Args) > 0 {
		var err error
		if widths, err = s.ints(3, 3); err != nil {
			return "", err
		}
	}
	if err := s.only("dropout"); err != nil {
		return "", err
	}
	drop, err := s.rate("dropout")
	if err != nil {
		return "", err
	}
	if _, _, _, err := t.image(16); err != nil {
		return "", err
	}
	x = n.MaxPool(n.Conv("conv1", x, widths[0], nn.Conv{Kernel: 5}), 2, 2)
	x = n.MaxPool(n.Conv("conv2", x, widths[1], nn.Conv{Kernel: 5}), 2, 2)
	x = n.Relu(n.Dense("fc1", n.Flatten(x), widths[2], nn.Dense{}))
	x = n.Dropout("dropout", x, drop)
	return n.Dense("classifier", x, t.Classes, nn.Dense{Init: nn.XavierUniform}), nil
}
