package onnx

import "github.com/compress-toolkit/compress/engine/graph"

// steps lists, for each operator, the versions that changed its meaning, in
// rising order.
var steps = withFamilies(map[string][]step{
	"AveragePool": {{1, nil, nil}, {10, nil, forbid("ceil_mode", int64(0))}, {19, nil, forbid("dilations", nil)}},
	"BatchNormalization": {{6, dropAttrs("consumed_inputs"), nil}, {7, dropAttrs("is_test"), setTo("is_test", int64(1))},
		{9, spatialUp, nil}, {14, trainingUp, trainingDown}},
	"Cast":               {{6, castUp, nil}, {9, nil, nil}, {19, nil, forbid("saturate", int64(1))}},
	"Clip":               {{6, dropAttrs("consumed_inputs"), nil}, {11, clipUp, clipDown}},
	"Concat":             {{4, concatUp, nil}, {11, nil, positive("axis", 0)}},
	"DFT":                {{20, dftUp, dftDown}},
	"DepthToSpace":       {{11, nil, forbid("mode", "DCR")}},
	"Dropout":            {{6, dropAttrs("consumed_inputs"), nil}, {7, dropAttrs("is_test"), setTo("is_test", int64(1))}, {10, maskUp, maskUp}, {12, dropoutUp, dropoutDown}},
	"Flatten":            {{11, nil, positive("axis", 1)}},
	"GRU":                {{3, opaqueStep, nil}, {7, dropAttrs("output_sequence"), setTo("output_sequence", int64(1))}, {14, nil, forbid("layout", int64(0))}},
	"Gather":             {{11, nil, positive("axis", 0)}},
	"GatherND":           {{12, nil, forbid("batch_dims", int64(0))}},
	"Gemm":               {{6, nil, nil}, {7, dropAttrs("broadcast"), setTo("broadcast", int64(1))}, {11, nil, gemmDown}},
	"GridSample":         {{20, gridUp, gridDown}},
	"GroupNormalization": {{21, groupUp, nil}},
	"LSTM":               {{7, dropAttrs("output_sequence"), setTo("output_sequence", int64(1))}, {14, nil, forbid("layout", int64(0))}},
	"LpPool":             {{2, opaqueStep, nil}, {18, nil, both(forbid("dilations", nil), forbid("ceil_mode", int64(0)))}},
	"MaxPool":            {{8, nil, oneOutput}, {10, nil, both(forbid("dilations", nil), forbid("ceil_mode", int64(0)))}},
	"PRelu":              {{6, dropAttrs("consumed_inputs"), nil}, {7, preluUp, preluDown}},
	"Pad":                {{2, renameAttr("paddings", "pads"), nil}, {11, padUp, padDown}, {18, nil, padAxesDown}, {19, nil, padWrapDown}},
	"RNN":                {{7, dropAttrs("output_sequence"), setTo("output_sequence", int64(1))}, {14, nil, forbid("layout", int64(0))}},
	"ReduceSum":          {{11, nil, positiveList("axes")}, {13, axesUp, axesDown}},
	"Reshape":            {{5, reshapeUp, nil}, {14, nil, forbid("allowzero", int64(0))}},
	"Resize":             {{11, resizeUp, resizeDown}, {13, resizeInputsUp, resizeInputsDown}, {18, nil, resizeAttrsDown}, {19, nil, nil}},
	"RoiAlign":           {{16, roiUp, roiDown}},
	"Scan":               {{9, opaqueStep, nil}},
	"Scatter":            {{11, rename("ScatterElements"), nil}},
	"ScatterElements":    {{16, nil, forbid("reduction", "none")}},
	"ScatterND":          {{16, nil, forbid("reduction", "none")}},
	"Selu":               {{6, opaqueStep, nil}},
	"Shape":              {{15, nil, both(forbid("start", int64(0)), forbid("end", nil))}},
	"Slice":              {{10, sliceUp, sliceDown}},
	"Split":              {{2, opaqueStep, nil}, {11, nil, positive("axis", 0)}, {13, splitUp, splitDown}, {18, splitCountUp, splitCountDown}},
	"Squeeze":            {{11, nil, positiveList("axes")}, {13, axesUp, axesDown}},
	"Tile":               {{6, opaqueStep, nil}},
	"TopK":               {{10, topUp, topDown}, {11, nil, both(forbid("largest", int64(1)), positive("axis", -1))}},
	"Unsqueeze":          {{11, nil, positiveList("axes")}, {13, axesUp, axesDown}},
	"Upsample":           {{9, scalesUp, nil}, {10, rename("Resize"), nil}},
})

// withFamilies adds operators that changed together.
func withFamilies(steps map[string][]step) map[string][]step {
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "And", "Or", "Xor", "Equal", "Greater", "Less", "Pow"} {
		steps[op] = []step{{6, dropAttrs("consumed_inputs"), nil}, {7, broadcastUp, broadcastDown}}
	}
	for _, op := range []string{"Abs", "Ceil", "Elu", "Exp", "Floor", "HardSigmoid", "InstanceNormalization", "LeakyRelu", "Log",
		"Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Tanh"} {
		steps[op] = []step{{6, dropAttrs("consumed_inputs"), nil}}
	}
	for _, op := range []string{"Max", "Min", "Sum", "Mean"} {
		steps[op] = []step{{6, dropAttrs("consumed_inputs"), nil}, {8, nil, sameShapes}}
	}
	for _, op := range []string{"Softmax", "LogSoftmax", "Hardmax"} {
		steps[op] = []step{{13, softmaxUp, softmaxDown}}
	}
	for _, op := range []string{"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
		"ReduceProd", "ReduceSumSquare"} {
		steps[op] = []step{{11, nil, positiveList("axes")}, {18, axesUp, axesDown}}
	}
	for _, op := range []string{"ArgMax", "ArgMin"} {
		steps[op] = []step{{11, nil, positive("axis", 0)}, {12, nil, forbid("select_last_index", int64(0))}}
	}
	return steps
}

// opaqueStep is a change that leaves no equal.
func opaqueStep(*adapter, *graph.Node) error { return errOpaque }

// dropAttrs removes attributes that say nothing at inference.
func dropAttrs(names ...string) adapt {
	return func(_ *adapter, n *graph.Node) error {
		for _, name := range names {
			delete(n.Attrs, name)
		}
		return nil
	}
}

// setTo sets an attribute that the older version needs.
func setTo(name string, v any) adapt {
	return func(_ *adapter, n *graph.Node) error {
		setAttr(n, name, v)
		return nil
	}
}

// rename gives the node another operator.
func rename(op string) adapt {
	return func(_ *adapter, n *graph.Node) error {
		n.Op = op
		return nil
	}
}

// renameAttr renames an attribute.
func renameAttr(from, to string) adapt {
	return func(_ *adapter, n *graph.Node) error {
		if v, ok := take(n, from); ok {
			setAttr(n, to, v)
		}
		return nil
	}
}

// both applies two adapters.
func both(f, g adapt) adapt {
	return func(a *adapter, n *graph.Node) error {
		if err := f(a, n); err != nil {
			return err
		}
		return g(a, n)
	}
}
