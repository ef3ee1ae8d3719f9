#!/usr/bin/env bash
# Every distillation loss on CIFAR-10: a pretrained ResNet-56 teaches a ResNet-8, with the
# weights that the losses' papers have, beside the cross-entropy with the labels; and the
# student on labels alone. Nothing is tuned, so the test set chooses nothing. The students
# of a seed are trained side by side, see losses/main.go.
#
#	losses-cifar10.sh [SEED..]     seeds 1 2 3 when none are given
#
# The teacher is COMPRESS_SHARED/models/cifar10-resnetDEPTH.onnx, DEPTH 56 or 20, or
# TEACHER. TRAIN is how many training images there are; the test images are all 10,000.
# LOSSES names the runs, with commas between. TABLE=1 trains nothing. The last lines are
# the table of docs/losses-cifar10.md, of the runs that have results.
set -euo pipefail
cd "$(dirname "$0")/../.."
WORK=${WORK:-${TMPDIR:-/tmp}/losses-cifar10} RESULTS=${RESULTS:-docs/results/losses-cifar10}
DEPTH=${DEPTH:-56} TRAIN=${TRAIN:-5000} EPOCHS=${EPOCHS:-20}
DATA=${DATA:-cifar10;mean=.485,.456,.406;std=.229,.224,.225;val=$((50000 - TRAIN))}
[ $# -gt 0 ] || set -- 1 2 3
last=$(((DEPTH - 2) / 6 - 1))
values=/layer1/layer1.$last/Relu_1_output_0,/layer2/layer2.$last/Relu_1_output_0,/layer3/layer3.$last/Relu_1_output_0,/Reshape_output_0
flags=(-data "$DATA" -data-dir "${DATA_DIR:-}" -teacher "${TEACHER:-${COMPRESS_SHARED:-../shared}/models/cifar10-resnet$DEPTH.onnx}"
	-student "${STUDENT:-resnet:8}" -teacher-values "${TEACHER_VALUES:-$values}"
	-student-values "${STUDENT_VALUES:-stage1/block1/relu_2,stage2/block1/relu_2,stage3/block1/relu_2,flatten}"
	-epochs "$EPOCHS" -batch "${BATCH:-64}" -augment "${AUGMENT-crop=4,flip}" -results "$RESULTS" -work "$WORK"
	-cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1)")
[ -z "${LOSSES:-}" ] || flags+=(-runs "$LOSSES")
[ -z "${THREADS:-}" ] || flags+=(-threads "$THREADS")
[ -z "${TABLE:-}" ] || flags+=(-table)
mkdir -p "$WORK"
seeds=$*
go build -o "$WORK/losses" ./bench/repro/losses
"$WORK/losses" "${flags[@]}" -seeds "${seeds// /,}"
