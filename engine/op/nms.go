package op

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", runner{name: "NonMaxSuppression", min: 2, max: 5, run: runNMS})
}

// nms selects boxes (B N 4) of each class by their scores (B C N): the best first,
// without those that overlap a selected one too much.
type nms struct {
	boxes, scores []float32
	center        bool // boxes are x, y, width, height, else two corners y, x
	most          int  // boxes of a class
	iou, score    float32
}

// runNMS gives a row (batch, class, box) for each selected box.
func runNMS(_ *graph.Exec, _ graph.Env, n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	b, s := in[0], in[1]
	if b.DType() != tensor.F32 || s.DType() != tensor.F32 || b.Rank() != 3 || s.Rank() != 3 ||
		b.Dim(2) != 4 || b.Dim(0) != s.Dim(0) || b.Dim(1) != s.Dim(2) {
		return nil, fmt.Errorf("boxes are %v and scores %v, want float32 (B N 4) and (B C N)", b, s)
	}
	k := nms{boxes: b.F32s(), scores: s.F32s(), center: n.Attrs.Bool("center_point_box", false), score: float32(math.Inf(-1))}
	if err := k.limits(in[2:]); err != nil {
		return nil, err
	}
	var rows []int64
	for o := range s.Dim(0) * s.Dim(1) {
		batch := o / s.Dim(1)
		for _, i := range k.class(k.boxes[batch*b.Dim(1)*4:][:b.Dim(1)*4], k.scores[o*s.Dim(2):][:s.Dim(2)]) {
			rows = append(rows, int64(batch), int64(o%s.Dim(1)), int64(i))
		}
	}
	return []*tensor.Tensor{tensor.Of(tensor.Shape{len(rows) / 3, 3}, rows)}, nil
}

// limits reads the optional inputs.
func (k *nms) limits(in []*tensor.Tensor) error {
	if len(in) > 0 && in[0] != nil {
		most, err := oneOf[int64](in[0], "max_output_boxes_per_class, input 2,")
		if err != nil {
			return err
		}
		k.most = int(most)
	}
	for i, v := range []*float32{&k.iou, &k.score} {
		if len(in) <= i+1 || in[i+1] == nil {
			continue
		}
		var err error
		if *v, err = oneOf[float32](in[i+1], "a threshold"); err != nil {
			return err
		}
	}
	return nil
}

// class selects the boxes of one class.
func (k *nms) class(boxes, scores []float32) []int {
	var order, kept []int
	for i, s := range scores {
		if s > k.score {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	for _, i := range order {
		if len(kept) >= k.most {
			break
		}
		overlaps := func(j int) bool { return k.overlap(boxes[4*i:][:4], boxes[4*j:][:4]) > k.iou }
		if !slices.ContainsFunc(kept, overlaps) {
			kept = append(kept, i)
		}
	}
	return kept
}

// overlap returns the area that two boxes share over the area of both together.
func (k *nms) overlap(a, b []float32) float32 {
	p, q := k.corners(a), k.corners(b)
	shared := max(0, min(p[2], q[2])-max(p[0], q[0])) * max(0, min(p[3], q[3])-max(p[1], q[1]))
	all := (p[2]-p[0])*(p[3]-p[1]) + (q[2]-q[0])*(q[3]-q[1]) - shared
	if shared <= 0 || all <= 0 {
		return 0
	}
	return shared / all
}

// corners returns the lower and then the upper bounds of a box.
func (k *nms) corners(b []float32) [4]float32 {
	if k.center {
		return [4]float32{b[0] - b[2]/2, b[1] - b[3]/2, b[0] + b[2]/2, b[1] + b[3]/2}
	}
	return [4]float32{min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])}
}
