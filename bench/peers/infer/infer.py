"""Inference against ONNX Runtime in microseconds, at batch 1 and 128, through peer.js.

ORT_NODE_PATH (or NODE_PATH) is the node_modules folder that holds onnxruntime-node.
RESNET20_ONNX names a trained ResNet-20; without it its weights are fresh. ONNX Runtime
is called from JavaScript, which adds some 10 us to a call.
"""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import peers

HERE = os.path.dirname(os.path.abspath(__file__))


def package():
    """The folder of onnxruntime-node."""
    for folder in (os.environ.get("ORT_NODE_PATH") or os.environ.get("NODE_PATH") or "").split(os.pathsep):
        if folder and os.path.exists(os.path.join(folder, "onnxruntime-node", "package.json")):
            return os.path.join(folder, "onnxruntime-node")
    sys.exit("infer: ONNX Runtime is missing: set ORT_NODE_PATH to the node_modules folder of `npm install onnxruntime-node`")


class Runtime:
    """The JavaScript program."""

    def __init__(self, pkg, folder):
        command = ["node", os.path.join(HERE, "peer.js"), pkg, folder, str(peers.threads())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def time(self, name, ms):
        self.process.stdin.write("%d %s\n" % (ms, name))
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("infer: ONNX Runtime stopped; its message is above")
        return float(line)


def main():
    if not shutil.which("node"):
        sys.exit("infer: node is missing")
    pkg = package()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PEER_MODELS"] = folder
        ort = Runtime(pkg, folder)
        peers.compare(sys.argv[1], lambda name: lambda ms: ort.time(name, ms), timer=lambda call, ms: call(ms))


main()
