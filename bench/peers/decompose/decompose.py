"""Tucker-2, CP and tensor trains against TensorLy: error and time at equal ranks.

Needs NumPy and either TensorLy (set TENSORLY to the folder of its source when it is not
installed) or a recorded run of it (set TENSORLY_RESULTS to its JSON). RESNET20_ONNX
names a ResNet-20 in ONNX for three real kernels; it needs the onnx package.
Prints `name ours peer ratio` with times, then the relative errors of both.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import peers

if os.environ.get("TENSORLY"):
    sys.path.insert(0, os.environ["TENSORLY"])
try:
    import tensorly as tl
    from tensorly.decomposition import parafac, partial_tucker, tensor_train
except ImportError:
    tl = None


def arrays():
    out = {}
    if os.environ.get("RESNET20_ONNX"):
        import onnx
        from onnx import numpy_helper

        model = onnx.load(os.environ["RESNET20_ONNX"])
        kernels = {i.name: numpy_helper.to_array(i).astype(np.float64) for i in model.graph.initializer if len(i.dims) == 4 and i.dims[1] > 3}
        names = sorted(kernels)
        for n in (names[1], names[len(names) // 2], names[-1]):
            out["resnet20-" + n.split("::")[-1]] = kernels[n]
    r = np.random.RandomState(7)

    def decay(a, b):
        q1, _ = np.linalg.qr(r.randn(a, min(a, b)))
        q2, _ = np.linalg.qr(r.randn(b, min(a, b)))
        return (q1 / (1 + np.arange(min(a, b)))) @ q2.T

    out["decay256"] = decay(256, 2304).reshape(256, 256, 3, 3)
    out["matrix1024"] = decay(1024, 1024).reshape(16, 16, 16, 16, 16)
    return out


def recorded():
    out = {}
    if not os.environ.get("TENSORLY_RESULTS"):
        return out
    for r in json.load(open(os.environ["TENSORLY_RESULTS"]))["results"]:
        name = "decay256" if r["tensor"].startswith("decay") else r["tensor"].replace("resnet20:onnx::", "resnet20-")
        ranks = r["ranks"][1:-1] if r["method"] == "tt" else r["ranks"]
        out["%s %s %s" % (name, r["method"], ",".join(map(str, ranks)))] = (r["rel_error"], r["seconds"])
    return out


def peer(data, name):
    """TensorLy's call, which returns its relative error."""
    array, method, ranks = name.split()
    x, r = data[array], [int(v) for v in ranks.split(",")]
    norm = np.linalg.norm(x)
    if method == "tucker2":
        def call():
            (c, fs), _ = partial_tucker(x, rank=r, modes=[0, 1], init="svd", n_iter_max=100, tol=1e-4)
            return lambda: np.linalg.norm(x - tl.tenalg.multi_mode_dot(c, fs, modes=[0, 1])) / norm
    elif method == "cp":
        init = "svd" if max(x.shape[:2]) <= 64 and r[0] <= 9 else "random"

        def call():
            w, fs = parafac(x, rank=r[0], init=init, random_state=0, n_iter_max=100, tol=1e-6)
            return lambda: np.linalg.norm(x - tl.cp_to_tensor((w, fs))) / norm
    else:
        def call():
            g = tensor_train(x, rank=[1] + r + [1])
            return lambda: np.linalg.norm(x - tl.tt_to_tensor(g)) / norm
    return call


def main():
    data, known = arrays(), recorded()
    if tl is None and not known:
        sys.exit("decompose: neither TensorLy nor TENSORLY_RESULTS: see the head of decompose.py")
    with tempfile.TemporaryDirectory() as d:
        for n, x in data.items():
            np.save(os.path.join(d, n + ".npy"), x)
        os.environ["PEER_ARRAYS"] = d
        program, words = sys.argv[1], sys.argv[2:]
        listed = subprocess.run([program, "errors"], check=True, capture_output=True, text=True).stdout
        errors = {" ".join(l.split()[:3]): float(l.split()[3]) for l in listed.splitlines()}
        ours = peers.Ours(program)
        print("%-34s %10s %10s %6s   %9s %9s %6s" % ("name", "ours", "peer", "ratio", "error", "peer", "ratio"))
        for name, mine_error in errors.items():
            if words and not any(w in name for w in words):
                continue
            if tl is not None:
                call = peer(data, name)
                begin = time.perf_counter()
                error = call()()
                slow = time.perf_counter() - begin > 1
                a, b = [], []
                for _ in range(1 if slow else 5):
                    a.append(ours.time(name, 40))
                    b.append(peers.median_time(call, 40))
                mine, theirs = peers.lower_quartile(a), peers.lower_quartile(b)
            elif name in known:
                error, theirs = known[name]
                mine = peers.lower_quartile([ours.time(name, 40) for _ in range(3)])
            else:
                continue
            print("%-34s %8.2fms %8.2fms %6.2f   %9.5f %9.5f %6.3f" % (name, mine * 1e3, theirs * 1e3, theirs / mine, mine_error, error, mine_error / max(error, 1e-12)), flush=True)


main()
