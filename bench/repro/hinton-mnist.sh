#!/usr/bin/env bash
# Hinton, Vinyals and Dean 2015, section 3, on MNIST: a large teacher with dropout,
# max-norm and jittered images; a student of 2 x 800 units on labels alone, and the
# same student distilled on images that are not jittered; the temperatures at 30 and at
# 300 units. Published test errors of 10,000: teacher 67, labels 146, distilled 74.
#
#	hinton-mnist.sh [SEED..]     seeds 1 2 3 when none are given
#
# Settings of a student are chosen by its errors on 10,000 held-out training images,
# with seed 1, for labels and for distillation from grids of the same learning rates.
# The chosen settings are then trained on all 60,000 images. See lib.sh for what is
# kept; the last lines are the table of docs/hinton-mnist.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
EXPERIMENT=hinton-mnist
. bench/repro/lib.sh
TEACHER_EPOCHS=${TEACHER_EPOCHS:-60} EPOCHS=${EPOCHS:-30} SWEEP_EPOCHS=${SWEEP_EPOCHS:-15}
DATA=${DATA:-mnist} HELD=${HELD:-mnist;val=10000}
[ $# -gt 0 ] || set -- 1 2 3
rates=(5e-4 1e-3 2e-3)

labels() { train=(train --optimizer adam --schedule cosine --arch mlp:800,800 --epochs "$EPOCHS" --lr "$1"); }
distilled() {
	train=(distill --teacher "$teacher" --optimizer adam --schedule cosine --student mlp:800,800 --epochs "$EPOCHS"
		--temperature 20 --hard-weight "$2" --soft-weight 1 --lr "$1")
}

run teacher 1 train --data "$DATA" --arch 'mlp:1200,1200;dropout=0.5;input-dropout=0.2' --augment jitter=2 \
	--optimizer adam --lr 1e-3 --schedule cosine --max-norm 4 --epochs "$TEACHER_EPOCHS"
teacher=$WORK/teacher-seed1.cmz

grid=()
for lr in "${rates[@]}"; do
	labels "$lr"
	run "select-labels-$lr" 1 "${train[@]}" --data "$HELD"
	grid+=("select-labels-$lr")
done
lr=$(best "${grid[@]}")
labels "${lr#select-labels-}"
for seed in "$@"; do run labels "$seed" "${train[@]}" --data "$DATA"; done

grid=()
for hard in 0 0.1; do
	for lr in "${rates[@]}"; do
		distilled "$lr" "$hard"
		run "select-distilled-$lr-$hard" 1 "${train[@]}" --data "$HELD"
		grid+=("select-distilled-$lr-$hard")
	done
done
setting=$(best "${grid[@]}")
setting=${setting#select-distilled-}
distilled "${setting%-*}" "${setting##*-}"
for seed in "$@"; do run distilled "$seed" "${train[@]}" --data "$DATA"; done

for units in 30 300; do
	for t in 1 2.5 4 8 20; do
		for seed in "$@"; do
			run "sweep-$units-T$t" "$seed" distill --teacher "$teacher" --student "mlp:$units,$units" --data "$DATA" \
				--optimizer adam --schedule cosine --lr 2e-3 --epochs "$SWEEP_EPOCHS" --temperature "$t" --hard-weight 0 --soft-weight 1
		done
	done
done

echo "| network | published errors | errors by seed | mean +- s.d. |"
echo "|---|---|---|---|"
echo "| teacher 784-1200-1200-10 | 67 | $(errors teacher) |"
echo "| student 784-800-800-10, labels | 146 | $(errors labels) |"
echo "| student 784-800-800-10, distilled, T = 20 | 74 | $(errors distilled) |"
for units in 30 300; do
	for t in 1 2.5 4 8 20; do echo "| 784-$units-$units-10, distilled, T = $t | | $(errors "sweep-$units-T$t") |"; done
done
