#!/usr/bin/env bash
# FitNet 1 of Romero et al. 2015, table 1: a maxout student of 11 layers and 250K parameters on CIFAR-10, by
# labels alone, by distillation and by hints with distillation. The paper's student has 89.01 % from a
# maxout teacher of 9M parameters; the teacher here is a pretrained ResNet-56 of 855K.
#
#	fitnets-cifar10.sh [SEED..]     seed 1 when none are given
#
# The teacher is COMPRESS_SHARED/models/cifar10-resnet56.onnx or TEACHER; HINT is the pair of values for
# the hints: the maps of 16 x 16 that the teacher's second stage ends with guide the student's sixth layer.
# Distilled students see VIEWS augmented views of each image, for which the teacher's outputs are recorded once.
# Weights are those with the best accuracy on 5,000 held-out training images. STUDENTS names the students
# to train; the labels' and the distilled ones have EPOCHS epochs, the one with hints HINT_EPOCHS before these. "more" goes
# on from the one with hints for MORE_EPOCHS, at half the learning rate and with MORE_VIEWS other views, those of seed 100 + SEED;
# "again" from that for AGAIN_EPOCHS with as many views, at half the rate again, with seed 200 + SEED.
# See lib.sh for what is kept; the last lines are the tables of docs/fitnets-cifar10.md, and TABLE=1 trains nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
EXPERIMENT=fitnets-cifar10
. bench/repro/lib.sh
DATA=${DATA:-cifar10;mean=0.485,0.456,0.406;std=0.229,0.224,0.225;val=5000}
EPOCHS=${EPOCHS:-100} HINT_EPOCHS=${HINT_EPOCHS:-20} VIEWS=${VIEWS:-10} STUDENTS=${STUDENTS:-labels kd hints more again}
MORE_EPOCHS=${MORE_EPOCHS:-$EPOCHS} MORE_VIEWS=${MORE_VIEWS:-$VIEWS} AGAIN_EPOCHS=${AGAIN_EPOCHS:-6}
HINT=${HINT:-/layer2/layer2.8/Relu_1_output_0:conv6/maxout/max}
[ $# -gt 0 ] || set -- 1

# train_all SEED trains the students. Lambda goes from 4 to 1 over T^2 = 9, as the paper's soft term lacks
# that factor; teacher and student see the same augmented images.
train_all() {
	local seed=$1 student hinted=$WORK/hinted-seed$1.cmz
	local teacher=(--teacher "${TEACHER:-${COMPRESS_SHARED:?set TEACHER, or COMPRESS_SHARED to the folder of models}/models/cifar10-resnet56.onnx}")
	local common=(--optimizer adam --schedule cosine --data "$DATA" ${DATA_DIR:+--data-dir "$DATA_DIR"})
	local free=("${common[@]}" --lr 2e-3 --augment crop=4,flip)
	local by=("${teacher[@]}" "${common[@]}" --temperature 3 --hard-weight 1 --record-form f16)
	local soft=("${by[@]}" --lr 2e-3 --augment "crop=4,flip,views=$VIEWS" --record "$WORK/soft-seed$seed.npz" --epochs "$EPOCHS" --soft-weight 0.4444:0.1111)
	# other NAME SEED FROM LR VIEWS EPOCHS goes on with other views, while lambda stays 4.
	other() {
		run "$1" "$2" distill --student "$WORK/$3.cmz" "${by[@]}" --lr "$4" --augment "crop=4,flip,views=$5" --record "$WORK/soft-seed$2.npz" \
			--epochs "$6" --soft-weight 0.4444
	}
	for student in $STUDENTS; do
		case $student in
		labels) run labels "$seed" train --arch fitnet:1 "${free[@]}" --epochs "$EPOCHS" ;;
		kd) run kd "$seed" distill --student fitnet:1 "${soft[@]}" ;;
		hints)
			run hinted "$seed" distill "${teacher[@]}" --student fitnet:1 "${free[@]}" --hint "$HINT" --hint-mode only --epochs "$HINT_EPOCHS"
			run hints "$seed" distill --student "$hinted" "${soft[@]}"
			;;
		more) other more $((100 + seed)) "hints-seed$seed" 1e-3 "$MORE_VIEWS" "$MORE_EPOCHS" ;;
		again) other again $((200 + seed)) "more-seed$((100 + seed))" 5e-4 "$AGAIN_EPOCHS" "$AGAIN_EPOCHS" ;;
		*) echo "STUDENTS: there is no $student; there are labels, kd, hints, more and again" >&2 && exit 1 ;;
		esac
	done
}
[ -n "${TABLE:-}" ] || for seed in "$@"; do train_all "$seed"; done

epochs_head "FitNet 1 on CIFAR-10"
epochs_row labels "" "by labels"
epochs_row kd "" "distilled"
epochs_row hints 1099 "hints, then distilled"
epochs_row more 1099 "hints, then distilled twice"
epochs_row again 1099 "hints, then distilled three times"
echo
echo "Validation accuracy by epoch, first seed:"
for name in labels kd hints more again; do
	first=$(first_result "$name") || continue
	echo "- $name: $(sed -n 's/^  "validation_curve": \[\(.*\)\],$/\1/p' "$first" | sed 's/,/, /g')"
done
