package train_test

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// A network learns which of two numbers is the larger.
func Example() {
	x := tensor.New(tensor.F32, tensor.Shape{400, 2})
	y := tensor.New(tensor.I64, tensor.Shape{400})
	r := tensor.NewRand(1, "numbers")
	for i := range y.I64s() {
		a, b := r.Float32(uint64(2*i)), r.Float32(uint64(2*i+1))
		copy(x.F32s()[2*i:], []float32{a, b})
		if b > a {
			y.I64s()[i] = 1
		}
	}
	set, err := dataset.FromTensors("pairs", x, y, 2)
	if err != nil {
		fmt.Println(err)
		return
	}

	n := nn.New("larger", 1)
	h := n.Relu(n.Dense("hidden", n.Input("pair", tensor.F32, "N", 2), 16, nn.Dense{}))
	n.Output(n.Dense("logits", h, 2, nn.Dense{}))
	m, err := n.Model()
	if err != nil {
		fmt.Println(err)
		return
	}

	opt, err := optim.New(optim.Config{Name: "adam"})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := train.Run(context.Background(), train.Config{
		Model: m, Objective: train.CrossEntropy{}, Data: set,
		Epochs: 30, Batch: 20, Optimizer: opt, LR: 0.02, Schedule: optim.Cosine{}, Seed: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	eval, err := train.Accuracy(context.Background(), m, set, train.PredictConfig{})
	fmt.Println(res.Steps, "updates,", eval.Accuracy > 0.98, err)
	// Output: 600 updates, true <nil>
}
