#!/bin/sh
# Training steps, ours and PyTorch's in turn: PyTorch in its best set-up, then as it
# is installed. run.sh [WORD...] takes the cases whose names contain one of the words.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/../run.sh" train "$@"
echo "== the same with PyTorch as installed"
PEER_SETUP=installed sh "$here/../run.sh" train "$@"
