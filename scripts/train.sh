#!/usr/bin/env bash
# Trains a row of the paper on a prepared corpus: scripts/train.sh mgcm_diseg --data DIR --w2v wav2vec_small.pt --out RUNS
# First with --dry-run: it checks every file and prints the plan with memory, hours and disk. --help lists everything.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$PYTHON" -W ignore -m mgcm_fairseq.commands.train "$@"
