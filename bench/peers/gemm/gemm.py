"""Matrix products against PyTorch, in GFLOP/s."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import peers

# OpenBLAS's idle threads would spin for long in our turn; 2^22 cycles outlast any
# pause between the calls of its own.
os.environ["OPENBLAS_THREAD_TIMEOUT"] = "22"
import torch

torch.set_num_threads(peers.threads())
torch.set_flush_denormal(False)


def parse(name):
    kind, size, mode = name.split()
    m, k, n = (int(x) for x in size.split("x"))
    return kind, m, k, n, mode


def make(name):
    kind, m, k, n, mode = parse(name)
    dtype = {"sgemm": torch.float32, "dgemm": torch.float64}.get(kind)
    if dtype is None:
        return None
    a = torch.rand((k, m) if mode[0] == "T" else (m, k), dtype=dtype) - 0.5
    b = torch.rand((n, k) if mode[1] == "T" else (k, n), dtype=dtype) - 0.5
    a = a.t() if mode[0] == "T" else a
    b = b.t() if mode[1] == "T" else b
    c = torch.empty(m, n, dtype=dtype)
    return lambda: torch.mm(a, b, out=c)


def gflops(name, seconds):
    _, m, k, n, _ = parse(name)
    return "%.1f" % (2 * m * k * n / seconds / 1e9)


peers.compare(sys.argv[1], make, columns=gflops)
