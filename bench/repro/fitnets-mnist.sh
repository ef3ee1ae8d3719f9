#!/usr/bin/env bash
# FitNets on MNIST (Romero et al. 2015, section 3.3): a maxout teacher of 361K
# parameters, and the deep thin student of 30K trained by labels alone, by distillation
# and by hints with distillation. Published test errors: teacher 0.55 %, student 1.9,
# 0.65 and 0.51 %.
#
#	fitnets-mnist.sh SEED..
#
# Every run has a checkpoint in WORK, so an interrupted script goes on where it was, and
# one JSON file in RESULTS, so a finished run is not done again. The settings below can
# be given as variables of the environment. INIT is the paper's initialiser; INIT=he is
# the control that tells what hints add beyond a good start.
set -euo pipefail
cd "$(dirname "$0")/../.."
DATA=${DATA:-mnist;val=10000}
TEACHER_EPOCHS=${TEACHER_EPOCHS:-30} EPOCHS=${EPOCHS:-60} HINT_EPOCHS=${HINT_EPOCHS:-20}
INIT=${INIT:-uniform=0.005} THREADS=${THREADS:-0}
WORK=${WORK:-${TMPDIR:-/tmp}/fitnets-mnist} RESULTS=${RESULTS:-docs/results}
mkdir -p "$WORK" "$RESULTS"
COMPRESS=${COMPRESS:-$WORK/compress}
[ -x "$COMPRESS" ] || go build -o "$COMPRESS" ./cmd/compress
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1)

# run NAME SEED PUBLISHED COMMAND.. trains to WORK/NAME-SEED.cmz and writes the JSON file.
run() {
	local id=$1-seed$2 published=$3 result log=$WORK/$1-seed$2.json
	result=$RESULTS/fitnets-mnist-$id.json
	[ -e "$result" ] && return
	local line=("${@:4}" --data "$DATA" --seed "$2" -o "$WORK/$id.cmz")
	echo "$id: compress ${line[*]}" >&2
	"$COMPRESS" "${line[@]}" --threads "$THREADS" --checkpoint "$WORK/$id" --resume --json --quiet >"$log"
	field() { sed -n "s/^  \"$1\": \([0-9.e+-]*\),*\$/\1/p" "$log"; }
	local errors=$(($(field total) - $(field correct)))
	local command=${line[*]}
	command=${command//"$WORK/"/}
	cat >"$result.tmp" <<END
{
  "experiment": "fitnets-mnist",
  "run": "$1",
  "seed": $2,
  "command": "compress $command",
  "cpu": "$cpu",
  "seconds": $(field seconds),
  "epochs": $(field epochs),
  "test_errors": $errors,
  "test_samples": $(field total),
  "published_error_percent": $published
}
END
	mv "$result.tmp" "$result"
	echo "$id: $errors errors" >&2
}

train() { run "$1" "$2" "$3" train --max-norm 1.9 "${@:4}"; }
rms=(--optimizer rmsprop --lr 5e-4 --schedule cosine --max-norm 1.9)
suffix=
[ "$INIT" = uniform=0.005 ] || suffix=-$INIT
for seed in "$@"; do
	train teacher "$seed" 0.55 --arch 'fitnet:mnist-teacher;dropout=0.3' --augment jitter=2 --epochs "$TEACHER_EPOCHS"
	teacher=$WORK/teacher-seed$seed.cmz
	run "labels$suffix" "$seed" 1.9 train --arch fitnet:mnist --init "$INIT" "${rms[@]}" --epochs "$EPOCHS"
	kd=(distill --teacher "$teacher" --student fitnet:mnist --init "$INIT" "${rms[@]}" --epochs "$EPOCHS" --temperature 3
		--hard-weight 1 --soft-weight 0.4444:0.1111)
	run "kd$suffix" "$seed" 0.65 "${kd[@]}"
	run "hints$suffix" "$seed" 0.51 "${kd[@]}" --hint conv2/out:conv4/out --hint-epochs "$HINT_EPOCHS"
done
