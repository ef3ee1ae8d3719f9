#!/usr/bin/env bash
# Factorised networks on MNIST: tensor trains of a 784-1200-1200-10 network's large layers, a
# TensorNet of 1024 units trained as tensor trains of rank 8 from fresh weights, and an LSTM that reads
# the 28 rows with its matrices at a twentieth. 5,000 training images are held out to choose settings
# by. Writes docs/results/lowrank-mnist.json after each of the three.
# OUT, DATA_DIR, SEED and THREADS may be set; what is in WORK is not made again.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${WORK:-$(mktemp -d)}
mkdir -p "$dir" docs/results
[ -n "${WORK:-}" ] || trap 'rm -rf "$dir"' EXIT
go build -o "$dir/compress" ./cmd/compress

# step NAME COMMAND..: runs a command that makes NAME.cmz and NAME.json, unless they are there.
step() {
	name=$1
	shift
	[ -s "$dir/$name.json" ] && return
	"$dir/compress" "$@" --quiet --json --seed "${SEED:-1}" ${THREADS:+--threads "$THREADS"} --data "mnist;val=5000" ${DATA_DIR:+--data-dir "$DATA_DIR"} \
		-o "$dir/$name.cmz" >"$dir/$name.part"
	mv "$dir/$name.part" "$dir/$name.json"
}

results() {
	python3 - "$dir" <<'PY'
import json, os, sys
out = {}
for name in ("tt", "tensornet", "rows"):
    path = f"{sys.argv[1]}/{name}.json"
    if not os.path.exists(path):
        continue
    d = json.load(open(path))
    chosen = [s for s in d["sites"] if s["method"]]
    out[name] = {"epochs": d["tuned"]["epochs"], "dense_accuracy": d["accuracy_before"], "untuned_accuracy": d["accuracy"], "accuracy": d["tuned"]["accuracy"],
                 "params_before": d["params_before"], "params_after": d["params_after"],
                 "sites_before": sum(s["params_before"] for s in chosen), "sites_after": sum(s["params_after"] for s in chosen),
                 "file_bytes_before": d["file_bytes_before"], "file_bytes_after": d["file_bytes_after"],
                 "sites": [{k: s[k] for k in ("name", "shape", "method", "ranks", "params_before", "params_after", "weight_error")} for s in chosen]}
print(json.dumps(out, indent=1))
PY
}
save() { results >"${OUT:-docs/results/lowrank-mnist.json}"; }

step mlp train --arch mlp:1200,1200 --augment jitter=2 --epochs 5
step tt lowrank "$dir/mlp.cmz" --method tt --include '[12]' --keep 0.05 --lr 2e-3 --batch 32 --augment jitter=1 --tune 2
save

step lstm train --arch lstm:256 --lr 2e-3 --epochs 5
step rows lowrank "$dir/lstm.cmz" --method svd,tt --include '/[WR]$' --keep 0.05 --lr 3e-3 --tune 10
save

step fresh train --arch mlp:1024 --epochs 0
step tensornet lowrank "$dir/fresh.cmz" --method tt-matrix --rank 8 --soft-weight 0 --hard-weight 1 --lr 1e-2 --augment jitter=1 --tune 20
save
