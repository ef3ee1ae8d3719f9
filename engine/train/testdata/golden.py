#!/usr/bin/env python3
"""Makes golden_NET.npz: what PyTorch gets for the loss, every gradient and ten steps of every optimizer.

Made with PyTorch 1.13.1 (Debian's python3-torch): python3 golden.py
Arrays: x (steps, N, ...), y (steps, N), loss (at the first batch), init/P, grad/P (first batch), and for each
optimizer O: O/loss (steps) and O/P after the last step. Parameters P are named as the Go test names them and laid out
as in ONNX.
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)
torch.set_num_threads(1)
STEPS, N = 10, 8

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.02, eps=1e-10, weight_decay=0.01),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.002, alpha=0.99, eps=1e-8, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.005, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.005, weight_decay=0.01),
}


class MLP(nn.Module):
    shape = (20,)

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(20, 16), nn.Linear(16, 12), nn.Linear(12, 5)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class LeNet(nn.Module):
    shape = (1, 16, 16)

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 5), nn.Conv2d(4, 6, 3)
        self.fc1, self.fc2 = nn.Linear(24, 10), nn.Linear(10, 5)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 2)
        x = F.max_pool2d(self.conv2(x), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class ResNet(nn.Module):
    shape = (3, 8, 8)

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(6)
        self.conv3, self.bn3 = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(x)))
        h = self.bn3(self.conv3(h))
        x = F.relu(h + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)))
        return self.fc(x.mean((2, 3)))


class LSTM(nn.Module):
    shape = (5, 6)

    def __init__(self):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.lstm(x)[1][0][0])


def onnx_gates(t):
    """PyTorch has the gates i f g o, ONNX i o f g."""
    i, f, g, o = np.split(t, 4)
    return np.concatenate([i, o, f, g])


def tensors(net, grad=False):
    get = lambda p: (p.grad if grad else p).detach().numpy().copy()
    out = {}
    for name, p in net.named_parameters():
        out[name.replace(".", "/")] = get(p)
    if isinstance(net, LSTM):
        w, r, bw, br = (onnx_gates(out.pop("lstm/" + n)) for n in
                        ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"))
        out["lstm/w"], out["lstm/r"], out["lstm/b"] = w[None], r[None], np.concatenate([bw, br])[None]
    return out


for cls in (MLP, LeNet, ResNet, LSTM):
    x = torch.randn(STEPS, N, *cls.shape)
    y = torch.randint(0, 5, (STEPS, N))
    net = cls()
    start = {k: v.clone() for k, v in net.state_dict().items()}
    data = {"x": x.numpy(), "y": y.numpy()}
    data.update({"init/" + k: v for k, v in tensors(net).items()})
    loss = F.cross_entropy(net(x[0]), y[0])
    loss.backward()
    data["loss"] = np.float32(loss.item())
    data.update({"grad/" + k: v for k, v in tensors(net, True).items()})
    for name, make in OPTIMIZERS.items():
        net.load_state_dict(start)
        opt, losses = make(net.parameters()), []
        for i in range(STEPS):
            opt.zero_grad()
            loss = F.cross_entropy(net(x[i]), y[i])
            loss.backward()
            opt.step()
            losses.append(loss.item())
        data[name + "/loss"] = np.array(losses, np.float32)
        data.update({name + "/" + k: v for k, v in tensors(net).items()})
    np.savez_compressed("golden_%s.npz" % cls.__name__.lower(), **data)
