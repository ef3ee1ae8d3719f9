#!/usr/bin/env bash
# FitNets on MNIST (Romero et al. 2015, section 3.3): a maxout teacher of 361K
# parameters, and the deep thin student of 30K trained by labels alone, by distillation
# and by hints with distillation. Published test errors: teacher 0.55 %, student 1.9,
# 0.65 and 0.51 %.
#
#	fitnets-mnist.sh [SEED..]     seed 1 when none are given
#
# The teacher learns with dropout and then, as TEACHER_TUNE epochs more, without. Students
# see the images as they are, or by AUGMENT, for EPOCHS epochs; hints are HINT_EPOCHS
# before these. Distilled ones see VIEWS augmented views of each image, for which the
# teacher's outputs are recorded once. With AUGMENT=mixup the distilled ones see mixtures of
# two images, of which the teacher alone says what they are; by labels there is no such student.
# Weights are those with the best accuracy on 10,000 held-out training images. INIT is
# the initialiser of the students, the paper's by default; INIT=he is the control that
# tells what hints add beyond a good start, an empty INIT the one with what suits maxout.
# OPTIMIZER=rmsprop is the paper's, at its rate.
# TEACHER_SEED gives the students of all seeds one teacher. See lib.sh for what is kept; the last lines
# are the tables of docs/fitnets-mnist.md, and TABLE=1 trains nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
EXPERIMENT=fitnets-mnist
. bench/repro/lib.sh
DATA=${DATA:-mnist;val=10000} INIT=${INIT-uniform=0.005} AUGMENT=${AUGMENT:-} VIEWS=${VIEWS:-4}
TEACHER_EPOCHS=${TEACHER_EPOCHS:-30} TEACHER_TUNE=${TEACHER_TUNE:-10} EPOCHS=${EPOCHS:-60} HINT_EPOCHS=${HINT_EPOCHS:-20}
OPTIMIZER=${OPTIMIZER:-adam} TEACHER_SEED=${TEACHER_SEED:-}
declare -A rate=([adam]=5e-3 [rmsprop]=5e-4)
[ $# -gt 0 ] || set -- 1
suffix=
[ "$INIT" = uniform=0.005 ] || suffix=-${INIT:-maxout}
[ "$OPTIMIZER" = adam ] || suffix+=-$OPTIMIZER
[ -z "$AUGMENT" ] || suffix+=-${AUGMENT//=/}

# Lambda from 4 to 1 over T^2 = 9, as the paper's soft term lacks that factor.
common=(--optimizer "$OPTIMIZER" --lr "${rate[$OPTIMIZER]:?OPTIMIZER is adam or rmsprop}" --schedule cosine --max-norm 1.9 --data "$DATA")
free=("${common[@]}" --augment "$AUGMENT")
soft=(--temperature 3 --hard-weight 1 --soft-weight 0.4444:0.1111)
case $AUGMENT in
mixup) soft=(--temperature 3 --hard-weight 0 --soft-weight 1 --augment mixup) ;;
?*) soft+=(--augment "$AUGMENT,views=$VIEWS") ;;
esac

# train_all SEED trains the networks; the soft targets are recorded once.
train_all() {
	local seed=$1 from=${TEACHER_SEED:-$1} hinted=$WORK/hinted$suffix-seed$1.cmz
	local first=$WORK/teacher-dropout-seed$from.cmz teacher=$WORK/teacher-seed$from.cmz
	run teacher-dropout "$from" train --data "$DATA" --arch 'fitnet:mnist-teacher;dropout=0.3' --augment jitter=2 --max-norm 1.9 \
		--epochs "$TEACHER_EPOCHS"
	run teacher "$from" distill --teacher "$first" --student 'width:1;init=teacher;dropout=0' --data "$DATA" --augment jitter=1 \
		--max-norm 1.9 --soft-weight 0 --hard-weight 1 --lr 1e-3 --epochs "$TEACHER_TUNE"
	local kd=(--teacher "$teacher" "${common[@]}" --epochs "$EPOCHS" "${soft[@]}")
	[ "$AUGMENT" = mixup ] || kd+=(--record "$WORK/soft${AUGMENT:+-${AUGMENT//=/}}-seed$from.npz")
	[ "$AUGMENT" = mixup ] || run "labels$suffix" "$seed" train --arch fitnet:mnist --init "$INIT" "${free[@]}" --epochs "$EPOCHS"
	run "kd$suffix" "$seed" distill --student fitnet:mnist --init "$INIT" "${kd[@]}"
	run "hinted$suffix" "$seed" distill --teacher "$teacher" --student fitnet:mnist --init "$INIT" "${free[@]}" \
		--hint conv2/out:conv4/out --hint-mode only --epochs "$HINT_EPOCHS"
	run "hints$suffix" "$seed" distill --student "$hinted" "${kd[@]}"
}
[ -n "${TABLE:-}" ] || for seed in "$@"; do train_all "$seed"; done

epochs_head network
epochs_row teacher-dropout "" "teacher, 361K parameters, with dropout"
epochs_row teacher 55 "the same, then without dropout"
for suffix in "" -mixup -he -maxout -rmsprop -jitter1; do
	init="U(-0.005, 0.005)"
	[ "$suffix" != -he ] || init="He et al.'s initialisation"
	[ "$suffix" != -maxout ] || init="He et al.'s, derived for maxout"
	[ "$suffix" != -rmsprop ] || init+=", RMSProp"
	[ "$suffix" != -mixup ] || init+=", mixtures of two images"
	[ "$suffix" != -jitter1 ] || init+=", jittered by 1 pixel"
	published=("" "" "")
	[ -n "${suffix#-rmsprop}" ] || published=(190 65 51)
	epochs_row "labels$suffix" "${published[0]}" "student, 30K, $init, labels"
	epochs_row "kd$suffix" "${published[1]}" "student, 30K, $init, distilled"
	epochs_row "hints$suffix" "${published[2]}" "student, 30K, $init, hints, then distilled"
done
