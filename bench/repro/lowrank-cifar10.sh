#!/usr/bin/env bash
# A pretrained ResNet-20's convolutions at half and a quarter of their parameters, tuned for 3 epochs with
# the original as the teacher. Calibration and tuning see training images alone; the test images are
# looked at once before and once after. Writes docs/results/lowrank-cifar10.json.
# RUNS are fractions, batches and learning rates as KEEP:BATCH:LR, MODEL is the ONNX file (normalised as
# below), DATA_DIR the folder of CIFAR-10; METHOD, EPOCHS, HINTS (the weight of --tune-hints), SEED, THREADS and
# OUT may be set.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
model=${MODEL:-${COMPRESS_SHARED:?set MODEL, or COMPRESS_SHARED to the folder of models}/models/cifar10-resnet20.onnx}
data="cifar10;mean=0.485,0.456,0.406;std=0.229,0.224,0.225"
go build -o "$dir/compress" ./cmd/compress
results() {
	python3 - "$@" <<'PY'
import json, os, sys
out = []
for path in sys.argv[1:]:
    d = json.load(open(path))
    keep, batch, lr = os.path.basename(path)[:-5].split(":")
    row = {"keep": float(keep), "epochs": d["tuned"]["epochs"], "batch": int(batch), "lr": float(lr), "objective": d["tuned"]["objective"], "dense_accuracy": d["accuracy_before"],
           "untuned_accuracy": d["accuracy"], "accuracy": d["tuned"]["accuracy"]}
    row |= {k: d[k] for k in ("params_before", "params_after", "macs_before", "macs_after", "file_bytes_before", "file_bytes_after")}
    row["sites"] = [{k: s[k] for k in ("name", "shape", "method", "ranks", "params_after", "output_error")} for s in d["sites"] if s["method"]]
    out.append(row)
print(json.dumps(out, indent=1))
PY
}

mkdir -p docs/results
finished=()
for run in ${RUNS:-0.5:128:3e-4 0.25:64:1e-3}; do
	IFS=: read -r keep batch lr <<<"$run"
	"$dir/compress" lowrank "$model" --quiet --json --seed "${SEED:-1}" ${THREADS:+--threads "$THREADS"} --data "$data" ${DATA_DIR:+--data-dir "$DATA_DIR"} \
		--method "${METHOD:-auto}" --keep "$keep" --include '(?i)conv' --calibrate 1024 \
		--augment crop=4,flip --tune "${EPOCHS:-3}" --batch "$batch" --lr "$lr" --tune-hints "${HINTS:-0}" -o "$dir/small.cmz" >"$dir/result"
	mv "$dir/result" "$dir/$run.json"
	finished+=("$dir/$run.json")
	results "${finished[@]}" >"${OUT:-docs/results/lowrank-cifar10.json}"
done
