#!/usr/bin/env bash
# How the latency limit of a budget judges real models: a model against itself, which
# must never fail, and against one that has 20 % more to do, which must fail at least 95
# times of 100. The limit is 1.05x.
#
#	latency-verdicts.sh [CHECKS]     100 of each when not given
set -euo pipefail
cd "$(dirname "$0")/../.."
checks=${1:-100}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/compress" ./cmd/compress
for units in 1000 1200; do
	"$dir/compress" train --data 'random:64;shape=1,28,28;classes=10' --arch "mlp:$units" --epochs 1 --quiet -o "$dir/$units.cmz" >/dev/null
done
for units in 1000 1200; do
	cat >"$dir/$units.yaml" <<END
version: 1
models:
  - path: $units.cmz
    dims: {N: 32}
    limits:
      latency_p50: {max: 1.05x, of: 1000.cmz}
END
	for ((i = 0; i < checks; i++)); do
		"$dir/compress" budget check --budget "$dir/$units.yaml" --json --quiet 2>/dev/null || [ $? = 3 ]
	done | sed -n 's/^ *"verdict": "\(.*\)",*$/\1/p' | sort | uniq -c | sed "s/^/mlp:$units against mlp:1000: /"
done
