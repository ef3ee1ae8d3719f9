"""Tucker-2, CP and tensor trains in NumPy by the algorithms that TensorLy documents, for
machines that cannot have TensorLy itself. Start values, stopping rules and random numbers are
those of its 0.9: decompose.py prints how far the errors are from a recorded run of it."""

import numpy as np


def unfold(x, mode):
    return np.moveaxis(x, mode, 0).reshape(x.shape[mode], -1)


def mode_dot(x, m, mode):
    """Multiplies mode `mode` of x by the matrix m, or contracts it with the vector m."""
    y = np.tensordot(x, m, axes=(mode, m.ndim - 1))
    return np.moveaxis(y, -1, mode) if m.ndim == 2 else y


def left(m, rank):
    """The leading left singular vectors by a dense SVD, and the singular values."""
    u, s, _ = np.linalg.svd(m, full_matrices=rank > min(m.shape))
    return u[:, :rank], s[:rank]


def tucker2(x, ranks, sweeps=100, tol=1e-4):
    """Higher-order orthogonal iteration on the first two modes (De Lathauwer et al. 2000)."""
    fs = [left(unfold(x, n), r)[0] for n, r in enumerate(ranks)]
    whole, errors = np.linalg.norm(x), []
    for i in range(sweeps):
        for n in 0, 1:
            fs[n] = left(unfold(mode_dot(x, fs[1 - n].T, 1 - n), n), ranks[n])[0]
        core = mode_dot(mode_dot(x, fs[0].T, 0), fs[1].T, 1)
        errors.append(np.sqrt(abs(whole**2 - np.linalg.norm(core) ** 2)) / whole)
        if i > 1 and abs(errors[-2] - errors[-1]) < tol:
            break
    return lambda: mode_dot(mode_dot(core, fs[0], 0), fs[1], 1)


def start(x, rank, init, rng):
    if init == "random":
        return [rng.random_sample((n, rank)) for n in x.shape]
    fs = []
    for n in range(x.ndim):
        u, s = left(unfold(x, n), rank)
        if n == 0:
            u = u * s[: u.shape[1]]
        if x.shape[n] < rank:
            u = np.concatenate([u, rng.random_sample((u.shape[0], rank - x.shape[n]))], axis=1)
        fs.append(u)
    return fs


def products(x, fs, mode):
    """The unfolding of x times the Khatri-Rao product of all factors but one."""
    rank, k = fs[0].shape[1], None
    for n, f in enumerate(fs):
        if n != mode:
            k = f if k is None else (k[:, None, :] * f[None, :, :]).reshape(-1, rank)
    return unfold(x, mode) @ k


def cp(x, rank, init, sweeps=100, tol=1e-6):
    """Alternating least squares."""
    fs = start(x, rank, init, np.random.RandomState(0))
    whole, errors = np.linalg.norm(x), []
    for i in range(sweeps):
        for n in range(x.ndim):
            normal = np.ones((rank, rank))
            for m, f in enumerate(fs):
                if m != n:
                    normal = normal * (f.T @ f)
            right = products(x, fs, n)
            fs[n] = np.linalg.solve(normal.T, right.T).T
        inner = (right * fs[-1]).sum()
        square = (normal * (fs[-1].T @ fs[-1])).sum()
        errors.append(np.sqrt(abs(whole**2 + square - 2 * inner)) / whole)
        if i and abs(errors[-2] - errors[-1]) < tol:
            break
    return lambda: np.einsum(",".join("abcdefgh"[n] + "r" for n in range(x.ndim)) + "->" + "abcdefgh"[: x.ndim], *fs, optimize=True)


def train(x, ranks):
    """TT-SVD (Oseledets 2011)."""
    cores, rest, rank = [], x, 1
    for n, r in enumerate(ranks):
        rest = rest.reshape(rank * x.shape[n], -1)
        u, s, v = np.linalg.svd(rest, full_matrices=False)
        r = min(r, len(s))
        cores.append(u[:, :r].reshape(rank, x.shape[n], r))
        rest, rank = s[:r, None] * v[:r], r
    cores.append(rest.reshape(rank, x.shape[-1], 1))

    def full():
        y = cores[0]
        for c in cores[1:]:
            y = np.tensordot(y, c, axes=1)
        return y.reshape(x.shape)

    return full
