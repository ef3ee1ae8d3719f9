package student_test

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/student"
)

func ExampleBuild() {
	m, err := student.Build("fitnet:mnist", student.Task{Shape: tensor.Shape{1, 28, 28}, Classes: 10, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	cost, _, err := m.Cost(m.Graph.Uniform(1))
	fmt.Println(m.Meta["architecture"], cost.MACs, "multiplications", err)
	// Output: fitnet:mnist 5310648 multiplications <nil>
}

func ExampleDerive() {
	task := student.Task{Shape: tensor.Shape{3, 32, 32}, Classes: 10, Seed: 1}
	teacher, err := student.Build("resnet:20", task)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, spec := range []string{"width:0.5;init=teacher", "depth:0.34"} {
		m, err := student.Derive(spec, teacher, task)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d nodes, first weights %v\n", m.Meta["architecture"], len(m.Graph.Nodes), m.Graph.Params[0].Shape)
	}
	// Output:
	// width:0.5;init=teacher of resnet:20: 74 nodes, first weights [8 3 3 3]
	// depth:0.34 of resnet:20: 32 nodes, first weights [16 3 3 3]
}
