"""Writes transformer-13.onnx and transformer-17.onnx: one block of attention,
LayerNorm, Gelu and MatMul, exported by PyTorch, with an input and its output
as TensorProto files. Run with PyTorch 1.13 and onnx 1.12 in this folder."""
import torch
from onnx import numpy_helper

torch.manual_seed(0)
D, HEADS, T = 16, 2, 5


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = torch.nn.Linear(D, 3 * D)
        self.proj = torch.nn.Linear(D, D)
        self.norm1, self.norm2 = torch.nn.LayerNorm(D), torch.nn.LayerNorm(D)
        self.up, self.down = torch.nn.Linear(D, 2 * D), torch.nn.Linear(2 * D, D)
        for p in self.parameters():
            torch.nn.init.normal_(p, std=0.3)

    def attend(self, x):
        n, t, _ = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
        a = torch.softmax(q @ k.transpose(-1, -2) / (D // HEADS) ** 0.5, -1)
        return self.proj((a @ v).transpose(1, 2).reshape(n, t, D))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.down(torch.nn.functional.gelu(self.up(self.norm2(x))))


def save(name, t):
    with open(name, "wb") as f:
        f.write(numpy_helper.from_array(t.detach().numpy()).SerializeToString())


block = Block().eval()
x = torch.randn(2, T, D)
save("transformer-in.pb", x)
save("transformer-out.pb", block(x))
for opset in (13, 17):
    torch.onnx.export(block, x, f"transformer-{opset}.onnx", opset_version=opset, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "N", 1: "T"}, "y": {0: "N", 1: "T"}})
