#!/usr/bin/env bash
# A pretrained ResNet-20's convolutions at half and a quarter of their parameters, tuned for 3 epochs with
# the original as the teacher. Calibration and tuning see training images alone; the test images are
# looked at once before and once after. Writes docs/results/lowrank-cifar10.json.
# MODEL is the ONNX file (normalised as below), DATA_DIR the folder of CIFAR-10; METHOD, KEEPS,
# EPOCHS, LR, BATCH, HINTS (the weight of --tune-hints), SEED, THREADS and OUT may be set.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
model=${MODEL:-${COMPRESS_SHARED:?set MODEL, or COMPRESS_SHARED to the folder of models}/models/cifar10-resnet20.onnx}
data="cifar10;mean=0.485,0.456,0.406;std=0.229,0.224,0.225"
go build -o "$dir/compress" ./cmd/compress
results() {
	python3 - "${BATCH:-128}" "${LR:-3e-4}" "$dir"/0*.json <<'PY'
import json, os, sys
out = []
for path in sys.argv[3:]:
    d = json.load(open(path))
    row = {"keep": float(os.path.basename(path)[:-5]), "epochs": d["tuned"]["epochs"], "batch": int(sys.argv[1]), "lr": float(sys.argv[2]), "objective": d["tuned"]["objective"], "dense_accuracy": d["accuracy_before"],
           "untuned_accuracy": d["accuracy"], "accuracy": d["tuned"]["accuracy"]}
    row |= {k: d[k] for k in ("params_before", "params_after", "macs_before", "macs_after", "file_bytes_before", "file_bytes_after")}
    row["sites"] = [{k: s[k] for k in ("name", "shape", "method", "ranks", "params_after", "output_error")} for s in d["sites"] if s["method"]]
    out.append(row)
print(json.dumps(out, indent=1))
PY
}

mkdir -p docs/results
for keep in ${KEEPS:-0.5 0.25}; do
	"$dir/compress" lowrank "$model" --quiet --json --seed "${SEED:-1}" ${THREADS:+--threads "$THREADS"} --data "$data" ${DATA_DIR:+--data-dir "$DATA_DIR"} \
		--method "${METHOD:-auto}" --keep "$keep" --include '(?i)conv' --calibrate 1024 \
		--augment crop=4,flip --tune "${EPOCHS:-3}" --batch "${BATCH:-128}" --lr "${LR:-3e-4}" --tune-hints "${HINTS:-0}" -o "$dir/$keep.cmz" >"$dir/result"
	mv "$dir/result" "$dir/$keep.json"
	results >"${OUT:-docs/results/lowrank-cifar10.json}"
done
