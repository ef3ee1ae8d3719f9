#!/bin/sh
# Samples per second of `compress train` against those of the bare step, in turn:
# sustained.sh [ROUNDS]. The first is that of an epoch of MNIST as its JSON says it,
# loading, checks and hooks included; the second that of "mlp step" of main.go. The
# last line is the ratio of the medians.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rounds=${1:-7}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here"
go build -o "$work/cz" ../../../cmd/compress
go build -o "$work/step" .

median() { sort -g "$1" | sed -n "$(((rounds + 1) / 2))p"; }

echo "compress train, bare step (samples/s)"
for round in $(seq "$rounds"); do
	whole=$("$work/cz" train --data mnist --arch mlp:1200,1200 --batch 128 --optimizer momentum --lr 0.01 \
		--epochs 1 --seed "$round" -o "$work/model.cmz" --json --quiet |
		sed -n 's/^  "samples_per_second": \([0-9.]*\),*$/\1/p')
	step=$(echo '1500 "mlp step"' | "$work/step" | awk '{ printf "%.0f", 128 / $1 }')
	echo "$whole" >>"$work/whole"
	echo "$step" >>"$work/bare"
	echo "$whole $step"
done
echo "$(median "$work/whole") $(median "$work/bare")" | awk '{ printf "ratio %.2f\n", $1 / $2 }'
