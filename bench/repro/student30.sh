#!/usr/bin/env bash
# A 784-30-10 student on MNIST, from labels alone and from a teacher, three seeds each:
# the table of the README. The distilled runs see samples shifted by up to a pixel,
# which the teacher labels; the runs on labels see them as they are.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/compress" ./cmd/compress
run() { "$dir/compress" "$@" --quiet --json --data mnist | sed -n 's/^  "correct": \([0-9]*\),$/\1/p'; }
echo "teacher: $((10000 - $(run train --arch mlp:800,800 --augment jitter=2 --epochs 8 -o "$dir/teacher.cmz"))) errors"
for seed in 1 2 3; do
	labels=$(run train --seed $seed --arch mlp:30 --epochs 20 --lr 2e-3 -o "$dir/labels.cmz")
	kd=$(run distill --seed $seed --teacher "$dir/teacher.cmz" --student mlp:30 --temperature 2 --augment jitter=1 --epochs 20 -o "$dir/kd.cmz")
	echo "seed $seed: labels $((10000 - labels)) errors, distilled $((10000 - kd)) errors"
done
