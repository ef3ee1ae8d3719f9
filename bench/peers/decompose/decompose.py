"""Tucker-2, CP and tensor trains against TensorLy: error and time at equal ranks, interleaved.

Needs NumPy. The peer is TensorLy where it can be imported (TENSORLY names the folder of its
source when it is not installed), else its documented algorithms (documented.py).
TENSORLY_RESULTS names the JSON of a recorded run of TensorLy: every error of the peer has to
agree with it to 1e-6 of itself. RESNET20_ONNX names a ResNet-20 in ONNX for three real kernels; it needs
the onnx package. Prints `name ours peer ratio` with times, then the relative errors of both.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import documented
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
    """The errors of a recorded run, by our names of the cases."""
    out = {}
    if not os.environ.get("TENSORLY_RESULTS"):
        return out
    for r in json.load(open(os.environ["TENSORLY_RESULTS"]))["results"]:
        name = "decay256" if r["tensor"].startswith("decay") else r["tensor"].replace("resnet20:onnx::", "resnet20-")
        ranks = r["ranks"][1:-1] if r["method"] == "tt" else r["ranks"]
        out["%s %s %s" % (name, r["method"], ",".join(map(str, ranks)))] = r["rel_error"]
    return out


def peer(x, method, r):
    """A call that decomposes, and returns a function that multiplies the result out."""
    init = "svd" if max(x.shape[:2]) <= 64 and r[0] <= 9 else "random"
    if tl is None:
        return {"tucker2": lambda: documented.tucker2(x, r), "cp": lambda: documented.cp(x, r[0], init), "tt": lambda: documented.train(x, r)}[method]

    def tucker2():
        (c, fs), _ = partial_tucker(x, rank=r, modes=[0, 1], init="svd", n_iter_max=100, tol=1e-4)
        return lambda: tl.tenalg.multi_mode_dot(c, fs, modes=[0, 1])

    def cp():
        result = parafac(x, rank=r[0], init=init, random_state=0, n_iter_max=100, tol=1e-6)
        return lambda: tl.cp_to_tensor(result)

    def tt():
        g = tensor_train(x, rank=[1] + r + [1])
        return lambda: tl.tt_to_tensor(g)

    return {"tucker2": tucker2, "cp": cp, "tt": tt}[method]


def interleaved(ours, name, call, seconds):
    """Times both in turn: once when the peer takes seconds, else five times."""
    a, b = [], []
    for _ in range(1 if seconds > 1 else 5):
        a.append(ours.time(name, 40))
        if seconds > 1:
            begin = time.perf_counter()
            call()
            b.append(time.perf_counter() - begin)
        else:
            b.append(peers.median_time(call, 40))
    return peers.lower_quartile(a), peers.lower_quartile(b)


def compare(ours, name, data, known, mine_error):
    """Prints a case's line and returns its ratios of time and of error."""
    array, method, ranks = name.split()
    x = data[array]
    call = peer(x, method, [int(v) for v in ranks.split(",")])
    begin = time.perf_counter()
    full = call()
    seconds = time.perf_counter() - begin
    error = np.linalg.norm(x - full()) / np.linalg.norm(x)
    if name in known and abs(error - known[name]) > 1e-6 * known[name] + 1e-12:
        sys.exit("decompose: %s: the peer's error is %.9f, the recorded one %.9f" % (name, error, known[name]))
    mine, theirs = interleaved(ours, name, call, seconds)
    print("%-34s %8.2fms %8.2fms %6.2f   %9.5f %9.5f %6.3f%s" % (
        name, mine * 1e3, theirs * 1e3, theirs / mine, mine_error, error, mine_error / max(error, 1e-12),
        "" if name in known else "  (not recorded)"), flush=True)
    return theirs / mine, mine_error / error if error > 1e-9 else 1


def main():
    data, known = arrays(), recorded()
    with tempfile.TemporaryDirectory() as d:
        for n, x in data.items():
            np.save(os.path.join(d, n + ".npy"), x)
        os.environ["PEER_ARRAYS"] = d
        program, words = sys.argv[1], sys.argv[2:]
        listed = subprocess.run([program, "errors"] + words, check=True, capture_output=True, text=True).stdout
        errors = {" ".join(l.split()[:3]): float(l.split()[3]) for l in listed.splitlines()}
        ours = peers.Ours(program)
        print("peer: %s" % ("TensorLy " + tl.__version__ if tl else "TensorLy's documented algorithms in NumPy " + np.__version__))
        print("%-34s %10s %10s %6s   %9s %9s %6s" % ("name", "ours", "peer", "ratio", "error", "peer", "ratio"))
        ratios = [compare(ours, name, data, known, e) for name, e in errors.items()]
    times, worse = sorted(t for t, _ in ratios), max(e for _, e in ratios)
    print("time ratio: least %.2f, median %.2f, geometric mean %.2f; largest error ratio %.4f" % (
        times[0], times[len(times) // 2], np.exp(np.mean(np.log(times))), worse))


main()
