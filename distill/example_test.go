package distill_test

import (
	"fmt"
	"os"

	"github.com/compress-toolkit/compress/distill"
)

// A recipe's stages, with what it leaves open filled in, and a setting that wins.
func ExampleRecipe() {
	r, err := distill.ParseRecipe("short", []byte(`
stage1:
  epochs: 5
  losses: [{loss: hint, weight: 1, pairs: conv2/out:conv4/out}]
stage2:
  epochs: 20
  losses:
    - {loss: labels, weight: 1}
    - {loss: kd, weight: "4:1", temperature: 3}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	stages, err := r.Resolve(map[string]any{"batch": 128, "optimizer": "adam", "lr": 0.002}, func(s *distill.Stage) map[string]any {
		if s.Hints() {
			return nil
		}
		return map[string]any{"epochs": 2}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := distill.WriteStages(os.Stdout, stages); err != nil {
		fmt.Println(err)
	}
	// Output:
	// stage1:
	//   epochs: 5
	//   batch: 128
	//   optimizer: adam
	//   lr: 0.002
	//   losses:
	//     - loss: hint
	//       weight: 1
	//       pairs:
	//         - conv2/out:conv4/out
	// stage2:
	//   epochs: 2
	//   batch: 128
	//   optimizer: adam
	//   lr: 0.002
	//   losses:
	//     - loss: labels
	//       weight: 1
	//     - loss: kd
	//       weight: "4:1"
	//       temperature: 3
}

func ExampleObjective_Describe() {
	o := distill.Objective{Hard: distill.Const(0.1), Logit: []distill.LogitTerm{{Weight: distill.Const(0.9), Temperature: 4}}}
	fmt.Println(o.Describe())
	// Output: 0.1 * CE(softmax(z_s), y) + 0.9 * T^2 * KL(softmax(z_t/T) || softmax(z_s/T)), T = 4
}
