#!/bin/sh
# Inference, ours and ONNX Runtime's in turn: run.sh [WORD...] takes the cases whose
# names contain one of the words. COMPRESS_SHARED may hold models/cifar10-resnet20.onnx.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
trained=${COMPRESS_SHARED:-$here/../../../../shared}/models/cifar10-resnet20.onnx
if [ -z "${RESNET20_ONNX:-}" ] && [ -f "$trained" ]; then
	export RESNET20_ONNX="$trained"
fi
exec sh "$here/../run.sh" infer "$@"
