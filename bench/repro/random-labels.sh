#!/usr/bin/env bash
# Zhang, Bengio, Hardt, Recht and Vinyals 2017, 'Understanding deep learning requires
# rethinking generalization', table 1: an MLP without regularisation learns CIFAR-10
# with its labels, and as well with labels drawn at random, of which nothing carries
# over to the test set. Published accuracy in per cent, training / test: 3 x 512 units
# 100 / 52.39, random labels 100 / 10.48; 1 x 512 units 100 / 50.51, random labels
# 99.34 / 10.61.
#
#	random-labels.sh [SEED..]     seed 1 when none are given
#
# The paper crops the images to 28 x 28; here they have all their 32 x 32 pixels. LIMIT
# trains and tests on so many samples of each part, for a short version: then fewer
# samples are easier to learn by heart and teach less. See lib.sh for what is kept.
set -euo pipefail
cd "$(dirname "$0")/../.."
EXPERIMENT=random-labels
. bench/repro/lib.sh
DATA=${DATA:-cifar10} LIMIT=${LIMIT:-50000} EPOCHS=${EPOCHS:-100} DATA_DIR=${DATA_DIR:-}
[ $# -gt 0 ] || set -- 1
data="$DATA;limit=$LIMIT" where=()
[ -z "$DATA_DIR" ] || where=(--data-dir "$DATA_DIR")

# memorised NAME SEED DATA adds the accuracy on the training samples to a result.
memorised() {
	local result=$RESULTS/$1-seed$2.json out
	grep -q train_correct "$result" && return
	out=$("$COMPRESS" bench "$WORK/$1-seed$2.cmz" --data "$3;split=train" "${where[@]}" --runs 1 --json --quiet)
	correct=$(sed -n 's/^ *"correct": \([0-9]*\),*$/\1/p' <<<"$out" | head -1)
	total=$(sed -n 's/^ *"total": \([0-9]*\),*$/\1/p' <<<"$out" | head -1)
	sed "s/^}\$/,  \"train_correct\": $correct,\n  \"train_samples\": $total\n}/" "$result" | sed -e ':a;N;$!ba;s/\n,  /,\n  /' >"$result.tmp"
	mv "$result.tmp" "$result"
}

for arch in 512 512,512,512; do
	for labels in true random; do
		option=""
		[ $labels = true ] || option=";labels=random"
		for seed in "$@"; do
			name=mlp-${arch//,/-}-$labels
			run "$name" "$seed" train --data "$data$option" "${where[@]}" --arch "mlp:$arch" --optimizer momentum \
				--lr 0.01 --schedule exp:0.97 --epochs "$EPOCHS"
			memorised "$name" "$seed" "$data$option"
		done
	done
done

# percent RIGHT TOTAL
percent() { awk -v r="$1" -v t="$2" 'BEGIN { printf "%.2f", 100 * r / t }'; }

echo "| hidden units | labels | published training / test accuracy | here, training / test | samples |"
echo "|---|---|---|---|---|"
for row in "512 true 100/50.51" "512 random 99.34/10.61" "512-512-512 true 100/52.39" "512-512-512 random 100/10.48"; do
	read -r arch labels published <<<"$row"
	for f in "$RESULTS/mlp-$arch-$labels"-seed*.json; do
		n=$(field "$f" test_samples)
		echo "| $arch | $labels | $published | $(percent "$(field "$f" train_correct)" "$(field "$f" train_samples)")/$(percent "$((n - $(field "$f" test_errors)))" "$n") | $(field "$f" train_samples) |"
	done
done
