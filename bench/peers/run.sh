#!/bin/sh
# Compares us with other libraries, interleaved: run.sh [AREA [WORD...]]
# AREA is a folder beside this script, all if none; with WORDs only the cases
# whose names contain one of them. README.md says what must be installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

# The peers' best set-up, unless PEER_SETUP=installed: OpenBLAS does not know newer
# processors.
unset OPENBLAS_L2_SIZE OPENBLAS_CORETYPE
if [ "${PEER_SETUP:-best}" = best ]; then
	if grep -qs avx512bw /proc/cpuinfo; then
		export OPENBLAS_CORETYPE=SkylakeX
	fi
	# One pool of threads for OpenBLAS and PyTorch: two pools that wait actively take each
	# other's processors. Debian: libopenblas0-openmp.
	for dir in /usr/lib/*/openblas-openmp; do
		if [ -d "$dir" ]; then
			export LD_LIBRARY_PATH="$dir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
		fi
	done
	export OMP_NUM_THREADS="${PEER_THREADS:-$(nproc)}"
fi

area() {
	name=$1
	shift
	program=$(mktemp)
	(cd "$here" && go build -o "$program" "./$name")
	echo "== $name"
	status=0
	"$python" "$here/$name/$name.py" "$program" "$@" || status=$?
	rm -f "$program"
	return $status
}

if [ $# -gt 0 ]; then
	area "$@"
else
	for f in "$here"/*/; do
		if [ -e "$f$(basename "$f").py" ]; then
			area "$(basename "$f")"
		fi
	done
fi
