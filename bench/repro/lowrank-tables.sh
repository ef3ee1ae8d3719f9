#!/usr/bin/env bash
# Writes the tables of docs/lowrank.md, between its markers, from docs/results/lowrank-*.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 - <<'PY'
import json, os, re

def load(name):
    path = f"docs/results/lowrank-{name}.json"
    return json.load(open(path)) if os.path.exists(path) else []

def methods(row):
    names = [s["method"] for s in row["sites"]]
    return ", ".join(f"{n} ({names.count(n)})" for n in sorted(set(names)))

cifar = ["| kept of the convolutions | forms (sites) | tuned | parameters | MACs | accuracy | points lost |", "|---|---|---|---|---|---|---|"]
rows = [(r, "no", r["accuracy"]) for r in load("cifar10-untuned")] + [(r, f"{r['epochs']} epochs, batch {r['batch']}, {r['lr']:g}", r["accuracy"]) for r in load("cifar10")]
for r, tuned, accuracy in sorted(rows, key=lambda x: (-x[0]["keep"], x[1], x[2])):
    cifar.append("| %g | %s | %s | %s | %.1f M | %.2f %% | %.2f |" % (r["keep"], methods(r), tuned, format(r["params_after"], ","), r["macs_after"] / 1e6,
        100 * accuracy, 100 * (r["dense_accuracy"] - accuracy)))

titles = {"tt": "784-1200-1200-10, large layers as tensor trains", "tensornet": "TensorNet of 1024 units, rank 8, 20 epochs from fresh weights", "rows": "LSTM of 256 units over rows, both matrices"}
mnist = ["| network | parameters | of the factorised matrices | dense | untuned | tuned |", "|---|---|---|---|---|---|"]
for name, r in (load("mnist") or {}).items():
    mnist.append("| %s | %s | %.1f %% | %.2f %% | %.2f %% | %.2f %% |" % (titles[name], format(r["params_after"], ","), 100 * r["sites_after"] / r["sites_before"],
        100 * r["dense_accuracy"], 100 * r["untuned_accuracy"], 100 * r["accuracy"]))

page = open("docs/lowrank.md").read()
for name, lines in ("cifar10", cifar), ("mnist", mnist):
    text = "\n".join(lines) if len(lines) > 2 else "No results are committed yet."
    page = re.sub(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", lambda m: m[1] + text + m[2], page, flags=re.S)
open("docs/lowrank.md", "w").write(page)
PY
