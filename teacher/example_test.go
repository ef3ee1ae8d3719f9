package teacher_test

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/teacher"
)

// The outputs of an ensemble for every sample of a set, bound to what they are of.
func ExampleRecord() {
	var members []*teacher.Network
	for seed := range uint64(2) {
		n := nn.New("teacher", seed)
		n.Output(n.Dense("fc", n.Input("input", tensor.F32, "N", 4), 3, nn.Dense{}))
		m, err := n.Model()
		if err != nil {
			fmt.Println(err)
			return
		}
		members = append(members, &teacher.Network{Name: fmt.Sprint("member ", seed), Model: m})
	}
	e, err := teacher.NewEnsemble(members, []float64{2, 1}, teacher.MeanProbabilities)
	if err != nil {
		fmt.Println(err)
		return
	}
	set := dataset.Random(100, tensor.Shape{4}, 3, 1)
	r, err := teacher.Record(context.Background(), e, set, nil, 4, teacher.View{})
	if err != nil {
		fmt.Println(err)
		return
	}
	other := r.Binding
	other.View = teacher.View{Augment: []dataset.Augment{dataset.Flip{}}, Seed: 1}.String()
	fmt.Println(r.Check(r.Binding, 10, set.Len(), 3))
	fmt.Println(r.Check(other, 10, set.Len(), 3))
	// Output:
	// <nil>
	// the recorded outputs are of another run: its augmentation is as they are, wanted flip, seed 1
}
