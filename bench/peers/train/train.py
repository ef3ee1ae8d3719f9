"""Training steps of 128 samples against PyTorch, in samples per second.

PyTorch trains on one batch that lies in memory; "run" cases of ours load theirs. Its
set-ups are timed first and the fastest is the peer: layout of images, tracing, the
optimizer's loops over tensors. PEER_SETUP=installed takes it as it comes instead.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import peers

installed = os.environ.get("PEER_SETUP") == "installed"
if not installed:
    os.environ["OPENBLAS_THREAD_TIMEOUT"] = "22"  # see gemm.py
try:
    import torch
except ImportError:
    sys.exit("train: PyTorch is missing: install it for PYTHON (Debian: python3-torch)")
from torch import nn
from torch.nn import functional as F

BATCH = 128
torch.manual_seed(1)
torch.set_num_threads(peers.threads())


class Block(nn.Module):
    """A residual block of He et al. 2016 with the parameter-free shortcut."""

    def __init__(self, k, m, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(k, m, 3, stride, 1, bias=False), nn.BatchNorm2d(m)
        self.conv2, self.bn2 = nn.Conv2d(m, m, 3, 1, 1, bias=False), nn.BatchNorm2d(m)
        self.stride, self.more = stride, m - k

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.more:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(x + y)


def resnet20():
    layers, k = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for m in (16, 32, 64):
        for i in range(3):
            layers.append(Block(k, m, 2 if m > 16 and i == 0 else 1))
            k = m
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class LSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(28, 128, batch_first=True), nn.Linear(128, 10)

    def forward(self, x):
        return self.out(self.lstm(x)[1][0][0])


NETS = {
    "mlp": ((784,), lambda: nn.Sequential(nn.Linear(784, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 10))),
    "lenet": ((1, 28, 28), lambda: nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))),
    "resnet20": ((3, 32, 32), resnet20),
    "lstm": ((28, 28), LSTM),
}


def step(name, last=False, traced=False, foreach=False):
    """A training step in one set-up."""
    shape, build = NETS[name]
    net, x, y = build().train(), torch.rand(BATCH, *shape) - 0.5, torch.randint(10, (BATCH,))
    if last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    opt = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, foreach=foreach)
    run = torch.jit.trace(net, x, check_trace=False) if traced else net

    def call():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(run(x), y).backward()
        opt.step()

    return call


def setups(name):
    for last in (False, True) if len(NETS[name][0]) == 3 else (False,):
        for traced in (False, True):
            for foreach in (False, True):
                yield {"last": last, "traced": traced, "foreach": foreach}


def fastest(name):
    timed = []
    for s in setups(name):
        call = step(name, **s)
        call(), call()  # the tracer optimises at the second
        timed.append((peers.median_time(call, 250), sorted(k for k in s if s[k]), call))
    seconds, label, call = min(timed, key=lambda t: t[0])
    print("# %s: PyTorch is fastest with %s" % (name, "+".join(label) or "no options"), flush=True)
    return call


calls = {}


def make(name):
    net = name.split()[0]
    if net not in calls:
        calls.clear()
        calls[net] = step(net) if installed else fastest(net)
    return calls[net]


peers.compare(sys.argv[1], make, ms=150, columns=lambda _, t: "%.0f" % (BATCH / t))
