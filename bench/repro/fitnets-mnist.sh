#!/usr/bin/env bash
# FitNets on MNIST (Romero et al. 2015, section 3.3): a maxout teacher of 361K
# parameters, and the deep thin student of 30K trained by labels alone, by distillation
# and by hints with distillation. Published test errors: teacher 0.55 %, student 1.9,
# 0.65 and 0.51 %.
#
#	fitnets-mnist.sh [SEED..]     seed 1 when none are given
#
# Weights are those with the best accuracy on 10,000 held-out training images. INIT is
# the initialiser of the students, the paper's by default; INIT=he is the control that
# tells what hints add beyond a good start. See lib.sh for what is kept; the last lines
# are the table of docs/fitnets-mnist.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
EXPERIMENT=fitnets-mnist
. bench/repro/lib.sh
DATA=${DATA:-mnist;val=10000} INIT=${INIT:-uniform=0.005}
TEACHER_EPOCHS=${TEACHER_EPOCHS:-30} EPOCHS=${EPOCHS:-60} HINT_EPOCHS=${HINT_EPOCHS:-20}
[ $# -gt 0 ] || set -- 1
suffix=
[ "$INIT" = uniform=0.005 ] || suffix=-$INIT

# Lambda from 4 to 1 over T^2 = 9, as the paper's soft term lacks that factor.
student=(--init "$INIT" --optimizer rmsprop --lr 5e-4 --schedule cosine --max-norm 1.9 --epochs "$EPOCHS" --data "$DATA")
kd=(--student fitnet:mnist "${student[@]}" --temperature 3 --hard-weight 1 --soft-weight 0.4444:0.1111)
for seed in "$@"; do
	run teacher "$seed" train --data "$DATA" --arch 'fitnet:mnist-teacher;dropout=0.3' --augment jitter=2 --max-norm 1.9 \
		--epochs "$TEACHER_EPOCHS"
	teacher=$WORK/teacher-seed$seed.cmz
	run "labels$suffix" "$seed" train --arch fitnet:mnist "${student[@]}"
	run "kd$suffix" "$seed" distill --teacher "$teacher" "${kd[@]}"
	run "hints$suffix" "$seed" distill --teacher "$teacher" "${kd[@]}" --hint conv2/out:conv4/out --hint-epochs "$HINT_EPOCHS"
done

echo "| network | published errors of 10,000 | errors by seed | mean +- s.d. |"
echo "|---|---|---|---|"
echo "| teacher, 361K parameters | 55 | $(errors teacher) |"
echo "| student, 30K, labels | 190 | $(errors "labels$suffix") |"
echo "| student, 30K, distilled | 65 | $(errors "kd$suffix") |"
echo "| student, 30K, hints, then distilled | 51 | $(errors "hints$suffix") |"
