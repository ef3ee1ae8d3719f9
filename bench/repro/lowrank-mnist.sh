#!/usr/bin/env bash
# Factorised networks on MNIST: tensor trains of a 784-1200-1200-10 network's large layers, a
# TensorNet of 1024 units trained as tensor trains of rank 8 from fresh weights, and an LSTM that reads
# the 28 rows with its matrices at a twentieth. Writes docs/results/lowrank-mnist.json.
# OUT, DATA_DIR and SEED may be set; EPOCHS scales nothing but the dense networks' training.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/compress" ./cmd/compress
flags=(--quiet --json --seed "${SEED:-1}" --data mnist ${DATA_DIR:+--data-dir "$DATA_DIR"})
run() { "$dir/compress" "$@" "${flags[@]}"; }

run train --arch mlp:1200,1200 --augment jitter=2 --epochs "${EPOCHS:-5}" -o "$dir/mlp.cmz" >"$dir/mlp.train"
run lowrank "$dir/mlp.cmz" --method tt --include '[12]' --keep 0.05 --augment jitter=1 --tune 2 -o "$dir/tt.cmz" >"$dir/tt.json"

# One update at a vanishing rate leaves the fresh weights: what follows is training from scratch.
"$dir/compress" train --arch mlp:1024 --data "mnist;limit=128" "${DATA_DIR:+--data-dir=$DATA_DIR}" --quiet --json --seed "${SEED:-1}" --epochs 1 --lr 1e-12 -o "$dir/fresh.cmz" >/dev/null
run lowrank "$dir/fresh.cmz" --method tt-matrix --rank 8 --soft-weight 0 --hard-weight 1 --lr 5e-3 --augment jitter=1 --tune 12 -o "$dir/tensornet.cmz" >"$dir/tensornet.json"

run train --arch lstm:128 --lr 2e-3 --epochs "${EPOCHS:-5}" -o "$dir/lstm.cmz" >"$dir/lstm.train"
run lowrank "$dir/lstm.cmz" --method svd,tt --include '/[WR]$' --keep 0.05 --lr 3e-3 --tune 5 -o "$dir/rows.cmz" >"$dir/rows.json"

mkdir -p docs/results
python3 - "$dir" >"${OUT:-docs/results/lowrank-mnist.json}" <<'PY'
import json, sys
out = {}
for name in ("tt", "tensornet", "rows"):
    d = json.load(open(f"{sys.argv[1]}/{name}.json"))
    chosen = [s for s in d["sites"] if s["method"]]
    out[name] = {"dense_accuracy": d["accuracy_before"], "untuned_accuracy": d["accuracy"], "accuracy": d["tuned"]["accuracy"],
                 "params_before": d["params_before"], "params_after": d["params_after"],
                 "sites_before": sum(s["params_before"] for s in chosen), "sites_after": sum(s["params_after"] for s in chosen),
                 "file_bytes_before": d["file_bytes_before"], "file_bytes_after": d["file_bytes_after"],
                 "sites": [{k: s[k] for k in ("name", "shape", "method", "ranks", "params_before", "params_after", "weight_error")} for s in chosen]}
print(json.dumps(out, indent=1))
PY
