#!/usr/bin/env bash
# Every distillation loss on CIFAR-10: a pretrained ResNet-56 teaches a ResNet-8, with the
# weights that the losses' papers have, beside the cross-entropy with the labels; and the
# student on labels alone. Nothing is tuned, so the test set chooses nothing.
#
#	losses-cifar10.sh [SEED..]     seeds 1 2 3 when none are given
#
# The teacher is COMPRESS_SHARED/models/cifar10-resnetDEPTH.onnx, DEPTH 56 or 20, or
# TEACHER. LOSSES names the runs; see lib.sh for what is kept. Losses on logits share a
# recording of the teacher's. TABLE=1 trains nothing. The last lines are the table of
# docs/losses-cifar10.md, of the runs that have results.
set -euo pipefail
cd "$(dirname "$0")/../.."
EXPERIMENT=losses-cifar10
. bench/repro/lib.sh
DEPTH=${DEPTH:-56} STUDENT=${STUDENT:-resnet:8} EPOCHS=${EPOCHS:-30} BATCH=${BATCH:-128} AUGMENT=${AUGMENT-crop=4,flip}
DATA=${DATA:-cifar10;mean=.485,.456,.406;std=.229,.224,.225}
LOSSES=${LOSSES:-labels kd kd-standardized logits dkd dkd-standardized dist hint at sp rkd cc vid pkt nst review crd kd+at}
[ $# -gt 0 ] || set -- 1 2 3
seeds=("$@")
ln -sf "$(realpath "${TEACHER:-${COMPRESS_SHARED:-../shared}/models/cifar10-resnet$DEPTH.onnx}")" "$WORK/teacher.onnx"
last=$(((DEPTH - 2) / 6 - 1))

# The outputs of the three stages, and what the classifier gets.
read -ra of_teacher <<<"${TEACHER_VALUES:-/layer1/layer1.$last/Relu_1_output_0 /layer2/layer2.$last/Relu_1_output_0 /layer3/layer3.$last/Relu_1_output_0 /Reshape_output_0}"
read -ra of_student <<<"${STUDENT_VALUES:-stage1/block1/relu_2 stage2/block1/relu_2 stage3/block1/relu_2 flatten}"

# at STAGE.. prints the pairs of values as --loss has them, 0 to 3.
at() { for i in "$@"; do printf '@%s:%s' "${of_teacher[i]}" "${of_student[i]}"; done; }

# loss_of NAME sets the line that says a run's losses, and what they are for people.
loss_of() {
	local maps vector
	maps=$(at 0 1 2) vector=$(at 3)
	line=(--hard-weight 1 --soft-weight 1 --temperature 4) recorded=
	case $1 in
	kd) line=(--hard-weight 0.1 --soft-weight 0.9 --temperature 4 --loss kd) recorded=1 about="soft targets, T = 4" ;;
	kd-standardized)
		line=(--hard-weight 0.1 --soft-weight 9 --temperature 2 --loss kd --standardize)
		recorded=1 about="soft targets, standardized logits, T = 2"
		;;
	logits) line+=(--loss logits) recorded=1 about="logit regression" ;;
	dkd) line+=(--loss dkd) recorded=1 about="decoupled (DKD)" ;;
	dkd-standardized)
		line=(--hard-weight 0.1 --soft-weight 9 --temperature 2 --loss dkd --standardize)
		recorded=1 about="decoupled (DKD), standardized logits, T = 2"
		;;
	dist) line+=(--loss dist) recorded=1 about="correlation of probabilities (DIST)" ;;
	hint) line+=(--loss "100*hint$(at 1)") about="FitNets' hint, second stage" ;;
	at) line+=(--loss "at$maps") about="attention transfer (AT)" ;;
	sp) line+=(--loss "sp$(at 2)") about="similarity-preserving (SP)" ;;
	rkd) line+=(--loss "rkd$vector") about="relational (RKD)" ;;
	cc) line+=(--loss "cc$vector") about="correlation congruence (CC)" ;;
	vid) line+=(--loss "vid$maps") about="variational information (VID)" ;;
	pkt) line+=(--loss "pkt$vector") about="probabilistic transfer (PKT)" ;;
	nst) line+=(--loss "nst$maps") about="neuron selectivity (NST)" ;;
	review) line+=(--loss "review$maps$vector") about="knowledge review" ;;
	crd) line+=(--loss "crd$vector") about="contrastive, negatives of the batch (CRD)" ;;
	kd+at) line=(--hard-weight 0.1 --soft-weight 1 --temperature 4 --loss "0.9*kd + at$maps") about="soft targets and attention transfer" ;;
	*) echo "losses-cifar10.sh: unknown run $1" >&2 && exit 2 ;;
	esac
}

# train_with NAME SEED trains the student.
train_with() {
	local common=(--data "$DATA" --epochs "$EPOCHS" --batch "$BATCH" --optimizer adam --lr 2e-3 --schedule cosine)
	[ -z "$AUGMENT" ] || common+=(--augment "$AUGMENT")
	if [ "$1" = labels ]; then
		run labels "$2" train --arch "$STUDENT" "${common[@]}"
		return
	fi
	loss_of "$1"
	[ -z "$recorded" ] || common+=(--record "$WORK/logits-seed$2.npz")
	run "$1" "$2" distill --teacher "$WORK/teacher.onnx" --student "$STUDENT" "${common[@]}" "${line[@]}"
}

[ -n "${TABLE:-}" ] || for seed in "${seeds[@]}"; do
	for name in $LOSSES; do train_with "$name" "$seed"; done
done

echo "| loss | name | errors by seed | mean +- s.d. | seconds of the fastest |"
echo "|---|---|---|---|---|"
for name in $LOSSES; do
	about="labels alone"
	[ "$name" = labels ] || loss_of "$name"
	compgen -G "$RESULTS/$name-seed*.json" >/dev/null || continue
	seconds=$(cat "$RESULTS/$name"-seed*.json | field /dev/stdin seconds | sort -g | head -1)
	echo "| $about | $name | $(errors "$name") | ${seconds%.*} |"
done
