"""Decompositions in float64 against LAPACK through NumPy and PyTorch, in ms.

The randomised SVD stands against torch.svd_lowrank with the same number of
power iterations and the same oversampling, in float32 and in float64; ours also
measures its error.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import numpy
import peers
import torch

torch.set_num_threads(peers.threads())


def make(name):
    words = name.split()
    kind, peer = words[0], words[-1]
    m, n = (int(x) for x in words[1].split("x"))
    a = numpy.random.default_rng(1).standard_normal((m, n))
    t = torch.from_numpy(a)
    if kind == "svd" and peer == "numpy":
        return lambda: numpy.linalg.svd(a, full_matrices=False)
    if kind == "svd":
        return lambda: torch.linalg.svd(t, full_matrices=False)
    if kind == "rsvd":
        r = int(words[2][1:])
        t = t.float() if peer == "torch-f32" else t
        return lambda: torch.svd_lowrank(t, q=r + 10, niter=2)
    if kind == "eig":
        s = a + a.T
        return lambda: numpy.linalg.eigh(s)
    if kind == "qr":
        return lambda: numpy.linalg.qr(a)


peers.compare(sys.argv[1], make, rounds=5, ms=100, rest=0.2, columns=lambda _, t: "%.2f ms" % (t * 1e3))
