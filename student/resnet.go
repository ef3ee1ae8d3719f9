package student

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

func init() {
	Register(Arch{Name: "resnet", Usage: "resnet:DEPTH[;width=W][;shortcut=pad|project][;preact=0|1]", Build: buildResNet})
}

// buildResNet emits the CIFAR ResNet of He et al. 2016, section 4.2: 3x3 conv, three
// stages of n = (depth-2)/6 blocks with 16, 32 and 64 channels, global average
// pooling, classifier. width multiplies the channels.
func buildResNet(n *nn.Net, x graph.Value, t Task, s Spec) (graph.Value, error) {
	args, err := s.ints(1, 1)
	if err != nil {
		return "", err
	}
	depth := args[0]
	if depth < 8 || (depth-2)%6 != 0 || depth > maxLayers {
		return "", fmt.Errorf("depth %d is not 6 n + 2 (8, 14, 20, 32, 44, 56, 110)", depth)
	}
	if err := s.only("width", "shortcut", "preact"); err != nil {
		return "", err
	}
	if _, _, _, err := t.image(8); err != nil {
		return "", err
	}
	width, sc, block, err := resnetOptions(n, s)
	if err != nil {
		return "", err
	}
	preact := s.Opts["preact"] == "1"
	x = n.Conv("conv1", x, width(16), nn.Conv{Kernel: 3, Pad: 1, NoBias: true})
	if !preact {
		x = n.Relu(n.BatchNorm("bn1", x))
	}
	for stage, channels := range []int{16, 32, 64} {
		n.Scope(fmt.Sprintf("stage%d", stage+1), func() {
			for i := range (depth - 2) / 6 {
				stride := 1
				if stage > 0 && i == 0 {
					stride = 2
				}
				x = block(fmt.Sprintf("block%d", i+1), x, width(channels), stride, sc)
			}
		})
	}
	if preact {
		x = n.Relu(n.BatchNorm("bn_last", x))
	}
	return n.Dense("classifier", n.GlobalAveragePool(x), t.Classes, nn.Dense{Init: nn.XavierUniform}), nil
}

type blockBuilder func(name string, x graph.Value, out, stride int, sc nn.Shortcut) graph.Value

func resnetOptions(n *nn.Net, s Spec) (width func(int) int, sc nn.Shortcut, block blockBuilder, err error) {
	f := 1.0
	if w, ok := s.Opts["width"]; ok {
		if _, err := fmt.Sscanf(w, "%g", &f); err != nil || f <= 0 || f > 64 {
			return nil, 0, nil, fmt.Errorf("width=%s is not a factor above 0, at most 64", w)
		}
	}
	width = func(c int) int { return max(1, int(float64(c)*f+0.5)) }
	switch v := s.Opts["shortcut"]; v {
	case "", "pad":
	case "project":
		sc = nn.ProjectShortcut
	default:
		return nil, 0, nil, fmt.Errorf("shortcut=%s is neither pad nor project", v)
	}
	block = n.BasicBlock
	switch v := s.Opts["preact"]; v {
	case "", "0":
	case "1":
		block = n.PreActBlock
	default:
		return nil, 0, nil, fmt.Errorf("preact=%s is neither 0 nor 1", v)
	}
	return width, sc, block, nil
}
