"""Writes control.onnx (opset 17): control flow with weights in it and captured
values, functions that call each other with attributes, every form of constant;
and inputs and outputs as TensorProto files. The outputs are NumPy's. Run with
onnx 1.12 in this folder."""
import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)
W = rng.standard_normal((4, 4)).astype(np.float32)
B = rng.standard_normal(4).astype(np.float32)
F = TensorProto.FLOAT
opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]


def info(name, shape, t=F):
    return helper.make_tensor_value_info(name, t, shape)


# y = clip-like: scale * x + offset, scale by attribute; twice calls it twice
ref = AttributeProto()
ref.name, ref.ref_attr_name, ref.type = "value_float", "scale", AttributeProto.FLOAT
const = helper.make_node("Constant", [], ["s"])
const.attribute.append(ref)
affine = helper.make_function("local", "affine", ["x", "offset"], ["y"], [
    const, helper.make_node("Mul", ["x", "s"], ["t"]), helper.make_node("Add", ["t", "offset"], ["y"])], opsets[:1], ["scale"])
outer = helper.make_node("affine", ["t", "o"], ["y"], domain="local", scale=0.5)
inner = helper.make_node("affine", ["x", "o"], ["t"], domain="local")
ref2 = AttributeProto()
ref2.name, ref2.ref_attr_name, ref2.type = "scale", "first", AttributeProto.FLOAT
inner.attribute.append(ref2)
twice = helper.make_function("local", "twice", ["x", "o"], ["y"], [inner, outer], opsets, ["first"])

then_g = helper.make_graph([helper.make_node("MatMul", ["f", "W_then"], ["then_y"])], "then", [], [info("then_y", ["N", 4])],
                           [numpy_helper.from_array(W, "W_then")])
else_g = helper.make_graph([helper.make_node("Add", ["f", "bias"], ["else_y"])], "else", [], [info("else_y", ["N", 4])])
loop_g = helper.make_graph([
    helper.make_node("MatMul", ["state", "W_loop"], ["m"]),
    helper.make_node("Tanh", ["m"], ["next"]),
    helper.make_node("ReduceMean", ["next"], ["mean"], axes=[1], keepdims=0),
    helper.make_node("Identity", ["going"], ["going_out"])], "body",
    [info("i", [], TensorProto.INT64), info("going", [], TensorProto.BOOL), info("state", ["N", 4])],
    [info("going_out", [], TensorProto.BOOL), info("next", ["N", 4]), info("mean", ["N"])],
    [numpy_helper.from_array(W.T.copy(), "W_loop")])
scan_g = helper.make_graph([
    helper.make_node("Mul", ["acc", "bias"], ["scaled"]),
    helper.make_node("Add", ["scaled", "row"], ["acc_out"]),
    helper.make_node("Identity", ["acc_out"], ["row_out"])], "scan",
    [info("acc", [4]), info("row", [4])], [info("acc_out", [4]), info("row_out", [4])])
sparse = helper.make_sparse_tensor(helper.make_tensor("sparse_bias", F, [2], [1.0, -2.0]), helper.make_tensor("at", TensorProto.INT64, [2], [1, 3]), [4])
nodes = [
    helper.make_node("twice", ["x", "bias"], ["f"], domain="local", first=2.0),
    helper.make_node("Constant", [], ["trips"], value=helper.make_tensor("three", TensorProto.INT64, [], [3])),
    helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("true", TensorProto.BOOL, [], [True])),
    helper.make_node("If", ["cond"], ["g"], then_branch=then_g, else_branch=else_g),
    helper.make_node("Loop", ["trips", "yes", "g"], ["h", "means"], body=loop_g),
    helper.make_node("Scan", ["bias", "h"], ["last", "rows"], body=scan_g, num_scan_inputs=1),
    helper.make_node("Constant", [], ["half"], value_float=0.5),
    helper.make_node("Mul", ["rows", "half"], ["r"]),
    helper.make_node("Add", ["r", "sparse_bias"], ["y"]),
]
graph = helper.make_graph(nodes, "control", [info("x", ["N", 4]), info("cond", [], TensorProto.BOOL)],
                          [info("y", ["N", 4]), info("means", [3, "N"]), info("last", [4])], [numpy_helper.from_array(B, "bias")])
graph.sparse_initializer.append(sparse)
model = helper.make_model(graph, opset_imports=opsets, functions=[affine, twice], ir_version=8, producer_name="control.py")
model.metadata_props.add(key="made", value="by hand")
onnx.save(model, "control.onnx")


def run(x, cond):
    f = (x * np.float32(2) + B) * np.float32(0.5) + B
    h, means = (f @ W if cond else f + B), []
    for _ in range(3):
        h = np.tanh(h @ W.T)
        means.append(h.mean(1))
    acc, rows = B, []
    for row in h:
        acc = acc * B + row
        rows.append(acc)
    y = np.stack(rows) * np.float32(0.5) + np.array([0, 1, 0, -2], np.float32)
    return y, np.stack(means), acc


x = rng.standard_normal((3, 4)).astype(np.float32)
for name, a in zip(["in_x"] + [f"{b}_{n}" for b in ("true", "false") for n in ("y", "means", "last")], (x, *run(x, True), *run(x, False))):
    with open(f"control-{name}.pb", "wb") as f:
        f.write(numpy_helper.from_array(a.astype(np.float32)).SerializeToString())
