# Functions of the scripts that reproduce papers; to be sourced from the repository's
# root with EXPERIMENT set. Every run leaves one JSON file in RESULTS, and is not done
# again while that is there; it has a checkpoint in WORK, so that an interrupted script
# goes on where it was.
WORK=${WORK:-${TMPDIR:-/tmp}/$EXPERIMENT} RESULTS=${RESULTS:-docs/results/$EXPERIMENT} THREADS=${THREADS:-0}
mkdir -p "$WORK" "$RESULTS"
COMPRESS=${COMPRESS:-$WORK/compress}
[ -x "$COMPRESS" ] || go build -o "$COMPRESS" ./cmd/compress
CPU=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1)

# field FILE NAME prints a number of the outermost object of a JSON file.
field() { sed -n "s/^  \"$2\": \([0-9.e+-]*\),*\$/\1/p" "$1"; }

# curve FILE prints the validation accuracies of a run's epochs, a line each.
curve() { sed -n 's/^     *"accuracy": \([0-9.]*\),*$/\1/p' "$1"; }

# validation FILE prints the best validation accuracy of a run, 0 without any.
validation() { curve "$1" | sort -g | tail -1 | grep . || echo 0; }

# run NAME SEED COMMAND.. trains to WORK/NAME-seedSEED.cmz and writes the result.
run() {
	local id=$1-seed$2 seed=$2
	local result=$RESULTS/$id.json log=$WORK/$id.json
	[ -e "$result" ] && return
	local line=("${@:3}" --seed "$seed" -o "$WORK/$id.cmz")
	echo "$id: compress ${line[*]}" >&2
	"$COMPRESS" "${line[@]}" --threads "$THREADS" --checkpoint "$WORK/$id" --resume --json --quiet >"$log"
	local command=${line[*]}
	cat >"$result.tmp" <<END
{
  "experiment": "$EXPERIMENT",
  "run": "$1",
  "seed": $seed,
  "command": "compress ${command//"$WORK/"/}",
  "cpu": "$CPU",
  "date": "$(date -u +%F)",
  "seconds": $(field "$log" seconds),
  "epochs": $(field "$log" epochs),
  "validation_accuracy": $(validation "$log"),
  "validation_curve": [$(curve "$log" | paste -sd, -)],
  "test_errors": $(($(field "$log" total) - $(field "$log" correct))),
  "test_samples": $(field "$log" total)
}
END
	mv "$result.tmp" "$result"
	rm -rf "${WORK:?}/$id"
	echo "$id: $(field "$result" test_errors) errors" >&2
}

# best NAME.. prints which of the runs with seed 1 has the best validation accuracy, the
# first of equals.
best() {
	for name in "$@"; do echo "$(field "$RESULTS/$name-seed1.json" validation_accuracy) $name"; done | sort -s -g -r -k1,1 | head -1 | cut -d' ' -f2
}

# errors NAME [FIELD] prints the test errors of a run's seeds, their mean and standard
# deviation.
errors() {
	for f in "$RESULTS/$1"-seed*.json; do field "$f" "${2:-test_errors}"; done | awk '
		{ list = list (NR > 1 ? ", " : "") $1; sum += $1; square += $1 * $1 }
		END { m = sum / NR; printf "%s | %.1f +- %.1f", list, m, (NR > 1 ? sqrt((square - NR * m * m) / (NR - 1)) : 0) }'
}

# first_result NAME prints the result file of a run's first seed, or fails without any.
first_result() { compgen -G "$RESULTS/$1-seed*.json" | sort | head -1; }

# epochs_head ABOUT prints the head of a table whose lines are epochs_row's.
epochs_head() {
	echo "| $1 | published errors of 10,000 | epochs | errors by seed | mean +- s.d. | validation accuracy, first seed |"
	echo "|---|---|---|---|---|---|"
}

# epochs_row NAME PUBLISHED ABOUT prints the line of a run that has results.
epochs_row() {
	local first
	first=$(first_result "$1") || return 0
	echo "| $3 | $2 | $(field "$first" epochs) | $(errors "$1") | $(field "$first" validation_accuracy) |"
}
