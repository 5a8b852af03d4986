#!/usr/bin/env bash
# Prepares a corpus in the layout of MuST-C: scripts/prep_mustc.sh --root DIR --lang de [--vocab-size 10000] [--skip-bad]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$PYTHON" -m mgcm_fairseq.data.prepare "$@"
